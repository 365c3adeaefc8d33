/**
 * Who was asked, who said yes and who said no: the arithmetic of a quorum as a pure value (the paper, section 4.5).
 *
 * A peer counts once, however often its answer arrives. The tally knows nothing of time, networks or records: a coordinator is
 * a tally plus a deadline.
 */
import type { PeerId } from './identifiers.ts'

export interface QuorumTally {
  /** R or W. */
  readonly needed: number
  /** Asked and silent so far. */
  readonly pending: readonly PeerId[]
  readonly acknowledged: readonly PeerId[]
  /** Refused, or silent for too long. */
  readonly failed: readonly PeerId[]
}

/** `reached`: enough acknowledged. `possible`: those asked could still make it. `short`: only others could. */
export type QuorumVerdict = 'reached' | 'possible' | 'short'

/** The tally of a request that needs `needed` acknowledgements and has asked nobody yet. */
export function quorumTally(needed: number): QuorumTally {
  return { needed, pending: [], acknowledged: [], failed: [] }
}

/** Notes that `peer` was asked; asking again after a failure gives it another chance, an acknowledgement stands. */
export function ask(tally: QuorumTally, peer: PeerId): QuorumTally {
  if (tally.acknowledged.includes(peer) || tally.pending.includes(peer)) return tally
  const { needed, pending, acknowledged, failed } = tally
  return { needed, pending: [...pending, peer], acknowledged, failed: without(failed, peer) }
}

/** Asks `peer` once more: what it said does not count any longer. */
export function askAgain(tally: QuorumTally, peer: PeerId): QuorumTally {
  const { needed, pending, acknowledged, failed } = tally
  return { needed, pending: [...without(pending, peer), peer], acknowledged: without(acknowledged, peer), failed: without(failed, peer) }
}

/** Notes that `peer` said yes, even if it was given up before. */
export function acknowledge(tally: QuorumTally, peer: PeerId): QuorumTally {
  if (tally.acknowledged.includes(peer)) return tally
  const { needed, pending, acknowledged, failed } = tally
  return { needed, pending: without(pending, peer), acknowledged: [...acknowledged, peer], failed: without(failed, peer) }
}

/** Notes that `peer` said no or stayed silent; an acknowledgement stands. */
export function fail(tally: QuorumTally, peer: PeerId): QuorumTally {
  if (tally.acknowledged.includes(peer) || tally.failed.includes(peer)) return tally
  const { needed, pending, acknowledged, failed } = tally
  return { needed, pending: without(pending, peer), acknowledged, failed: [...failed, peer] }
}

/** True when `peer` was asked, whatever came of it. Answers of others are no answers. */
export function wasAsked(tally: QuorumTally, peer: PeerId): boolean {
  return tally.pending.includes(peer) || tally.acknowledged.includes(peer) || tally.failed.includes(peer)
}

export function verdict(tally: QuorumTally): QuorumVerdict {
  if (tally.acknowledged.length >= tally.needed) return 'reached'
  return tally.acknowledged.length + tally.pending.length >= tally.needed ? 'possible' : 'short'
}

function without(peers: readonly PeerId[], peer: PeerId): readonly PeerId[] {
  return peers.includes(peer) ? peers.filter(other => other !== peer) : peers
}
