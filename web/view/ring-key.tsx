/** The open key on the ring: its partition in its owners' colours, a pin, a line to each owner, its name in the middle. */
import { useMemo } from 'preact/hooks'
import type { KeyName } from '../model/key-name.ts'
import { lookOf, slotClass } from '../model/member-looks.ts'
import { cutText, textPieces } from '../model/plain-text.ts'
import { arcPath, chordPath, drawing, pointAt } from '../model/ring-geometry.ts'
import { usePeerView } from '../model/use-peer.ts'
import type { MemberPlace } from './ring-members.tsx'

/** Characters of the key that fit in the middle. */
const nameLengthMax = 18
/** Half the width of the key's partition, in turns: wider than it is, so that it can be seen. */
const halfTurn = 0.009

export function RingKey({ keyName, places }: { readonly keyName: KeyName; readonly places: ReadonlyMap<string, MemberPlace> }) {
  const { peer, ring } = usePeerView()
  const placement = useMemo(() => peer.place(keyName.input), [peer, keyName.id, ring])
  const turn = Number.parseInt(placement.position.slice(0, 8), 16) / 2 ** 32
  const tail = pointAt(turn, drawing.innerRadius - 13)
  return (
    <g class='ring-key' aria-hidden='true'>
      {placement.owners.map(owner => {
        const place = places.get(owner)
        return place !== undefined && <path key={owner} class={`owner-line ${slotClass(place.look)}`} d={chordPath(tail, place.point)} />
      })}
      <OwnPartition turn={turn} owners={placement.owners} />
      <Pin turn={turn} />
      <text class='key-name' x={drawing.center} y={drawing.center - 4}>
        {visibleName(keyName.text)}
      </text>
      <text class='key-place' x={drawing.center} y={drawing.center + 18}>
        partition {placement.partition}
      </text>
    </g>
  )
}

function OwnPartition({ turn, owners }: { readonly turn: number; readonly owners: readonly string[] }) {
  const { looks } = usePeerView()
  const bands = drawing.bands.slice(0, owners.length)
  const inner = (bands.at(-1)?.radius ?? 0) - (bands.at(-1)?.width ?? 0) / 2
  const outer = drawing.outerRadius
  return (
    <g>
      <path
        class='key-ground'
        d={arcPath(turn - halfTurn * 1.45, turn + halfTurn * 1.45, (inner + outer) / 2)}
        stroke-width={outer - inner + 4}
      />
      {bands.map(({ radius, width }, band) => (
        <path
          key={radius}
          class={`key-band ${slotClass(lookOf(looks, owners[band] ?? ''))}`}
          d={arcPath(turn - halfTurn, turn + halfTurn, radius)}
          stroke-width={width}
        />
      ))}
    </g>
  )
}

function Pin({ turn }: { readonly turn: number }) {
  const tip = pointAt(turn, drawing.innerRadius + 3)
  const left = pointAt(turn - 0.017, drawing.innerRadius - 14)
  const right = pointAt(turn + 0.017, drawing.innerRadius - 14)
  return <path class='key-pin' d={`M${tip.x} ${tip.y}L${left.x} ${left.y}L${right.x} ${right.y}Z`} />
}

function visibleName(text: string): string {
  const cut = cutText(text, nameLengthMax)
  const visible = textPieces(cut, false)
    .map(piece => piece.text)
    .join('')
  return cut.length < text.length ? `${visible}…` : visible
}
