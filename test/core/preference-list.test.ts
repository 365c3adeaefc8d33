import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Walk } from '../../src/core/ring/preference-list.ts'
import { walksCachedMax } from '../../src/core/limits.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { createRing } from '../../src/core/ring/ring.ts'
import { tokenDistance, tokenSeeds } from '../../src/core/ring/token.ts'
import { options, partitionsOf, peers } from './ring-fixtures.ts'

const seedsOf = (count: number, weight = 1) => peers(count).map(peer => tokenSeeds('shop', peer.peerId, weight))

describe('a walk', () => {
  test('has every peer once, nearest token first', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(63), (count, partition) => {
        const seeds = seedsOf(count)
        const walk = new Walk(
          seeds,
          64,
          seeds.map(() => 1)
        )
        const distances = Array.from(walk.order(partition), peer => tokenDistance(partition, seeds[peer] as Uint32Array))
        expect(new Set(walk.order(partition)).size).toBe(count)
        expect(distances).toEqual([...distances].sort((a, b) => a - b))
      })
    )
  })

  test('says the same peer for a place whether it has computed the whole walk or only its front', () => {
    const walk = new Walk(
      seedsOf(40),
      64,
      seedsOf(40).map(() => 1)
    )
    for (let partition = 0; partition < 64; partition++) {
      const places = Array.from({ length: 40 }, (_, place) => walk.peerAt(partition, place))
      expect(places).toEqual([...walk.order(partition)])
    }
  })

  test('keeps its order among the others when a peer comes or goes', () => {
    const ring = createRing(peers(20), options)
    const gone = 'peer-7' as PeerId
    const smaller = createRing(
      peers(20).filter(peer => peer.peerId !== gone),
      options
    )
    const walkOf = (all: readonly PeerId[], owners: readonly PeerId[]) => all.filter(peer => !owners.includes(peer))
    for (const partition of partitionsOf(ring)) {
      const involved = [...ring.owners(partition), ...smaller.owners(partition), gone]
      expect(walkOf(ring.preferenceList(partition), involved)).toEqual(walkOf(smaller.preferenceList(partition), involved))
    }
  })
})

describe('tokens', () => {
  test('differ between clusters, peers and partitions', () => {
    const distances = ['shop', 'shop2'].flatMap(cluster =>
      ['a', 'b'].flatMap(peer => [0, 1].map(partition => tokenDistance(partition, tokenSeeds(cluster, peer as PeerId, 1))))
    )
    expect(new Set(distances).size).toBe(8)
  })

  test('of a heavier peer include those of the same peer when it was lighter, so that a new weight moves only the difference', () => {
    expect(tokenSeeds('shop', 'a' as PeerId, 5).slice(0, 4)).toEqual(tokenSeeds('shop', 'a' as PeerId, 2))
  })
})

describe('a preference list', () => {
  test('has the owners first, then all other members once', () => {
    const ring = createRing(
      peers(30, 'list', index => ({ weight: index % 5, zone: index % 2 === 0 ? 'even' : undefined })),
      options
    )
    for (const partition of partitionsOf(ring)) {
      const list = ring.preferenceList(partition)
      expect(list.slice(0, 3)).toEqual(ring.owners(partition))
      expect([...list].sort()).toEqual(ring.members.map(member => member.peerId))
    }
  })

  test('is the same again after more lists were asked for than are remembered', () => {
    const ring = createRing(peers(5), { ...options, partitions: walksCachedMax * 2 })
    const first = partitionsOf(ring).map(partition => ring.preferenceList(partition))
    expect(partitionsOf(ring).map(partition => ring.preferenceList(partition))).toEqual(first)
  })

  test('falls back evenly: a peer that is away burdens all others alike', () => {
    const ring = createRing(peers(10), options)
    const away = 'peer-3' as PeerId
    const burden = new Map<PeerId, number>()
    for (const partition of ring.partitionsOf(away)) {
      const fallback = ring.preferenceList(partition)[3] as PeerId
      burden.set(fallback, (burden.get(fallback) ?? 0) + 1)
    }
    const mean = ring.partitionsOf(away).length / 9
    expect(burden.size).toBe(9)
    expect(Math.max(...burden.values())).toBeLessThan(mean * 2)
  })
})
