import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/core/bytes.ts'
import type { PeerId, ReplicaId } from '../../src/core/identifiers.ts'
import { goneMembersMax, membersMax } from '../../src/core/limits.ts'
import type { MemberRecord, MemberStatus } from '../../src/core/members/member-record.ts'
import { evictedSequence, evictionOf } from '../../src/core/members/member-record.ts'
import type { MembershipView } from '../../src/core/members/membership-view.ts'
import { emptyView, mergeMember, ringMembers } from '../../src/core/members/membership-view.ts'

const statuses: readonly MemberStatus[] = ['joining', 'up', 'leaving', 'left', 'evicted']
const [xena, yves] = ['Xena', 'Yves'] as [PeerId, PeerId]

/** A record whose signature was checked before: a view never looks at it. */
function member(status: MemberStatus, changes: Partial<MemberRecord> = {}): MemberRecord {
  const peerId = changes.peerId ?? xena
  const said: MemberRecord = {
    peerId,
    incarnation: 1,
    sequence: 1,
    status,
    weight: 4,
    durable: true,
    zone: undefined,
    replica: '00000000000000aa' as ReplicaId,
    addresses: ['/ip4/10.0.0.1/tcp/1'],
    ending: status === 'left' ? 1 : 0,
    issuer: peerId,
    signature: Uint8Array.of(1),
    ...changes
  }
  return status === 'evicted' ? { ...said, ...evictionOf(said, changes.ending ?? 1) } : said
}

const merge = (view: MembershipView, ...records: readonly MemberRecord[]): MembershipView =>
  records.reduce((merged, record) => mergeMember(merged, record).view, view)
const viewOf = (...records: readonly MemberRecord[]): MembershipView => merge(emptyView, ...records)

const anyRecord: fc.Arbitrary<MemberRecord> = fc
  .record({
    peerId: fc.constantFrom(xena, yves, 'Zoe' as PeerId),
    incarnation: fc.nat({ max: 2 }),
    sequence: fc.nat({ max: 2 }),
    status: fc.constantFrom(...statuses),
    weight: fc.nat({ max: 2 }),
    issuer: fc.constantFrom(xena, yves),
    signature: fc.uint8Array({ minLength: 1, maxLength: 2 })
  })
  .map(({ status, issuer, ...rest }) => member(status, status === 'evicted' ? { ...rest, issuer } : rest))

/** Records, and the same ones twice over in another order. */
const shuffled = fc
  .array(anyRecord, { maxLength: 12 })
  .chain(records =>
    fc.record({ records: fc.constant(records), order: fc.shuffledSubarray([...records, ...records], { minLength: records.length * 2 }) })
  )

describe('merging member records', () => {
  const pairs = statuses.flatMap(first => statuses.map(second => [first, second] as const))

  test.each(pairs)(
    '%s and then a later %s: the later one wins in both orders, unless an eviction ended the incarnation',
    (first, second) => {
      const [earlier, later] = [member(first, { sequence: 5 }), member(second, { sequence: 6 })]
      const expected = first === 'evicted' ? 'evicted' : second
      expect(viewOf(earlier, later).get(xena)?.status).toBe(expected)
      expect(viewOf(later, earlier).get(xena)?.status).toBe(expected)
      expect(viewOf(earlier, later).digest).toBe(viewOf(later, earlier).digest)
    }
  )

  test.each(pairs)('%s in one incarnation and %s in the next: the next wins in both orders', (first, second) => {
    const [earlier, later] = [member(first, { sequence: 50 }), member(second, { incarnation: 2, sequence: 0 })]
    expect(viewOf(earlier, later).get(xena)).toBe(later)
    expect(viewOf(later, earlier).get(xena)).toBe(later)
  })

  test.each(pairs)('%s and %s said under the same version: both orders agree', (first, second) => {
    const [one, other] = [member(first), member(second)]
    expect(viewOf(one, other).get(xena)).toEqual(viewOf(other, one).get(xena))
  })

  test('is commutative, associative and idempotent: any order and repetition give the same view', () => {
    fc.assert(
      fc.property(shuffled, ({ records, order }) => {
        const again = viewOf(...order)
        expect(again.all()).toEqual(viewOf(...records).all())
        expect(again.digest).toBe(viewOf(...records).digest)
      }),
      { numRuns: 1000 }
    )
  })

  test('merging whole views in any grouping gives the same view', () => {
    const some = fc.array(anyRecord, { maxLength: 5 }).map(records => viewOf(...records))
    fc.assert(
      fc.property(some, some, some, (a, b, c) => {
        const leftFirst = merge(merge(a, ...b.all()), ...c.all())
        const rightFirst = merge(a, ...merge(b, ...c.all()).all())
        expect(leftFirst.all()).toEqual(rightFirst.all())
      }),
      { numRuns: 500 }
    )
  })

  test('B067: an older record changes nothing and is reported as no news', () => {
    const view = viewOf(member('up', { incarnation: 2, sequence: 9 }))
    for (const older of [
      member('left', { incarnation: 2, sequence: 8 }),
      member('evicted', { incarnation: 1 }),
      member('left', { incarnation: 1, sequence: 99 })
    ]) {
      expect(mergeMember(view, older)).toEqual({ view, changed: false })
    }
  })

  test('the same record again is no news, and news leaves the old view as it was', () => {
    const { view, changed } = mergeMember(emptyView, member('up'))
    expect(changed).toBe(true)
    expect(mergeMember(view, member('up'))).toEqual({ view, changed: false })
    expect(mergeMember(view, member('left', { sequence: 2 })).changed).toBe(true)
    expect(view.get(xena)?.status).toBe('up')
    expect(emptyView.size).toBe(0)
  })

  test('an evicted peer comes back with its next incarnation only', () => {
    const evicted = viewOf(member('up'), member('evicted', { issuer: yves }))
    expect(evicted.get(xena)).toMatchObject({ status: 'evicted', issuer: yves, sequence: evictedSequence })
    expect(mergeMember(evicted, member('up', { sequence: 1000 })).changed).toBe(false)
    expect(mergeMember(evicted, member('joining', { incarnation: 2, sequence: 0 })).view.get(xena)?.status).toBe('joining')
  })

  test('a newcomer past the limit is refused while nobody has gone, and known members still change', () => {
    const view = viewOf(...Array.from({ length: membersMax }, (_, index) => member('up', { peerId: `Peer${index}` as PeerId })))
    expect(() => mergeMember(view, member('up'))).toThrow(expect.objectContaining({ code: 'ERR_MEMBERS_FULL' }))
    expect(mergeMember(view, member('left', { peerId: 'Peer7' as PeerId, sequence: 2 })).changed).toBe(true)
  })
})

describe('a view with many that have gone', () => {
  const named = (index: number): PeerId => `Peer${index}` as PeerId
  const gone = (index: number, changes: Partial<MemberRecord> = {}): MemberRecord =>
    member('evicted', { peerId: named(index), durable: false, ending: index + 1, ...changes })
  const upTo = (count: number): readonly MemberRecord[] => Array.from({ length: count }, (_, index) => gone(index))

  test('forgets the one that went first', () => {
    const view = viewOf(...upTo(goneMembersMax))
    const after = mergeMember(view, gone(goneMembersMax))
    expect(after).toMatchObject({ changed: true, forgotten: named(0) })
    expect(after.view.goneCount).toBe(goneMembersMax)
    expect(after.view.get(named(0))).toBeUndefined()
    expect(after.view.digest).toBe(viewOf(...upTo(goneMembersMax + 1).slice(1)).digest)
  })

  test('takes no news of one that went before all of them', () => {
    const view = viewOf(...upTo(goneMembersMax + 1).slice(1))
    expect(mergeMember(view, gone(0))).toEqual({ view, changed: false, forgotten: undefined })
  })

  test('forgets one that is durable after all that are not', () => {
    const view = viewOf(gone(0, { durable: true }), ...upTo(goneMembersMax).slice(1))
    expect(mergeMember(view, gone(goneMembersMax)).forgotten).toBe(named(1))
  })

  test('keeps all that are there, and what the ring is made of', () => {
    const view = viewOf(member('up'), ...upTo(goneMembersMax), member('joining', { peerId: yves }))
    const after = mergeMember(view, gone(goneMembersMax)).view
    expect(after.present).toEqual(view.present)
    expect(ringMembers(after)).toEqual(ringMembers(view))
  })

  test('makes room for a newcomer when it is full', () => {
    const present = Array.from({ length: membersMax - 1 }, (_, index) => member('up', { peerId: named(index + 10_000) }))
    const after = mergeMember(viewOf(...present, gone(0)), member('up'))
    expect(after).toMatchObject({ changed: true, forgotten: named(0) })
    expect(after.view.size).toBe(membersMax)
  })

  test('forgets the same ones in whatever order it hears of them', () => {
    const records = upTo(goneMembersMax + 5)
    const mixed = Array.from(records.keys(), index => records[(index * 11) % records.length] as MemberRecord)
    expect(new Set(mixed).size).toBe(records.length)
    const digests = [records, records.toReversed(), mixed].map(order => viewOf(...order).digest)
    expect(new Set(digests).size).toBe(1)
  })
})

describe('the digest of a view', () => {
  test('has 16 hexadecimal digits and differs when anything that a record says differs', () => {
    const digests = [
      emptyView,
      viewOf(member('up')),
      viewOf(member('joining')),
      viewOf(member('up', { sequence: 2 })),
      viewOf(member('up', { weight: 5 })),
      viewOf(member('up', { addresses: [] })),
      viewOf(member('up', { peerId: yves })),
      viewOf(member('up'), member('up', { peerId: yves }))
    ].map(view => view.digest)
    for (const digest of digests) expect(digest).toMatch(/^[0-9a-f]{16}$/)
    expect(new Set(digests).size).toBe(digests.length)
  })

  test('does not depend on who published an eviction', () => {
    const [mine, theirs] = [xena, yves].map(issuer => viewOf(member('evicted', { issuer, signature: Uint8Array.of(issuer.length) })))
    expect(mine?.digest).toBe(theirs?.digest)
  })
})

describe('the branches of a view', () => {
  const names = Array.from({ length: 60 }, (_, index) => `Peer${index}` as PeerId)
  const records = names.flatMap(peerId => [1, 2, 3].map(sequence => member('up', { peerId, sequence })))
  const grown = viewOf(...records)

  test('have the same digests however many changes a view follows from, and together those of the view', () => {
    const atOnce = viewOf(...records.filter(({ sequence }) => sequence === 3))
    for (const count of [1, 4, 256]) expect(grown.branchDigests(count)).toEqual(atOnce.branchDigests(count))
    expect(toHex(grown.branchDigests(1))).toBe(grown.digest)
  })

  test('hold every record once, newcomers and replaced ones included', () => {
    const halves = [Uint8Array.of(0b0101), Uint8Array.of(0b1010)].map(bits => grown.inBranches(bits, 4))
    expect(halves.every(half => half.length > 0)).toBe(true)
    const later = merge(grown, member('left', { peerId: 'Peer7' as PeerId, sequence: 9 }), member('up'))
    const found = [Uint8Array.of(0b0101), Uint8Array.of(0b1010)].flatMap(bits => later.inBranches(bits, 4))
    expect(new Set(found)).toEqual(new Set(later.all()))
    expect(found).toHaveLength(later.size)
  })
})

describe('a view', () => {
  test('lists its records by peer id and finds the peer of a storage incarnation', () => {
    const view = viewOf(member('up', { peerId: yves, replica: '00000000000000bb' as ReplicaId }), member('up'))
    expect(view.all().map(({ peerId }) => peerId)).toEqual([xena, yves])
    expect(view.ofReplica('00000000000000bb' as ReplicaId)?.peerId).toBe(yves)
    expect(view.ofReplica('00000000000000cc' as ReplicaId)).toBeUndefined()
  })
})

describe('the members of the ring', () => {
  test.each(statuses)('%s: in the ring with others only when joining or up', status => {
    const stays = { peerId: yves, weight: 4, durable: true, zone: undefined }
    const isIn = status === 'joining' || status === 'up'
    expect(ringMembers(viewOf(member(status), member('up', { peerId: yves })))).toEqual(
      isIn ? [{ ...stays, peerId: xena }, stays] : [stays]
    )
  })

  test.each(statuses)('%s: alone it is the ring until it has gone', status => {
    const isIn = status !== 'left' && status !== 'evicted'
    expect(ringMembers(viewOf(member(status)))).toEqual(isIn ? [{ peerId: xena, weight: 4, durable: true, zone: undefined }] : [])
  })

  test('are, where all are leaving, the one that goes last: a durable one before a heavy one, and then by its id', () => {
    const named = (...members: readonly MemberRecord[]): readonly PeerId[] => ringMembers(viewOf(...members)).map(({ peerId }) => peerId)
    const [zoe, una] = ['Zoe', 'Una'] as [PeerId, PeerId]
    const leaving = [
      member('leaving', { peerId: zoe, weight: 2, durable: false }),
      member('leaving', { peerId: yves, weight: 1 }),
      member('leaving', { weight: 1 }),
      member('leaving', { peerId: una, weight: 0 })
    ]
    expect(named(...leaving)).toEqual([xena])
    expect(named(...leaving.slice(0, 2))).toEqual([yves])
    expect(named(leaving[0] as MemberRecord, leaving[3] as MemberRecord)).toEqual([zoe])
    expect(named(...leaving, member('joining', { peerId: 'Ada' as PeerId }))).toEqual(['Ada'])
    expect(named(...leaving, member('up', { peerId: 'Ada' as PeerId, weight: 0 }))).toEqual([xena])
  })

  test('leave out clients, which have no weight, and come in the order of their ids', () => {
    const view = viewOf(member('up', { peerId: yves, zone: 'a' }), member('up', { peerId: 'Zoe' as PeerId, weight: 0 }), member('joining'))
    expect(ringMembers(view).map(({ peerId }) => peerId)).toEqual([xena, yves])
  })
})
