import { describe, expect, test } from 'vitest'
import { addressOf, errorOf, keyTexts, nextEvent, reachableMembers, startCluster, startPeer, temporaryFolder, until } from './peers.ts'

describe('a cut network', () => {
  test('both sides go on writing with w: 1, and what they wrote is siblings until somebody merges', async () => {
    const [first, second] = await startCluster(2)
    if (first === undefined || second === undefined) return
    await first.put('cart', undefined, 'milk', { w: 2 })
    const { context } = await second.get('cart')
    first.cutNetwork(true)
    await Promise.all([until(first, () => reachableMembers(first) === 1), until(second, () => reachableMembers(second) === 1)])
    expect(first.status()).toMatchObject({ state: 'isolated', networkCut: true })
    expect(await first.put('cart', context, 'milk, bread', { w: 1 })).toMatchObject({ acknowledged: [first.peerId], n: 2 })
    await second.put('cart', context, 'milk, eggs', { w: 1 })
    expect(first.status().hints).toMatchObject([{ target: second.peerId, count: 1 }])
    const delivered = Promise.all([nextEvent(first, 'hint:delivered'), nextEvent(second, 'hint:delivered')])
    first.cutNetwork(false)
    await delivered
    for (const peer of [first, second]) expect((await peer.get('cart', { r: 2 })).texts.toSorted()).toEqual(['milk, bread', 'milk, eggs'])
    const siblings = await second.get('cart')
    expect(siblings.siblings.map(({ writer }) => writer).toSorted()).toEqual([first.peerId, second.peerId].toSorted())
    await second.put('cart', siblings.context, 'milk, bread, eggs', { w: 2 })
    expect((await first.get('cart')).texts).toEqual(['milk, bread, eggs'])
    expect(first.status()).toMatchObject({ state: 'up', hints: [] })
  })

  test('without w: 1 an isolated peer says what is missing, and that the write may still appear', async () => {
    const [first] = await startCluster(3)
    if (first === undefined) return
    first.cutNetwork(true)
    await until(first, () => reachableMembers(first) === 1)
    const error = await errorOf(() => first.put('k', undefined, 'v'))
    expect(error).toMatchObject({
      code: 'ERR_WRITE_QUORUM',
      class: 'QuorumError',
      retryable: true,
      outcome: 'indeterminate',
      details: { acked: 1, needed: 2 }
    })
    expect(error.details['dot']).toMatch(/^[0-9a-f]{24}:1$/)
    const read = await errorOf(() => first.get('k'))
    expect(read).toMatchObject({ code: 'ERR_READ_QUORUM', outcome: 'none', details: { needed: 2, replied: [first.peerId] } })
    expect(read.details['values']).toEqual([new TextEncoder().encode('v')])
  })
})

describe('a restart', () => {
  test('with the same folder finds everything, and keeps identity and replica', async () => {
    const storage = await temporaryFolder()
    const before = await startPeer({ storage })
    const { peerId, replicaId } = before
    await Promise.all(Array.from({ length: 50 }, (_, index) => before.put(`k${index}`, undefined, `v${index}`)))
    const { context } = await before.get('k0')
    await before.stop()
    const after = await startPeer({ storage })
    expect(after).toMatchObject({ peerId, replicaId })
    await expect.poll(() => after.status().keys).toBe(50)
    for (let index = 0; index < 50; index++) expect((await after.get(`k${index}`)).texts).toEqual([`v${index}`])
    await after.put('k0', context, 'superseded over a restart')
    expect((await after.get('k0')).texts).toEqual(['superseded over a restart'])
    expect(after.members().find(({ self }) => self)?.incarnation).toBe(1)
  })

  test('a member that comes back gets what was written meanwhile', async () => {
    const storage = await temporaryFolder()
    const first = await startPeer()
    const second = await startPeer({ storage, join: [addressOf(first)] })
    await until(first, () => reachableMembers(first) === 2)
    await second.stop()
    await until(first, () => reachableMembers(first) === 1)
    await first.put('k', undefined, 'while you were away', { w: 1 })
    const again = await startPeer({ storage, join: [addressOf(first)] })
    await until(again, () => again.status().keys === 1)
    await until(first, () => first.status().hints.length === 0)
    expect((await again.get('k', { r: 2 })).texts).toEqual(['while you were away'])
  })

  test('a second opener of the folder is refused while the first is open', async () => {
    const storage = await temporaryFolder()
    const first = await startPeer({ storage })
    expect(await errorOf(() => startPeer({ storage }))).toMatchObject({ code: 'ERR_STORE_LOCKED' })
    await first.put('k', undefined, 'v')
    await first.stop()
    expect((await (await startPeer({ storage })).get('k')).texts).toEqual(['v'])
  })

  test.each([
    ['cluster', { cluster: 'other' }],
    ['number of partitions', { partitions: 2048 }],
    ['number of replicas', { replicas: 2 }]
  ])('a folder of another %s is refused and left as it is', async (_what, other) => {
    const storage = await temporaryFolder()
    const first = await startPeer({ storage })
    await first.put('k', undefined, 'v')
    await first.stop()
    const error = await errorOf(() => startPeer({ storage, ...other }))
    expect(error).toMatchObject({ code: 'ERR_STORE_CLUSTER' })
    expect(error.message).toMatch(/"test" with 1024 partitions and 3 replicas/)
    expect((await (await startPeer({ storage })).get('k')).texts).toEqual(['v'])
  })
})

describe('peers of different configurations', () => {
  test.each([
    ['cluster', { cluster: 'other' }, '"test"', '"other"'],
    ['partitions (Q)', { partitions: 2048 }, '1024', '2048'],
    ['replicas (N)', { replicas: 2 }, '3', '2']
  ])('of %s refuse each other, and both are told both values', async (what, other, own, theirs) => {
    const first = await startPeer()
    const refused = nextEvent(first, 'peer:refused')
    const warned = refusals()
    const second = await startPeer({ ...other, join: [addressOf(first)], timeoutMs: 300, logger: warned.logger })
    const refusal = await refused
    expect(refusal).toMatchObject({ peer: second.peerId, code: 'ERR_CLUSTER_CONFIG_MISMATCH' })
    for (const message of [refusal.message, await warned.first]) {
      expect(message).toContain(what)
      expect(message).toContain(own)
      expect(message).toContain(theirs)
    }
    expect([first.members().length, second.members().length]).toEqual([1, 1])
    expect(second.status().state).toBe('isolated')
  })
})

describe('leaving', () => {
  test('a leaving peer gives its keys away, keeps no row, and the others forget none', async () => {
    const [first, second, third] = await startCluster(3, { replicas: 1, r: 1, w: 1 })
    if (first === undefined || second === undefined || third === undefined) return
    const keys = Array.from({ length: 40 }, (_, index) => `k${index}`)
    for (const key of keys) await third.put(key, undefined, key)
    const before = third.status().keys
    expect(before).toBeGreaterThan(0)
    let atTheEnd = before
    third.addEventListener('member:left', ({ detail }) => {
      if (detail.self) atTheEnd = third.status().keys
    })
    const seen = nextEvent(first, 'member:left')
    await third.leave()
    expect((await seen).peerId).toBe(third.peerId)
    expect(atTheEnd).toBe(0)
    expect(third.status().state).toBe('stopped')
    for (const key of keys) expect((await first.get(key)).texts).toEqual([key])
    expect(first.members().find(({ peerId }) => peerId === third.peerId)).toMatchObject({ status: 'left', partitionsOwned: 0 })
    expect([...(await keyTexts(first)), ...(await keyTexts(second))].toSorted()).toEqual(keys.toSorted())
  })

  test('leaving can be given up; the peer then goes on giving its copies away', async () => {
    const [first, second] = await startCluster(2, { replicas: 1, r: 1, w: 1 })
    if (first === undefined || second === undefined) return
    for (let index = 0; index < 20; index++) await second.put(`k${index}`, undefined, 'v')
    second.cutNetwork(true)
    await until(second, () => reachableMembers(second) === 1)
    const giving = new AbortController()
    const leaving = errorOf(() => second.leave({ signal: giving.signal }))
    await until(second, () => second.status().state === 'leaving')
    giving.abort()
    expect(await leaving).toMatchObject({ code: 'ERR_ABORTED' })
    second.cutNetwork(false)
    await until(first, () => first.members().some(({ status }) => status === 'left'))
    expect(first.status().keys).toBe(20)
  })

  test('a lone peer leaves at once', async () => {
    const peer = await startPeer()
    await peer.leave()
    expect(peer.status().state).toBe('stopped')
  })
})

describe('joining', () => {
  test('a peer that is given an address later joins then', async () => {
    const first = await startPeer()
    const second = await startPeer()
    expect(second.ring().digest).not.toBe(first.ring().digest)
    second.join([addressOf(first)])
    await Promise.all([until(first, () => reachableMembers(first) === 2), until(second, () => reachableMembers(second) === 2)])
    expect(second.ring().digest).toBe(first.ring().digest)
    expect(second.members().find(({ peerId }) => peerId === first.peerId)).toMatchObject({ status: 'up', connection: { transport: 'tcp' } })
  })

  test('a newcomer gets the keys that it owns from then on, before it is up', async () => {
    const first = await startPeer()
    for (let index = 0; index < 30; index++) await first.put(`k${index}`, undefined, 'v')
    const second = await startPeer({ join: [addressOf(first)] })
    expect(second.members().find(({ self }) => self)?.status).toBe('up')
    expect(second.status().keys).toBe(30)
  })

  test('a peer whose addresses answer nobody starts isolated, and works', async () => {
    const gone = await startPeer()
    const address = addressOf(gone)
    await gone.stop()
    const peer = await startPeer({ join: [address], timeoutMs: 200 })
    expect(peer.status().state).toBe('isolated')
    await peer.put('k', undefined, 'v')
    expect((await peer.get('k')).texts).toEqual(['v'])
  })
})

describe('stopping', () => {
  test('with 100 writes in flight settles each, and a restart has all that were acknowledged', async () => {
    const storage = await temporaryFolder()
    const peer = await startPeer({ storage })
    const writes = Array.from({ length: 100 }, (_, index) => peer.put(`k${index}`, undefined, 'v'))
    const stopped = peer.stop()
    const settled = await Promise.allSettled(writes)
    await stopped
    await peer.stop()
    for (const each of settled) if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'ERR_CLOSED' })
    const again = await startPeer({ storage })
    const kept = new Set(await keyTexts(again))
    for (const [index, each] of settled.entries()) if (each.status === 'fulfilled') expect(kept).toContain(`k${index}`)
    expect(settled.some(({ status }) => status === 'fulfilled')).toBe(true)
  })

  test('a write that nobody acknowledges ends with the peer, indeterminate and with its request id', async () => {
    const [first] = await startCluster(3)
    if (first === undefined) return
    first.cutNetwork(true)
    await until(first, () => reachableMembers(first) === 1)
    const writing = errorOf(() => first.put('k', undefined, 'v', { timeoutMs: 60_000, w: 3 }))
    await first.stop()
    const error = await writing
    expect(['ERR_CLOSED', 'ERR_WRITE_QUORUM']).toContain(error.code)
    expect(error.outcome).toBe('indeterminate')
    expect(error.details['requestId']).toMatch(/^[0-9a-f]{32}$/)
  })
})

/** A logger that keeps the message of the first refusal. */
function refusals(): {
  readonly logger: { debug(): void; info(): void; warn(message: string, details?: Readonly<Record<string, unknown>>): void }
  readonly first: Promise<string>
} {
  const { promise, resolve } = Promise.withResolvers<string>()
  const warn = (message: string, details?: Readonly<Record<string, unknown>>): void =>
    message.includes('refused') ? resolve(String(details?.['message'])) : undefined
  return { logger: { debug: () => undefined, info: () => undefined, warn }, first: promise }
}
