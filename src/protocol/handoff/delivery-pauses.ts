/**
 * When the next delivery of hints to a peer may begin. After one that was lost it has to wait; after one that was refused the wait doubles: a peer whose
 * ring differs for a moment refuses once or twice, one that is full for long.
 */
import type { PeerId } from '../../core/identifiers.ts'
import type { Instant } from '../instant.ts'

/** The pause after a delivery that was lost and the longest one, the first one after a refusal, and the one after a delivery that did not even leave. */
export const deliveryPauseMs = { usual: 2_000, refused: 100, unsent: 200 } as const

export class DeliveryPauses {
  readonly #untilMs = new Map<PeerId, number>()
  /** Refused deliveries in a row. */
  readonly #refusals = new Map<PeerId, number>()

  /** True while nothing may be delivered to the peer. */
  isPaused(now: Instant, peer: PeerId): boolean {
    if ((this.#untilMs.get(peer) ?? 0) > now.ms) return true
    this.#untilMs.delete(peer)
    return false
  }

  pause(peer: PeerId, untilMs: number): void {
    this.#untilMs.set(peer, untilMs)
  }

  /** The peer took something. */
  taken(peer: PeerId): void {
    this.#refusals.delete(peer)
  }

  /** The peer took nothing: how long to wait. */
  refused(peer: PeerId): number {
    const refusals = this.#refusals.get(peer) ?? 0
    this.#refusals.set(peer, refusals + 1)
    return Math.min(deliveryPauseMs.refused * 2 ** refusals, deliveryPauseMs.usual)
  }

  /** Nothing waits for that peer any more; it may never come back. */
  forget(peer: PeerId): void {
    this.#untilMs.delete(peer)
    this.#refusals.delete(peer)
  }
}
