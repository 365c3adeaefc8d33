/** Deletes: they replicate and are repaired like values, are forgotten by all owners together, and stay deleted. */
import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../../src/core/codec.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { recordHash } from '../../src/core/versions/record.ts'
import { prefixes } from '../../src/protocol/storage-layout.ts'
import type { Cluster } from '../../src/simulation/cluster/cluster.ts'
import type { PutAnswer } from '../../src/simulation/run/client-call.ts'
import { divergences } from '../../src/simulation/checks/convergence.ts'
import { bytesOf } from '../protocol/message-arbitraries.ts'
import { ada, ben, clusterOf, cyd, dee, holders, keyOwnedBy } from './cast.ts'

const graceMs = 60_000
/** A look at what is due comes every 24th of the grace, and a round takes some messages. */
const reapedWithinMs = graceMs + 10_000

/** A settled cluster that forgets deletes after a minute. */
function forgetful(peers: number, options: Parameters<typeof clusterOf>[1] = {}): Cluster {
  return clusterOf(peers, { tombstoneGraceMs: graceMs, ...options })
}

function deleteAll(cluster: Cluster, key: string, peer: PeerId = ada, quorum = 3): PutAnswer {
  return cluster.delete(peer, key, cluster.get(peer, key).context, { quorum })
}

/** Everything on a peer's disk that has to do with a key: replica row, index row, tombstone row, hints. */
function traces(cluster: Cluster, peer: PeerId, key: string): readonly string[] {
  const suffix = encodeUtf8(key).join()
  return Object.entries(prefixes).flatMap(([kind, prefix]) =>
    cluster
      .peer(peer)
      .storage.rows(prefix)
      .flatMap(row => (row.key.join().endsWith(suffix) ? [kind] : []))
  )
}

function tombstoneRows(cluster: Cluster, peer: PeerId): number {
  return cluster.peer(peer).storage.rows(prefixes.tombstone).length
}

/** First owner of a key, then the others. */
function ownersOf(cluster: Cluster, key: string): readonly [PeerId, PeerId, PeerId] {
  const [first, second, third] = cluster.owners(key)
  if (first === undefined || second === undefined || third === undefined) throw new Error('three owners are expected')
  return [first, second, third]
}

describe('a tombstone', () => {
  test('has a row of its own, in order of time, while the record is nothing but deletes', () => {
    const cluster = forgetful(3)
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    expect(tombstoneRows(cluster, ben)).toBe(0)
    const { context } = deleteAll(cluster, 'k')
    expect(tombstoneRows(cluster, ben)).toBe(1)
    cluster.run(1000)
    cluster.delete(ada, 'k', context, { quorum: 3 })
    expect(tombstoneRows(cluster, ben)).toBe(1)
    cluster.put(ada, 'k', 'again', { quorum: 3 })
    expect(tombstoneRows(cluster, ben)).toBe(0)
  })

  test('that is missing at one owner is repaired by a read, like a value', () => {
    const cluster = forgetful(3)
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    const old = cluster.peer(cyd).storage.snapshot()
    deleteAll(cluster, 'k')
    cluster.stop(cyd)
    cluster.peer(cyd).storage.restore(old)
    cluster.start(cyd)
    cluster.settle()
    expect(cluster.copyValues(cyd, 'k')).toEqual(['v'])
    expect(cluster.get(ben, 'k', { quorum: 3 }).values).toEqual([])
    cluster.run(200)
    expect(cluster.copyValues(cyd, 'k')).toEqual([])
    expect(tombstoneRows(cluster, cyd)).toBe(1)
    expect(divergences(cluster, ['k'])).toEqual([])
  })

  test('that is missing at one owner is repaired by the comparison in the background, without a read', () => {
    const cluster = forgetful(3)
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    const old = cluster.peer(cyd).storage.snapshot()
    deleteAll(cluster, 'k')
    cluster.stop(cyd)
    cluster.peer(cyd).storage.restore(old)
    cluster.start(cyd)
    expect(cluster.runUntil(() => tombstoneRows(cluster, cyd) === 1, 40_000)).toBe(true)
  })

  test('is kept for the grace, and then nothing is left of it on any disk', () => {
    const cluster = forgetful(5)
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    deleteAll(cluster, 'k')
    cluster.run(graceMs - 5000)
    expect(holders(cluster, 'k')).toHaveLength(3)
    cluster.run(15_000)
    for (const peer of cluster.peers) expect(traces(cluster, peer, 'k')).toEqual([])
    expect(cluster.get(ben, 'k', { quorum: 3 })).toMatchObject({ status: 'ok', values: [] })
    expect(cluster.peer(ada).ringPeer?.keys).toBe(0)
  })

  test('is reaped in one cluster of one peer, too', () => {
    const cluster = forgetful(1)
    cluster.put(ada, 'k', 'v')
    deleteAll(cluster, 'k')
    cluster.run(reapedWithinMs)
    expect(traces(cluster, ada, 'k')).toEqual([])
  })

  test('is reaped with many others: more than one round takes', () => {
    const cluster = forgetful(3)
    const keys = Array.from({ length: 600 }, (_, index) => `key-${index}`)
    let open = keys.length * 2
    for (const key of keys) {
      cluster.startPut(ada, key, 'v', { quorum: 3 }, written =>
        cluster.startPut(ada, key, undefined, { quorum: 3, context: written.context }, () => (open -= 2))
      )
    }
    cluster.runUntil(() => open === 0)
    cluster.run(reapedWithinMs + 5000)
    expect(cluster.peers.map(peer => tombstoneRows(cluster, peer))).toEqual([0, 0, 0])
    expect(cluster.peers.map(peer => cluster.keys(peer).length)).toEqual([0, 0, 0])
  })

  test('leaves no repairs behind: without traffic nothing is sent for it again', () => {
    const cluster = forgetful(3)
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    deleteAll(cluster, 'k')
    cluster.run(reapedWithinMs)
    let repairs = 0
    cluster.observer = {
      sent: (_from, _to, { type }) => {
        if (type === 'repair') repairs += 1
      }
    }
    cluster.run(120_000)
    expect(repairs).toBe(0)
    for (const peer of cluster.peers) expect(traces(cluster, peer, 'k')).toEqual([])
  })

  test('whose record was lost is forgotten by its row too', () => {
    const cluster = forgetful(1)
    cluster.put(ada, 'k', 'v')
    deleteAll(cluster, 'k')
    cluster.stop(ada)
    const { storage } = cluster.peer(ada)
    for (const prefix of [prefixes.row, prefixes.index]) for (const { key } of storage.rows(prefix)) storage.tamper({ type: 'delete', key })
    cluster.start(ada)
    cluster.run(reapedWithinMs)
    expect(tombstoneRows(cluster, ada)).toBe(0)
  })
})

describe('nothing is reaped', () => {
  test('while an owner is away, however long', () => {
    const cluster = forgetful(4)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    cluster.put(ada, key, 'v', { quorum: 3 })
    cluster.crash(cyd)
    cluster.run(5000)
    deleteAll(cluster, key, ada, 2)
    cluster.run(graceMs * 5)
    expect(holders(cluster, key)).toEqual(expect.arrayContaining([ada, ben]))
    expect(cluster.copyValues(cyd, key)).toEqual(['v'])
  })

  test('while one owner has another record', () => {
    const cluster = forgetful(3)
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    deleteAll(cluster, 'k')
    cluster.run(graceMs - 3000)
    const [first, second, third] = ownersOf(cluster, 'k')
    for (const other of [first, second]) cluster.network.block(third, other)
    const other = cluster.put(third, 'k', 'kept apart', { quorum: 1 })
    expect(other.status).toBe('ok')
    cluster.run(reapedWithinMs)
    cluster.heal()
    cluster.settle()
    cluster.run(30_000)
    expect(cluster.get(first, 'k', { quorum: 3 }).values).toEqual(['kept apart'])
  })

  test('while an owner holds a hint for the key', () => {
    const cluster = forgetful(3)
    const { context } = cluster.put(ada, 'k', 'v', { quorum: 3 })
    const [first, second, third] = ownersOf(cluster, 'k')
    cluster.network.block(second, third)
    cluster.run(5000)
    expect(cluster.delete(second, 'k', context, { quorum: 2 }).acknowledged.toSorted()).toEqual([first, second].toSorted())
    cluster.run(graceMs * 2)
    expect(cluster.hintCount(second)).toBe(1)
    expect(holders(cluster, 'k')).toEqual([ada, ben, cyd])
    expect(cluster.copyValues(third, 'k')).toEqual([])
    cluster.heal()
    cluster.settle()
    cluster.run(10_000)
    expect(holders(cluster, 'k')).toEqual([])
  })
})

describe('a write that races with reaping', () => {
  /** Runs until the first owner orders the others to drop the tombstone. */
  function untilOrder(cluster: Cluster): void {
    let ordered = false
    cluster.observer = {
      sent: (_from, _to, { type }) => {
        if (type === 'reap-drop') ordered = true
      }
    }
    expect(cluster.runUntil(() => ordered, graceMs * 2)).toBe(true)
  }

  test.each([0, 1, 2, 3, 5, 8, 13])('is there afterwards, made %i ms after the order at any owner', afterMs => {
    for (const writer of [0, 1, 2]) {
      const cluster = forgetful(3)
      cluster.put(ada, 'k', 'v', { quorum: 3 })
      deleteAll(cluster, 'k')
      untilOrder(cluster)
      cluster.run(afterMs)
      const peer = ownersOf(cluster, 'k')[writer] ?? ada
      expect(cluster.put(peer, 'k', 'new', { quorum: 1 }).status).toBe('ok')
      cluster.run(60_000)
      expect(cluster.get(ada, 'k', { quorum: 3 }).values).toEqual(['new'])
      expect(divergences(cluster, ['k'])).toEqual([])
    }
  })

  test('and that was on its way since before the delete does not bring the value back', () => {
    const cluster = forgetful(3)
    const { context } = cluster.put(ada, 'k', 'v', { quorum: 3 })
    const stale = cluster.copy(ada, 'k')
    cluster.delete(ada, 'k', context, { quorum: 3 })
    cluster.run(reapedWithinMs)
    expect(holders(cluster, 'k')).toEqual([])
    if (stale === undefined) throw new Error('ada held the value')
    for (const peer of cluster.peers) cluster.peer(peer).frame(ada, bytesOf({ type: 'repair', key: encodeUtf8('k'), record: stale }))
    cluster.run(30_000)
    expect(holders(cluster, 'k')).toEqual([])
  })
})

describe('a crash in the middle of reaping', () => {
  test.each([0, 1, 2])('at every effect, of owner number %i, loses and resurrects nothing', number => {
    let crashes = 0
    for (let effect = 0; effect < 40; effect++) {
      const cluster = forgetful(3)
      cluster.put(ada, 'k', 'v', { quorum: 3 })
      deleteAll(cluster, 'k')
      cluster.put(ada, 'other', 'stays', { quorum: 3 })
      const victim = ownersOf(cluster, 'k')[number] ?? ada
      let isArmed = false
      cluster.observer = {
        sent: (_from, _to, { type }) => {
          if (type !== 'reap-ask' || isArmed) return
          isArmed = true
          cluster.peer(victim).crashBeforeEffect(effect, () => {
            crashes += 1
            cluster.time.after(2000, () => cluster.start(victim))
          })
        }
      }
      cluster.run(reapedWithinMs)
      cluster.observer = {}
      cluster.peer(victim).crashBeforeEffect(Number.POSITIVE_INFINITY)
      cluster.start(victim)
      cluster.settle()
      cluster.run(graceMs)
      for (const peer of cluster.peers) expect(traces(cluster, peer, 'k')).toEqual([])
      expect(cluster.get(ben, 'other', { quorum: 3 }).values).toEqual(['stays'])
    }
    expect(crashes).toBeGreaterThan(10)
  })
})

describe('a key that is created again', () => {
  test('wins over a tombstone left on a fallback', () => {
    const cluster = forgetful(4)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    cluster.put(ada, key, 'v', { quorum: 3 })
    cluster.crash(cyd)
    cluster.run(10_000)
    deleteAll(cluster, key, ada)
    expect(cluster.hintCount(dee)).toBe(1)
    // The fallback falls silent with its tombstone, and the owners forget theirs.
    cluster.crash(dee)
    cluster.start(cyd)
    cluster.run(graceMs * 2)
    expect(holders(cluster, key)).toEqual([dee])
    cluster.put(ada, key, 'again', { quorum: 3 })
    cluster.start(dee)
    cluster.settle()
    cluster.run(1000)
    expect(cluster.get(ben, key, { quorum: 3 }).values).toEqual(['again'])
    expect(divergences(cluster, [key])).toEqual([])
  })

  test('wins over a tombstone left on an owner that crashed before it was told to drop it', () => {
    const cluster = forgetful(3)
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    deleteAll(cluster, 'k')
    const [first, , third] = ownersOf(cluster, 'k')
    const grave = cluster.peer(third).storage.snapshot()
    cluster.run(reapedWithinMs)
    expect(holders(cluster, 'k')).toEqual([])
    cluster.stop(third)
    cluster.peer(third).storage.restore(grave)
    cluster.put(first, 'k', 'again', { quorum: 2 })
    cluster.start(third)
    cluster.settle()
    cluster.run(30_000)
    for (const peer of cluster.peers) expect(cluster.copyValues(peer, 'k')).toEqual(['again'])
    expect(
      new Set(cluster.peers.map(peer => recordHash(cluster.copy(peer, 'k') ?? { context: { vector: new Map(), loose: [] }, siblings: [] })))
        .size
    ).toBe(1)
  })
})

describe('a delete with a stale context', () => {
  test('deletes only what it saw', () => {
    const cluster = forgetful(3)
    const seen = cluster.put(ada, 'k', 'seen', { quorum: 3 })
    cluster.put(ben, 'k', 'unseen', { quorum: 3 })
    cluster.delete(cyd, 'k', seen.context, { quorum: 3 })
    expect(cluster.get(ada, 'k', { quorum: 3 }).values).toEqual(['unseen'])
    cluster.run(graceMs * 2)
    expect(cluster.get(ada, 'k', { quorum: 3 }).values).toEqual(['unseen'])
  })
})
