/**
 * The drawing of the ring: bands of arcs coloured by owner, members around it, the open key with its owners, flashes of activity.
 * Looking at a member (pointer or keyboard) leaves only its arcs in colour.
 */
import { useMemo } from 'preact/hooks'
import type { KeyName } from '../model/key-name.ts'
import { lookOf, slotClass } from '../model/member-looks.ts'
import { bandPaths, drawing } from '../model/ring-geometry.ts'
import { usePeerView } from '../model/use-peer.ts'
import { RingFlashes } from './ring-flashes.tsx'
import { RingKey } from './ring-key.tsx'
import { memberPlaces, RingMembers } from './ring-members.tsx'
import type { LookProps } from './look-props.ts'

export function RingView({ keyName, lookedAt, onLook }: LookProps & { readonly keyName: KeyName }) {
  const { members, looks } = usePeerView()
  const places = useMemo(() => memberPlaces(members, looks), [members, looks])
  return (
    <svg
      class={lookedAt === undefined ? 'ring' : 'ring is-looking'}
      viewBox={`0 0 ${drawing.size} ${drawing.size}`}
      role='group'
      aria-label='Ring of partitions with its members'
    >
      <StripePatterns />
      <RingBands lookedAt={lookedAt} />
      <RingKey keyName={keyName} places={places} />
      <RingFlashes places={places} />
      <RingMembers places={places} lookedAt={lookedAt} onLook={onLook} />
    </svg>
  )
}

/** The arcs, drawn anew only when the ring or the colours change. */
function RingBands({ lookedAt }: { readonly lookedAt: string | undefined }) {
  const { ring, looks } = usePeerView()
  const paths = useMemo(() => bandPaths(ring.owners), [ring])
  const { center, bands } = drawing
  const used = bands.slice(0, Math.min(bands.length, ring.replicas))
  return (
    <g class='bands' aria-hidden='true'>
      {used.map(({ radius, width }) => (
        <circle key={radius} class='band-ground' cx={center} cy={center} r={radius} stroke-width={width} />
      ))}
      {paths.map(({ owner, band, path }) => (
        <path
          key={`${owner} ${band}`}
          class={`band ${slotClass(lookOf(looks, owner))}${lookedAt === owner ? ' is-looked-at' : ''}`}
          d={path}
          stroke-width={bands[band]?.width ?? 0}
        />
      ))}
    </g>
  )
}

/** Stripes for members past the palette. */
function StripePatterns() {
  return (
    <defs>
      <pattern id='stripes' width='6' height='6' patternUnits='userSpaceOnUse' patternTransform='rotate(45)'>
        <rect class='stripe-mask-on' width='6' height='6' />
        <rect class='stripe-mask-off' width='2.5' height='6' />
      </pattern>
      <mask id='striped'>
        <rect width={drawing.size} height={drawing.size} fill='url(#stripes)' />
      </mask>
    </defs>
  )
}
