/** The sums of partitions on disk through restarts, crashes and failing disks, and exchanges of peers that know no more than these sums. */
import { describe, expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import { quietMs, sumOfRow, summedKey } from '../../src/protocol/key-index/partition-sums.ts'
import { prefixes } from '../../src/protocol/storage-layout.ts'
import type { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { divergences } from '../../src/simulation/checks/convergence.ts'
import { wrongSums } from '../../src/simulation/checks/stored-sums.ts'
import { ada, ben, clusterOf } from './cast.ts'

const keys = Array.from({ length: 12 }, (_, index) => `key-${index}`)

/** Scans of index rows that a peer's disk is asked for from now on. */
function indexScans(cluster: Cluster, peer: PeerId): { count: number } {
  const { storage } = cluster.peer(peer)
  const scans = { count: 0 }
  const scan = storage.scan.bind(storage)
  storage.scan = (prefix, after, limit, done) => {
    if (prefix[0] === prefixes.index[0]) scans.count += 1
    scan(prefix, after, limit, done)
  }
  return scans
}

/** Rows of sums, and of marks, on a peer's disk. */
function rowsOf(cluster: Cluster, peer: PeerId): { readonly sums: number; readonly marks: number } {
  const values = cluster.peer(peer).storage.rows(prefixes.sum)
  const sums = values.filter(({ value }) => sumOfRow(value) !== undefined).length
  return { sums, marks: values.length - sums }
}

function converged(cluster: Cluster): boolean {
  for (let second = 0; second < 120 && divergences(cluster, keys).length > 0; second++) cluster.run(1000)
  return divergences(cluster, keys).length === 0
}

describe('the sums on disk', () => {
  test('are marked by the first write, stay so while writes follow, and are written once all is quiet', () => {
    const cluster = clusterOf(3)
    cluster.run(10_000)
    for (const key of keys) cluster.put(ada, key, key, { quorum: 3 })
    expect(rowsOf(cluster, ben).sums).toBe(0)
    expect(rowsOf(cluster, ben).marks).toBeGreaterThan(0)
    cluster.run(quietMs + 1000)
    expect(rowsOf(cluster, ben).marks).toBe(0)
    expect(rowsOf(cluster, ben).sums).toBeGreaterThan(0)
    expect(wrongSums(cluster)).toEqual([])
  })

  test('let a peer that stopped in good order start without reading the rows of keys', () => {
    const cluster = clusterOf(3)
    for (const key of keys) cluster.put(ada, key, key, { quorum: 3 })
    cluster.run(1000)
    cluster.stop(ben)
    expect(rowsOf(cluster, ben).marks).toBe(0)
    const scans = indexScans(cluster, ben)
    cluster.start(ben)
    cluster.run(100)
    expect(cluster.peer(ben).ringPeer?.keys).toBe(keys.length)
    expect(scans.count).toBe(0)
  })

  test('are counted anew after a crash for the partitions that were being written, and for no others', () => {
    const cluster = clusterOf(3)
    for (const key of keys) cluster.put(ada, key, key, { quorum: 3 })
    cluster.run(quietMs + 1000)
    cluster.put(ada, 'key-0', 'again', { quorum: 3, context: cluster.get(ada, 'key-0').context })
    expect(rowsOf(cluster, ben).marks).toBe(1)
    cluster.crash(ben)
    const scans = indexScans(cluster, ben)
    cluster.start(ben)
    cluster.run(100)
    expect(scans.count).toBe(1)
    expect(cluster.peer(ben).ringPeer?.keys).toBe(keys.length)
  })

  test('of a storage that an earlier version wrote are made from its index rows', () => {
    const cluster = clusterOf(3)
    for (const key of keys) cluster.put(ada, key, key, { quorum: 3 })
    cluster.stop(ben)
    const { storage } = cluster.peer(ben)
    for (const { key } of storage.rows(prefixes.sum)) storage.tamper({ type: 'delete', key })
    storage.tamper({ type: 'delete', key: summedKey })
    cluster.start(ben)
    cluster.run(quietMs * 2)
    expect(storage.get(summedKey)).toBeDefined()
    expect(rowsOf(cluster, ben).sums).toBeGreaterThan(0)
    expect(wrongSums(cluster)).toEqual([])
    expect(cluster.peer(ben).ringPeer?.keys).toBe(keys.length)
  })

  test('that rotted are made again, while the peer runs and at its start', () => {
    for (const isRunning of [true, false]) {
      const cluster = clusterOf(3)
      for (const key of keys) cluster.put(ada, key, key, { quorum: 3 })
      cluster.run(quietMs + 1000)
      const { storage } = cluster.peer(ben)
      const [row] = storage.rows(prefixes.sum)
      expect(storage.flip(row?.key ?? new Uint8Array(0))).toBe(true)
      if (!isRunning) {
        cluster.crash(ben)
        cluster.start(ben)
      }
      expect(cluster.runUntil(() => storage.damagedKeys(prefixes.sum).length === 0, 600_000)).toBe(true)
      expect(wrongSums(cluster)).toEqual([])
      expect(rowsOf(cluster, ben).marks).toBe(0)
    }
  })
})

describe('a crash before any effect', () => {
  test('leaves no wrong sum, and the peer comes back with all its keys', () => {
    let crashes = 0
    for (let effect = 0; effect < 80; effect += 2) {
      const cluster = clusterOf(3)
      cluster.run(quietMs + 1000)
      cluster.peer(ben).crashBeforeEffect(effect, () => (crashes += 1))
      for (const [index, key] of keys.entries()) {
        if (!cluster.peer(ben).isRunning) cluster.start(ben)
        cluster.put(ada, key, key, { quorum: 2 })
        if (index % 4 === 3) cluster.run(quietMs)
        expect(wrongSums(cluster)).toEqual([])
      }
      cluster.peer(ben).crashBeforeEffect(Number.POSITIVE_INFINITY)
      if (!cluster.peer(ben).isRunning) cluster.start(ben)
      cluster.settle()
      expect(converged(cluster)).toBe(true)
      cluster.run(quietMs * 2)
      expect(wrongSums(cluster)).toEqual([])
      expect(cluster.peer(ben).ringPeer?.keys).toBe(keys.length)
    }
    expect(crashes).toBeGreaterThan(30)
  }, 60_000)
})

describe('a disk that fails', () => {
  test('leaves no wrong sum, whichever of its writes and reads it fails', () => {
    for (let failing = 0; failing < 24; failing++) {
      const cluster = clusterOf(3)
      for (const [index, key] of keys.entries()) {
        if (index === failing % keys.length) cluster.peer(ben).storage.failuresLeft = 1 + Math.floor(failing / keys.length) * 4
        cluster.put(ada, key, key, { quorum: 2 })
        expect(wrongSums(cluster)).toEqual([])
      }
      cluster.settle()
      expect(converged(cluster)).toBe(true)
      cluster.run(quietMs * 3)
      expect(wrongSums(cluster)).toEqual([])
      expect(rowsOf(cluster, ben).marks).toBe(0)
    }
  }, 60_000)
})

describe('an exchange', () => {
  /** A cluster in which ben has come back from a stop, lacks what was written before it, and knows no more than sums. */
  function behind(): { readonly cluster: Cluster; readonly scans: { count: number } } {
    const cluster = clusterOf(3)
    for (const key of keys.slice(0, 6)) cluster.put(ada, key, key, { quorum: 3 })
    cluster.run(quietMs + 1000)
    const before = cluster.peer(ben).storage.snapshot()
    for (const key of keys.slice(6)) cluster.put(ada, key, key, { quorum: 3 })
    cluster.run(quietMs + 1000)
    cluster.stop(ben)
    cluster.peer(ben).storage.restore(before)
    return { cluster, scans: indexScans(cluster, ben) }
  }

  test('loads the partitions that it descends into, and repairs them', () => {
    const { cluster, scans } = behind()
    cluster.start(ben)
    cluster.settle()
    expect(converged(cluster)).toBe(true)
    expect(scans.count).toBeGreaterThan(0)
    expect(cluster.peer(ben).ringPeer?.keys).toBe(keys.length)
    cluster.run(quietMs * 2)
    expect(wrongSums(cluster)).toEqual([])
  })

  test('waits for a slow disk, and nobody who writes waits for it', () => {
    const { cluster } = behind()
    cluster.start(ben)
    cluster.settle()
    cluster.peer(ben).storage.slowness = 100
    for (let write = 0; write < 50; write++) {
      const startedAtMs = cluster.time.nowMs
      expect(cluster.put(ada, 'other', `${write}`, { context: cluster.get(ada, 'other').context, quorum: 2 }).status).toBe('ok')
      expect(cluster.time.nowMs - startedAtMs).toBeLessThan(100)
      cluster.run(1000)
    }
    expect(converged(cluster)).toBe(true)
  })

  test('whose disk does not let it load a partition leaves it to a later one', () => {
    const { cluster } = behind()
    cluster.start(ben)
    cluster.settle()
    cluster.peer(ben).storage.failuresLeft = 40
    expect(converged(cluster)).toBe(true)
    cluster.run(quietMs * 2)
    expect(wrongSums(cluster)).toEqual([])
  })
})
