/** Replicas that nobody reads are repaired by comparing Merkle tries (the paper, section 4.7). No test here reads or writes while it waits. */
import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../../src/core/codec.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { position } from '../../src/core/ring/position.ts'
import { differencesMessage } from '../../src/protocol/anti-entropy/exchange.ts'
import { indexedKey, indexOperation } from '../../src/protocol/key-index/key-index.ts'
import type { Message } from '../../src/protocol/wire/message.ts'
import { prefixes, rowKey } from '../../src/protocol/storage-layout.ts'
import type { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { divergences } from '../../src/simulation/checks/convergence.ts'
import { bytesOf } from '../protocol/message-arbitraries.ts'
import { ada, ben, clusterOf, cyd } from './cast.ts'

function keysOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `key-${index}`)
}

/** Types of the messages and events of interest from now on. */
function watch(cluster: Cluster): {
  readonly messages: Message[]
  readonly repairs: PeerId[]
  readonly events: string[]
  readonly counted: string[]
} {
  const seen = { messages: [] as Message[], repairs: [] as PeerId[], events: [] as string[], counted: [] as string[] }
  cluster.observer = {
    sent: (_from, _to, message) => {
      if (message.type.startsWith('exchange') || message.type === 'repair') seen.messages.push(message)
    },
    reported: (_peer, event) => {
      if (event.type === 'repair-sent') seen.repairs.push(event.target)
      if (event.type.startsWith('exchange')) seen.events.push(event.type)
      if (event.type === 'counted') seen.counted.push(event.name)
    }
  }
  return seen
}

/** Lets ben send ada what it likes. */
function liar(cluster: Cluster): { readonly id: number; open(): void; tell(message: Message): void } {
  const id = 77
  const ring = cluster.peer(ada).ringPeer?.ring().digest ?? ''
  const tell = (message: Message): void => cluster.peer(ada).frame(ben, bytesOf(message))
  return { id, tell, open: () => tell({ type: 'exchange-open', id, ring, digest: '0'.repeat(16) }) }
}

/** Lets time pass until all owners are equal, for five minutes at most. */
function converged(cluster: Cluster, keys: readonly string[]): boolean {
  for (let second = 0; second < 300 && divergences(cluster, keys).length > 0; second++) cluster.run(1000)
  return divergences(cluster, keys).length === 0
}

describe('anti-entropy', () => {
  test('refills a replica that lost its disk, though nobody reads', () => {
    const cluster = clusterOf(3)
    const keys = keysOf(60)
    for (const key of keys) cluster.put(ada, key, `value of ${key}`, { quorum: 3 })
    cluster.crash(ben)
    cluster.peer(ben).storage.wipe()
    cluster.start(ben)
    expect(cluster.settle()).toBe(true)
    expect(converged(cluster, keys)).toBe(true)
    for (const key of keys) expect(cluster.copyValues(ben, key)).toEqual([`value of ${key}`])
    expect(cluster.peer(ben).ringPeer?.keys).toBe(keys.length)
  })

  test('repairs a replica that is stale, by sending newer versions only to those that lack them', () => {
    const cluster = clusterOf(3)
    const keys = keysOf(20)
    for (const key of keys) cluster.put(ada, key, 'old', { quorum: 3 })
    const stale = cluster.peer(ben).storage.snapshot()
    for (const key of keys.slice(0, 5)) cluster.put(ada, key, 'new', { quorum: 3, context: cluster.get(ada, key).context })
    cluster.stop(ben)
    for (const [, { key, value }] of stale)
      if (key[0] === prefixes.row[0] || key[0] === prefixes.index[0]) cluster.peer(ben).storage.tamper({ type: 'put', key, value })
    cluster.start(ben)
    expect(cluster.settle()).toBe(true)
    const seen = watch(cluster)
    expect(converged(cluster, keys)).toBe(true)
    for (const key of keys.slice(0, 5)) expect(cluster.copyValues(ben, key)).toEqual(['new'])
    expect(new Set(seen.repairs)).toEqual(new Set([ben]))
    expect(seen.repairs.length).toBeLessThanOrEqual(10)
    expect(seen.events).toContain('exchange-started')
  })

  test('takes no longer among ten peers than among three: every pair of owners is compared about every ten seconds', () => {
    for (let seed = 1; seed <= 5; seed++) {
      const cluster = clusterOf(10, { seed })
      const keys = keysOf(100)
      for (const key of keys) cluster.put(ada, key, 'old', { quorum: 3 })
      const stale = cluster.peer(ben).storage.snapshot()
      for (const key of keys) cluster.put(ada, key, 'new', { quorum: 3, context: cluster.get(ada, key).context })
      cluster.stop(ben)
      for (const [, { key, value }] of stale)
        if (key[0] === prefixes.row[0] || key[0] === prefixes.index[0]) cluster.peer(ben).storage.tamper({ type: 'put', key, value })
      cluster.start(ben)
      cluster.run(20_000)
      expect(divergences(cluster, keys), `seed ${seed}`).toEqual([])
    }
  })

  test('merges concurrent versions on both sides, and repairs deletes like values', () => {
    const cluster = clusterOf(2, { replicas: 2 })
    cluster.put(ada, 'deleted', 'here', { quorum: 2 })
    cluster.put(ada, 'both', 'first', { quorum: 2 })
    cluster.stop(ben)
    const before = cluster.peer(ben).storage.snapshot()
    cluster.start(ben)
    cluster.settle()
    cluster.delete(ada, 'deleted', cluster.get(ada, 'deleted').context, { quorum: 2 })
    cluster.put(ada, 'both', 'of ada', { quorum: 2 })
    cluster.stop(ben)
    cluster.peer(ben).storage.restore(before)
    cluster.start(ben)
    cluster.settle()
    cluster.stop(ada)
    cluster.put(ben, 'both', 'of ben', { quorum: 1 })
    for (const { key } of cluster.peer(ben).storage.rows(prefixes.hint)) cluster.peer(ben).storage.tamper({ type: 'delete', key })
    cluster.crash(ben, 'kept')
    cluster.start(ben)
    cluster.start(ada)
    cluster.settle()
    expect(converged(cluster, ['deleted', 'both'])).toBe(true)
    for (const peer of [ada, ben]) {
      expect(cluster.copyValues(peer, 'deleted')).toEqual([])
      expect(cluster.copy(peer, 'deleted')?.siblings).toHaveLength(1)
      expect(cluster.copyValues(peer, 'both')).toEqual(['first', 'of ada', 'of ben'])
    }
  })

  test('finds a copy whose row vanished or was damaged, once somebody touched it', () => {
    const cluster = clusterOf(3)
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    cluster.stop(ben)
    cluster.peer(ben).storage.tamper({ type: 'delete', key: rowKey(encodeUtf8('k')) })
    cluster.start(ben)
    cluster.settle()
    cluster.get(ben, 'k', { quorum: 1 })
    expect(converged(cluster, ['k'])).toBe(true)
  })

  test('indexes rows that were written without an index, at the next start', () => {
    const cluster = clusterOf(3)
    const keys = keysOf(30)
    for (const key of keys) cluster.put(ada, key, key, { quorum: 3 })
    cluster.stop(ben)
    const { storage } = cluster.peer(ben)
    for (const { key } of storage.rows(prefixes.index)) storage.tamper({ type: 'delete', key })
    storage.tamper({ type: 'delete', key: indexedKey })
    cluster.start(ben)
    expect(storage.rows(prefixes.index)).toHaveLength(30)
    cluster.settle()
    expect(cluster.peer(ben).ringPeer?.keys).toBe(30)
    const seen = watch(cluster)
    cluster.run(60_000)
    expect(seen.repairs).toEqual([])
  })

  test('costs one small message per round where nothing differs, and sends no repairs', () => {
    const cluster = clusterOf(3)
    for (const key of keysOf(200)) cluster.put(ada, key, key, { quorum: 3 })
    cluster.run(60_000)
    const seen = watch(cluster)
    cluster.run(120_000)
    expect(seen.repairs).toEqual([])
    expect(new Set(seen.messages.map(({ type }) => type))).toEqual(new Set(['exchange-open']))
    expect(seen.counted.filter(name => name === 'exchange.equal').length).toBeGreaterThan(10)
    expect(seen.messages.length).toBeLessThan(3 * 12 * 2 + 3)
  })

  test('sends no repairs for writes that are only under way', () => {
    const cluster = clusterOf(3, { network: { delayMinMs: 50, delayMaxMs: 300 }, disks: { writeMs: 40, readMs: 5 } })
    const seen = watch(cluster)
    let { context } = cluster.put(ada, 'hot', '0', { quorum: 3 })
    for (let write = 1; cluster.time.nowMs < 200_000; write++)
      ({ context } = cluster.put(cluster.peers[write % 3] ?? ada, 'hot', `${write}`, { context, quorum: 1 }))
    expect(seen.counted.filter(name => name === 'exchange.different').length).toBeGreaterThan(0)
    expect(seen.messages.filter(({ type }) => type === 'exchange-versions' || type === 'exchange-wanted')).toEqual([])
    cluster.run(30_000)
    expect(divergences(cluster, ['hot'])).toEqual([])
  })

  test('goes on under writes: a replica is refilled while clients keep writing', () => {
    const cluster = clusterOf(3)
    const keys = keysOf(40)
    for (const key of keys) cluster.put(ada, key, key, { quorum: 3 })
    cluster.crash(cyd)
    cluster.peer(cyd).storage.wipe()
    cluster.start(cyd)
    cluster.settle()
    for (let write = 0; write < 200 && divergences(cluster, keys).length > 0; write++) {
      cluster.put(ada, 'other', `${write}`, { context: cluster.get(ada, 'other').context, quorum: 2 })
      cluster.run(400)
    }
    expect(divergences(cluster, keys)).toEqual([])
  })

  test('falls silent about repairs once all is equal', () => {
    const cluster = clusterOf(5)
    const keys = keysOf(50)
    for (const [index, key] of keys.entries()) cluster.put(cluster.peers[index % 5] ?? ada, key, key, { quorum: 3 })
    cluster.crash(ben)
    cluster.peer(ben).storage.wipe()
    cluster.start(ben)
    cluster.settle()
    expect(converged(cluster, keys)).toBe(true)
    cluster.run(20_000)
    const seen = watch(cluster)
    cluster.run(120_000)
    expect(seen.repairs).toEqual([])
    expect(seen.events).toEqual([])
  })
})

describe('the index', () => {
  test('has a row per key that is written with its record, in one batch', () => {
    const cluster = clusterOf(3)
    const batches: (readonly string[])[] = []
    cluster.observer = { becameDurable: (_peer, batch) => batches.push(batch.map(({ key }) => String.fromCharCode(key[0] ?? 0))) }
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    for (const batch of batches) expect(batch.includes('t')).toBe(batch.includes('r'))
    expect(batches.filter(batch => batch.includes('t')).length).toBeGreaterThanOrEqual(3)
    for (const peer of cluster.peers) {
      const rows = cluster.peer(peer).storage.rows(prefixes.index)
      expect(rows.map(({ key }) => key)).toEqual([indexOperation(encodeUtf8('k'), undefined).key])
    }
  })
})

describe('a difference that was seen once', () => {
  /** A cluster with one key, and an exchange of ben with ada that has just begun. */
  function begun(): {
    cluster: Cluster
    seen: ReturnType<typeof watch>
    place: number
    partition: number
    id: number
    tell(message: Message): void
  } {
    const cluster = clusterOf(3)
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    const seen = watch(cluster)
    const { id, open, tell } = liar(cluster)
    for (let attempt = 0; attempt < 20 && !seen.messages.some(({ type }) => type === 'exchange-nodes'); attempt++) {
      cluster.run(1000)
      open()
    }
    const place = position(encodeUtf8('k'))
      .subarray(0, 6)
      .reduce((sum, byte) => sum * 256 + byte, 0)
    return { cluster, seen, place, partition: Math.floor(place / 2 ** 44), id, tell }
  }

  const told = (seen: ReturnType<typeof watch>): readonly string[] =>
    seen.messages.map(({ type }) => type).filter(type => type !== 'exchange-open' && type !== 'exchange-nodes')

  test('is told after a while when it lasts, and not when this side changed meanwhile', () => {
    for (const isChanged of [false, true]) {
      const { cluster, seen, partition, id, tell } = begun()
      tell({ type: 'exchange-nodes', id, nodes: [{ depth: 4, prefix: partition, digests: new Uint8Array(0), entries: new Uint8Array(0) }] })
      if (isChanged) cluster.put(ada, 'k', 'w', { quorum: 3 })
      cluster.run(2500)
      expect(told(seen).includes('exchange-differences')).toBe(!isChanged)
    }
  })

  test('is not repaired when this side has another version by now than the other side saw', () => {
    const { cluster, seen, place, id, tell } = begun()
    tell(differencesMessage(id, [{ place, mine: 1, theirs: 2 }]))
    tell(differencesMessage(id, [{ place, mine: 0, theirs: 2 }]))
    tell(differencesMessage(id, [{ place: place + 1, mine: 3, theirs: 2 }]))
    cluster.run(1000)
    expect(told(seen)).toEqual([])
    tell(differencesMessage(id, [{ place: place + 1, mine: 3, theirs: 0 }]))
    expect(told(seen)).toEqual(['exchange-wanted'])
  })
})

describe('a copy that goes home', () => {
  test('takes its index row with it', () => {
    const cluster = clusterOf(5)
    const key = cluster.keyWhere(owners => !owners.includes(ada))
    const [owner = ben] = cluster.owners(key)
    const dropped: PeerId[] = []
    cluster.crash(owner)
    cluster.run(20_000)
    cluster.put(ada, key, 'v', { quorum: 3 })
    cluster.observer = { reported: (peer, event) => event.type === 'key-dropped' && dropped.push(peer) }
    cluster.start(owner)
    cluster.settle()
    cluster.run(1000)
    expect(dropped.length).toBeGreaterThan(0)
    for (const peer of cluster.peers) {
      const { storage } = cluster.peer(peer)
      expect(storage.rows(prefixes.index).length).toBe(storage.rows(prefixes.row).length)
      expect(cluster.peer(peer).ringPeer?.keys).toBe(storage.rows(prefixes.row).length)
    }
  })
})

describe('B071: a peer that lies in an exchange', () => {
  const none = new Uint8Array(0)
  const lies: readonly (readonly [string, (id: number) => Message])[] = [
    ['a node that no trie has', id => ({ type: 'exchange-nodes', id, nodes: [{ depth: 5, prefix: 0, digests: none, entries: none }] })],
    [
      'digests of a wrong length',
      id => ({ type: 'exchange-nodes', id, nodes: [{ depth: 0, prefix: 0, digests: new Uint8Array(60), entries: none }] })
    ]
  ]

  test.each(lies)('%s: the exchange ends, is counted, and none follows for a while; nothing is lost', (_what, lie) => {
    const cluster = clusterOf(3)
    for (const key of keysOf(20)) cluster.put(ada, key, key, { quorum: 3 })
    cluster.run(10_000)
    const seen = watch(cluster)
    const { id, open, tell } = liar(cluster)
    for (let attempt = 0; attempt < 20 && !seen.messages.some(({ type }) => type === 'exchange-nodes'); attempt++) {
      cluster.run(1000)
      open()
    }
    expect(seen.messages.at(-1)?.type).toBe('exchange-nodes')
    tell(lie(id))
    expect(seen.counted).toContain('refused.ERR_AE_INVALID')
    const answered = seen.messages.length
    tell(lie(id))
    open()
    expect(seen.messages.length).toBe(answered)
    cluster.run(200_000)
    expect(divergences(cluster, keysOf(20))).toEqual([])
    expect(seen.repairs).toEqual([])
  })

  test('claims that everything differs: it gets what it asks for within the budget of an exchange, and then nothing', () => {
    const cluster = clusterOf(3)
    for (const key of keysOf(50)) cluster.put(ada, key, key, { quorum: 3 })
    cluster.run(10_000)
    const seen = watch(cluster)
    const { id, open, tell } = liar(cluster)
    for (let attempt = 0; attempt < 20 && !seen.messages.some(({ type }) => type === 'exchange-nodes'); attempt++) {
      cluster.run(1000)
      open()
    }
    for (let message = 0; message < 10_000 && !seen.counted.includes('refused.ERR_AE_INVALID'); message++) {
      tell({ type: 'exchange-nodes', id, nodes: [{ depth: 0, prefix: 0, digests: none, entries: none }] })
    }
    expect(seen.counted).toContain('refused.ERR_AE_INVALID')
    cluster.run(30_000)
    expect(seen.repairs).toEqual([])
  })
})
