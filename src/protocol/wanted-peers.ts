/** Whom a peer stays connected to, and who of them stores something: the members of its view that have not gone. */
import type { PeerId } from '../core/identifiers.ts'
import type { MemberRecord } from '../core/member-record.ts'
import { isGone, type MembershipView } from '../core/membership-view.ts'

/** Members to stay connected to, and where they are. */
export function wantedPeers(
  view: MembershipView,
  self: PeerId
): readonly { readonly peer: PeerId; readonly addresses: readonly string[] }[] {
  return present(view, self).map(({ peerId, addresses }) => ({ peer: peerId, addresses }))
}

/** Other peers that store something, those that are about to leave included. */
export function keepers(view: MembershipView, self: PeerId): readonly PeerId[] {
  return present(view, self).flatMap(({ peerId, weight }) => (weight > 0 ? [peerId] : []))
}

function present(view: MembershipView, self: PeerId): readonly MemberRecord[] {
  return view.all().filter(({ peerId, status }) => peerId !== self && !isGone(status))
}
