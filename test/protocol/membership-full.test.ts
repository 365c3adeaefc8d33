/** Membership at its bound: a view that is full takes no newcomer, and nobody comes to harm because of one. */
import { describe, expect, test } from 'vitest'
import type { ReplicaId } from '../../src/core/identifiers.ts'
import { goneMembersMax, membersMax } from '../../src/core/limits.ts'
import { encodeMember, signMember, type MemberRecord } from '../../src/core/members/member-record.ts'
import { viewOf, type MembershipView } from '../../src/core/members/membership-view.ts'
import { prng } from '../../src/core/prng.ts'
import type { Effect } from '../../src/protocol/effect.ts'
import { Membership } from '../../src/protocol/membership/membership.ts'
import { memberKey } from '../../src/protocol/storage-layout.ts'
import { Tokens } from '../../src/protocol/tokens.ts'
import { peerName, simulatedSigner, simulatedVerifier } from '../../src/simulation/cluster/simulated-identity.ts'

const now = { ms: 1000, wallMs: 1_800_000_000_000 }
const own = { incarnation: 1, status: 'up', weight: 1, durable: true, zone: undefined, replica: 'a'.repeat(16) as ReplicaId } as const
const recordOf = (index: number, sequence = 0): MemberRecord => {
  const signer = simulatedSigner(peerName(index))
  return signMember({ ...own, sequence, peerId: signer.peerId, addresses: [], ending: 0 }, 'full', signer)
}

/** Ended in this order, each by its own word. */
const leftOf = (index: number): MemberRecord => {
  const signer = simulatedSigner(peerName(index))
  const said = { ...own, sequence: 5, status: 'left', durable: false, peerId: signer.peerId, addresses: [], ending: index } as const
  return signMember(said, 'full', signer)
}

function membershipOf(view: MembershipView): Membership {
  return new Membership({
    cluster: 'full',
    signer: simulatedSigner(peerName(0)),
    verifier: simulatedVerifier,
    random: prng(1),
    tokens: new Tokens(1),
    own: { ...own, sequence: 0 },
    view,
    evictAfterMs: 600_000,
    connectedPeers: () => [],
    neighbours: () => new Set(),
    met: () => undefined,
    changed: () => undefined,
    heard: () => undefined,
    rolledBack: () => undefined
  })
}

describe('a view with as many that have gone as it remembers', () => {
  const view = viewOf([recordOf(0), ...Array.from({ length: goneMembersMax }, (_, index) => leftOf(index + 1))])
  const stranger = peerName(goneMembersMax + 2)

  test('forgets the first of them on the disk too, in the batch that keeps the next', () => {
    const member = membershipOf(view)
    const effects: Effect[] = []
    member.gossip(now, encodeMember(leftOf(goneMembersMax + 1)), effects)
    const writes = effects.filter(effect => effect.kind === 'write')
    expect(writes).toHaveLength(1)
    expect(writes[0]?.batch.map(({ type, key }) => ({ type, key }))).toEqual([
      { type: 'put', key: memberKey(peerName(goneMembersMax + 1)) },
      { type: 'delete', key: memberKey(peerName(1)) }
    ])
  })

  test('lets a stranger join again that says it was up before: it may have been evicted and forgotten', () => {
    const member = membershipOf(view)
    const effects: Effect[] = []
    member.connected(now, stranger, recordOf(goneMembersMax + 2, 0x10_0000), effects)
    expect(member.view.get(stranger)?.status).toBe('evicted')
    expect(effects.filter(({ kind }) => kind === 'write')).toHaveLength(2)
  })

  test('takes in a stranger that runs for the first time', () => {
    const member = membershipOf(view)
    member.connected(now, stranger, recordOf(goneMembersMax + 2, 3), [])
    expect(member.view.get(stranger)?.status).toBe('up')
  })

  test('has an ending follow all that it knows of', () => {
    const member = membershipOf(view)
    member.setStatus(now, 'left', [])
    expect(member.record?.ending).toBe(goneMembersMax + 1)
  })
})

describe('a full view', () => {
  const view = viewOf(Array.from({ length: membersMax }, (_, index) => recordOf(index)))
  const newcomer = recordOf(membersMax)
  const news = recordOf(1, 5)
  const membership = (): Membership => membershipOf(view)

  test('ignores gossip about a newcomer: whoever passes it on did nothing wrong', () => {
    expect(membership().gossip(now, encodeMember(newcomer), [])).toBe('ignore')
  })

  test('outlives the hello of a newcomer', () => {
    const member = membership()
    const effects: Effect[] = []
    member.connected(now, newcomer.peerId, newcomer, effects)
    expect(member.view.get(newcomer.peerId)).toBeUndefined()
    expect(effects).toContainEqual({ kind: 'report', event: { type: 'counted', name: 'refused.ERR_MEMBERS_FULL' } })
  })

  test('keeps what comes in one message with a newcomer', () => {
    const member = membership()
    const effects: Effect[] = []
    member.receive(now, peerName(2), { type: 'view-records', records: [news, newcomer] }, effects)
    expect(member.view.get(news.peerId)).toBe(news)
    expect(effects.filter(({ kind }) => kind === 'write')).toHaveLength(1)
  })
})
