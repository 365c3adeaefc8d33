/** Dynamo (SOSP 2007), section 4.8 Membership and Failure Detection: one test per claim. */
import { describe, expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import { emptyView, mergeMember } from '../../src/core/members/membership-view.ts'
import { membershipMs } from '../../src/protocol/membership/membership.ts'
import { ada, ben, clusterOf, cyd, dee, eve, fay } from '../scenarios/cast.ts'

describe('4.8.1 Ring Membership', () => {
  test('an outage is no departure: nothing moves when a node that is meant to stay is down for long', () => {
    const cluster = clusterOf(4)
    const ring = cluster.peer(ada).ringPeer?.ring().digest
    cluster.crash(dee)
    cluster.run(24 * 3600 * 1000)
    expect(cluster.peer(ada).ringPeer?.ring().digest).toBe(ring)
    cluster.start(dee)
    expect(cluster.settle()).toBe(true)
  })

  test('the membership change is explicit, and persistent: a restart of all nodes remembers it', () => {
    const cluster = clusterOf(4)
    cluster.peer(dee).leave()
    cluster.runUntil(() => cluster.departed.has(dee))
    cluster.settle()
    for (const peer of [ada, ben, cyd]) cluster.crash(peer, 'lost')
    for (const peer of [ada, ben, cyd]) cluster.start(peer)
    cluster.settle()
    for (const peer of [ada, ben, cyd])
      expect(
        cluster
          .peer(peer)
          .ringPeer?.ring()
          .members.map(({ peerId }) => peerId)
      ).toEqual([ada, ben, cyd])
  })

  test('membership changes form a history, as nodes can be removed and added back: the latest counts, in whatever order they are heard of', () => {
    const cluster = clusterOf(3, { profile: index => ({ durable: index < 2 }), evictAfterMs: 20_000 })
    const incarnations: number[] = []
    for (let round = 0; round < 3; round++) {
      incarnations.push(cluster.peer(ada).ringPeer?.view.get(cyd)?.incarnation ?? 0)
      cluster.crash(cyd)
      expect(cluster.runUntil(() => cluster.peer(ada).ringPeer?.view.get(cyd)?.status === 'evicted')).toBe(true)
      cluster.start(cyd)
      expect(cluster.runUntil(() => cluster.peer(ada).ringPeer?.view.get(cyd)?.status === 'up')).toBe(true)
      cluster.settle()
    }
    expect(incarnations).toEqual(incarnations.toSorted((a, b) => a - b))
    expect(new Set(incarnations).size).toBe(3)
    const history = incarnations.map((incarnation, index) => ({ incarnation, sequence: index }))
    const record = cluster.peer(ada).ringPeer?.view.get(cyd)
    if (record === undefined) throw new Error('cyd is a member')
    const older = history.map(each => ({ ...record, ...each }))
    const views = [older, older.toReversed()].map(order => order.reduce((view, each) => mergeMember(view, each).view, emptyView))
    expect(new Set(views.map(({ digest }) => digest)).size).toBe(1)
    expect(views[0]?.get(cyd)?.incarnation).toBe(incarnations[2])
  })

  test('partitioning and placement propagate with the membership: each node knows the ranges of its peers, and forwards to the right ones directly', () => {
    const cluster = clusterOf(4)
    cluster.add()
    cluster.settle()
    const rings = cluster.peers.map(peer => cluster.peer(peer).ringPeer?.ring())
    for (let partition = 0; partition < 16; partition++) expect(new Set(rings.map(ring => ring?.owners(partition).join())).size).toBe(1)
    for (let key = 0; key < 20; key++) {
      const hops: string[] = []
      cluster.observer = { sent: (_from, to, message) => (message.type === 'forward-put' ? void hops.push(to) : undefined) }
      for (const caller of cluster.peers) {
        hops.length = 0
        cluster.put(caller, `key-${key}`, 'v', { quorum: 1 })
        expect(hops.length).toBeLessThanOrEqual(1)
        for (const hop of hops) expect(cluster.owners(`key-${key}`)).toContain(hop)
      }
    }
  })

  test('gossip gives an eventually consistent view: nodes that learnt different changes agree after they meet', () => {
    const cluster = clusterOf(4)
    cluster.partition([ada, ben], [cyd, dee])
    cluster.run(20_000)
    const [fifth, sixth] = [cluster.add(), cluster.add()]
    cluster.partition([ada, ben, fifth], [cyd, dee, sixth])
    cluster.run(30_000)
    cluster.heal()
    expect(cluster.settle()).toBe(true)
    expect(new Set(cluster.running().map(({ ringPeer }) => ringPeer?.view.digest)).size).toBe(1)
    expect([fifth, sixth]).toEqual([eve, fay])
    expect(cluster.peer(cyd).ringPeer?.view.size).toBe(6)
  })

  test('each node contacts a peer chosen at random every few seconds, and the two reconcile their histories', () => {
    const cluster = clusterOf(5)
    const contacts = new Map<string, Set<string>>()
    cluster.observer = {
      sent: (from, to, message) => {
        if (message.type === 'view-digest') contacts.set(from, (contacts.get(from) ?? new Set()).add(to))
      }
    }
    cluster.run(membershipMs.exchange * 40)
    for (const peer of cluster.peers)
      expect([...(contacts.get(peer) ?? [])].sort()).toEqual(cluster.peers.filter(other => other !== peer).sort())
  })
})

describe('4.8.2 External Discovery', () => {
  test('nodes that joined by different seeds, and reach nobody else, know each other: no logical partition remains', () => {
    const cluster = clusterOf(3)
    const [fourth, fifth] = [dee, eve]
    const apart: readonly [PeerId, PeerId][] = [
      [fourth, ben],
      [fourth, cyd],
      [fifth, ada],
      [fifth, cyd],
      [fourth, fifth]
    ]
    for (const [one, other] of apart) cluster.partition([one], [other])
    expect([cluster.add(), cluster.add()]).toEqual([fourth, fifth])
    cluster.run(30_000)
    expect(cluster.peer(fourth).ringPeer?.view.get(fifth)?.peerId).toBe(fifth)
    expect(cluster.peer(fifth).ringPeer?.view.get(fourth)?.peerId).toBe(fourth)
    expect(cluster.peer(fourth).ringPeer?.ring().digest).toBe(cluster.peer(fifth).ringPeer?.ring().digest)
    cluster.heal()
    expect(cluster.settle()).toBe(true)
    expect(cluster.network.isConnected(fourth, fifth)).toBe(true)
  })

  test('seeds are fully functional nodes of the ring, and no others: the ring goes on, and takes in newcomers, without the first ones', () => {
    const cluster = clusterOf(4)
    const entrances = cluster.peers.slice(0, 1)
    for (const seed of entrances) expect(cluster.peer(cyd).ringPeer?.ring().partitionsOf(seed).length).toBeGreaterThan(0)
    cluster.crash(ada)
    cluster.run(10_000)
    expect(cluster.put(dee, 'k', 'v').status).toBe('ok')
    const newcomer = cluster.add()
    expect(cluster.runUntil(() => cluster.peer(newcomer).ringPeer?.status === 'up')).toBe(true)
    expect(cluster.get(newcomer, 'k').values).toEqual(['v'])
  })
})

describe('4.8.3 Failure Detection', () => {
  test('is local: A considers B failed when B does not answer A, even if B answers C', () => {
    const cluster = clusterOf(3)
    cluster.network.block(ben, ada)
    for (let round = 0; round < 5; round++) cluster.get(ada, `k${round}`, { quorum: 2 })
    cluster.run(3000)
    expect(cluster.peer(ada).ringPeer?.opinion(ben)).toBe('suspect')
    expect(cluster.peer(cyd).ringPeer?.opinion(ben)).toBe('reachable')
  })

  test('A uses alternate nodes for what B would serve, and checks on B until it is back', () => {
    const cluster = clusterOf(4)
    const key = cluster.keyWhere(owners => owners.includes(ada) && owners.includes(ben) && !owners.includes(dee))
    cluster.peer(ben).pause(10_000)
    cluster.put(ada, key, 'v', { quorum: 3 })
    expect(cluster.peer(ada).ringPeer?.opinion(ben)).toBe('suspect')
    const startMs = cluster.time.nowMs
    expect(cluster.put(ada, key, 'w', { quorum: 3 })).toMatchObject({ status: 'ok', hinted: [dee] })
    expect(cluster.time.nowMs - startMs).toBeLessThan(200)
    cluster.run(20_000)
    expect(cluster.peer(ada).ringPeer?.opinion(ben)).toBe('reachable')
    expect(cluster.copyValues(ben, key)).toEqual(['v', 'w'])
  })

  test('with a steady rate of requests A quickly discovers that B does not answer; other requests lose little time', () => {
    const cluster = clusterOf(4)
    cluster.peer(ben).pause(60_000)
    const startMs = cluster.time.nowMs
    for (let request = 0; request < 1000 && cluster.peer(ada).ringPeer?.opinion(ben) !== 'suspect'; request++)
      cluster.get(ada, `k${request}`, { quorum: 2 })
    expect(cluster.peer(ada).ringPeer?.opinion(ben)).toBe('suspect')
    expect(cluster.time.nowMs - startMs).toBeLessThan(3000)
  })

  test('without requests neither node needs to know whether the other is there: nothing is sent to find out', () => {
    const cluster = clusterOf(4)
    cluster.run(10_000)
    const sent: string[] = []
    cluster.observer = { sent: (_from, _to, message) => void sent.push(message.type) }
    cluster.run(600_000)
    expect(sent.filter(type => type === 'ping' || type === 'pong')).toEqual([])
    expect(sent).toContain('view-digest')
  })

  test('there is no global view of failure state: what A thinks of B is told to nobody and changes no view and no ring', () => {
    const cluster = clusterOf(3)
    const before = cluster.peers.map(peer => cluster.peer(peer).ringPeer?.view.digest)
    cluster.network.block(ben, ada)
    for (let round = 0; round < 5; round++) cluster.get(ada, `k${round}`, { quorum: 2 })
    cluster.run(60_000)
    expect(cluster.peer(ada).ringPeer?.opinion(ben)).toBe('suspect')
    expect(cluster.peer(cyd).ringPeer?.opinion(ben)).toBe('reachable')
    expect(cluster.peers.map(peer => cluster.peer(peer).ringPeer?.view.digest)).toEqual(before)
  })

  test('a node that is slow but answers is not taken for failed', () => {
    const cluster = clusterOf(3)
    cluster.peer(cyd).storage.slowness = 100
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    expect(cluster.peer(ada).ringPeer?.opinion(cyd)).toBe('reachable')
  })
})
