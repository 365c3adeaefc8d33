import { describe, expect, test } from 'vitest'
import type { PeerId, ReplicaId } from '../../src/core/identifiers.ts'
import { memberNamed } from '../../src/core/members/member-name.ts'
import type { MemberRecord, MemberStatus } from '../../src/core/members/member-record.ts'

const [ada, ben, cyd] = ['12D3KooWAda4567890', '12D3KooWBen4567890', '12D3KooWCyd1112222'] as [PeerId, PeerId, PeerId]

function member(peerId: PeerId, status: MemberStatus = 'up'): MemberRecord {
  const replica = '0'.repeat(16) as ReplicaId
  const said = {
    peerId,
    incarnation: 1,
    sequence: 1,
    status,
    weight: 4,
    durable: true,
    zone: undefined,
    replica,
    addresses: [],
    ending: 0,
    issuer: peerId
  }
  return { ...said, signature: new Uint8Array(1) }
}

const members = [member(ada), member(ben), member(cyd)]
const found = (name: string, among = members): PeerId => memberNamed(among, name).peerId

describe('a member', () => {
  test.each([
    ['its whole peer id', cyd],
    ['a beginning that no other has', '12D3KooWCyd'],
    ['an end that no other has', '112222'],
    ['an end as tables show it', '…Cyd1112222']
  ])('is found by %s', (_, name) => {
    expect(found(name)).toBe(cyd)
  })

  test('that is there is meant before one that left', () => {
    expect(found('567890', [member(ada, 'left'), member(ben)])).toBe(ben)
    expect(found('567890', [member(ada, 'left'), member(cyd)])).toBe(ada)
  })

  test.each([
    ['an empty name', ''],
    ['a beginning that all have', '12D3K'],
    ['an end of five characters', '12222'],
    ['the middle of a peer id', 'oWCyd111'],
    ['another letter case', '12d3koowcyd1112222'],
    ['control characters', '\u001b[2J\u202e']
  ])('is not found by %s', (_, name) => {
    expect(() => found(name)).toThrow(expect.objectContaining({ code: 'ERR_MEMBER_UNKNOWN', details: { name } }))
  })

  test('is not guessed: a name of several is refused with all that it may mean', () => {
    expect(() => found('567890')).toThrow(
      expect.objectContaining({ code: 'ERR_MEMBER_AMBIGUOUS', details: { name: '567890', candidates: [ada, ben] } })
    )
    expect(() => found('12D3KooW')).toThrow(/may mean 3 members: .*Cyd1112222\. Give more/)
  })

  test('whose whole id begins another one is found by it', () => {
    const longer = `${ada}x` as PeerId
    expect(found(ada, [member(longer), member(ada)])).toBe(ada)
  })
})
