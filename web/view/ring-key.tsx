/** The open key on the ring: a pin at its position, a line to each owner, its name in the middle. */
import { useMemo } from 'preact/hooks'
import type { KeyName } from '../model/key-name.ts'
import { slotClass } from '../model/member-looks.ts'
import { cutText, textPieces } from '../model/plain-text.ts'
import { chordPath, drawing, pointAt } from '../model/ring-geometry.ts'
import { usePeerView } from '../model/use-peer.ts'
import type { MemberPlace } from './ring-members.tsx'

/** Characters of the key that fit in the middle. */
const nameLengthMax = 18

export function RingKey({ keyName, places }: { readonly keyName: KeyName; readonly places: ReadonlyMap<string, MemberPlace> }) {
  const { peer, ring } = usePeerView()
  const placement = useMemo(() => peer.place(keyName.input), [peer, keyName.id, ring])
  const turn = Number.parseInt(placement.position.slice(0, 8), 16) / 2 ** 32
  const tip = pointAt(turn, drawing.innerRadius + 2)
  const left = pointAt(turn - 0.016, drawing.innerRadius - 16)
  const right = pointAt(turn + 0.016, drawing.innerRadius - 16)
  const tail = pointAt(turn, drawing.innerRadius - 13)
  return (
    <g class='ring-key' aria-hidden='true'>
      {placement.owners.map(owner => {
        const place = places.get(owner)
        return place !== undefined && <path key={owner} class={`owner-line ${slotClass(place.look)}`} d={chordPath(tail, place.point)} />
      })}
      <path
        class='key-cut'
        d={`M${pointAt(turn, drawing.innerRadius).x} ${pointAt(turn, drawing.innerRadius).y}L${pointAt(turn, drawing.outerRadius + 4).x} ${pointAt(turn, drawing.outerRadius + 4).y}`}
      />
      <path class='key-pin' d={`M${tip.x} ${tip.y}L${left.x} ${left.y}L${right.x} ${right.y}Z`} />
      <text class='key-name' x={drawing.center} y={drawing.center - 4}>
        {visibleName(keyName.text)}
      </text>
      <text class='key-place' x={drawing.center} y={drawing.center + 18}>
        partition {placement.partition}
      </text>
    </g>
  )
}

function visibleName(text: string): string {
  const cut = cutText(text, nameLengthMax)
  const visible = textPieces(cut, false)
    .map(piece => piece.text)
    .join('')
  return cut.length < text.length ? `${visible}…` : visible
}
