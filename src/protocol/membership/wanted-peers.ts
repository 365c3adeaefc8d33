/**
 * Whom a peer stays connected to: its neighbours.
 *
 * While the members are few, that is everybody. Beyond the bound it is those with whom something goes on all the time: the owners of the partitions that
 * this peer owns too, the next one on each side in the list of members, so that all hang together, and some that chance gives it: a hash of both names
 * is low. By these any news reaches everybody in a few hops, and the number of connections grows with the logarithm of the members. Two peers have one hash,
 * whoever computes it, so those with the same view agree on who is a neighbour, but where the bound of one of them cuts its list: then the other keeps the
 * connection. And it is the same whoever else comes or goes, so a change makes few new neighbours; peers at certain distances in the list (the fingers of
 * Chord, Stoica et al. 2001) would be others for everybody with each newcomer. All other members are distant: a request that is for one of them opens a
 * connection.
 */
import type { PeerId } from '../../core/identifiers.ts'
import type { MembershipView } from '../../core/members/membership-view.ts'
import type { Ring } from '../../core/ring/ring.ts'
import { mix } from '../../core/ring/token.ts'

/** Members other than this peer that have not gone: the neighbours where they are few, the best `most` of them otherwise. */
export function neighboursOf(view: MembershipView, ring: Ring, self: PeerId, most: number): ReadonlySet<PeerId> {
  const { present } = view
  const place = present.indexOf(self)
  const others = present.length - (place < 0 ? 0 : 1)
  if (others <= most) return new Set(present.filter(peer => peer !== self))
  const wanted = new Set([...nextTo(present, place), ...byChance(present, self, others), ...byPartitionsShared(ring, self)])
  return wanted.size <= most ? wanted : new Set([...wanted].slice(0, most))
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

/** Those before and after a place in the sorted list, which is a circle; none for one that is not in it. */
function nextTo(sorted: readonly PeerId[], place: number): readonly PeerId[] {
  if (place < 0) return []
  return [1, sorted.length - 1].map(step => sorted[(place + step) % sorted.length] as PeerId)
}

/**
 * Of the `others` about twice as many as the logarithm of their number, by the hash of both names in ascending order: the lowest first, as they have it
 * too. Everybody looks at all whenever anybody comes or goes, so it makes no list but of those that it finds.
 */
function byChance(present: readonly PeerId[], self: PeerId, others: number): readonly PeerId[] {
  const below = (2 ** 32 * 2 * (31 - Math.clz32(others))) / others
  const own = fnv(self, 0x811c9dc5)
  const chosen: { readonly peer: PeerId; readonly hash: number }[] = []
  for (const peer of present) {
    const hash = mix(self < peer ? fnv(peer, own) : fnv(self, fnv(peer, 0x811c9dc5)))
    if (hash < below && peer !== self) chosen.push({ peer, hash })
  }
  return chosen.sort((a, b) => a.hash - b.hash).map(({ peer }) => peer)
}

/** FNV-1a, continued from the hash of what comes before. */
function fnv(text: string, before: number): number {
  let hash = before
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash
}
