/** No read misses what was acknowledged because somebody else owns the key now: an owner that has not got its copies yet does not count as one that has. */
import { describe, expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import type { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { ada, ben, cyd, dee, eve, fay } from './cast.ts'
import { filledCluster } from './movement.ts'

const keys = Array.from({ length: 120 }, (_, index) => `key-${index}`)

interface Reading {
  /** Keys whose read found nothing, or found no quorum, with who read. */
  readonly missed: string[]
  answered: number
}

/** Reads every key again and again, at one of `readers` each time, for `forMs`. */
function readAll(cluster: Cluster, readers: readonly PeerId[], quorum: number, forMs: number): Reading {
  const reading: Reading = { missed: [], answered: 0 }
  const untilMs = cluster.time.nowMs + forMs
  const read = (key: string, round: number): void => {
    if (cluster.time.nowMs >= untilMs) return
    const reader = readers[round % readers.length] ?? ada
    if (cluster.peer(reader).ringPeer === undefined) return
    cluster.startGet(reader, key, { quorum }, answer => {
      reading.answered += 1
      if (answer.status !== 'ok' || answer.values.length === 0) reading.missed.push(`${key} at ${reader}: ${answer.status}`)
      cluster.time.after(37, () => read(key, round + 1))
    })
  }
  for (const [number, key] of keys.entries()) read(key, number)
  cluster.run(forMs + 6000)
  expect(reading.answered).toBeGreaterThan(1000)
  return reading
}

const slow = { readMs: 5, writeMs: 60 } as const

describe.each([
  { replicas: 1, quorum: 1 },
  { replicas: 2, quorum: 1 },
  { replicas: 3, quorum: 1 },
  { replicas: 3, quorum: 2 }
])('with N=$replicas and R=$quorum no read of what all owners acknowledged is empty', ({ replicas, quorum }) => {
  const filled = (peers: number): Cluster =>
    filledCluster(peers, keys, { replicas, partitions: 64, disks: slow, network: { delayMaxMs: 60 } })

  test('while a peer joins', () => {
    const cluster = filled(4)
    const newcomer = cluster.add()
    cluster.runUntil(() => cluster.peer(newcomer).ringPeer?.ring().members.length === 5)
    expect(readAll(cluster, [ada, ben, cyd, dee, newcomer], quorum, 8000).missed).toEqual([])
    expect(cluster.peer(newcomer).ringPeer?.status).toBe('up')
  })

  test('while two peers join', () => {
    const cluster = filled(4)
    const [first, second] = [cluster.add(), cluster.add()]
    cluster.run(300)
    expect(readAll(cluster, [ada, ben, cyd, dee], quorum, 8000).missed).toEqual([])
    for (const newcomer of [first, second]) expect(cluster.peer(newcomer).ringPeer?.status).toBe('up')
  })

  test('while a peer leaves', () => {
    const cluster = filled(5)
    cluster.peer(eve).leave()
    expect(readAll(cluster, [ada, ben, cyd, dee], quorum, 8000).missed).toEqual([])
    expect(cluster.departed).toContain(eve)
  })

  test('while one joins and another leaves', () => {
    const cluster = filled(5)
    cluster.add()
    cluster.run(200)
    cluster.peer(eve).leave()
    expect(readAll(cluster, [ada, ben, cyd, dee], quorum, 10_000).missed).toEqual([])
  })

  test('when an operator evicts a peer that is there', () => {
    const cluster = filled(5)
    cluster.peer(ada).evict(eve)
    expect(readAll(cluster, [ada, ben, cyd, dee, eve], quorum, 8000).missed).toEqual([])
    expect(fay).toBeDefined()
  })
})

test('an owner that was given everything by a peer that never got some of it does not say "not found"', () => {
  const cluster = filledCluster(4, keys, { replicas: 1, partitions: 64 })
  const ofDee = keys.filter(key => cluster.owners(key)[0] === dee)
  const there = [ada, ben, cyd]
  const joinWithoutDee = (): PeerId => {
    cluster.partition(there, [dee])
    const newcomer = cluster.add()
    there.push(newcomer)
    cluster.partition(there, [dee])
    expect(cluster.runUntil(() => cluster.peer(newcomer).ringPeer?.status === 'up')).toBe(true)
    cluster.run(3000)
    return newcomer
  }
  const [first, second, third] = [joinWithoutDee(), joinWithoutDee(), joinWithoutDee()]
  const unknown = ofDee.filter(key => [first, second, third].includes(cluster.owners(key, ada)[0] ?? ada))
  expect(unknown.length).toBeGreaterThan(2)
  for (const key of unknown) expect(cluster.get(ada, key, { quorum: 1 }).status, key).toBe('quorum')
  cluster.heal()
  cluster.run(20_000)
  for (const key of ofDee) expect(cluster.get(ada, key, { quorum: 1 }).values, key).toEqual([`value of ${key}`])
})

test('an owner that joins goes on lacking what a member holds, though one that joined beside it has everything sooner', () => {
  const cluster = filledCluster(1, keys, { replicas: 1, partitions: 64 })
  const [sooner, later] = [cluster.add(), cluster.add()]
  cluster.withholds = ({ to, message }) => to === later && message.type === 'offer'
  const statusOf = (peer: PeerId): string | undefined => cluster.peer(ada).ringPeer?.view.get(peer)?.status
  const isBehind = (): boolean => statusOf(sooner) === 'up' && cluster.peer(later).ringPeer?.view.get(sooner)?.status === 'up'
  expect(cluster.runUntil(isBehind)).toBe(true)
  expect(statusOf(later)).toBe('joining')
  for (const reader of [ada, sooner, later])
    for (const key of keys) expect(cluster.get(reader, key, { quorum: 1 }).values, `${key} at ${reader}`).toEqual([`value of ${key}`])
})
