/** Dynamo (SOSP 2007), sections 4.5 Execution of get () and put () operations, 4.6 Handling Failures: Hinted Handoff: one test per claim. */
import { describe, expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import { waits } from '../../src/protocol/requests/routing.ts'
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

  test('a node that is not in the top N forwards a put to the first of the top N, which coordinates it; one of the top N coordinates itself', () => {
    const cluster = clusterOf(6)
    for (let key = 0; key < 20; key++) {
      const owners = cluster.owners(`key-${key}`)
      for (const caller of cluster.peers) {
        const forwarded = new Set<PeerId>()
        cluster.observer = { sent: (_from, to, message) => (message.type === 'forward-put' ? forwarded.add(to) : undefined) }
        const { coordinator } = cluster.put(caller, `key-${key}`, `by ${caller}`, { quorum: 1 })
        expect(coordinator).toBe(owners.includes(caller) ? caller : owners[0])
        expect([...forwarded]).toEqual(owners.includes(caller) ? [] : [owners[0]])
      }
    }
  })

  test('R and W are the least numbers of nodes that take part in a successful read and write', () => {
    const cluster = clusterOf(5)
    for (const quorum of [1, 2, 3]) {
      const key = `key-${quorum}`
      const written = cluster.put(ada, key, 'v', { quorum })
      expect(new Set(written.acknowledged).size).toBeGreaterThanOrEqual(quorum)
      for (const peer of written.acknowledged) expect(cluster.copyValues(peer, key)).toEqual(['v'])
      cluster.run(1000)
      expect(new Set(cluster.get(ada, key, { quorum }).replied).size).toBeGreaterThanOrEqual(quorum)
    }
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    for (const silent of [ben, cyd]) cluster.network.block(silent, ada)
    expect(cluster.put(ada, key, 'v', { quorum: 2, sloppy: false, timeoutMs: 3000 }).status).toBe('quorum')
    expect(cluster.get(ada, key, { quorum: 2, sloppy: false, timeoutMs: 3000 }).status).toBe('quorum')
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

  test.each(['get', 'put'] as const)(
    'the latency of a %s is that of the slowest of the R or W replicas, so R and W less than N are quicker',
    call => {
      const cluster = clusterOf(3)
      cluster.put(ada, 'k', 'v', { quorum: 3 })
      for (const peer of [ada, ben]) cluster.network.clog(cyd, peer, 400)
      const timed = (quorum: number): number => {
        const startMs = cluster.time.nowMs
        if (call === 'get') cluster.get(ada, 'k', { quorum })
        else cluster.put(ada, 'k', 'w', { quorum })
        return cluster.time.nowMs - startMs
      }
      expect(timed(2)).toBeLessThan(100)
      expect(timed(3)).toBeGreaterThan(300)
    }
  )

  test('a get returns all versions that are causally unrelated', () => {
    const cluster = clusterOf(3)
    for (const value of ['a', 'b', 'c']) cluster.put(ada, 'k', value)
    expect(cluster.get(cyd, 'k', { quorum: 3 }).values).toEqual(['a', 'b', 'c'])
  })

  test('a get asks for the existing versions from the N highest-ranked reachable nodes, and returns after R responses', () => {
    const cluster = clusterOf(6)
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    const owners = cluster.owners('k')
    const reader = cluster.peers.find(peer => !owners.includes(peer)) ?? ada
    const asked: PeerId[] = []
    cluster.observer = { sent: (_from, to, message) => (message.type === 'fetch' ? void asked.push(to) : undefined) }
    cluster.network.clog(owners[2] ?? ada, reader, 300)
    const { replied } = cluster.get(reader, 'k', { quorum: 2 })
    expect(asked.toSorted()).toEqual(owners.toSorted())
    expect(replied.toSorted()).toEqual(owners.slice(0, 2).toSorted())
  })

  test('versions that diverged are reconciled, and what supersedes them is written back to the replicas that were stale (read repair)', () => {
    const cluster = clusterOf(3)
    const first = cluster.put(ada, 'k', 'old', { quorum: 3 })
    cluster.network.block(ada, cyd)
    cluster.put(ada, 'k', 'new', { quorum: 2, context: first.context })
    expect(cluster.copyValues(cyd, 'k')).toEqual(['old'])
    const repaired: PeerId[] = []
    cluster.observer = { reported: (_peer, event) => (event.type === 'repair-sent' ? void repaired.push(event.target) : undefined) }
    expect(cluster.get(ben, 'k', { quorum: 3 }).values).toEqual(['new'])
    cluster.run(100)
    expect(repaired).toEqual([cyd])
    expect(cluster.copyValues(cyd, 'k')).toEqual(['new'])
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

  test('hinted replicas are kept apart, on disk, and looked at again until they are delivered', () => {
    const cluster = clusterOf(4)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    cluster.crash(ada)
    cluster.run(10_000)
    cluster.put(ben, key, 'v', { quorum: 3 })
    cluster.crash(dee, 'lost')
    expect(cluster.hintCount(dee)).toBe(1)
    cluster.start(dee)
    cluster.settle()
    cluster.network.block(dee, ada)
    cluster.network.block(ada, dee)
    cluster.start(ada)
    cluster.run(60_000)
    expect(cluster.hintCount(dee)).toBe(1)
    cluster.heal()
    cluster.settle()
    expect(cluster.copyValues(ada, key)).toEqual(['v'])
    expect(cluster.hintCount(dee)).toBe(0)
  })

  test('the hand over never decreases the number of replicas in the system', () => {
    const cluster = clusterOf(4)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    cluster.crash(ada)
    cluster.run(10_000)
    cluster.put(ben, key, 'v', { quorum: 3 })
    const counts = [holders(cluster, key).length]
    cluster.observer = { becameDurable: () => void counts.push(holders(cluster, key).length) }
    cluster.start(ada)
    cluster.settle()
    cluster.run(100)
    expect(holders(cluster, key)).toEqual([ada, ben, cyd])
    expect(counts.slice(0, 1)).toEqual([3])
    expect(Math.min(...counts)).toBe(3)
    expect(Math.max(...counts)).toBe(4)
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
