/** A member as a badge: its colour, its two letters, square for an edge peer and round for a tab. */
import type { MemberLook } from '../model/member-looks.ts'
import { lookOf, slotClass } from '../model/member-looks.ts'
import { usePeerView } from '../model/use-peer.ts'

export function MemberBadge({ look }: { readonly look: MemberLook }) {
  return (
    <span class={`badge badge-${look.kind} ${slotClass(look)}`} aria-hidden='true'>
      {look.badge}
    </span>
  )
}

/** A peer by id: badge and name. */
export function MemberName({ peerId }: { readonly peerId: string }) {
  const look = lookOf(usePeerView().looks, peerId)
  return (
    <span class='member-name' title={peerId}>
      <MemberBadge look={look} />
      <span>{look.name}</span>
      {look.self && <span class='you'>you</span>}
    </span>
  )
}

/** Several peers in a row. */
export function MemberNames({ peerIds }: { readonly peerIds: readonly string[] }) {
  if (peerIds.length === 0) return <span>nobody</span>
  return (
    <span class='member-names'>
      {peerIds.map(peerId => (
        <MemberName key={peerId} peerId={peerId} />
      ))}
    </span>
  )
}
