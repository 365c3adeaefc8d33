/** A durable peer that is gone for good, and an operator who says so. */
import { describe, expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import { divergences } from '../../src/simulation/checks/convergence.ts'
import type { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { ada, ben, clusterOf, cyd, dee, eve, fay, hintsLeft, holders } from './cast.ts'

const keys = Array.from({ length: 30 }, (_, index) => `key-${index}`)
const statusAt = (cluster: Cluster, peer: PeerId, of: PeerId): string | undefined => cluster.peer(peer).ringPeer?.view.get(of)?.status

describe('a durable peer that was evicted', () => {
  test('is no member any more at any peer, and each of its keys has a copy at a new owner at once', () => {
    const cluster = clusterOf(5)
    for (const key of keys) cluster.put(ada, key, `value of ${key}`, { quorum: 3 })
    cluster.crash(dee)
    cluster.departed.add(dee)
    cluster.run(60_000)
    expect(keys.some(key => cluster.owners(key).includes(dee))).toBe(true)
    cluster.peer(ada).evict(dee)
    expect(cluster.settle()).toBe(true)
    cluster.run(5000)
    for (const peer of [ada, ben, cyd, eve]) expect(statusAt(cluster, peer, dee)).toBe('evicted')
    for (const key of keys) {
      expect(cluster.owners(key)).not.toContain(dee)
      expect(holders(cluster, key)).toEqual(expect.arrayContaining([...cluster.owners(key)]))
    }
    expect(divergences(cluster, keys)).toEqual([])
  })

  test('gives the hints for it to those who own its keys now', () => {
    const cluster = clusterOf(5)
    cluster.crash(dee)
    cluster.run(5000)
    for (const key of keys) cluster.put(ada, key, 'while dee was away', { quorum: 2 })
    expect(hintsLeft(cluster)).toBeGreaterThan(0)
    cluster.peer(ben).evict(dee)
    cluster.settle()
    cluster.run(5000)
    expect(hintsLeft(cluster)).toBe(0)
    for (const key of keys) expect(holders(cluster, key)).toEqual([...cluster.owners(key)].sort())
  })

  test('stays evicted when all the others start anew', () => {
    const cluster = clusterOf(4)
    cluster.crash(dee)
    cluster.run(5000)
    cluster.peer(ada).evict(dee)
    cluster.settle()
    for (const peer of [ada, ben, cyd]) cluster.restart(peer)
    cluster.settle()
    for (const peer of [ada, ben, cyd]) expect(statusAt(cluster, peer, dee)).toBe('evicted')
  })

  test('and comes back after all is a member again, with what was written meanwhile and what only it had', () => {
    const cluster = clusterOf(4)
    for (const key of keys) cluster.put(ada, key, `old ${key}`, { quorum: 3 })
    cluster.partition([dee], [ada, ben, cyd])
    cluster.put(dee, 'only here', 'written alone', { quorum: 1 })
    cluster.crash(dee)
    cluster.heal()
    cluster.run(10_000)
    cluster.peer(ada).evict(dee)
    cluster.settle()
    for (const key of keys) cluster.put(ben, key, `new ${key}`, { context: cluster.get(ben, key).context, quorum: 3 })
    cluster.start(dee)
    expect(cluster.settle()).toBe(true)
    cluster.run(10_000)
    for (const peer of [ada, ben, cyd, dee]) expect(statusAt(cluster, peer, dee)).toBe('up')
    for (const key of keys) expect(cluster.get(dee, key, { quorum: 3 }).values).toEqual([`new ${key}`])
    expect(cluster.get(ada, 'only here', { quorum: 3 }).values).toEqual(['written alone'])
    cluster.run(5000)
    expect(divergences(cluster, [...keys, 'only here'])).toEqual([])
  })

  test('though it ran all the time refutes it as soon as it hears of it', () => {
    const cluster = clusterOf(4)
    for (const key of keys) cluster.put(ada, key, `value of ${key}`, { quorum: 3 })
    cluster.peer(ada).evict(dee)
    expect(cluster.settle()).toBe(true)
    cluster.run(5000)
    for (const peer of [ada, ben, cyd, dee]) expect(statusAt(cluster, peer, dee)).toBe('up')
    expect(cluster.peer(ada).ringPeer?.view.get(dee)?.incarnation).toBe(2)
    expect(divergences(cluster, keys)).toEqual([])
  })

  test('never says two things of itself under one version, though it crashes before it has kept what it said', () => {
    const cluster = clusterOf(3)
    for (const key of keys) cluster.put(ada, key, `value of ${key}`, { quorum: 3 })
    const heard = new Map<string, Set<string>>()
    cluster.observer = {
      reported: (peer, { type }) => {
        const record = peer === cyd || type !== 'members-changed' ? undefined : cluster.peer(peer).ringPeer?.view.get(cyd)
        if (record?.issuer !== cyd) return
        const version = `${record.incarnation}.${record.sequence}`
        heard.set(version, (heard.get(version) ?? new Set()).add(record.status))
      }
    }
    cluster.partition([cyd], [ada, ben])
    cluster.peer(cyd).leave()
    cluster.run(100)
    cluster.peer(ada).evict(cyd)
    cluster.run(5000)
    const { storage } = cluster.peer(cyd)
    storage.slowness = 100_000
    cluster.heal()
    cluster.partition([ada], [ben, cyd])
    expect(cluster.runUntil(() => heard.size > 0)).toBe(true)
    cluster.crash(cyd, 'lost')
    expect([...heard.values()].map(statuses => [...statuses])).toEqual([['leaving']])
    cluster.heal()
    cluster.partition([ben], [ada, cyd])
    storage.slowness = 1
    cluster.start(cyd)
    expect(cluster.runUntil(() => statusAt(cluster, ada, cyd) === 'joining')).toBe(true)
    cluster.heal()
    expect(cluster.settle()).toBe(true)
    expect(statusAt(cluster, ada, cyd)).toBe('up')
    for (const [version, statuses] of heard) expect([version, ...statuses]).toHaveLength(2)
  })

  test('twice, by two peers that do not hear of each other, is evicted once', () => {
    const cluster = clusterOf(5)
    cluster.crash(dee)
    cluster.run(5000)
    cluster.partition([ada, ben], [cyd, eve])
    cluster.peer(ada).evict(dee)
    cluster.peer(cyd).evict(dee)
    cluster.run(5000)
    cluster.heal()
    expect(cluster.settle()).toBe(true)
    expect(new Set([ada, ben, cyd, eve].map(peer => cluster.peer(peer).ringPeer?.view.digest)).size).toBe(1)
  })

  test.each([[[ada, ben]], [[cyd, eve]]])(
    'twice is evicted once for a client too, which alone compares views: it heard of it by %s',
    heard => {
      const cluster = clusterOf(6)
      const client = cluster.add({ weight: 0 })
      expect(cluster.settle()).toBe(true)
      cluster.crash(dee)
      cluster.crash(fay)
      cluster.run(5000)
      const others = [ada, ben, cyd, eve].filter(peer => !heard.includes(peer))
      cluster.partition([...heard, client], others)
      cluster.peer(ada).evict(dee)
      for (const gone of [fay, dee]) cluster.peer(cyd).evict(gone)
      cluster.run(5000)
      cluster.withholds = ({ to, message }) => to === client && message.type === 'view-digest'
      cluster.heal()
      expect(cluster.settle()).toBe(true)
      expect(cluster.peer(client).ringPeer?.view.get(dee)?.ending).toBe(cluster.peer(ada).ringPeer?.view.get(dee)?.ending)
    }
  )
})

describe('a durable peer that came back with an empty disk under a new identity', () => {
  test('is a member of its own beside the old one, until the old one is evicted', () => {
    const cluster = clusterOf(4)
    for (const key of keys) cluster.put(ada, key, `value of ${key}`, { quorum: 3 })
    cluster.crash(dee)
    const newcomer = cluster.add()
    cluster.run(20_000)
    expect(
      cluster
        .peer(ada)
        .ringPeer?.ring()
        .members.map(({ peerId }) => peerId)
    ).toContain(dee)
    cluster.peer(newcomer).evict(dee)
    expect(cluster.settle()).toBe(true)
    cluster.run(5000)
    expect(
      cluster
        .peer(ada)
        .ringPeer?.ring()
        .members.map(({ peerId }) => peerId)
    ).toEqual([ada, ben, cyd, newcomer].sort())
    for (const key of keys) expect(holders(cluster, key).filter(peer => peer !== dee)).toEqual([...cluster.owners(key)].sort())
    expect(hintsLeft(cluster)).toBe(0)
  })
})

describe('a client that passes by', () => {
  test('reads, writes and leaves, sees the members, and is kept by nobody: not while it is there, and not afterwards', () => {
    const cluster = clusterOf(3)
    const view = cluster.peer(ada).ringPeer?.view.digest
    const client = cluster.add({ weight: 0, durable: false })
    expect(cluster.settle()).toBe(true)
    cluster.put(client, 'k', 'from a client', { quorum: 3 })
    expect(cluster.get(client, 'k', { quorum: 3 }).values).toEqual(['from a client'])
    cluster.run(60_000)
    expect(cluster.peer(client).ringPeer?.ring().digest).toBe(cluster.peer(ada).ringPeer?.ring().digest)
    for (const peer of [ada, ben, cyd]) expect(statusAt(cluster, peer, client)).toBeUndefined()
    cluster.peer(client).leave()
    expect(cluster.runUntil(() => cluster.departed.has(client))).toBe(true)
    cluster.run(60_000)
    expect(cluster.peer(ada).ringPeer?.view.digest).toBe(view)
  })

  test('comes up though the first words that were for it are lost', () => {
    const cluster = clusterOf(1)
    const client = cluster.add({ weight: 0, durable: false })
    let lost = 0
    cluster.withholds = ({ to, message }) => to === client && message.type === 'view-digest' && lost++ === 0
    expect(cluster.settle()).toBe(true)
    expect(lost).toBeGreaterThan(1)
  })

  test('compares views by more than their digests only until it knows the members', () => {
    const cluster = clusterOf(3)
    const client = cluster.add({ weight: 0, durable: false })
    cluster.settle()
    cluster.run(30_000)
    let summaries = 0
    cluster.observer = {
      sent: (from, to, message) => void (summaries += Number(message.type === 'view-summary' && [from, to].includes(client)))
    }
    cluster.run(60_000)
    expect(summaries).toBe(0)
  })
})

describe('the only peer that stores anything', () => {
  test('counts again after a client took it for gone', () => {
    const cluster = clusterOf(2, { profile: index => ({ weight: index === 0 ? 1 : 0 }) })
    cluster.put(ada, 'k', 'milk', { quorum: 1 })
    cluster.peer(ben).evict(ada)
    expect(cluster.runUntil(() => statusAt(cluster, ben, ada) === 'up')).toBe(true)
    expect(cluster.settle()).toBe(true)
    expect(cluster.get(ben, 'k', { quorum: 1 }).values).toEqual(['milk'])
  })
})

describe('a peer that was out of the ring and comes back on its own disk', () => {
  const missing = (cluster: Cluster): readonly string[] =>
    keys.filter(key => cluster.get(ada, key, { quorum: 1 }).values.join() !== `new ${key}`)

  test.each<[how: string, goes: (cluster: Cluster) => void]>([
    [
      'it had left',
      cluster => {
        cluster.peer(dee).leave()
        cluster.runUntil(() => cluster.departed.has(dee))
      }
    ],
    [
      'it had been evicted',
      cluster => {
        cluster.crash(dee)
        cluster.run(5000)
        cluster.peer(ada).evict(dee)
      }
    ]
  ])('because %s: no read misses anything that it has not got back yet', (_how, goes) => {
    const cluster = clusterOf(4, { replicas: 2 })
    for (const key of keys) cluster.put(ada, key, `value of ${key}`, { quorum: 2 })
    cluster.run(2000)
    goes(cluster)
    cluster.settle()
    cluster.run(5000)
    for (const key of keys) cluster.put(ben, key, `new ${key}`, { context: cluster.get(ben, key).context, quorum: 2 })
    cluster.restart(dee)
    expect(cluster.runUntil(() => cluster.peer(ada).ringPeer?.ring().members.length === 4)).toBe(true)
    expect(missing(cluster)).toEqual([])
    expect(cluster.settle()).toBe(true)
    expect(statusAt(cluster, ada, dee)).toBe('up')
    expect(missing(cluster)).toEqual([])
  })
})
