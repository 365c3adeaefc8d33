/**
 * The running peer as Preact sees it: a snapshot of its members, ring and status, renewed when the peer reports something.
 */
import type { MemberInfo, Peer, PeerEvents, PeerStatus, RingInfo } from 'dynamesh'
import { createContext } from 'preact'
import { useContext, useEffect, useMemo, useState } from 'preact/hooks'
import type { Activity } from './activity.ts'
import { ActivityFeed } from './activity.ts'
import type { Invitation } from './invitation.ts'
import type { MemberLook } from './member-looks.ts'
import { memberLooks } from './member-looks.ts'

export interface PeerSnapshot {
  readonly members: readonly MemberInfo[]
  readonly ring: RingInfo
  readonly status: PeerStatus
}

/** What every view of a running peer needs. */
export interface PeerView extends PeerSnapshot {
  readonly peer: Peer
  readonly invitation: Invitation
  readonly looks: ReadonlyMap<string, MemberLook>
  readonly feed: ActivityFeed
}

const PeerViewContext = createContext<PeerView | undefined>(undefined)
export const PeerViewProvider = PeerViewContext.Provider

/** The running peer. Only views inside the provider may ask. */
export function usePeerView(): PeerView {
  const view = useContext(PeerViewContext)
  if (view === undefined) throw new Error('no peer is running here')
  return view
}

const changes = [
  'member:joining',
  'member:up',
  'member:leaving',
  'member:left',
  'member:evicted',
  'member:suspect',
  'member:reachable',
  'ring:changed',
  'moves:progress',
  'hint:stored',
  'hint:delivered',
  'key:changed',
  'connection:opened',
  'connection:closed'
] as const satisfies readonly (keyof PeerEvents)[]

/** Numbers without an event of their own (bytes stored, connections that became direct) are looked at this often. */
const lookEveryMs = 2000
/** Bursts of events become one new snapshot. */
const settleMs = 60

/** Builds the view of `peer` and keeps it up to date. */
export function usePeerSnapshot(peer: Peer, invitation: Invitation): PeerView {
  const [snapshot, setSnapshot] = useState(() => takeSnapshot(peer))
  const feed = useMemo(() => new ActivityFeed(peer), [peer])
  useEffect(() => {
    const ended = new AbortController()
    let soon: ReturnType<typeof setTimeout> | undefined
    const renew = (): void => {
      clearTimeout(soon)
      soon = undefined
      setSnapshot(former => takeSnapshot(peer, former))
    }
    const renewSoon = (): void => {
      soon ??= setTimeout(renew, settleMs)
    }
    for (const name of changes) peer.addEventListener(name, renewSoon, { signal: ended.signal })
    // A switch that was pressed shows at once.
    peer.addEventListener('network:cut', renew, { signal: ended.signal })
    const look = setInterval(renewSoon, lookEveryMs)
    renewSoon()
    return () => {
      ended.abort()
      clearInterval(look)
      clearTimeout(soon)
      feed.end()
    }
  }, [peer, feed])
  const looks = useMemo(() => memberLooks(snapshot.members, invitation.peers), [snapshot.members, invitation])
  return useMemo(() => ({ ...snapshot, peer, invitation, looks, feed }), [snapshot, peer, invitation, looks, feed])
}

/** The ring keeps its identity while its digest does, so that its drawing is made once. */
function takeSnapshot(peer: Peer, former?: PeerSnapshot): PeerSnapshot {
  const status = peer.status()
  const isSameRing = former !== undefined && former.status.ringDigest === status.ringDigest
  return { members: peer.members(), ring: isSameRing ? former.ring : peer.ring(), status }
}

/** The newest reports. */
export function useActivities(feed: ActivityFeed): readonly Activity[] {
  const [activities, setActivities] = useState(feed.activities)
  useEffect(() => {
    setActivities(feed.activities)
    return feed.subscribe(() => setActivities(feed.activities))
  }, [feed])
  return activities
}
