/** Refuses evictions that are clear mistakes: of nobody, of several, of the peer itself, or of one that answers. */
import { StoreError } from '../core/errors.ts'
import type { MemberRecord } from '../core/members/member-record.ts'
import { memberNamed } from '../core/members/member-name.ts'
import { isGone } from '../core/members/member-record.ts'
import type { RingPeer } from '../protocol/ring-peer.ts'
import { OptionReader } from './option-reader.ts'
import { kindOf } from './text.ts'

/** An eviction that may be done. */
export interface CheckedEviction {
  readonly member: MemberRecord
  readonly signal: AbortSignal | undefined
}

/**
 * The member that `name` means.
 *
 * @throws `ERR_OPTIONS`, `ERR_MEMBER_UNKNOWN`, `ERR_MEMBER_AMBIGUOUS`, `ERR_MEMBER_SELF`, `ERR_MEMBER_REACHABLE`
 */
export function checkEviction(ringPeer: RingPeer, name: unknown, options: unknown): CheckedEviction {
  const reader = new OptionReader('evict options', options, ['force', 'signal'])
  const checked = { force: reader.boolean('force', false), signal: reader.signal('signal') }
  reader.finish()
  if (typeof name !== 'string') throw new StoreError('ERR_OPTIONS', `evict needs the peer id of a member, got ${kindOf(name)}.`)
  const member = memberNamed(ringPeer.view.all(), name)
  const { peerId } = member
  if (peerId === ringPeer.self)
    throw new StoreError('ERR_MEMBER_SELF', 'This is the peer that was asked: it cannot evict itself. It leaves for good by `leave`.', {
      details: { peerId }
    })
  if (!checked.force && !isGone(member.status) && ringPeer.isReachable(peerId))
    throw new StoreError(
      'ERR_MEMBER_REACHABLE',
      `${peerId} answers, so it is not gone: let it leave by itself. Evicted by force it would come back at once.`,
      { details: { peerId } }
    )
  return { member, signal: checked.signal }
}
