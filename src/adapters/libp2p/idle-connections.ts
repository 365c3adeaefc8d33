/** Which connections that nobody keeps are to end: those on which nothing passed for a while, and the least recently used where there is no room. */
import type { PeerId } from '../../core/identifiers.ts'
import { distantIdleMs } from '../../core/limits.ts'

export class IdleConnections {
  /** Peers with which something passed since the last look. */
  readonly #active = new Set<PeerId>()
  readonly #usedMs = new Map<PeerId, number>()

  /** Something was sent to a peer, or came from it. */
  used(peer: PeerId): void {
    this.#active.add(peer)
  }

  /** Of the connected peers that nobody keeps a connection to, those whose connections are to end; `surplus` more than are idle if need be. */
  toClose(nowMs: number, distant: readonly PeerId[], surplus: number): readonly PeerId[] {
    const known = new Set(distant)
    for (const peer of this.#usedMs.keys()) if (!known.has(peer)) this.#usedMs.delete(peer)
    for (const peer of distant) if (this.#active.has(peer) || !this.#usedMs.has(peer)) this.#usedMs.set(peer, nowMs)
    this.#active.clear()
    const oldestFirst = [...this.#usedMs].toSorted(([, a], [, b]) => a - b)
    return oldestFirst.filter(([, usedMs], place) => place < surplus || nowMs - usedMs >= distantIdleMs).map(([peer]) => peer)
  }
}
