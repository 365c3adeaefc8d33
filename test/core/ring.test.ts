import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import { createRing, type RingMember } from '../../src/core/ring/ring.ts'
import { golden, listsDigest, loads, options, partitionsOf, peers, zonesOf } from './ring-fixtures.ts'

const member = fc.record({
  weight: fc.integer({ min: 0, max: 8 }),
  durable: fc.boolean(),
  zone: fc.constantFrom(undefined, 'a', 'b', 'c', 'd')
})
const membership = fc.array(member, { maxLength: 24 }).map(members => peers(members.length, 'any', index => members[index] ?? {}))
const someOptions = fc
  .record({
    partitions: fc.constantFrom(8, 16, 64, 128),
    replicas: fc.integer({ min: 1, max: 5 }),
    durable: fc.integer({ min: 0, max: 5 })
  })
  .map(({ partitions, replicas, durable }) => ({ cluster: 'any', partitions, replicas, durableOwners: Math.min(durable, replicas) }))
const runs = { numRuns: 400 }

const durableOwnersOf = (owners: readonly PeerId[], members: readonly RingMember[]): number =>
  owners.filter(owner => members.some(each => each.peerId === owner && each.durable)).length

describe('any ring', () => {
  test('gives every partition min(N, members) distinct owners, all of them members with a weight', () => {
    fc.assert(
      fc.property(membership, someOptions, (members, chosen) => {
        const ring = createRing(members, chosen)
        const able = new Set(members.filter(each => each.weight > 0).map(each => each.peerId))
        for (const partition of partitionsOf(ring)) {
          const owners = ring.owners(partition)
          expect(owners.length).toBe(Math.min(chosen.replicas, able.size))
          expect(new Set(owners).size).toBe(owners.length)
          expect(owners.every(owner => able.has(owner))).toBe(true)
        }
        expect(members.every(({ peerId }) => ring.isMember(peerId) === able.has(peerId))).toBe(true)
      }),
      runs
    )
  })

  test('is the same in whatever order the members are given', () => {
    fc.assert(
      fc.property(
        membership.chain(members => fc.tuple(fc.constant(members), fc.shuffledSubarray(members, { minLength: members.length }))),
        someOptions,
        ([members, shuffled], chosen) => {
          const [ring, other] = [createRing(members, chosen), createRing(new Set(shuffled), chosen)]
          expect(other.digest).toBe(ring.digest)
          expect(other.members).toEqual(ring.members)
          for (const partition of partitionsOf(ring)) expect(other.preferenceList(partition)).toEqual(ring.preferenceList(partition))
        }
      ),
      runs
    )
  })

  test('has as many durable owners of each partition as asked for, or as there are durable peers', () => {
    fc.assert(
      fc.property(membership, someOptions, (members, chosen) => {
        const ring = createRing(members, chosen)
        const durable = ring.members.filter(each => each.durable).length
        const least = Math.min(chosen.durableOwners, durable, ring.owners(0).length)
        for (const partition of partitionsOf(ring)) expect(durableOwnersOf(ring.owners(partition), members)).toBeGreaterThanOrEqual(least)
      }),
      runs
    )
  })

  test('says by isOwner and partitionsOf what owners says', () => {
    fc.assert(
      fc.property(membership, someOptions, (members, chosen) => {
        const ring = createRing(members, chosen)
        for (const { peerId } of members) {
          const owned = partitionsOf(ring).filter(partition => ring.owners(partition).includes(peerId))
          expect(ring.partitionsOf(peerId)).toEqual(owned)
          expect(partitionsOf(ring).filter(partition => ring.isOwner(peerId, partition))).toEqual(owned)
        }
      }),
      { numRuns: 100 }
    )
  })

  test('changes its digest with each member, each property of a member and each option', () => {
    const base = peers(8)
    const changed = (change: Partial<RingMember>): RingMember[] => base.map((each, index) => (index === 3 ? { ...each, ...change } : each))
    const digests = [
      createRing(base, options),
      createRing(base.slice(1), options),
      ...[{ weight: 2 }, { durable: false }, { zone: 'a' }, { peerId: 'x' as PeerId }].map(change => createRing(changed(change), options)),
      ...[{ cluster: 'other' }, { partitions: 512 }, { replicas: 2 }, { durableOwners: 2 }].map(change =>
        createRing(base, { ...options, ...change })
      )
    ].map(ring => ring.digest)
    expect(new Set(digests).size).toBe(digests.length)
    for (const digest of digests) expect(digest).toMatch(/^[0-9a-f]{16}$/)
  })

  test.each(golden)('is the same on every engine: $name', ({ ring, digest, lists }) => {
    const computed = ring()
    expect([computed.digest, listsDigest(computed)]).toEqual([digest, lists])
  })
})

describe('small rings', () => {
  test.each([1, 2, 3])('of %i peers have everything everywhere', count => {
    const ring = createRing(peers(count), options)
    expect(loads(ring)).toEqual(Array.from({ length: count }, () => 1024))
  })

  test('without members have no owners and say so', () => {
    const ring = createRing(
      peers(2, 'idle', () => ({ weight: 0 })),
      options
    )
    expect(ring.members).toEqual([])
    expect(ring.owners(5)).toEqual([])
    expect(ring.preferenceList(5)).toEqual([])
    expect(ring.warnings.join()).toContain('No member stores data')
  })

  test('of fewer members than N say so', () => {
    expect(createRing(peers(2), options).warnings).toEqual(['Only 2 members store data, so partitions have 2 owners instead of 3.'])
    expect(createRing(peers(1), options).warnings).toEqual(['Only 1 member stores data, so partitions have 1 owner instead of 3.'])
    expect(createRing(peers(3), options).warnings).toEqual([])
  })
})

describe('durable owners', () => {
  test('one edge peer among nine tabs owns every partition', () => {
    const ring = createRing(
      peers(10, 'tab', index => (index === 0 ? { weight: 4 } : { durable: false })),
      options
    )
    expect(ring.partitionsOf('tab-0' as PeerId).length).toBe(1024)
    expect(ring.warnings).toEqual([])
  })

  test('are shared by the durable peers when tabs outweigh them by far', () => {
    const ring = createRing(
      peers(104, 'tab', index => ({ durable: index < 4 })),
      options
    )
    const lasting = ring.members.filter(each => each.durable).map(each => ring.partitionsOf(each.peerId).length)
    expect(Math.max(...lasting)).toBeLessThanOrEqual(Math.floor((1024 / 4) * 1.065))
  })

  test('are warned about when there are none, or fewer than asked for', () => {
    const tabs = peers(5, 'tab', () => ({ durable: false }))
    expect(createRing(tabs, options).warnings.join()).toContain('No member is durable')
    expect(createRing(tabs, { ...options, durableOwners: 0 }).warnings).toEqual([])
    const oneEdge = [...tabs, ...peers(1, 'edge')]
    expect(createRing(oneEdge, { ...options, durableOwners: 2 }).warnings.join()).toContain('Only 1 member is durable')
  })
})

describe('zones', () => {
  test('each have a copy when there are N of them, also when they grow one peer at a time', () => {
    for (const count of [3, 4, 6, 7, 8, 9, 10, 11, 12, 13]) {
      const ring = createRing(
        peers(count, 'zoned', index => ({ zone: `z${index % 3}` })),
        options
      )
      for (const partition of partitionsOf(ring)) expect(new Set(zonesOf(ring, partition)).size).toBe(3)
      expect(ring.warnings).toEqual([])
    }
  })

  test('never have two copies of a partition when four or more zones grow one peer at a time', () => {
    for (const zones of [4, 5, 8]) {
      for (let count = zones; count <= zones * 3; count++) {
        const ring = createRing(
          peers(count, 'zoned', index => ({ zone: `z${index % zones}` })),
          options
        )
        for (const partition of partitionsOf(ring)) expect(new Set(zonesOf(ring, partition)).size).toBe(3)
        expect(ring.warnings).toEqual([])
      }
    }
  })

  test('fewer than N share the owners as evenly as they can, with a warning', () => {
    const ring = createRing(
      peers(8, 'two', index => ({ zone: `z${index % 2}` })),
      options
    )
    for (const partition of partitionsOf(ring)) expect(new Set(zonesOf(ring, partition)).size).toBe(2)
    expect(ring.warnings).toEqual(['Only 2 zones for 3 owners, so a partition may have 2 owners in one zone.'])
  })

  test('of one peer do not make it a replica of everything (CASSANDRA-3810): it stays near its share, with a warning', () => {
    const ring = createRing(
      peers(13, 'lone', index => ({ zone: index === 0 ? 'small' : `big ${index % 2}` })),
      options
    )
    const share = (3 * 1024) / 13
    expect(ring.partitionsOf('lone-0' as PeerId).length).toBeLessThanOrEqual(share * 1.6)
    expect(ring.warnings.join()).toMatch(/partitions have several owners in one zone.*"small"/)
  })

  test('of one peer beside one zone of many leave it at its share: two zones cannot keep three owners apart anyway', () => {
    for (const count of [4, 5, 8]) {
      const ring = createRing(
        peers(count, 'lone', index => ({ zone: index === 0 ? 'small' : 'big' })),
        options
      )
      expect(ring.partitionsOf('lone-0' as PeerId).length).toBeLessThanOrEqual(((3 * 1024) / count) * 1.31)
      expect(ring.partitionsOf('lone-0' as PeerId).length).toBeLessThan(1024)
    }
  })

  test('a peer without a zone shares its zone with nobody', () => {
    const ring = createRing(
      peers(6, 'half', index => ({ zone: index < 2 ? 'dc' : undefined })),
      options
    )
    for (const partition of partitionsOf(ring)) expect(zonesOf(ring, partition).filter(zone => zone === 'dc').length).toBeLessThanOrEqual(1)
    expect(ring.warnings).toEqual([])
  })

  test('are warned about whenever a partition has two owners in one zone, and only then', () => {
    fc.assert(
      fc.property(membership, someOptions, (members, chosen) => {
        const ring = createRing(members, chosen)
        const crowded = partitionsOf(ring).some(partition => {
          const named = zonesOf(ring, partition).filter(zone => zone !== undefined)
          return new Set(named).size < named.length
        })
        if (crowded) expect(ring.warnings.join()).toMatch(/zone/)
        if (ring.warnings.join().includes('several owners in one zone')) expect(crowded).toBe(true)
      }),
      runs
    )
  })
})

describe('input that is no membership', () => {
  const refusal = (code: string, text: string): unknown => expect.objectContaining({ code, message: expect.stringContaining(text) })

  test.each([
    [{ weight: -1 }, 'weight'],
    [{ weight: 65 }, 'weight'],
    [{ weight: 1.5 }, 'weight'],
    [{ weight: Number.NaN }, 'weight'],
    [{ zone: '' }, 'zone'],
    [{ zone: 'z'.repeat(65) }, 'zone'],
    [{ zone: 'ü'.repeat(33) }, 'zone'],
    [{ zone: '\ud800' }, 'zone'],
    [{ peerId: '' as PeerId }, 'peer id'],
    [{ peerId: 'p'.repeat(129) as PeerId }, 'peer id'],
    [{ peerId: 'bad-1' as PeerId }, 'given twice']
  ])('a member with %j is refused', (change, text) => {
    const members = peers(3, 'bad', index => (index === 0 ? change : {}))
    expect(() => createRing(members, options)).toThrow(refusal('ERR_OPTIONS', text))
  })

  test.each([
    [{ partitions: 1000 }, 'partitions'],
    [{ partitions: 4 }, 'partitions'],
    [{ partitions: 131072 }, 'partitions'],
    [{ replicas: 0 }, 'replicas'],
    [{ replicas: 17 }, 'replicas'],
    [{ replicas: 2.5 }, 'replicas'],
    [{ durableOwners: 4 }, 'durableOwners'],
    [{ durableOwners: -1 }, 'durableOwners'],
    [{ cluster: '' }, 'cluster'],
    [{ cluster: '\udfff' }, 'cluster']
  ])('options with %j are refused', (change, text) => {
    expect(() => createRing(peers(3), { ...options, ...change })).toThrow(refusal('ERR_OPTIONS', text))
  })

  test('more members than the limit are refused', () => {
    expect(() => createRing(peers(4097), options)).toThrow(refusal('ERR_MEMBERS_FULL', '4096'))
  })

  test.each([-1, 1024, 0.5, Number.NaN])('partition %d is refused', partition => {
    const ring = createRing(peers(3), options)
    expect(() => ring.owners(partition)).toThrow(refusal('ERR_OPTIONS', '0..1023'))
    expect(() => ring.preferenceList(partition)).toThrow(refusal('ERR_OPTIONS', '0..1023'))
    expect(() => ring.isOwner('peer-0' as PeerId, partition)).toThrow(refusal('ERR_OPTIONS', '0..1023'))
  })
})
