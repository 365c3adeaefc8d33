import { describe, expect, test } from 'vitest'
import type { Peer } from '../../src/entry/nodejs.ts'
import { addressOf, errorOf, nextEvent, reachableMembers, startCluster, startPeer, until } from './peers.ts'

const statusOf = (peer: Peer, of: Peer): string | undefined => peer.members().find(({ peerId }) => peerId === of.peerId)?.status

describe('an eviction', () => {
  test('of a peer that is gone gives its partitions to the others, and is told by an event', async () => {
    const [first, second, third] = await startCluster(3, { replicas: 2, partitions: 64 })
    if (first === undefined || second === undefined || third === undefined) return
    for (let index = 0; index < 30; index++) await first.put(`k${index}`, undefined, 'v', { w: 2 })
    await third.stop()
    await until(first, () => reachableMembers(first) === 2)
    const planned = first.planChange({ evict: [third.peerId] })
    const heard = nextEvent(second, 'member:evicted')
    expect(await first.evict(third.peerId.slice(-12))).toEqual({ peerId: third.peerId, changed: true })
    expect(first.ring().digest).toBe(planned.after.digest)
    expect((await heard).peerId).toBe(third.peerId)
    await Promise.all([first, second].map(peer => until(peer, () => peer.status().keys === 30)))
    expect(await second.evict(third.peerId)).toEqual({ peerId: third.peerId, changed: false })
    expect(first.status().members).toBe(2)
  })

  test('of a peer that comes back is over: it is a member again', async () => {
    const first = await startPeer({ partitions: 64 })
    const second = await startPeer({ partitions: 64, join: [addressOf(first)] })
    await until(first, () => reachableMembers(first) === 2)
    second.cutNetwork(true)
    await until(first, () => reachableMembers(first) === 1)
    await first.evict(second.peerId)
    expect(statusOf(first, second)).toBe('evicted')
    second.cutNetwork(false)
    await until(first, () => statusOf(first, second) === 'up')
  })

  test.each<[what: string, code: string, name: (self: Peer, other: Peer) => string, options?: { readonly force: boolean }]>([
    ['of nobody', 'ERR_MEMBER_UNKNOWN', () => 'nobody-at-all'],
    ['by an empty name', 'ERR_MEMBER_UNKNOWN', () => ''],
    ['by the beginning of all', 'ERR_MEMBER_AMBIGUOUS', () => '12D3KooW'],
    ['of the peer itself', 'ERR_MEMBER_SELF', self => self.peerId],
    ['of the peer itself, by force', 'ERR_MEMBER_SELF', self => self.peerId, { force: true }],
    ['of a peer that answers', 'ERR_MEMBER_REACHABLE', (_self, other) => other.peerId]
  ])('%s is refused with %s, and nothing changes', async (_what, code, name, options) => {
    const [first, second] = await startCluster(2, { partitions: 64 })
    if (first === undefined || second === undefined) return
    const { digest } = first.ring()
    const error = await errorOf(() => first.evict(name(first, second), options))
    expect(error).toMatchObject({ code, class: 'InvalidArgumentError', outcome: 'none', retryable: false })
    expect(JSON.parse(JSON.stringify(error.details))).toEqual(error.details)
    expect(first.ring().digest).toBe(digest)
  })
})

describe('leaving', () => {
  test('twice is leaving once: both wait for the same', async () => {
    const [first, second] = await startCluster(2, { replicas: 1, r: 1, w: 1, partitions: 64 })
    if (first === undefined || second === undefined) return
    let times = 0
    first.addEventListener('member:left', () => (times += 1))
    await Promise.all([second.leave(), second.leave()])
    await until(first, () => statusOf(first, second) === 'left')
    expect(times).toBe(1)
    expect(await errorOf(() => second.leave())).toMatchObject({ code: 'ERR_CLOSED' })
  })

  test('is given up by one of two who wait, and goes on for the other', async () => {
    const [first, second] = await startCluster(2, { replicas: 1, r: 1, w: 1, partitions: 64 })
    if (first === undefined || second === undefined) return
    second.cutNetwork(true)
    await until(second, () => reachableMembers(second) === 1)
    const giving = new AbortController()
    const [givenUp, waiting] = [errorOf(() => second.leave({ signal: giving.signal })), second.leave()]
    giving.abort()
    expect(await givenUp).toMatchObject({ code: 'ERR_ABORTED' })
    expect(second.status().state).toBe('leaving')
    second.cutNetwork(false)
    await waiting
    expect(second.status().state).toBe('stopped')
  })

  test('does not begin when it is given up before', async () => {
    const peer = await startPeer()
    expect(await errorOf(() => peer.leave({ signal: AbortSignal.abort() }))).toMatchObject({ code: 'ERR_ABORTED' })
    expect(peer.status().state).toBe('up')
  })

  test('ends with ERR_CLOSED for those who wait when the peer is stopped before', async () => {
    const [first, second] = await startCluster(2, { partitions: 64 })
    if (first === undefined || second === undefined) return
    second.cutNetwork(true)
    await until(second, () => reachableMembers(second) === 1)
    const leaving = errorOf(() => second.leave())
    await second.stop()
    expect(await leaving).toMatchObject({ code: 'ERR_CLOSED' })
  })
})

describe('a planned change', () => {
  test('is what happens then: the ring of the plan is the ring of those who stay', async () => {
    const peers = await startCluster(4, { partitions: 64 })
    const [first, second, , fourth] = peers
    if (first === undefined || second === undefined || fourth === undefined) return
    const plan = first.planChange({ leave: [fourth.peerId] })
    expect(plan).toMatchObject({ leaving: [fourth.peerId], evicted: [], joining: [], warnings: [], orphans: 0 })
    expect(plan.before.digest).toBe(first.ring().digest)
    await fourth.leave()
    await until(second, () => second.ring().digest === plan.after.digest)
  })

  test('of a known newcomer is exact, too', async () => {
    const first = await startPeer({ partitions: 64 })
    const second = await startPeer({ partitions: 64, weight: 2, durable: false, zone: 'b' })
    const plan = first.planChange({ join: [{ peerId: second.peerId, weight: 2, durable: false, zone: 'b' }] })
    second.join([addressOf(first)])
    await until(first, () => reachableMembers(first) === 2)
    expect(first.ring().digest).toBe(plan.after.digest)
  })

  test('counts keys exactly where this peer owns what moves, estimates bytes, and says so', async () => {
    const first = await startPeer({ partitions: 64 })
    for (let index = 0; index < 50; index++) await first.put(`k${index}`, undefined, 'v'.repeat(100))
    const { copies, copiesMin, size } = first.planChange({ join: [{}] })
    expect([copies, copiesMin]).toEqual([64, 64])
    expect(size).toMatchObject({ keys: 50, keysAreExact: true })
    expect(size?.bytes).toBeGreaterThan(50 * 100)
    expect(first.planChange({ join: [{}, {}, {}] }).size?.keys).toBeGreaterThan(100)
  })

  test('at a peer that does not own all that moves says that its keys are an estimate, and a client knows nothing', async () => {
    const peers = await startCluster(5, { partitions: 64, replicas: 1, r: 1, w: 1 })
    const [first, second] = peers
    if (first === undefined || second === undefined) return
    for (let index = 0; index < 60; index++) await first.put(`k${index}`, undefined, 'v')
    expect(first.planChange({ leave: [second.peerId] }).size).toMatchObject({ keysAreExact: false })
    const client = await startPeer({ partitions: 64, replicas: 1, r: 1, w: 1, weight: 0, durable: false, join: [addressOf(first)] })
    await until(client, () => reachableMembers(client) === 6)
    expect(client.planChange({ leave: [second.peerId] }).size).toBeUndefined()
  })

  test('warns of what becomes worse: the last durable owner goes, nobody is left to give, zones are too few', async () => {
    const first = await startPeer({ partitions: 64 })
    const tab = await startPeer({ partitions: 64, durable: false, weight: 1, join: [addressOf(first)] })
    await until(tab, () => reachableMembers(tab) === 2)
    expect(tab.planChange({ leave: [first.peerId] }).warnings.join()).toContain('No member is durable')
    expect(tab.planChange({ evict: [first.peerId, tab.peerId] }).warnings.join()).toMatch(
      /All owners of 64 partitions would be evicted.*No member stores data/
    )
    expect(first.planChange({ join: [{ zone: 'a' }, { zone: 'b' }] }).warnings).toEqual([])
    expect(first.planChange({ leave: [tab.peerId], join: [{ zone: 'a' }, { zone: 'a' }] }).warnings.join()).toContain(
      'Only 2 zones for 3 owners'
    )
  })
})
