/** Weights, durable owners and zones where they matter: in where copies are, and in what a cluster survives. */
import { describe, expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import type { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { divergences } from '../../src/simulation/checks/convergence.ts'
import { clusterOf, holders } from './cast.ts'

const keys = Array.from({ length: 200 }, (_, index) => `key-${index}`)
const someKeys = keys.slice(0, 40)

function fill(cluster: Cluster, names = keys): void {
  const [writer] = cluster.peers
  for (const key of names) cluster.put(writer as PeerId, key, `value of ${key}`, { quorum: 3 })
  cluster.run(2000)
}

/** Zones of the peers that hold a key, sorted. */
function zonesOf(cluster: Cluster, key: string): readonly (string | undefined)[] {
  return holders(cluster, key)
    .map(peer => cluster.peer(peer).ringPeer?.member?.zone)
    .toSorted()
}

describe('weights', () => {
  test('an edge peer of weight 4 stores four times what a tab does', () => {
    const cluster = clusterOf(12, { partitions: 512, profile: index => (index < 3 ? { weight: 4 } : { durable: false }) })
    fill(cluster)
    const stored = cluster.peers.map(peer => cluster.keys(peer).length)
    const mean = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0) / counts.length
    const ratio = mean(stored.slice(0, 3)) / mean(stored.slice(3))
    expect(ratio).toBeGreaterThan(3.2)
    expect(ratio).toBeLessThan(4.8)
  })
})

describe('one edge peer and nine tabs', () => {
  const oneEdge = (): Cluster =>
    clusterOf(10, { partitions: 64, evictAfterMs: 60_000, profile: index => (index === 0 ? { weight: 4 } : { durable: false }) })

  test('the edge peer has a copy of everything', () => {
    const cluster = oneEdge()
    fill(cluster)
    const [edge] = cluster.peers as [PeerId]
    expect(cluster.keys(edge).toSorted()).toEqual(keys.toSorted())
  })

  test('closing all tabs at once, disks and all, loses nothing', () => {
    const cluster = oneEdge()
    fill(cluster)
    const [edge, ...tabs] = cluster.peers as [PeerId, ...PeerId[]]
    for (const tab of tabs) {
      cluster.crash(tab)
      cluster.departed.add(tab)
    }
    for (const key of keys) expect(cluster.get(edge, key, { quorum: 1 }).values).toEqual([`value of ${key}`])
    // A peer that sees nobody evicts nobody: the next tab is what ends the absence of the others.
    const newTab = cluster.add({ durable: false })
    const isAlone = (): boolean => cluster.peer(edge).ringPeer?.ring().members.length === 2
    expect(cluster.runUntil(isAlone, 300_000)).toBe(true)
    expect(cluster.settle()).toBe(true)
    cluster.run(5000)
    for (const key of keys) expect(cluster.get(newTab, key).values).toEqual([`value of ${key}`])
    expect(cluster.keys(newTab).length).toBe(keys.length)
  })
})

describe('three zones', () => {
  const inZones = (count: number): Cluster =>
    clusterOf(count, { partitions: 64, profile: index => ({ zone: ['north', 'east', 'west'][index % 3] ?? 'north' }) })

  test('each hold a copy of every key', () => {
    const cluster = inZones(6)
    fill(cluster, someKeys)
    for (const key of someKeys) expect(zonesOf(cluster, key)).toEqual(['east', 'north', 'west'])
  })

  test('each hold a copy also while they grow one peer at a time', () => {
    const cluster = inZones(3)
    fill(cluster, someKeys)
    for (const zone of ['north', 'east', 'west']) {
      cluster.add({ zone })
      expect(cluster.settle()).toBe(true)
      cluster.run(5000)
      for (const key of someKeys) expect(zonesOf(cluster, key)).toEqual(['east', 'north', 'west'])
    }
    expect(divergences(cluster, someKeys)).toEqual([])
  })

  test('may lose one of them whole: the others read and write on with R = W = 2', () => {
    const cluster = inZones(6)
    fill(cluster, someKeys)
    const [north] = cluster.peers as [PeerId]
    for (const peer of cluster.peers) if (cluster.peer(peer).ringPeer?.member?.zone === 'west') cluster.crash(peer)
    for (const key of someKeys) {
      const { values, context } = cluster.get(north, key, { quorum: 2 })
      expect(values).toEqual([`value of ${key}`])
      expect(cluster.put(north, key, 'rewritten', { context, quorum: 2 }).status).toBe('ok')
    }
  })
})

describe('what a ring cannot do', () => {
  test('one peer alone in a zone keeps about its share, and the ring says why some owners share a zone', () => {
    const cluster = clusterOf(9, { partitions: 256, profile: index => ({ zone: index === 0 ? 'small' : `big ${index % 2}` }) })
    fill(cluster)
    const [lone] = cluster.peers as [PeerId]
    const share = (keys.length * 3) / 9
    expect(cluster.keys(lone).length).toBeLessThan(share * 1.9)
    expect(cluster.peer(lone).ringPeer?.ring().warnings.join()).toMatch(/several owners in one zone.*"small"/)
  })

  test.each<[what: string, profile: (index: number) => { readonly durable?: boolean; readonly zone?: string }, warning: RegExp]>([
    ['too few zones', index => ({ zone: index % 2 === 0 ? 'north' : 'south' }), /Only 2 zones for 3 owners/],
    ['no durable peer', () => ({ durable: false }), /No member is durable/]
  ])('with %s it takes writes all the same, and warns at every peer', (_what, profile, warning) => {
    const cluster = clusterOf(4, { profile })
    fill(cluster, someKeys)
    for (const key of someKeys) expect(holders(cluster, key)).toHaveLength(3)
    for (const { ringPeer } of cluster.running()) expect(ringPeer?.ring().warnings.join()).toMatch(warning)
  })
})
