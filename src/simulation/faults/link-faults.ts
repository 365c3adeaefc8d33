/** What is wrong with the links between peers: cut in one direction, cut off as a whole, or clogged. */
import type { PeerId } from '../../core/identifiers.ts'

export class LinkFaults {
  readonly #blocked = new Set<string>()
  /** How often each peer is cut off from all others. */
  readonly #isolated = new Map<PeerId, number>()
  readonly #cloggedUntilMs = new Map<string, number>()

  block(from: PeerId, to: PeerId): void {
    this.#blocked.add(link(from, to))
  }

  unblock(from: PeerId, to: PeerId): void {
    this.#blocked.delete(link(from, to))
  }

  isolate(peer: PeerId): void {
    this.#isolated.set(peer, (this.#isolated.get(peer) ?? 0) + 1)
  }

  reconnect(peer: PeerId): void {
    const times = (this.#isolated.get(peer) ?? 0) - 1
    if (times > 0) this.#isolated.set(peer, times)
    else this.#isolated.delete(peer)
  }

  clog(from: PeerId, to: PeerId, untilMs: number): void {
    this.#cloggedUntilMs.set(link(from, to), untilMs)
  }

  heal(): void {
    this.#blocked.clear()
    this.#isolated.clear()
    this.#cloggedUntilMs.clear()
  }

  isBlocked(from: PeerId, to: PeerId): boolean {
    if (this.#isolated.size > 0 && (this.#isolated.has(from) || this.#isolated.has(to))) return true
    return this.#blocked.size > 0 && this.#blocked.has(link(from, to))
  }

  /** True when nothing goes at least one way. */
  isCut(a: PeerId, b: PeerId): boolean {
    return this.isBlocked(a, b) || this.isBlocked(b, a)
  }

  /** Time for which messages are held back from now. */
  heldMs(from: PeerId, to: PeerId, nowMs: number): number {
    if (this.#cloggedUntilMs.size === 0) return 0
    return Math.max((this.#cloggedUntilMs.get(link(from, to)) ?? 0) - nowMs, 0)
  }
}

/** Names one direction between two peers. */
export function link(from: PeerId, to: PeerId): string {
  return `${from}>${to}`
}
