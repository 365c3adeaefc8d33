import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../../src/core/codec.ts'
import { replicaOf, type PeerId } from '../../src/core/identifiers.ts'
import { rowKey } from '../../src/protocol/storage-layout.ts'
import type { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { divergences } from '../../src/simulation/checks/convergence.ts'
import { ada, ben, clusterOf, cyd } from './cast.ts'

function replicaId(cluster: Cluster, peer: PeerId): string | undefined {
  return cluster.peer(peer).ringPeer?.member?.replica
}

describe('a peer that restarts', () => {
  test('has its data, its replica id and its place in the ring again, and says so in a later record', () => {
    const cluster = clusterOf(3)
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    const before = { replica: replicaId(cluster, ben), ring: cluster.peer(ben).ringPeer?.ring().digest }
    const said = cluster.peer(ben).ringPeer?.member
    cluster.restart(ben)
    cluster.settle()
    expect(replicaId(cluster, ben)).toBe(before.replica)
    expect(cluster.peer(ben).ringPeer?.ring().digest).toBe(before.ring)
    const now = cluster.peer(ben).ringPeer?.member
    expect(now?.incarnation).toBe(said?.incarnation)
    expect(now?.sequence).toBeGreaterThan(said?.sequence ?? 0)
    expect(cluster.copyValues(ben, 'k')).toEqual(['v'])
  })

  test('all peers at once lose nothing that was acknowledged', () => {
    const cluster = clusterOf(3)
    const keys = Array.from({ length: 10 }, (_, index) => `key-${index}`)
    for (const key of keys) cluster.put(ada, key, key, { quorum: 2 })
    for (const peer of cluster.peers) cluster.crash(peer, 'lost')
    for (const peer of cluster.peers) cluster.start(peer)
    cluster.settle()
    for (const key of keys) expect(cluster.get(cyd, key, { quorum: 3 }).values).toEqual([key])
  })
})

describe('the epoch rule', () => {
  test("a replica's copy that is deleted behind its back and written through again loses nothing", () => {
    const cluster = clusterOf(3)
    for (let write = 0; write < 5; write++) cluster.put(ada, 'k', `old ${write}`, { quorum: 3 })
    cluster.stop(ada)
    cluster.peer(ada).storage.tamper({ type: 'delete', key: rowKey(encodeUtf8('k')) })
    cluster.start(ada)
    cluster.settle()
    for (let write = 0; write < 5; write++) expect(cluster.put(ada, 'k', `new ${write}`, { quorum: 1 }).coordinator).toBe(ada)
    const all = ['new 0', 'new 1', 'new 2', 'new 3', 'new 4', 'old 0', 'old 1', 'old 2', 'old 3', 'old 4']
    expect(cluster.get(ben, 'k', { quorum: 3 }).values).toEqual(all)
    cluster.run(1000)
    for (const peer of cluster.peers) expect(cluster.copyValues(peer, 'k')).toEqual(all)
    expect(divergences(cluster, ['k'])).toEqual([])
  })

  test('a fallback whose copy went home and came anew mints under another actor', () => {
    const cluster = clusterOf(1)
    const first = cluster.put(ada, 'k', 'v1').dot
    cluster.stop(ada)
    cluster.peer(ada).storage.tamper({ type: 'delete', key: rowKey(encodeUtf8('k')) })
    cluster.start(ada)
    cluster.run(100)
    const second = cluster.put(ada, 'k', 'v2').dot
    expect(second?.actor).not.toBe(first?.actor)
    expect(second === undefined || first === undefined ? '' : replicaOf(second.actor)).toBe(
      first === undefined ? '?' : replicaOf(first.actor)
    )
  })
})

describe('a storage that was put back to an older state', () => {
  test('gets a new replica id as soon as others contradict it, and what they know is not lost', () => {
    const cluster = clusterOf(3)
    cluster.put(ada, 'k', 'v1', { quorum: 3 })
    const old = cluster.peer(ada).storage.snapshot()
    const replica = replicaId(cluster, ada)
    for (let life = 0; life < 2; life++) {
      cluster.restart(ada)
      cluster.settle()
    }
    cluster.put(ada, 'k', 'v2', { quorum: 3 })
    cluster.put(ada, 'k', 'v3', { quorum: 3 })
    cluster.stop(ada)
    cluster.peer(ada).storage.restore(old)
    cluster.start(ada)
    cluster.settle()
    expect(replicaId(cluster, ada)).not.toBe(replica)
    cluster.put(ada, 'k', 'v4', { quorum: 3 })
    expect(cluster.get(ben, 'k', { quorum: 3 }).values).toEqual(['v1', 'v2', 'v3', 'v4'])
    cluster.settle()
    cluster.run(1000)
    expect(divergences(cluster, ['k'])).toEqual([])
  })
})

describe('a peer that lost its disk', () => {
  test('is refilled by reads, and writes acknowledged by two survive', () => {
    const cluster = clusterOf(3)
    const keys = Array.from({ length: 10 }, (_, index) => `key-${index}`)
    for (const key of keys) cluster.put(ada, key, key, { quorum: 2 })
    cluster.crash(ada)
    cluster.peer(ada).storage.wipe()
    cluster.start(ada)
    cluster.settle()
    for (const key of keys) expect(cluster.get(ada, key, { quorum: 3 }).values).toEqual([key])
    cluster.run(1000)
    expect(divergences(cluster, keys)).toEqual([])
  })
})
