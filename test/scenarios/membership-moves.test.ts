/** What travels when the ring changes: each record about once, and how far that has come. */
import { describe, expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import type { MoveProgress } from '../../src/protocol/moving/move-progress.ts'
import type { Cluster, ClusterOptions } from '../../src/simulation/cluster/cluster.ts'
import { ada, ben, cyd, dee, eve } from './cast.ts'
import { expectRest, filledCluster, watchMovement, type Movement } from './movement.ts'

const keys = Array.from({ length: 400 }, (_, index) => `key-${index}`)

const filled = (peers: number, options: Omit<ClusterOptions, 'peers'> = {}): Cluster =>
  filledCluster(peers, keys, { partitions: 64, ...options })

const comesToRest = (cluster: Cluster): void => expectRest(cluster, keys)

/** Without faults nobody is sent what it holds. */
function expectOnce(moves: Movement): void {
  expect(moves.least()).toBeGreaterThan(50)
  expect(moves.total()).toBe(moves.least())
}

describe('each record travels once', () => {
  test('when a peer joins', () => {
    const cluster = filled(6)
    const moves = watchMovement(cluster, keys)
    cluster.add()
    comesToRest(cluster)
    expectOnce(moves)
  })

  test('when a peer leaves, though it holds everything that its heirs need and three owners must have it', () => {
    const cluster = filled(6)
    const moves = watchMovement(cluster, keys)
    cluster.peer(cyd).leave()
    comesToRest(cluster)
    expect(cluster.keys(cyd)).toEqual([])
    expectOnce(moves)
  })

  test('when a tab vanishes and is evicted', () => {
    const cluster = filled(6, { evictAfterMs: 60_000, profile: index => ({ durable: index !== 3 }) })
    const moves = watchMovement(cluster, keys)
    cluster.crash(dee)
    cluster.departed.add(dee)
    cluster.runUntil(() => cluster.peer(ada).ringPeer?.view.get(dee)?.status === 'evicted', 300_000)
    comesToRest(cluster)
    expectOnce(moves)
  })

  test('and from several peers, none of which carries most of it', () => {
    const cluster = filled(6)
    const moves = watchMovement(cluster, keys)
    cluster.add()
    comesToRest(cluster)
    expect(moves.sent.size).toBeGreaterThanOrEqual(5)
    expect(Math.max(...moves.sent.values())).toBeLessThan(moves.total() / 2)
  })
})

describe('little travels in vain', () => {
  test('when three peers join at once', () => {
    const cluster = filled(6)
    const moves = watchMovement(cluster, keys)
    for (let newcomer = 0; newcomer < 3; newcomer++) cluster.add()
    comesToRest(cluster)
    expect(moves.ratio()).toBeLessThan(1.2)
  })

  test('when everybody writes while a peer joins', () => {
    const cluster = filled(5)
    const moves = watchMovement(cluster, keys)
    let written = 0
    const write = (): void => {
      cluster.startPut([ada, ben, cyd][written % 3] ?? ada, `new-${written}`, 'new', { quorum: 2 }, () => undefined)
      written += 1
      if (written < 400) cluster.time.after(2, write)
    }
    cluster.add()
    write()
    comesToRest(cluster)
    expect(written).toBe(400)
    expect(moves.ratio()).toBeLessThan(1.1)
  })

  test('when the newcomer is cut off from all others for a while, and goes on where it was', () => {
    const cluster = filled(5)
    const moves = watchMovement(cluster, keys)
    const newcomer = cluster.add()
    cluster.runUntil(() => cluster.keys(newcomer).length > 20)
    cluster.partition([newcomer], [ada, ben, cyd, dee, eve])
    cluster.run(4000)
    expect(cluster.peer(newcomer).ringPeer?.status).toBe('joining')
    cluster.heal()
    comesToRest(cluster)
    expect(moves.ratio()).toBeLessThan(1.6)
  })

  test('when the newcomer crashes in the middle of it', () => {
    const cluster = filled(5)
    const moves = watchMovement(cluster, keys)
    const newcomer = cluster.add()
    cluster.runUntil(() => cluster.keys(newcomer).length > 50)
    cluster.restart(newcomer)
    comesToRest(cluster)
    expect(moves.ratio()).toBeLessThan(1.6)
  })

  test('when all that give crash in the middle of it', () => {
    const cluster = filled(5)
    const moves = watchMovement(cluster, keys)
    const newcomer = cluster.add()
    cluster.runUntil(() => cluster.keys(newcomer).length > 50)
    for (const peer of [ada, ben, cyd, dee, eve]) cluster.restart(peer)
    comesToRest(cluster)
    expect(moves.ratio()).toBeLessThan(1.6)
  })
})

describe('progress', () => {
  function watched(cluster: Cluster): Map<PeerId, MoveProgress[]> {
    const reports = new Map<PeerId, MoveProgress[]>()
    cluster.observer = {
      ...cluster.observer,
      reported: (peer, event) => {
        if (event.type === 'progress') reports.set(peer, [...(reports.get(peer) ?? []), event.moves])
      }
    }
    return reports
  }

  test('goes up to the end at those who give and at the one who takes, and agrees on what travelled', () => {
    const cluster = filled(5)
    const reports = watched(cluster)
    const newcomer = cluster.add()
    comesToRest(cluster)
    const ends = [...reports.values()].map(seen => seen.at(-1))
    for (const end of ends) {
      expect(end?.give.partitionsDone).toBe(end?.give.partitions)
      expect(end?.give.bytesDone).toBe(end?.give.bytes)
      expect(end?.take.partitionsDone).toBe(end?.take.partitions)
      expect(end?.take.bytesDone).toBe(end?.take.bytes)
    }
    expect(reports.get(newcomer)?.at(-1)?.take.partitions).toBeGreaterThan(10)
    const bytes = (direction: 'give' | 'take'): number => ends.reduce((sum, end) => sum + (end?.[direction].bytes ?? 0), 0)
    expect(bytes('take')).toBeGreaterThan(1000)
    expect(bytes('take')).toBe(bytes('give'))
    for (const seen of reports.values()) {
      const done = seen.map(({ give, take }) => give.partitionsDone + take.partitionsDone)
      expect(done).toEqual(done.toSorted((a, b) => a - b))
    }
  })

  test('is there while it lasts: the newcomer knows what is still to come', () => {
    const cluster = filled(5, { disks: { writeMs: 40 } })
    const newcomer = cluster.add()
    const underWay = (): MoveProgress['take'] | undefined => cluster.peer(newcomer).ringPeer?.moves.take
    expect(cluster.runUntil(() => (underWay()?.partitionsDone ?? 0) > 2 && (underWay()?.bytes ?? 0) > 0)).toBe(true)
    expect(underWay()?.partitionsDone).toBeLessThan(underWay()?.partitions ?? 0)
    expect(cluster.peer(newcomer).ringPeer?.status).toBe('joining')
    comesToRest(cluster)
    expect(underWay()?.partitionsDone).toBe(underWay()?.partitions)
  })

  test('comes a few times a second at most', () => {
    const cluster = filled(5, { disks: { writeMs: 40 } })
    const reports = watched(cluster)
    const sinceMs = cluster.time.nowMs
    const newcomer = cluster.add()
    cluster.settle(600_000)
    const seconds = (cluster.time.nowMs - sinceMs) / 1000
    expect(reports.get(newcomer)?.length).toBeLessThanOrEqual(seconds * 4 + 2)
  })
})
