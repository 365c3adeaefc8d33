import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ringChange, type RingChange } from '../../src/core/ring/change-plan.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { createRing, type Ring, type RingMember } from '../../src/core/ring/ring.ts'
import { loads, moved, options, partitionsOf, peers } from './ring-fixtures.ts'

const ringOf = (members: readonly RingMember[]): Ring => createRing(members, options)
const nobody: ReadonlySet<PeerId> = new Set()
const change = (before: readonly RingMember[], after: readonly RingMember[], lost = nobody): RingChange =>
  ringChange(ringOf(before), ringOf(after), lost)

const anyMembers = fc
  .array(fc.record({ weight: fc.integer({ min: 0, max: 4 }), durable: fc.boolean(), zone: fc.constantFrom(undefined, 'a', 'b', 'c') }), {
    minLength: 1,
    maxLength: 8
  })
  .map(list => list.map((member, index): RingMember => ({ peerId: `peer-${index}` as PeerId, ...member })))

describe('what moves', () => {
  test('is what the two rings differ in: each new owner of each partition, from owners that it had', () => {
    fc.assert(
      fc.property(anyMembers, anyMembers, (first, second) => {
        const small = { ...options, partitions: 64 }
        const [before, after] = [createRing(first, small), createRing(second, small)]
        const planned = ringChange(before, after, nobody)
        expect(planned.copies).toBe(moved(before, after))
        for (const { partition, to, from } of planned.moves) {
          expect(to.every(peer => after.isOwner(peer, partition) && !before.isOwner(peer, partition))).toBe(true)
          expect(from).toEqual(before.owners(partition))
        }
        expect(planned.copies).toBeGreaterThanOrEqual(planned.copiesMin)
        expect(planned.before.digest).toBe(before.digest)
        expect(planned.after.warnings).toEqual(after.warnings)
      }),
      { numRuns: 200 }
    )
  })

  test('is nothing between a ring and itself', () => {
    expect(change(peers(5), peers(5))).toMatchObject({ moves: [], copies: 0, copiesMin: 0, quorumsReplaced: 0, orphans: 0 })
  })

  test('for a newcomer is at least what it will own, and little more', () => {
    const { copies, copiesMin } = change(peers(9), peers(10))
    expect(copiesMin).toBe(ringOf(peers(10)).partitionsOf('peer-9' as PeerId).length)
    expect(copies / copiesMin).toBeLessThan(1.15)
  })

  test('when one goes is at least what it owned', () => {
    const { copies, copiesMin } = change(peers(10), peers(9))
    expect(copiesMin).toBe(ringOf(peers(10)).partitionsOf('peer-9' as PeerId).length)
    expect(copies / copiesMin).toBeLessThan(1.15)
  })

  test('when one takes the place of another counts what it takes once', () => {
    const replaced = peers(10).map((member, index) => (index === 0 ? { ...member, peerId: 'newcomer' as PeerId } : member))
    const { copiesMin } = change(peers(10), replaced)
    expect(copiesMin).toBeLessThan(1.1 * Math.max(...loads(ringOf(peers(10)))))
  })

  test('to a second and a third peer is everything, once each', () => {
    for (const count of [1, 2]) expect(change(peers(count), peers(count + 1))).toMatchObject({ copies: 1024, copiesMin: 1024 })
  })

  test('comes from nobody when all owners are gone for good, and is counted', () => {
    const lost = new Set(['peer-0', 'peer-1', 'peer-2'] as PeerId[])
    const stay = peers(6).slice(3)
    const planned = change(peers(6), stay, lost)
    const before = ringOf(peers(6))
    expect(planned.orphans).toBe(partitionsOf(before).filter(partition => before.owners(partition).every(peer => lost.has(peer))).length)
    expect(planned.orphans).toBeGreaterThan(0)
    expect(change(peers(6), stay).orphans).toBe(0)
    expect(planned.quorumsReplaced).toBeGreaterThan(planned.orphans)
  })

  test('into the first ring of all has nobody to come from, and loses nothing', () => {
    expect(change([], peers(3))).toMatchObject({ copies: 3072, orphans: 0 })
  })
})

describe('the health of a ring', () => {
  test('tells owners and durable owners, the least and the mean', () => {
    const { before, after } = change(
      peers(10, 'tab', index => (index === 0 ? { weight: 4 } : { durable: false })),
      peers(10, 'tab', () => ({ durable: false })).slice(1)
    )
    expect(before).toMatchObject({ members: 10, owners: { least: 3, mean: 3 }, durableOwners: { least: 1, mean: 1 } })
    expect(after).toMatchObject({ members: 9, durableOwners: { least: 0, mean: 0 } })
    expect(after.warnings.join()).toContain('No member is durable')
  })

  test('tells partitions with more owners in one zone than there need be', () => {
    const zoned = (count: number, zones: number): readonly RingMember[] => peers(count, 'zoned', index => ({ zone: `z${index % zones}` }))
    expect(change(zoned(6, 3), zoned(8, 2))).toMatchObject({ before: { zoneViolations: 0 }, after: { zoneViolations: 0 } })
    const { after } = change(
      [],
      peers(13, 'lone', index => ({ zone: index === 0 ? 'small' : `big ${index % 2}` }))
    )
    expect(after.zoneViolations).toBeGreaterThan(0)
    expect(after.warnings.join()).toContain(`${after.zoneViolations} of 1024 partitions have several owners in one zone`)
  })

  test('tells how even the load is for the weights', () => {
    const { before, after } = change(
      peers(10),
      peers(10, 'peer', index => ({ weight: index < 5 ? 4 : 1 }))
    )
    expect(before.loadMaxToMean).toBeCloseTo(Math.max(...loads(ringOf(peers(10)))) / 307.2, 6)
    expect(after.loadMaxToMean).toBeLessThan(1.3)
    expect(change([], []).before.loadMaxToMean).toBe(1)
  })
})
