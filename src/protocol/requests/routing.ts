/**
 * Whom to ask: the ring as this peer sees it, and who of it can be reached at the moment.
 *
 * "The first N reachable" of a preference list is the paper's sloppy quorum (section 4.6): owners while they answer, fallbacks in walk
 * order in place of those that do not.
 */
import type { PeerId } from '../../core/identifiers.ts'
import { partitionOf, position } from '../../core/ring/position.ts'
import type { Ring } from '../../core/ring/ring.ts'

/** What requests need to know about the cluster. */
export interface Routing {
  readonly self: PeerId
  ring(): Ring
  /** True for this peer itself and for peers that answer. */
  isReachable(peer: PeerId): boolean
  /** True for a member that has not got all that it owns yet. */
  isJoining(peer: PeerId): boolean
  /** True while this peer, back from a long absence, tells nobody of its copies. */
  isClosed(): boolean
}

export function partitionOfKey(ring: Ring, key: Uint8Array): number {
  return partitionOf(position(key), ring.partitions)
}

/** Owners of a key in the current ring. */
export function ownersOf(routing: Routing, key: Uint8Array): readonly PeerId[] {
  const ring = routing.ring()
  return ring.owners(partitionOfKey(ring, key))
}

/** The first `count` reachable peers of a partition's preference list that are not in `except`; only owners when `strict`. */
export function firstReachable(
  routing: Routing,
  partition: number,
  count: number,
  strict: boolean,
  except: ReadonlySet<PeerId>
): readonly PeerId[] {
  const ring = routing.ring()
  const chosen: PeerId[] = []
  for (const peer of strict ? ring.owners(partition) : ring.preferenceList(partition)) {
    if (chosen.length >= count) break
    if (!except.has(peer) && routing.isReachable(peer)) chosen.push(peer)
  }
  return chosen
}

/** Waits that are part of the protocol, in milliseconds. */
export const waits = {
  /** Silence after which a replica is given up and a fallback is asked. */
  patienceMs: 1000,
  /** Silence after which an owner that lacks copies answers without those of a peer that has them. */
  predecessorMs: 500,
  /** First pause before an owner is asked again that does not know yet, or no more, that it is one; each further one is twice as long. */
  disagreementMs: 40,
  /** Silence after which a forwarded put is tried at another coordinator. */
  forwardPatienceMs: 2500,
  /** Share of the caller's time that a coordinator leaves for its answer to travel back. */
  replyMarginMs: 50
} as const
