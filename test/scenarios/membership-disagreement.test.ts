/** Members that disagree about who is one, or change their minds: all converge, nothing is lost, and what moves is in proportion to what changed. */
import { describe, expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import type { Cluster, ClusterOptions } from '../../src/simulation/cluster/cluster.ts'
import { ada, ben, cyd, dee, eve, fay } from './cast.ts'
import { expectRest, filledCluster, watchMovement } from './movement.ts'

const keys = Array.from({ length: 120 }, (_, index) => `key-${index}`)
const statusAt = (cluster: Cluster, peer: PeerId, of: PeerId): string | undefined => cluster.peer(peer).ringPeer?.view.get(of)?.status

const filled = (peers: number, options: Omit<ClusterOptions, 'peers'> = {}): Cluster =>
  filledCluster(peers, keys, { partitions: 32, ...options })

const comesToRest = (cluster: Cluster): void => expectRest(cluster, keys)

function expectNothingLost(cluster: Cluster, asked: PeerId = ada): void {
  for (const key of keys) expect(cluster.get(asked, key, { quorum: 2 }).values).toEqual([`value of ${key}`])
}

/** Nobody tells anybody about members, until it is called. */
function silenceViews(cluster: Cluster): () => void {
  const { publish } = cluster.network
  cluster.network.publish = () => undefined
  cluster.withholds = ({ message }) => message.type.startsWith('view-')
  return () => {
    cluster.network.publish = publish
    cluster.withholds = () => false
  }
}

describe('views that differ', () => {
  test('for minutes, as nothing is heard of a peer that leaves: reads find everything, and then all agree', () => {
    const cluster = filled(6)
    const speak = silenceViews(cluster)
    cluster.peer(dee).leave()
    cluster.run(180_000)
    expect(statusAt(cluster, dee, dee)).toBe('leaving')
    expect(statusAt(cluster, ada, dee)).toBe('up')
    expectNothingLost(cluster)
    expectNothingLost(cluster, dee)
    const moves = watchMovement(cluster, keys)
    speak()
    expect(cluster.runUntil(() => cluster.departed.has(dee))).toBe(true)
    comesToRest(cluster)
    expectNothingLost(cluster)
    expect(moves.ratio()).toBeLessThan(1.2)
  })

  test('for minutes between two halves, while a peer joins each of them', () => {
    const cluster = filled(6)
    const moves = watchMovement(cluster, keys)
    const [here, there] = [
      [ada, ben, cyd],
      [dee, eve, fay]
    ] as const
    cluster.partition(here, there)
    const gus = cluster.add()
    cluster.partition([...here, gus], there)
    cluster.run(60_000)
    cluster.heal()
    cluster.partition(here, [...there, gus])
    const hua = cluster.add()
    cluster.partition([...here, hua], [...there, gus])
    cluster.run(120_000)
    cluster.heal()
    comesToRest(cluster)
    expectNothingLost(cluster)
    expectNothingLost(cluster, hua)
    // Each half filled its newcomer by the ring that it saw; some of that has to move on.
    expect(moves.ratio()).toBeLessThan(2)
  })

  test('as two halves of tabs have each evicted the other: they reunite, with what both wrote', () => {
    const cluster = filled(6, { evictAfterMs: 60_000, profile: () => ({ durable: false }) })
    const [here, there] = [
      [ada, ben, cyd],
      [dee, eve, fay]
    ] as const
    const ownedBefore = new Map(keys.map(key => [key, cluster.owners(key)]))
    const shared = (half: readonly PeerId[]): readonly string[] =>
      keys.filter(key => ownedBefore.get(key)?.some(owner => half.includes(owner)) === true)
    expect(shared(here).length + shared(there).length).toBeGreaterThan(keys.length * 1.8)
    cluster.partition(here, there)
    const isEvicted = (): boolean =>
      here.every(peer => there.every(other => statusAt(cluster, peer, other) === 'evicted' && statusAt(cluster, other, peer) === 'evicted'))
    expect(cluster.runUntil(isEvicted, 300_000)).toBe(true)
    cluster.run(20_000)
    for (const key of shared(here)) expect(cluster.get(ada, key, { quorum: 2 }).values).toEqual([`value of ${key}`])
    for (const key of shared(there)) expect(cluster.get(dee, key, { quorum: 2 }).values).toEqual([`value of ${key}`])
    cluster.put(ada, 'both', 'of here', { quorum: 2 })
    cluster.put(dee, 'both', 'of there', { quorum: 2 })
    cluster.put(ben, 'one', 'of here', { quorum: 2 })
    const moves = watchMovement(cluster, [...keys, 'both', 'one'])
    cluster.heal()
    comesToRest(cluster)
    for (const peer of cluster.peers) expect(statusAt(cluster, ada, peer)).toBe('up')
    expectNothingLost(cluster)
    expect(cluster.get(cyd, 'both', { quorum: 3 }).values).toEqual(['of here', 'of there'])
    expect(cluster.get(fay, 'one', { quorum: 3 }).values).toEqual(['of here'])
    // Every key is in three copies on either side: where an owner has one, none is sent to it.
    expect(moves.total()).toBeLessThan(keys.length / 2)
  })
})

describe('members that come and go', () => {
  test('in cycles: a tab that vanishes and comes back again and again costs what its absence costs, each time', () => {
    const cluster = filled(5, { evictAfterMs: 60_000, profile: index => ({ durable: index !== 4 }) })
    for (let cycle = 0; cycle < 4; cycle++) {
      const moves = watchMovement(cluster, keys)
      cluster.crash(eve)
      expect(cluster.runUntil(() => statusAt(cluster, ada, eve) === 'evicted', 300_000)).toBe(true)
      cluster.run(20_000)
      cluster.start(eve)
      comesToRest(cluster)
      expect(statusAt(cluster, ada, eve)).toBe('up')
      // Its heirs are filled while it is gone; it finds its own copies where it left them.
      const heirs = keys.filter(key => cluster.owners(key).includes(eve)).length
      expect(moves.total()).toBeLessThanOrEqual(heirs * 1.3)
    }
    expectNothingLost(cluster)
  })

  test('quickly: one that joins and leaves before it is complete leaves nothing behind', () => {
    const cluster = filled(5)
    for (let cycle = 0; cycle < 3; cycle++) {
      const guest = cluster.add()
      cluster.runUntil(() => cluster.keys(guest).length > 5)
      cluster.peer(guest).leave()
      expect(cluster.runUntil(() => cluster.departed.has(guest))).toBe(true)
      expect(cluster.keys(guest)).toEqual([])
    }
    comesToRest(cluster)
    expectNothingLost(cluster)
  })
})

describe('leaving', () => {
  test('twice is leaving once', () => {
    const cluster = filled(5)
    const moves = watchMovement(cluster, keys)
    cluster.peer(cyd).leave()
    cluster.run(5)
    cluster.peer(cyd).leave()
    expect(cluster.runUntil(() => cluster.departed.has(cyd))).toBe(true)
    comesToRest(cluster)
    expect(moves.ratio()).toBeLessThan(1.1)
    expectNothingLost(cluster)
  })

  test('while others join', () => {
    const cluster = filled(6)
    const moves = watchMovement(cluster, keys)
    cluster.add()
    cluster.peer(cyd).leave()
    cluster.add()
    expect(cluster.runUntil(() => cluster.departed.has(cyd))).toBe(true)
    comesToRest(cluster)
    expectNothingLost(cluster)
    expect(moves.ratio()).toBeLessThan(1.6)
  })

  test('goes on after a crash of the one that leaves', () => {
    const cluster = filled(5)
    cluster.peer(cyd).leave()
    cluster.runUntil(() => cluster.keys(cyd).length < 70)
    cluster.crash(cyd)
    cluster.run(5000)
    expectNothingLost(cluster)
    cluster.start(cyd)
    comesToRest(cluster)
    expectNothingLost(cluster)
  })

  test('of two peers at once, with three owners for each key, loses nothing', () => {
    const cluster = filled(5)
    cluster.peer(cyd).leave()
    cluster.peer(dee).leave()
    expect(cluster.runUntil(() => cluster.departed.has(cyd) && cluster.departed.has(dee))).toBe(true)
    comesToRest(cluster)
    expectNothingLost(cluster)
  })

  test('of all peers at once gathers everything at one of them, which takes writes meanwhile and goes when the others have', () => {
    const cluster = filled(4, { profile: index => ({ durable: index !== 0, weight: index === 2 ? 2 : 1 }) })
    const goneBeforeCyd: PeerId[] = []
    cluster.observer = {
      reported: (peer, { type }) => {
        if (peer === cyd && type === 'left')
          goneBeforeCyd.push(...[ada, ben, dee].filter(other => statusAt(cluster, cyd, other) === 'left'))
      }
    }
    for (const peer of [ada, ben, cyd, dee]) cluster.peer(peer).leave()
    cluster.run(20)
    expect(cluster.put(ben, 'late', 'in the last moment', { quorum: 2 }).status).toBe('ok')
    expect(cluster.runUntil(() => cluster.departed.size === 4)).toBe(true)
    expect(goneBeforeCyd).toEqual([ada, ben, dee])
    expect(cluster.keys(cyd).toSorted()).toEqual([...keys, 'late'].sort())
    for (const key of keys) expect(cluster.copyValues(cyd, key)).toEqual([`value of ${key}`])
    for (const peer of [ada, ben, dee]) expect(cluster.keys(peer)).toEqual([])
  })

  test('of all peers at once, of which two change their minds, leaves everything with those', () => {
    const cluster = filled(4)
    for (const peer of cluster.peers) cluster.peer(peer).leave()
    cluster.run(20)
    cluster.restart(cyd)
    cluster.restart(dee)
    expect(cluster.runUntil(() => cluster.departed.has(ada) && cluster.departed.has(ben))).toBe(true)
    comesToRest(cluster)
    expectNothingLost(cluster, cyd)
  })

  test('of the last durable peer hands everything to the tabs that stay', () => {
    const cluster = filled(4, { profile: index => ({ durable: index === 3, weight: index === 3 ? 4 : 1 }) })
    for (const key of keys) expect(cluster.owners(key)).toContain(dee)
    cluster.peer(dee).leave()
    expect(cluster.runUntil(() => cluster.departed.has(dee))).toBe(true)
    comesToRest(cluster)
    expect(cluster.keys(dee)).toEqual([])
    expectNothingLost(cluster)
  })

  test('waits for an heir whose disk is full, and shows what is still to be given', () => {
    const cluster = filled(4, { replicas: 2 })
    cluster.peer(ada).storage.isFull = true
    cluster.peer(dee).leave()
    cluster.run(120_000)
    expect(cluster.departed.has(dee)).toBe(false)
    const waiting = cluster.peer(dee).ringPeer?.hints() ?? []
    expect(waiting.map(({ target }) => target)).toEqual([ada])
    expectNothingLost(cluster, ben)
    cluster.peer(ada).storage.isFull = false
    expect(cluster.runUntil(() => cluster.departed.has(dee))).toBe(true)
    comesToRest(cluster)
    expectNothingLost(cluster)
  })
})
