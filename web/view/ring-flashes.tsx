/**
 * Activity on the ring: a mark at the partition it happened in, a line to the peer it happened with. Each lives for about a second;
 * with reduced motion it is a still mark.
 */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Activity } from '../model/activity.ts'
import { peersOf } from '../model/activity.ts'
import { arcPath, chordPath, drawing, pointAt } from '../model/ring-geometry.ts'
import { usePeerView } from '../model/use-peer.ts'
import type { MemberPlace } from './ring-members.tsx'

const flashMs = 1400
const flashesMax = 24

export function RingFlashes({ places }: { readonly places: ReadonlyMap<string, MemberPlace> }) {
  const { ring } = usePeerView()
  const flashes = useFlashes()
  return (
    <g class='flashes' aria-hidden='true'>
      {flashes.map(flash => (
        <Flash key={flash.id} flash={flash} places={places} partitions={ring.partitions} />
      ))}
    </g>
  )
}

interface FlashProps {
  readonly flash: Activity
  readonly places: ReadonlyMap<string, MemberPlace>
  readonly partitions: number
}

function Flash({ flash, places, partitions }: FlashProps) {
  const involved = peersOf(flash).flatMap(peerId => places.get(peerId) ?? [])
  const { partition } = flash
  if (partition === undefined) return <>{involved.map(place => ripple(flash, place))}</>
  const turn = (partition + 0.5) / partitions
  const from = pointAt(turn, drawing.innerRadius)
  return (
    <>
      <path class={`flash-arc flash-${flash.kind}`} d={arcPath(turn - 0.012, turn + 0.012, drawing.outerRadius + 5)} />
      {involved.map(({ member, point }) => (
        <path key={member.peerId} class={`flash-line flash-${flash.kind}`} d={chordPath(from, point)} pathLength={1} />
      ))}
    </>
  )
}

function ripple(flash: Activity, { member, point }: MemberPlace) {
  return <circle key={member.peerId} class={`flash-ripple flash-${flash.kind}`} cx={point.x} cy={point.y} r='26' />
}

/** Reports of the last moment. Several of one kind, place and peer are one flash. */
function useFlashes(): readonly Activity[] {
  const { feed } = usePeerView()
  const [flashes, setFlashes] = useState<readonly Activity[]>([])
  const lastSeen = useRef(feed.activities[0]?.id ?? 0)
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const drop = (): void => {
      timer = undefined
      const bornAfterMs = Date.now() - flashMs
      setFlashes(former => {
        const kept = former.filter(flash => flash.atMs > bornAfterMs)
        if (kept.length > 0) timer ??= setTimeout(drop, flashMs / 4)
        return kept
      })
    }
    const end = feed.subscribe(() => {
      const fresh = feed.activities.filter(activity => activity.id > lastSeen.current)
      lastSeen.current = feed.activities[0]?.id ?? lastSeen.current
      setFlashes(former => distinct([...fresh, ...former]).slice(0, flashesMax))
      timer ??= setTimeout(drop, flashMs)
    })
    return () => {
      end()
      clearTimeout(timer)
    }
  }, [feed])
  return flashes
}

function distinct(flashes: readonly Activity[]): readonly Activity[] {
  const seen = new Set<string>()
  return flashes.filter(flash => {
    const where = `${flash.kind} ${flash.partition ?? ''} ${peersOf(flash).join(' ')}`
    if (seen.has(where)) return false
    seen.add(where)
    return true
  })
}
