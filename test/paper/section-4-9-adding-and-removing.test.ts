/** Dynamo (SOSP 2007), section 4.9 Adding/Removing Storage Nodes: one test per claim. */
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/core/bytes.ts'
import { decodeUtf8 } from '../../src/core/codec.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { keyOfRow, prefixes } from '../../src/protocol/storage-layout.ts'
import type { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { divergences } from '../../src/simulation/checks/convergence.ts'
import { ada, ben, clusterOf, cyd, holders } from '../scenarios/cast.ts'

const keys = Array.from({ length: 200 }, (_, index) => `key-${index}`)

function filled(peers: number): Cluster {
  const cluster = clusterOf(peers, { partitions: 64 })
  for (const key of keys) cluster.put(ada, key, `value of ${key}`, { quorum: 3 })
  cluster.run(1000)
  return cluster
}

function ownersOf(cluster: Cluster): ReadonlyMap<string, readonly PeerId[]> {
  return new Map(keys.map(key => [key, cluster.owners(key)]))
}

/** Keys that `peer` owns and did not own before. */
function gainedBy(peer: PeerId, before: ReadonlyMap<string, readonly PeerId[]>, cluster: Cluster): readonly string[] {
  return keys.filter(key => cluster.owners(key).includes(peer) && before.get(key)?.includes(peer) !== true)
}

function join(cluster: Cluster): PeerId {
  const newcomer = cluster.add()
  cluster.settle()
  cluster.run(1000)
  return newcomer
}

function leave(cluster: Cluster, peer: PeerId): void {
  cluster.peer(peer).leave()
  expect(cluster.runUntil(() => cluster.departed.has(peer))).toBe(true)
  cluster.settle()
  cluster.run(1000)
}

describe('4.9 Adding/Removing Storage Nodes', () => {
  test('a new node is assigned ranges that are scattered on the ring, taken from many nodes', () => {
    const cluster = filled(6)
    const before = cluster.peer(ada).ringPeer?.ring()
    const newcomer = join(cluster)
    const after = cluster.peer(ada).ringPeer?.ring()
    if (before === undefined || after === undefined) throw new Error('ada runs')
    const gained = after.partitionsOf(newcomer)
    const runs = gained.filter(partition => !gained.includes((partition + 1) % 64)).length
    expect(runs).toBeGreaterThan(8)
    const givers = new Set(gained.flatMap(partition => before.owners(partition).filter(owner => !after.isOwner(owner, partition))))
    expect(givers.size).toBeGreaterThanOrEqual(5)
  })

  test('existing nodes transfer to the new node the keys that it owns now, and no longer have those that they do not own any more', () => {
    const cluster = filled(4)
    const before = ownersOf(cluster)
    const newcomer = join(cluster)
    const gained = gainedBy(newcomer, before, cluster)
    expect(gained.length).toBeGreaterThan(80)
    for (const key of gained) expect(cluster.copyValues(newcomer, key)).toEqual([`value of ${key}`])
    for (const key of keys) expect(holders(cluster, key)).toEqual([...cluster.owners(key)].sort())
  })

  test('only the keys of the ranges that moved are transferred, to those that own them', () => {
    const cluster = filled(5)
    const before = ownersOf(cluster)
    const sentTo = new Map<PeerId, Set<string>>()
    cluster.observer = {
      sent: (_from, to, message) => {
        for (const { key } of message.type === 'handoff' ? message.entries : [])
          sentTo.set(to, (sentTo.get(to) ?? new Set()).add(toHex(key)))
      }
    }
    const newcomer = join(cluster)
    const moved = keys.filter(key => !before.get(key)?.every(owner => cluster.owners(key).includes(owner)))
    expect(sentTo.get(newcomer)?.size).toBe(gainedBy(newcomer, before, cluster).length)
    expect(new Set([...sentTo.values()].flatMap(found => [...found])).size).toBeLessThanOrEqual(moved.length)
    expect(moved.length).toBeLessThan(keys.length)
  })

  test('a node gives a key up only after those that own it now have confirmed that they hold it', () => {
    const cluster = filled(4)
    let [fewest, dropped] = [3, 0]
    cluster.observer = {
      becameDurable: (_peer, batch) => {
        for (const { type, key } of batch) {
          if (type !== 'delete' || key[0] !== prefixes.row[0]) continue
          dropped += 1
          fewest = Math.min(fewest, holders(cluster, decodeUtf8(keyOfRow(key)) ?? '').length)
        }
      }
    }
    join(cluster)
    leave(cluster, ben)
    expect(dropped).toBeGreaterThan(100)
    expect(fewest).toBe(3)
  })

  test('when a node is removed the reallocation happens in reverse: the others own and hold what it had, and it holds nothing', () => {
    const cluster = filled(5)
    const before = ownersOf(cluster)
    leave(cluster, cyd)
    expect(cluster.keys(cyd)).toEqual([])
    const lost = keys.filter(key => before.get(key)?.includes(cyd) === true)
    expect(lost.length).toBeGreaterThan(80)
    for (const key of keys) expect(cluster.get(ada, key, { quorum: 3 }).values).toEqual([`value of ${key}`])
    expect(cluster.runUntil(() => divergences(cluster, keys).length === 0)).toBe(true)
  })

  test('a node that is removed again leaves the ring, and all keys, where they were before it was added', () => {
    const cluster = filled(4)
    const before = ownersOf(cluster)
    leave(cluster, join(cluster))
    expect(ownersOf(cluster)).toEqual(before)
    for (const key of keys) expect(holders(cluster, key)).toEqual([...(before.get(key) ?? [])].sort())
  })

  test('requests go on while nodes are added and removed', () => {
    const cluster = filled(4)
    const answers = { ok: 0, other: 0 }
    let isOver = false
    const ask = (request: number): void => {
      if (isOver) return
      const key = keys[request % keys.length] ?? 'key-0'
      cluster.startGet(ada, key, {}, ({ status, values }) => {
        answers[status === 'ok' && values.length > 0 ? 'ok' : 'other'] += 1
        ask(request + 1)
      })
    }
    ask(0)
    const newcomer = join(cluster)
    leave(cluster, newcomer)
    isOver = true
    expect(answers.other).toBe(0)
    expect(answers.ok).toBeGreaterThan(100)
  })
})
