/** Members around the ring: square for an edge peer, round for a tab; the rim tells the state. Each can be focused and pinned. */
import type { MemberInfo } from 'dynamesh'
import type { MemberLook } from '../model/member-looks.ts'
import { lookOf, slotClass } from '../model/member-looks.ts'
import { memberState } from '../model/member-state.ts'
import type { Point } from '../model/ring-geometry.ts'
import { drawing, pointAt } from '../model/ring-geometry.ts'
import { usePeerView } from '../model/use-peer.ts'
import type { LookProps } from './look-props.ts'

export interface MemberPlace {
  readonly member: MemberInfo
  readonly look: MemberLook
  readonly point: Point
}

/** From this number on names are shown only for the member that is looked at. */
const namesMax = 16

/** Places of the members that are part of the ring or on their way in or out, edge peers first. */
export function memberPlaces(members: readonly MemberInfo[], looks: ReadonlyMap<string, MemberLook>): ReadonlyMap<string, MemberPlace> {
  const present = members
    .filter(member => member.status !== 'left' && member.status !== 'evicted')
    .map(member => ({ member, look: lookOf(looks, member.peerId) }))
    .sort((a, b) => a.look.kind.localeCompare(b.look.kind) || a.look.name.localeCompare(b.look.name))
  return new Map(
    present.map((place, index) => [place.member.peerId, { ...place, point: pointAt(index / present.length, drawing.memberRadius) }])
  )
}

export function RingMembers({ places, lookedAt, onLook }: LookProps & { readonly places: ReadonlyMap<string, MemberPlace> }) {
  const size = places.size > 24 ? 9 : 17
  return (
    <g class='ring-members'>
      {[...places.values()].map(place => (
        <RingMember
          key={place.member.peerId}
          place={place}
          size={size}
          isNamed={places.size <= namesMax || lookedAt === place.member.peerId}
          isLookedAt={lookedAt === place.member.peerId}
          onLook={onLook}
        />
      ))}
    </g>
  )
}

interface RingMemberProps {
  readonly place: MemberPlace
  readonly size: number
  readonly isNamed: boolean
  readonly isLookedAt: boolean
  readonly onLook: (peerId: string | undefined) => void
}

function RingMember({ place: { member, look, point }, size, isNamed, isLookedAt, onLook }: RingMemberProps) {
  const { ring } = usePeerView()
  const { tone, words } = memberState(member)
  const label = `${look.name}${member.self ? ', this tab' : ''}: ${words}, owns ${member.partitionsOwned} of ${ring.partitions} partitions`
  return (
    <g
      class={`ring-member ring-member-${tone} ${slotClass(look)}${isLookedAt ? ' is-looked-at' : ''}`}
      role='button'
      tabIndex={0}
      aria-label={label}
      aria-pressed={isLookedAt}
      onMouseEnter={() => onLook(member.peerId)}
      onMouseLeave={() => onLook(undefined)}
      onFocus={() => onLook(member.peerId)}
      onBlur={() => onLook(undefined)}
      onClick={() => onLook(member.peerId)}
      onKeyDown={event => {
        if (event.key === 'Escape') onLook(undefined)
        if (event.key !== 'Enter' && event.key !== ' ') return
        event.preventDefault()
        onLook(isLookedAt ? undefined : member.peerId)
      }}
    >
      <MemberShape kind={look.kind} point={point} size={size + 5} className='member-rim' />
      <MemberShape kind={look.kind} point={point} size={size} className='member-body' />
      {size > 10 && (
        <text class='member-badge' x={point.x} y={point.y} dy='0.36em'>
          {look.badge}
        </text>
      )}
      {isNamed && <NameTag place={{ member, look, point }} offset={size + 19} />}
    </g>
  )
}

function NameTag({ place: { member, look, point }, offset }: { readonly place: MemberPlace; readonly offset: number }) {
  const { tone, words } = memberState(member)
  const second = tone === 'good' ? undefined : tone === 'self' ? 'you' : words
  const isAbove = point.y < drawing.center - drawing.memberRadius * 0.9
  const y = isAbove ? point.y - offset + (second === undefined ? 9 : -5) : point.y + offset
  return (
    <text class='member-tag' x={point.x} y={y}>
      {look.name}
      {second !== undefined && (
        <tspan class={`member-tag-state tag-${tone}`} x={point.x} dy='1.05em'>
          {second}
        </tspan>
      )}
    </text>
  )
}

function MemberShape({
  kind,
  point,
  size,
  className
}: {
  readonly kind: 'edge' | 'tab'
  readonly point: Point
  readonly size: number
  readonly className: string
}) {
  if (kind === 'tab') return <circle class={className} cx={point.x} cy={point.y} r={size} />
  return <rect class={className} x={point.x - size} y={point.y - size} width={2 * size} height={2 * size} rx={size * 0.32} />
}
