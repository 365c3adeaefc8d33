/** Dynamo (SOSP 2007), sections 4.1 System Interface, 4.2 Partitioning Algorithm, 4.3 Replication: one test per claim. */
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/core/bytes.ts'
import { encodeUtf8 } from '../../src/core/codec.ts'
import { emptyContext } from '../../src/core/versions/causal-context.ts'
import { contextSeal, openContext, sealContext } from '../../src/core/versions/context-token.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { partitionOf, position } from '../../src/core/ring/position.ts'
import { createRing, type Ring, type RingMember } from '../../src/core/ring/ring.ts'
import { partitionOfKey } from '../../src/protocol/requests/routing.ts'
import type { CallOutcome } from '../../src/simulation/cluster/peer-life.ts'
import { peerName } from '../../src/simulation/cluster/simulated-identity.ts'
import { ada, ben, clusterOf, cyd, holders } from '../scenarios/cast.ts'

function ringOf(peers: number, weight: (index: number) => number = () => 1, without = -1): Ring {
  const members: RingMember[] = Array.from({ length: peers }, (_, index) => ({
    peerId: peerName(index),
    weight: weight(index),
    durable: true,
    zone: undefined
  }))
  return createRing(
    members.filter((_, index) => index !== without),
    { cluster: 'paper', partitions: 1024, replicas: 3 }
  )
}

/** Replicas that each peer holds. */
function loads(ring: Ring): ReadonlyMap<PeerId, number> {
  const found = new Map<PeerId, number>(ring.members.map(({ peerId }) => [peerId, 0]))
  for (let partition = 0; partition < ring.partitions; partition++)
    for (const owner of ring.owners(partition)) found.set(owner, (found.get(owner) ?? 0) + 1)
  return found
}

/** Replicas that each peer holds in `after` and did not in `before`. */
function gained(before: Ring, after: Ring): ReadonlyMap<PeerId, number> {
  const found = new Map<PeerId, number>()
  for (let partition = 0; partition < after.partitions; partition++) {
    for (const owner of after.owners(partition))
      if (!before.owners(partition).includes(owner)) found.set(owner, (found.get(owner) ?? 0) + 1)
  }
  return found
}

describe('4.1 System Interface', () => {
  test('get returns a single object, or a list of objects with conflicting versions, along with a context', () => {
    const cluster = clusterOf(3)
    cluster.put(ada, 'k', 'one')
    const single = cluster.get(ben, 'k')
    expect(single.values).toEqual(['one'])
    cluster.put(ben, 'k', 'two')
    const conflicting = cluster.get(cyd, 'k', { quorum: 3 })
    expect(conflicting.values).toEqual(['one', 'two'])
    expect(conflicting.context).not.toEqual(single.context)
  })

  test('put determines where the replicas are placed by the key, and writes them to disk', () => {
    const cluster = clusterOf(6)
    const owners = [...cluster.owners('k')].sort()
    const written = cluster.put(ada, 'k', 'v', { quorum: 3 })
    expect([...written.acknowledged].sort()).toEqual(owners)
    for (const peer of cluster.peers) cluster.crash(peer, 'lost')
    expect(holders(cluster, 'k')).toEqual(owners)
  })

  test('the context is opaque, and its validity is verified when it is put', () => {
    const seal = contextSeal('shop')
    const key = encodeUtf8('cart')
    const { context } = clusterOf(1).put(ada, 'cart', 'v')
    const token = sealContext(seal, key, context)
    expect(openContext(seal, key, token)).toEqual(context)
    expect(() => openContext(seal, encodeUtf8('other'), token)).toThrow(expect.objectContaining({ code: 'ERR_CONTEXT_FOREIGN' }))
    expect(() => openContext(seal, key, token.subarray(1))).toThrow(expect.objectContaining({ code: 'ERR_CONTEXT_MALFORMED' }))
  })

  test('the context is stored along with the object', () => {
    const cluster = clusterOf(3)
    const first = cluster.put(ada, 'k', 'one', { quorum: 3 })
    const { dot, context } = cluster.put(ben, 'k', 'two', { quorum: 3, context: first.context })
    for (const peer of cluster.peers) {
      cluster.crash(peer, 'lost')
      const stored = cluster.copy(peer, 'k')
      expect(stored?.siblings.map(sibling => sibling.dot)).toEqual([dot])
      expect(stored?.context).toEqual(context)
    }
  })

  test('key and object are opaque arrays of bytes', () => {
    const cluster = clusterOf(3)
    const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte)
    const key = Uint8Array.of(0xff, 0x00, 0xc3, 0x28)
    let outcome: CallOutcome
    const request = cluster.nextRequest(ada)
    const put = { key, context: emptyContext, value: everyByte, request, w: 3, sloppy: true, timeoutMs: 5000 }
    cluster.peer(ada).put(put, done => (outcome = done))
    cluster.runUntil(() => outcome !== undefined)
    outcome = undefined
    cluster.peer(ben).get({ key, r: 3, sloppy: true, timeoutMs: 5000 }, done => (outcome = done))
    cluster.runUntil(() => outcome !== undefined)
    expect(outcome).toMatchObject({ status: 'ok', record: { siblings: [{ value: everyByte }] } })
  })

  test('a MD5 hash of the key is its 128-bit identifier, which determines the nodes that serve the key', () => {
    expect(toHex(position(encodeUtf8('')))).toBe('d41d8cd98f00b204e9800998ecf8427e')
    expect(toHex(position(encodeUtf8('message digest')))).toBe('f96b697d7cb7938d525a2f31aaf161d0')
    const cluster = clusterOf(6)
    for (const key of ['', 'message digest', 'cart']) {
      const firstOf16 = Number.parseInt(toHex(position(encodeUtf8(key))).slice(0, 1), 16)
      expect(cluster.owners(key)).toEqual(cluster.peer(ada).ringPeer?.ring().owners(firstOf16))
    }
  })
})

describe('4.2 Partitioning Algorithm', () => {
  test('the positions are a fixed ring: whoever are the members, a key is at the same place, from the first partition to the last', () => {
    const ends = [new Uint8Array(16), new Uint8Array(16).fill(0xff)].map(each => partitionOf(each, 1024))
    expect(ends).toEqual([0, 1023])
    const rings = [3, 5, 30].map(peers => ringOf(peers))
    for (let key = 0; key < 20; key++) expect(new Set(rings.map(ring => partitionOfKey(ring, encodeUtf8(`key-${key}`)))).size).toBe(1)
    for (const ring of rings) expect(() => ring.owners(1024)).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }))
  })

  test('each node is at many places of the ring, not at one', () => {
    const ring = ringOf(10)
    for (const { peerId } of ring.members) {
      const owned = ring.partitionsOf(peerId)
      const runs = owned.filter(partition => !owned.includes((partition + 1) % 1024)).length
      expect(runs).toBeGreaterThan(50)
    }
  })

  test('an arrival or a departure leaves what does not concern it where it was', () => {
    const [before, after] = [ringOf(10, () => 1, 9), ringOf(10)]
    const moved = [...gained(before, after).values()].reduce((sum, partitions) => sum + partitions, 0)
    expect(moved).toBeLessThan((1024 * 3 * 1.2) / 10)
  })

  test('the load of a node that becomes unavailable is dispersed evenly over the remaining nodes', () => {
    const [before, after] = [ringOf(8), ringOf(8, () => 1, 3)]
    const shares = [...gained(before, after).values()]
    expect(shares).toHaveLength(7)
    const fair = (1024 * 3) / 8 / 7
    for (const share of shares) {
      expect(share).toBeGreaterThan(fair * 0.4)
      expect(share).toBeLessThan(fair * 1.8)
    }
  })

  test('a new node accepts a roughly equivalent amount of load from each of the others', () => {
    const [before, after] = [ringOf(8, () => 1, 7), ringOf(8)]
    const lost = gained(after, before)
    const fair = (1024 * 3) / 8 / 7
    for (let index = 0; index < 7; index++) {
      expect(lost.get(peerName(index)) ?? 0).toBeGreaterThan(fair * 0.4)
      expect(lost.get(peerName(index)) ?? 0).toBeLessThan(fair * 1.8)
    }
  })

  test('the share of a node follows its capacity', () => {
    const load = loads(ringOf(9, index => (index === 0 ? 2 : 1)))
    const others = [...load].filter(([peer]) => peer !== peerName(0)).map(([, partitions]) => partitions)
    const mean = others.reduce((sum, partitions) => sum + partitions, 0) / others.length
    expect((load.get(peerName(0)) ?? 0) / mean).toBeGreaterThan(1.6)
    expect((load.get(peerName(0)) ?? 0) / mean).toBeLessThan(2.3)
  })
})

describe('4.3 Replication', () => {
  test('each item is replicated at N hosts', () => {
    for (const replicas of [1, 2, 3, 4]) {
      const cluster = clusterOf(5, { replicas })
      cluster.put(ada, 'k', 'v', { quorum: replicas })
      cluster.run(1000)
      expect(holders(cluster, 'k')).toHaveLength(replicas)
    }
  })

  test('the coordinator stores the item itself and replicates it at the other N-1 nodes', () => {
    const cluster = clusterOf(5)
    const sentTo = new Set<PeerId>()
    cluster.observer = { sent: (_from, to, message) => (message.type === 'replicate' ? sentTo.add(to) : undefined) }
    const { coordinator = ada } = cluster.put(ada, 'k', 'v', { quorum: 3 })
    expect(cluster.copyValues(coordinator, 'k')).toEqual(['v'])
    expect([...sentTo].sort()).toEqual(
      cluster
        .owners('k')
        .filter(owner => owner !== coordinator)
        .sort()
    )
  })

  test('every node can determine which nodes are in the preference list of any key', () => {
    const cluster = clusterOf(6)
    for (let key = 0; key < 50; key++) {
      const lists = cluster.peers.map(peer => cluster.preferenceList(`key-${key}`, peer).join())
      expect(new Set(lists).size).toBe(1)
    }
  })

  test('the preference list contains more than N nodes, to account for failures', () => {
    expect(clusterOf(6).preferenceList('k')).toHaveLength(6)
  })

  test('the preference list contains distinct physical nodes only', () => {
    const ring = ringOf(10, index => 1 + (index % 5))
    for (let partition = 0; partition < ring.partitions; partition += 7) {
      const list = ring.preferenceList(partition)
      expect(new Set(list).size).toBe(list.length)
    }
    expect(partitionOfKey(ring, encodeUtf8('k'))).toBeLessThan(1024)
  })
})
