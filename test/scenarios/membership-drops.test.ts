/** A peer that stops being an owner keeps its copies, and serves them, until every current owner has confirmed them. */
import { describe, expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import { prefixes } from '../../src/protocol/storage-layout.ts'
import { divergences } from '../../src/simulation/checks/convergence.ts'
import type { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { ada, ben, clusterOf, cyd, dee, eve, hintsLeft, holders } from './cast.ts'
import { fill } from './movement.ts'

const keys = Array.from({ length: 60 }, (_, index) => `key-${index}`)

function filled(peers: number, options: Parameters<typeof clusterOf>[1] = {}): Cluster {
  const cluster = clusterOf(peers, { trace: false, ...options })
  fill(cluster, ada, keys, Math.min(options.replicas ?? 3, peers))
  cluster.run(20_000)
  return cluster
}

/** Keys that a peer holds, and does not own as it sees the ring. */
function outgrown(cluster: Cluster, peer: PeerId): readonly string[] {
  return cluster.keys(peer).filter(key => !cluster.owners(key, peer).includes(peer))
}

function expectWhole(cluster: Cluster): void {
  for (const key of keys) {
    expect(holders(cluster, key)).toEqual([...cluster.owners(key)].sort())
    for (const owner of cluster.owners(key)) expect(cluster.copyValues(owner, key)).toEqual([`value of ${key}`])
  }
  expect(divergences(cluster, keys)).toEqual([])
}

describe('a copy that is owned by others now', () => {
  test('stays while one of them cannot be asked, is served meanwhile, and goes when it has confirmed', () => {
    const cluster = filled(4)
    cluster.network.block(ada, ben)
    cluster.network.block(ben, ada)
    const newcomer = cluster.add()
    cluster.runUntil(() => cluster.peer(ada).ringPeer?.ring().members.length === 5)
    const kept = outgrown(cluster, ada).filter(key => cluster.owners(key, ada).includes(ben))
    expect(kept.length).toBeGreaterThan(0)
    cluster.run(60_000)
    for (const key of kept) expect(cluster.copyValues(ada, key)).toEqual([`value of ${key}`])
    // The others that own them have them long since.
    for (const key of kept) expect(cluster.copyValues(newcomer, key).length + cluster.copyValues(ben, key).length).toBeGreaterThan(0)
    cluster.heal()
    expect(cluster.settle()).toBe(true)
    cluster.run(5000)
    expect(outgrown(cluster, ada)).toEqual([])
    expectWhole(cluster)
  })

  test('stays while the disk of one of them is full, and the newcomer does not count as complete', () => {
    const cluster = filled(4)
    const newcomer = cluster.add()
    cluster.runUntil(() => cluster.keys(newcomer).length > 0)
    cluster.peer(newcomer).storage.isFull = true
    cluster.run(60_000)
    expect(cluster.peer(newcomer).ringPeer?.status).toBe('joining')
    const lacking = keys.filter(key => cluster.owners(key).includes(newcomer) && cluster.copy(newcomer, key) === undefined)
    expect(lacking.length).toBeGreaterThan(0)
    for (const key of lacking) expect(holders(cluster, key).length).toBeGreaterThanOrEqual(3)
    for (const key of keys) expect(cluster.get(ada, key, { quorum: 2 }).values).toEqual([`value of ${key}`])
    cluster.peer(newcomer).storage.isFull = false
    expect(cluster.settle()).toBe(true)
    cluster.run(5000)
    expectWhole(cluster)
  })

  test('stays when the answers of those who hold it are lost, whatever they hold', () => {
    const cluster = filled(4)
    const before = new Map(keys.map(key => [key, holders(cluster, key)]))
    cluster.withholds = ({ message }) => message.type === 'offer-answer' || message.type === 'offer-wanted' || message.type === 'handed-off'
    cluster.add()
    cluster.run(30_000)
    for (const key of keys) expect(holders(cluster, key)).toEqual(expect.arrayContaining([...(before.get(key) ?? [])]))
    cluster.withholds = () => false
    expect(cluster.settle()).toBe(true)
    cluster.run(5000)
    expectWhole(cluster)
  })

  test('is offered again when it changed after the others had confirmed it', () => {
    const cluster = filled(4)
    cluster.network.block(ada, ben)
    cluster.network.block(ben, ada)
    cluster.add()
    cluster.runUntil(() => cluster.peer(ada).ringPeer?.ring().members.length === 5)
    const key = outgrown(cluster, ada).find(name => cluster.owners(name, ada).includes(ben)) ?? ''
    cluster.run(1000)
    const { context } = cluster.get(ada, key, { quorum: 1 })
    const [, ...others] = [ben, ...cluster.owners(key).filter(owner => owner !== ben)]
    for (const owner of others)
      cluster.partition(
        [owner],
        [ada, ben, cyd, dee].filter(peer => peer !== owner)
      )
    expect(cluster.put(ada, key, 'changed', { context, quorum: 1 }).status).toBe('ok')
    cluster.heal()
    expect(cluster.settle()).toBe(true)
    cluster.run(20_000)
    for (const owner of cluster.owners(key)) expect(cluster.copyValues(owner, key)).toEqual(['changed'])
    expect(divergences(cluster, keys)).toEqual([])
  })

  test('is really deleted: no row of any kind is left of it', () => {
    const cluster = filled(3)
    cluster.add()
    cluster.settle()
    cluster.run(20_000)
    for (const peer of cluster.peers) {
      const owned = keys.filter(key => cluster.owners(key).includes(peer)).length
      for (const kind of ['row', 'index'] as const) expect(cluster.peer(peer).storage.rows(prefixes[kind]).length).toBe(owned)
    }
    expect(hintsLeft(cluster)).toBe(0)
  })
})

describe('a crash anywhere between the first offer and the last drop loses nothing', () => {
  /** With one owner per key, the copy that moves is the only one. */
  const alone = { replicas: 1, partitions: 16 } as const

  test.each([
    ['the peer that gives', ada],
    ['the peer that takes', cyd]
  ])('of %s, before any of its effects', (_who, victim) => {
    let hasCrashed = true
    let effect = -1
    while (hasCrashed) {
      effect += 1
      hasCrashed = false
      const cluster = clusterOf(2, { ...alone, trace: false })
      const few = keys.slice(0, 30)
      fill(cluster, ada, few, 1)
      const newcomer = cluster.add()
      expect(newcomer).toBe(cyd)
      cluster.runUntil(() => cluster.peer(victim).ringPeer?.ring().members.length === 3)
      cluster.peer(victim).crashBeforeEffect(effect, () => {
        hasCrashed = true
        cluster.time.after(50, () => cluster.start(victim))
      })
      cluster.settle()
      cluster.run(2000)
      cluster.settle()
      for (const key of few) {
        const [owner = ben] = cluster.owners(key)
        expect(holders(cluster, key), `crash before effect ${effect}`).toEqual([owner])
        expect(cluster.copyValues(owner, key)).toEqual([`value of ${key}`])
      }
    }
    expect(effect).toBeGreaterThan(20)
  })
})

test('a peer that stores nothing does not look for what there is to drop, though it was started with members that it knew', () => {
  const cluster = clusterOf(4, { partitions: 256, trace: false })
  let scans = 0
  cluster.observer = { asked: (peer, { kind }) => void (scans += peer === eve && kind === 'scan' ? 1 : 0) }
  const members = cluster.peer(ada).storage.rows(prefixes.member)
  cluster.add(undefined, storage => {
    for (const { key, value } of members) storage.tamper({ type: 'put', key, value })
  })
  expect(cluster.settle()).toBe(true)
  expect(cluster.peer(eve).ringPeer?.ring().partitionsOf(eve).length).toBeLessThan(200)
  expect(scans).toBeLessThan(20)
})
