/** Membership at its bound: a view that is full takes no newcomer, and nobody comes to harm because of one. */
import { describe, expect, test } from 'vitest'
import type { ReplicaId } from '../../src/core/identifiers.ts'
import { membersMax } from '../../src/core/limits.ts'
import { encodeMember, signMember, type MemberRecord } from '../../src/core/members/member-record.ts'
import { viewOf } from '../../src/core/members/membership-view.ts'
import { prng } from '../../src/core/prng.ts'
import type { Effect } from '../../src/protocol/effect.ts'
import { Membership } from '../../src/protocol/membership/membership.ts'
import { Tokens } from '../../src/protocol/tokens.ts'
import { peerName, simulatedSigner, simulatedVerifier } from '../../src/simulation/cluster/simulated-identity.ts'

const now = { ms: 1000, wallMs: 1_800_000_000_000 }
const own = { incarnation: 1, status: 'up', weight: 1, durable: true, zone: undefined, replica: 'a'.repeat(16) as ReplicaId } as const
const recordOf = (index: number, sequence = 0): MemberRecord => {
  const signer = simulatedSigner(peerName(index))
  return signMember({ ...own, sequence, peerId: signer.peerId, addresses: [] }, 'full', signer)
}

describe('a full view', () => {
  const view = viewOf(Array.from({ length: membersMax }, (_, index) => recordOf(index)))
  const newcomer = recordOf(membersMax)
  const news = recordOf(1, 5)
  const membership = (): Membership =>
    new Membership({
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
      rolledBack: () => undefined
    })

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
