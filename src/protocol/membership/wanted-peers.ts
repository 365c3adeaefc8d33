/**
 * Whom a peer stays connected to: its neighbours.
 *
 * While the members are few, that is everybody. Beyond the bound it is those with whom something goes on all the time: the owners of the partitions that
 * this peer owns too, and the peers at the distances 1, 2, 4, 8 … in the list of members, both ways. By these any news reaches
 * everybody in a few hops, and the number of connections grows with the logarithm of the members (the fingers of Chord, Stoica et al. 2001). Two
 * peers with the same view agree on who is a neighbour, but where the bound of one of them cuts its list: then the other keeps the connection. All other
 * members are distant: a request that is for one of them opens a connection.
 */
import type { PeerId } from '../../core/identifiers.ts'
import type { MembershipView } from '../../core/members/membership-view.ts'
import type { Ring } from '../../core/ring/ring.ts'

/** Members other than this peer that have not gone: the neighbours where they are few, the best `most` of them otherwise. */
export function neighboursOf(view: MembershipView, ring: Ring, self: PeerId, most: number): ReadonlySet<PeerId> {
  const others = view.present.filter(peer => peer !== self)
  if (others.length <= most) return new Set(others)
  return new Set([...new Set([...fingers(view.present, self), ...byPartitionsShared(ring, self)])].slice(0, most))
}

/** Other peers that store something, those that are about to leave included. */
export function keepers(view: MembershipView, self: PeerId): readonly PeerId[] {
  return view.present.filter(peer => peer !== self && (view.get(peer)?.weight ?? 0) > 0)
}

/** Owners of the partitions that `peer` owns in `ring`, the most often met first. */
export function byPartitionsShared(ring: Ring, peer: PeerId): readonly PeerId[] {
  const shared = new Map<PeerId, number>()
  for (const partition of ring.partitionsOf(peer)) {
    for (const owner of ring.owners(partition)) if (owner !== peer) shared.set(owner, (shared.get(owner) ?? 0) + 1)
  }
  return [...shared].toSorted(([a, often], [b, oftener]) => oftener - often || (a < b ? -1 : 1)).map(([owner]) => owner)
}

/** Peers at the distances 1, 2, 4, 8 … from `self`, both ways round the sorted list. */
function fingers(sorted: readonly PeerId[], self: PeerId): readonly PeerId[] {
  const place = sorted.indexOf(self)
  const found: PeerId[] = []
  if (place < 0) return found
  for (let distance = 1; distance <= sorted.length / 2; distance *= 2) {
    for (const step of [distance, sorted.length - distance]) found.push(sorted[(place + step) % sorted.length] as PeerId)
  }
  return found
}
