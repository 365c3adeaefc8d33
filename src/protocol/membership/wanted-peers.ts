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
  const others = view.present.filter(peer => peer !== self)
  if (others.length <= most) return new Set(others)
  return new Set([...new Set([...nextTo(view.present, self), ...byChance(others, self), ...byPartitionsShared(ring, self)])].slice(0, most))
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

/** Those before and after `self` in the sorted list, which is a circle. */
function nextTo(sorted: readonly PeerId[], self: PeerId): readonly PeerId[] {
  const place = sorted.indexOf(self)
  if (place < 0) return []
  return [1, sorted.length - 1].map(step => sorted[(place + step) % sorted.length] as PeerId)
}

/** Of `others` about twice as many as the logarithm of their number, by the hash with `self`: the lowest first, as they have it too. */
function byChance(others: readonly PeerId[], self: PeerId): readonly PeerId[] {
  const below = (2 ** 32 * 2 * (31 - Math.clz32(others.length))) / others.length
  const chosen = others.map(peer => ({ peer, hash: hashOfPair(self, peer) })).filter(({ hash }) => hash < below)
  return chosen.toSorted((a, b) => a.hash - b.hash).map(({ peer }) => peer)
}

/** 32 bits for two names, in whatever order they are given. */
function hashOfPair(a: PeerId, b: PeerId): number {
  const [first, second] = a < b ? [a, b] : [b, a]
  return mix(fnv(second, fnv(first, 0x811c9dc5)))
}

/** FNV-1a, continued from the hash of what comes before. */
function fnv(text: string, before: number): number {
  let hash = before
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash
}
