/** Dynamo (SOSP 2007), sections 4.5 Execution of get () and put () operations, 4.6 Handling Failures: Hinted Handoff: one test per claim. */
import { describe, expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import { waits } from '../../src/protocol/routing.ts'
import { ada, ben, clusterOf, cyd, dee, eve, holders, keyOwnedBy } from '../scenarios/cast.ts'

describe('4.5 Execution of get () and put () operations', () => {
  test('any storage node is eligible to receive client get and put operations for any key', () => {
    const cluster = clusterOf(6)
    for (const [index, writer] of cluster.peers.entries()) {
      expect(cluster.put(writer, `key-${index}`, `by ${writer}`).status).toBe('ok')
      for (const reader of cluster.peers) expect(cluster.get(reader, `key-${index}`).values).toEqual([`by ${writer}`])
    }
  })

  test('operations involve the first N healthy nodes of the preference list; lower ranked ones only when others are down', () => {
    const cluster = clusterOf(6)
    const asked = new Set<PeerId>()
    cluster.observer = {
      sent: (_from, to, message) => (message.type === 'fetch' || message.type === 'replicate' ? asked.add(to) : undefined)
    }
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    cluster.get(ada, 'k', { quorum: 3 })
    const owners = cluster.owners('k')
    expect([...asked].every(peer => owners.includes(peer))).toBe(true)
    const [first = ada] = owners
    const reader = cluster.peers.find(peer => !owners.includes(peer)) ?? ada
    const [next = ada] = cluster.preferenceList('k').slice(3)
    cluster.crash(first)
    cluster.run(10_000)
    asked.clear()
    cluster.get(reader, 'k', { quorum: 3 })
    expect([...asked].sort()).toEqual([...owners.slice(1), next].sort())
  })

  test('R + W > N: a read sees the last acknowledged write whichever nodes answer', () => {
    const cluster = clusterOf(3)
    let context = cluster.put(ada, 'k', 'v0', { quorum: 2 }).context
    for (let round = 1; round <= 15; round++) {
      const slow = cluster.peers[round % 3] ?? ada
      for (const other of cluster.peers) if (other !== slow) cluster.network.clog(other, slow, 500)
      context = cluster.put(cluster.peers[(round + 1) % 3] ?? ada, 'k', `v${round}`, { quorum: 2, context }).context
      expect(cluster.get(slow, 'k', { quorum: 2 }).values).toEqual([`v${round}`])
    }
  })

  test('the coordinator writes locally, and counts as one of the W', () => {
    const cluster = clusterOf(3)
    const alone = cluster.put(ada, 'k', 'v', { quorum: 1 })
    expect(alone.acknowledged[0]).toBe(alone.coordinator)
    const two = cluster.put(ada, 'k', 'w', { quorum: 2 })
    expect(two.acknowledged).toContain(two.coordinator)
    expect(two.acknowledged.length).toBeGreaterThanOrEqual(2)
  })

  test('the coordinator generates the version: its own actor mints the dot', () => {
    const cluster = clusterOf(3)
    const written = cluster.put(ada, 'k', 'v')
    expect(written.dot?.actor.startsWith(cluster.peer(written.coordinator ?? ada).ringPeer?.member?.replica ?? '?')).toBe(true)
  })

  test('the latency is that of the slowest of the R replicas', () => {
    const cluster = clusterOf(3)
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    for (const peer of [ada, ben]) cluster.network.clog(cyd, peer, 400)
    const startMs = cluster.time.nowMs
    cluster.get(ada, 'k', { quorum: 2 })
    const quickMs = cluster.time.nowMs - startMs
    cluster.get(ada, 'k', { quorum: 3 })
    const slowMs = cluster.time.nowMs - startMs
    expect(quickMs).toBeLessThan(100)
    expect(slowMs).toBeGreaterThan(300)
  })

  test('a get returns all versions that are causally unrelated', () => {
    const cluster = clusterOf(3)
    for (const value of ['a', 'b', 'c']) cluster.put(ada, 'k', value)
    expect(cluster.get(cyd, 'k', { quorum: 3 }).values).toEqual(['a', 'b', 'c'])
  })
})

describe('4.6 Handling Failures: Hinted Handoff', () => {
  test('a node that fails costs no availability: reads and writes go to the first N healthy nodes', () => {
    const cluster = clusterOf(5)
    for (const down of cluster.peers) {
      cluster.crash(down)
      const other = cluster.peers.find(peer => peer !== down) ?? ada
      for (let key = 0; key < 10; key++) {
        expect(cluster.put(other, `key-${key}`, `without ${down}`, { quorum: 2 }).status).toBe('ok')
        expect(cluster.get(other, `key-${key}`, { quorum: 2 }).status).toBe('ok')
      }
      cluster.start(down)
      cluster.settle()
    }
  })

  test('when A is down a replica goes to D, with a hint of whom it was meant for; D delivers it to A and may then delete it', () => {
    const cluster = clusterOf(4)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    cluster.crash(ada)
    cluster.run(10_000)
    expect(cluster.put(ben, key, 'v', { quorum: 3 }).hinted).toEqual([dee])
    expect(cluster.peer(dee).ringPeer?.hints()).toEqual([expect.objectContaining({ target: ada, count: 1 })])
    cluster.start(ada)
    cluster.settle()
    cluster.run(100)
    expect(holders(cluster, key)).toEqual([ada, ben, cyd])
  })

  test('with W = 1 a write is accepted as long as a single node in the system has written it durably', () => {
    const cluster = clusterOf(4)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    for (const owner of [ada, ben, cyd]) cluster.crash(owner)
    cluster.run(20_000)
    expect(cluster.put(dee, key, 'v', { quorum: 1 })).toMatchObject({ status: 'ok', acknowledged: [dee], hinted: [dee] })
    for (const owner of [ada, ben, cyd]) cluster.start(owner)
    cluster.settle()
    cluster.run(100)
    expect(holders(cluster, key)).toEqual([ada, ben, cyd])
  })

  test('replicas are spread over zones, so that the failure of one whole zone loses nothing', () => {
    const zones = ['east', 'west', 'north']
    const cluster = clusterOf(6, { profile: index => ({ zone: zones[index % 3] ?? 'east' }) })
    const keys = Array.from({ length: 20 }, (_, index) => `key-${index}`)
    for (const key of keys) cluster.put(ada, key, key, { quorum: 2 })
    for (const peer of [ada, dee]) cluster.crash(peer)
    cluster.run(10_000)
    for (const key of keys) expect(cluster.get(eve, key, { quorum: 2 }).values).toEqual([key])
  })

  test('a node that hangs is stood in for after the patience of the coordinator, within the same request', () => {
    const cluster = clusterOf(4)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    cluster.peer(cyd).pause(60_000)
    cluster.peer(ben).pause(60_000)
    const startMs = cluster.time.nowMs
    expect(cluster.put(ada, key, 'v', { quorum: 2 })).toMatchObject({ status: 'ok', hinted: [dee] })
    expect(cluster.time.nowMs - startMs).toBeLessThan(waits.patienceMs * 2)
  })
})
