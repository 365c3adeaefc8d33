/** Dynamo (SOSP 2007), section 4.8 Membership and Failure Detection: one test per claim. */
import { describe, expect, test } from 'vitest'
import { membershipMs } from '../../src/protocol/membership.ts'
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
  test('nodes that join by different seeds know each other: no logical partition remains', () => {
    const cluster = clusterOf(3)
    const [fourth, fifth] = [cluster.add(), cluster.add()]
    cluster.settle()
    expect(cluster.peer(fourth).ringPeer?.view.get(fifth)?.status).toBe('up')
    expect(cluster.peer(fifth).ringPeer?.view.get(fourth)?.status).toBe('up')
    expect(cluster.network.isConnected(fourth, fifth)).toBe(true)
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

  test('a node that is slow but answers is not taken for failed', () => {
    const cluster = clusterOf(3)
    cluster.peer(cyd).storage.slowness = 100
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    expect(cluster.peer(ada).ringPeer?.opinion(cyd)).toBe('reachable')
  })
})
