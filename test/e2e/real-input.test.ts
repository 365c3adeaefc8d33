/** Real input through real processes: three edge peers of the command line and two Chromium tabs, with files, carts and harm. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { equalBytes } from '../../src/core/bytes.ts'
import { decodeUtf8 } from '../../src/core/codec.ts'
import { partitionOf, position } from '../../src/core/ring/position.ts'
import { maximalSiblings } from '../../src/core/versions/record.ts'
import { decodeRecord, encodeRecord } from '../../src/core/versions/record-codec.ts'
import { decodeRow, keyOfRow, prefixes } from '../../src/protocol/storage-layout.ts'
import { cartCodec, itemNamed, mergeCarts, sampleCarts, withItem, type Cart } from './fixture/cart.ts'
import { startCluster, type TestCluster } from './fixture/cluster.ts'
import type { TestPeer } from './fixture/test-peer.ts'
import { Workload } from './fixture/workload.ts'

const patient = { timeout: 40_000 }
/** Requests of one kind that the test has under way at a peer. */
const requestsAtOnce = 8

let cluster: TestCluster
const ends: (() => Promise<void>)[] = []

beforeAll(async () => {
  cluster = await startCluster(end => ends.unshift(end))
})

afterAll(async () => {
  for (const end of ends) await end()
})

/** Calls `use` for every item, a few at a time. */
async function forEachOf<Item>(items: readonly Item[], use: (item: Item) => Promise<void>): Promise<void> {
  const left = [...items]
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await use(item)
  }
  await Promise.all(Array.from({ length: requestsAtOnce }, worker))
}

const isOnly = ([first, ...others]: readonly Uint8Array[], expected: Uint8Array): boolean =>
  first !== undefined && others.length === 0 && equalBytes(first, expected)

/** Values of an encoded record as callers see them. */
const valuesOf = (record: Uint8Array): readonly Uint8Array[] =>
  maximalSiblings(decodeRecord(record)).flatMap(({ value }) => (value === undefined ? [] : [value]))

/** Waits until every peer sees every other as a member that is up and answers, in one ring, and nothing waits for anybody. */
async function untilWhole(): Promise<void> {
  const look = async (peer: TestPeer): Promise<readonly unknown[]> => {
    const members = await peer.members()
    const { state, hints } = await peer.status()
    return [
      peer.name,
      state,
      members.filter(({ status, reachability }) => status === 'up' && reachability !== 'suspect' && reachability !== 'unknown').length,
      hints
    ]
  }
  await expect.poll(() => Promise.all(cluster.peers.map(look)), patient).toEqual(cluster.peers.map(({ name }) => [name, 'up', 5, []]))
  const digests = async (): Promise<number> =>
    new Set(await Promise.all(cluster.peers.map(async peer => (await peer.status()).ringDigest))).size
  await expect.poll(digests, patient).toBe(1)
}

/** Waits until the tabs are connected in the best way: to the edges over WebSockets, to each other over WebRTC, nothing through a relay. */
async function untilMeshed(): Promise<void> {
  const [left, right] = cluster.tabs
  const toEdges = cluster.edges.map(edge => `${edge.name} websocket`)
  const names = new Map(cluster.peers.map(({ peerId, name }) => [peerId, name]))
  const connections = async (tab: TestPeer): Promise<readonly string[]> =>
    (await tab.status()).connections
      .map(({ peer, transport, relayed }) => `${names.get(peer)} ${transport}${relayed ? ', relayed' : ''}`)
      .toSorted()
  await expect.poll(() => connections(left), patient).toEqual([...toEdges, 'right webrtc'])
  await expect.poll(() => connections(right), patient).toEqual([...toEdges, 'left webrtc'])
}

/** Waits until every key has as many copies as it has owners. */
async function untilThreeCopies(): Promise<void> {
  const others = async (): Promise<readonly string[]> => {
    const copies = new Map<string, number>()
    for (const key of (await Promise.all(cluster.peers.map(peer => peer.keys()))).flat()) copies.set(key, (copies.get(key) ?? 0) + 1)
    return [...copies].filter(([, count]) => count !== 3).map(([key, count]) => `${key}: ${count} copies`)
  }
  await expect.poll(others, patient).toEqual([])
}

/** Writes whose peer was harmed before it answered: nobody reads them, so that only hints and anti-entropy bring them to all their owners. */
const interrupted = new Map<string, Uint8Array>()

/** Every acknowledged write, read through every peer. */
async function expectNothingMissing(workload: Workload): Promise<void> {
  for (const [key, value] of workload.interrupted) interrupted.set(key, value)
  const missingThrough = async (peer: TestPeer): Promise<readonly string[]> => {
    const missing: string[] = []
    await forEachOf([...workload.values], async ([key, value]) => {
      const { values } = await peer.get(key)
      if (values.length !== 1 || !equalBytes(values[0] ?? new Uint8Array(0), value)) missing.push(`${key}: ${values.length} values`)
    })
    for (const [cart, items] of workload.items) {
      const { values } = await peer.get(`cart:${cart}`)
      const found = new Set(values.flatMap(value => cartCodec.decode(value).items).map(({ sku }) => sku))
      missing.push(...items.filter(item => !found.has(item)))
    }
    return missing.map(what => `${what} through ${peer.name}`)
  }
  expect((await Promise.all(cluster.peers.map(missingThrough))).flat(), 'acknowledged, and not found').toEqual([])
}

describe('five peers', () => {
  test('become one ring, tabs over WebSockets to the edges and over WebRTC to each other', async () => {
    await untilWhole()
    await untilMeshed()
  })

  test.each([
    ['no bytes', 0],
    ['1 KiB', 1024],
    ['1 MiB', 1024 * 1024]
  ])('a file of %s is written through each and read byte for byte through all others', async (_name, length) => {
    for (const writer of cluster.peers) {
      const file = new Uint8Array(randomBytes(length))
      const key = `file/${length}/${writer.name}`
      const { acknowledged } = await writer.put(key, undefined, file)
      expect(acknowledged.length).toBeGreaterThanOrEqual(2)
      for (const reader of cluster.peers) {
        const { values } = await reader.get(key)
        expect(
          values.map(value => equalBytes(value, file)),
          `${key} through ${reader.name}`
        ).toEqual([true])
      }
    }
  })

  test('500 carts are written through all and read byte for byte through all others', async () => {
    const carts = sampleCarts(500, 'carts')
    const numbered = carts.map((cart, index) => ({ id: `sample-${index}`, cart, writer: cluster.peers[index % 5] as TestPeer }))
    await forEachOf(numbered, async ({ id, cart, writer }) => void (await writer.putCart(id, cart)))
    const different = async (reader: TestPeer): Promise<readonly string[]> => {
      const found: string[] = []
      await forEachOf(numbered, async ({ id, cart }) => {
        const { values } = await reader.get(`cart:${id}`)
        if (!isOnly(values, cartCodec.encode(cart))) found.push(`${id} through ${reader.name}: ${values.length} values`)
      })
      return found
    }
    expect((await Promise.all(cluster.peers.map(different))).flat()).toEqual([])
  })
})

describe('the cart of two tabs that cannot see each other', () => {
  const key = 'cart:shared'
  const skus = (values: readonly Uint8Array[]): readonly (readonly string[])[] =>
    values.map(value => cartCodec.decode(value).items.map(({ sku }) => sku)).toSorted((a, b) => (a.join() < b.join() ? -1 : 1))

  async function addWhileCut(tab: TestPeer, context: Uint8Array, cart: Cart, items: readonly string[]): Promise<void> {
    let latest = { context, cart }
    for (const item of items) {
      const changed = withItem(latest.cart, itemNamed(item))
      expect((await tab.put(key, latest.context, cartCodec.encode(changed), { w: 1 })).acknowledged).toEqual([tab.peerId])
      const read = await tab.get(key, { r: 1 })
      expect(skus(read.values)).toEqual([changed.items.map(({ sku }) => sku)])
      latest = { context: read.context, cart: changed }
    }
  }

  test('is edited in both, becomes two siblings with both writers named, and is merged without losing an item', async () => {
    const [left, right] = cluster.tabs
    await left.putCart('shared', withItem(undefined, itemNamed('coffee')))
    const reads = await Promise.all(cluster.tabs.map(tab => tab.get(key)))
    for (const tab of cluster.tabs) await tab.cutNetwork(true)
    for (const tab of cluster.tabs) await expect.poll(async () => (await tab.status()).state, patient).toBe('isolated')
    await expect(left.put('cut/left', undefined, new Uint8Array(1), { timeoutMs: 500 })).rejects.toThrow('ERR_WRITE_QUORUM')
    await expect(right.get('cart:sample-1', { timeoutMs: 500 })).rejects.toThrow('ERR_READ_QUORUM')
    for (const [index, tab] of cluster.tabs.entries()) {
      const { context, values } = reads[index] ?? (await tab.get(key))
      const items = tab === left ? ['milk', 'oranges'] : ['bicycle bell', 'pump']
      await addWhileCut(tab, context, mergeCarts(values.map(value => cartCodec.decode(value))), items)
    }
    for (const tab of cluster.tabs) await tab.cutNetwork(false)

    const bothCarts = [
      ['bicycle bell', 'coffee', 'pump'],
      ['coffee', 'milk', 'oranges']
    ]
    const writers = [left.peerId, right.peerId].toSorted()
    for (const peer of cluster.peers) {
      const seen = async (): Promise<readonly unknown[]> => {
        const read = await peer.get(key)
        return [skus(read.values), read.writers.toSorted()]
      }
      await expect.poll(seen, patient).toEqual([bothCarts, writers])
    }

    const { values, context } = await right.get(key)
    await right.put(key, context, cartCodec.encode(mergeCarts(values.map(value => cartCodec.decode(value)))))
    for (const peer of cluster.peers) {
      expect(skus((await peer.get(key)).values), `the cart through ${peer.name}`).toEqual([
        ['bicycle bell', 'coffee', 'milk', 'oranges', 'pump']
      ])
    }
    await untilWhole()
  })
})

describe('harm in the middle of writes', () => {
  const acknowledgedSince = (workload: Workload, before: ReadonlyMap<string, number>, peers: readonly TestPeer[]): number =>
    Math.min(...peers.map(({ name }) => (workload.acknowledged.get(name) ?? 0) - (before.get(name) ?? 0)))

  /** Waits until each of `peers` has had at least `count` further requests acknowledged. */
  async function untilFurther(workload: Workload, peers: readonly TestPeer[], count: number): Promise<void> {
    const before = new Map(workload.acknowledged)
    await expect.poll(() => acknowledgedSince(workload, before, peers), patient).toBeGreaterThanOrEqual(count)
  }

  test('an edge peer killed with -9 comes back, nothing acknowledged is missing, and the hints for it drain', async () => {
    const victim = cluster.edges[1]
    const survivors = cluster.peers.filter(peer => peer !== victim)
    const before = victim.peerId
    const workload = new Workload('kill', cluster.peers)
    await untilFurther(workload, cluster.peers, 15)
    workload.excuse(victim)
    await victim.kill()
    await untilFurther(workload, survivors, 30)
    const hintsFor = async (peer: TestPeer): Promise<boolean> => (await peer.status()).hints.some(({ target }) => target === victim.peerId)
    await expect.poll(async () => (await Promise.all(survivors.map(hintsFor))).includes(true), patient).toBe(true)
    await victim.restart()
    expect(victim.peerId).toBe(before)
    await untilFurther(workload, survivors, 15)
    await workload.stop()
    expect(workload.failures).toEqual([])
    await untilWhole()
    await expectNothingMissing(workload)
  })

  test('an edge peer that is paused and goes on costs no request of the others', async () => {
    const victim = cluster.edges[0]
    const others = cluster.peers.filter(peer => peer !== victim)
    const workload = new Workload('pause', cluster.peers)
    await untilFurther(workload, cluster.peers, 10)
    workload.excuse(victim)
    victim.signal('SIGSTOP')
    await untilFurther(workload, others, 30)
    victim.signal('SIGCONT')
    await untilFurther(workload, others, 15)
    await workload.stop()
    expect(workload.failures).toEqual([])
    await untilWhole()
    await expectNothingMissing(workload)
  })

  test('a tab that is reloaded is the same peer with its data', async () => {
    const [left] = cluster.tabs
    const others = cluster.peers.filter(peer => peer !== left)
    const workload = new Workload('reload', cluster.peers)
    await untilFurther(workload, cluster.peers, 10)
    workload.excuse(left)
    const before = await left.status()
    await left.reload()
    const after = await left.status()
    expect([after.peerId, after.replicaId]).toEqual([before.peerId, before.replicaId])
    expect(before.keys).toBeGreaterThan(0)
    expect(after.keys).toBeGreaterThanOrEqual(before.keys)
    await untilFurther(workload, others, 15)
    await workload.stop()
    expect(workload.failures).toEqual([])
    await untilWhole()
    await expectNothingMissing(workload)
  })

  test('a tab that vanishes without a word holds nobody up, and finds its data when it is opened again', async () => {
    const [, right] = cluster.tabs
    const others = cluster.peers.filter(peer => peer !== right)
    const workload = new Workload('vanish', cluster.peers)
    await untilFurther(workload, cluster.peers, 10)
    workload.excuse(right)
    const before = await right.status()
    await right.crash()
    await untilFurther(workload, others, 30)
    await right.reopen()
    expect((await right.status()).replicaId).toBe(before.replicaId)
    await untilFurther(workload, others, 15)
    await workload.stop()
    expect(workload.failures).toEqual([])
    await untilWhole()
    await expectNothingMissing(workload)
  })
})

describe('when all is done', () => {
  test('the tabs are connected as they were at first', untilMeshed)

  test('the disks of all owners of a key hold the same bytes, those of others nothing, and no hint is left', async () => {
    await untilWhole()
    await untilThreeCopies()
    expect(cluster.tabs.flatMap(tab => tab.complaints)).toEqual([])
    const ring = await cluster.edges[0].ring()
    for (const peer of cluster.peers) await peer.stop()
    const records = new Map<string, Map<string, Uint8Array>>()
    for (const peer of cluster.peers) {
      for (const { key, value } of await peer.rows()) {
        expect(key[0], `a hint is left on the disk of ${peer.name}`).not.toBe(prefixes.hint[0])
        if (key[0] !== prefixes.row[0]) continue
        const name = decodeUtf8(keyOfRow(key)) ?? ''
        records.set(name, (records.get(name) ?? new Map()).set(peer.peerId, encodeRecord(decodeRow(value).record)))
      }
    }
    const unequal: string[] = []
    for (const [key, copies] of records) {
      const owners = ring.owners[partitionOf(position(new TextEncoder().encode(key)), ring.partitions)] ?? []
      const [first] = copies.values()
      const isEqual = [...copies.values()].every(copy => first !== undefined && equalBytes(copy, first))
      if (!isEqual || copies.size !== owners.length || owners.some(owner => !copies.has(owner)))
        unequal.push(`${key}: ${copies.size} copies for ${owners.length} owners`)
    }
    for (const [key, value] of interrupted) {
      const copy = records.get(key)?.values().next().value
      if (copy !== undefined && !isOnly(valuesOf(copy), value)) unequal.push(`${key}: was interrupted, and is neither there nor absent`)
    }
    expect(records.size).toBeGreaterThan(700)
    expect(unequal).toEqual([])
  })
})
