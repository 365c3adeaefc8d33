/**
 * Who can be reached, judged by this peer alone (the paper, section 4.8.3): a missed reply or a closed connection makes a peer suspect,
 * any sign of life makes it reachable again. Suspects that are connected are probed.
 *
 * A peer expects a connection to its neighbours; of the others, the distant ones, it thinks well until a dial to them fails or a reply is missed. So
 * whoever talks with a peer judges it, and nobody pings everybody. One that could not be dialled is thought well of again as soon as it says something new of
 * itself, long before the next probe where those have become rare.
 *
 * A wrong suspicion costs a hint, never a write. No opinion is taken over from other peers.
 */
import { DeadlineQueue } from '../../core/deadline-queue.ts'
import type { PeerId } from '../../core/identifiers.ts'
import type { Effect } from '../effect.ts'
import type { Instant } from '../instant.ts'
import type { Tokens } from '../tokens.ts'

/** Time between two probes of a suspect, doubled each time up to the longest: each probe of a distant one is a dial. */
const probeMs = { first: 250, longest: 4000, longestDistant: 60_000 } as const

interface Health {
  connected: boolean
  suspected: boolean
  heardMs: number
  probeAfterMs: number
  /** When it is probed next, while it is suspected. */
  probeAtMs: number
}

export class FailureDetector {
  readonly #tokens: Tokens
  readonly #changed: (now: Instant, peer: PeerId, reachable: boolean, effects: Effect[]) => void
  readonly #peers = new Map<PeerId, Health>()
  #isDistant: (peer: PeerId) => boolean = () => false
  readonly #due = new DeadlineQueue<PeerId>()

  /** `changed` is called whenever a peer becomes reachable or stops being so. */
  constructor(tokens: Tokens, changed: (now: Instant, peer: PeerId, reachable: boolean, effects: Effect[]) => void) {
    this.#tokens = tokens
    this.#changed = changed
  }

  /** True for distant members: those that no connection is kept to. */
  expect(isDistant: (peer: PeerId) => boolean): void {
    this.#isDistant = isDistant
  }

  isReachable(peer: PeerId): boolean {
    const health = this.#peers.get(peer)
    if (health?.suspected === true) return false
    return health?.connected === true || this.#isDistant(peer)
  }

  /** `unknown` for a peer that was never connected since the start. */
  opinion(peer: PeerId): 'reachable' | 'suspect' | 'unknown' {
    if (!this.#peers.has(peer)) return 'unknown'
    return this.isReachable(peer) ? 'reachable' : 'suspect'
  }

  /** Peers with an open connection, suspects included. */
  connectedPeers(): readonly PeerId[] {
    return [...this.#peers].filter(([, health]) => health.connected).map(([peer]) => peer)
  }

  connected(now: Instant, peer: PeerId, effects: Effect[]): void {
    const wasReachable = this.isReachable(peer)
    this.#peers.set(peer, healthOf(now, true))
    if (!wasReachable) this.#changed(now, peer, true, effects)
  }

  disconnected(now: Instant, peer: PeerId, effects: Effect[]): void {
    const health = this.#peers.get(peer)
    if (health === undefined) return
    const wasReachable = this.isReachable(peer)
    health.connected = false
    // Perhaps the connection was dead and the peer is not: a dial tells.
    if (health.suspected && this.#isDistant(peer)) this.#probeAt(now.ms, peer, health)
    if (wasReachable && !this.isReachable(peer)) this.#changed(now, peer, false, effects)
  }

  /** A distant peer could not be dialled. */
  unreachable(now: Instant, peer: PeerId, effects: Effect[]): void {
    const wasReachable = this.isReachable(peer)
    const health = this.#peers.get(peer) ?? healthOf(now, false)
    this.#peers.set(peer, health)
    if (health.connected || health.suspected) return
    health.suspected = true
    this.#probeAt(now.ms + health.probeAfterMs, peer, health)
    if (wasReachable) this.#changed(now, peer, false, effects)
  }

  /** There is a reason to think well of a distant peer that is not connected: it has become distant, or is heard of. The next dial will tell. */
  trust(now: Instant, peer: PeerId, effects: Effect[]): void {
    const health = this.#peers.get(peer)
    if (health?.connected === true || !this.#isDistant(peer)) return
    if (health !== undefined) {
      health.suspected = false
      health.probeAfterMs = probeMs.first
    }
    this.#changed(now, peer, true, effects)
  }

  /** Any message of a peer is a sign of life. */
  heard(now: Instant, peer: PeerId, effects: Effect[]): void {
    const health = this.#peers.get(peer)
    if (health === undefined) return
    health.heardMs = now.ms
    if (!health.suspected) return
    health.suspected = false
    health.probeAfterMs = probeMs.first
    if (this.isReachable(peer)) this.#changed(now, peer, true, effects)
  }

  /** A reply to something sent at `sentAtMs` is overdue. A peer that was heard since then is slow, not gone. */
  missed(now: Instant, peer: PeerId, sentAtMs: number, effects: Effect[]): void {
    const health = this.#peers.get(peer)
    if (health === undefined || health.suspected || health.heardMs > sentAtMs) return
    const wasReachable = this.isReachable(peer)
    health.suspected = true
    this.#probeAt(now.ms, peer, health)
    if (wasReachable) this.#changed(now, peer, false, effects)
  }

  /** Forgets a peer that is no member any more. */
  forget(peer: PeerId): void {
    this.#peers.delete(peer)
  }

  deadline(): number {
    return this.#due.next()
  }

  wake(now: Instant, effects: Effect[]): void {
    for (let peer = this.#due.takeDue(now.ms); peer !== undefined; peer = this.#due.takeDue(now.ms)) {
      const health = this.#peers.get(peer)
      const isDistant = health?.connected === false && this.#isDistant(peer)
      if (health?.suspected !== true || health.probeAtMs > now.ms || (!health.connected && !isDistant)) continue
      effects.push({ kind: 'send', to: peer, lane: 'request', message: { type: 'ping', id: this.#tokens.next() } })
      this.#probeAt(now.ms + health.probeAfterMs, peer, health)
      health.probeAfterMs = Math.min(health.probeAfterMs * 2, isDistant ? probeMs.longestDistant : probeMs.longest)
    }
  }

  #probeAt(atMs: number, peer: PeerId, health: Health): void {
    health.probeAtMs = atMs
    this.#due.add(atMs, peer)
  }
}

/** Health of a peer that nothing bad is known of. */
function healthOf(now: Instant, connected: boolean): Health {
  return { connected, suspected: false, heardMs: now.ms, probeAfterMs: probeMs.first, probeAtMs: 0 }
}
