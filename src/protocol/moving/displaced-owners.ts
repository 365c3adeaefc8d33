/**
 * Owners that joining peers displaced, and whether they know it. One that has not heard of a newcomer answers reads from its old copy, as an owner, and would
 * hide what the newcomer has acknowledged alone.
 *
 * So a write is acknowledged once W of those who hold it would be its owners without the newcomers, too, or the displaced owners see the same ring as the
 * coordinator: from then on they say that they own the key no more. They are asked what ring they see as soon as a write is for them, beside the disks and the
 * other owners; the views are compared where it is another.
 *
 * **It stays writeable.** A displaced owner that cannot be reached is not waited for, and none is waited for longer than {@link displacedMsMax}, or than half
 * of what the caller gives: the write is then acknowledged like one that fallbacks took. It is durable on W disks, and a read through the one that has
 * not heard of it may miss it until the views are equal.
 */
import type { PeerId } from '../../core/identifiers.ts'
import type { MembershipView } from '../../core/members/membership-view.ts'
import { sendRequest, type Effect } from '../effect.ts'
import type { Instant } from '../instant.ts'
import type { FailureDetector } from '../membership/failure-detector.ts'
import { compareViews } from '../membership/view-exchange.ts'
import type { Routing } from '../requests/routing.ts'
import type { Tokens } from '../tokens.ts'
import type { Ping } from '../wire/message.ts'
import type { EarlierRings } from './earlier-rings.ts'

/** Longest time that an acknowledgement waits for displaced owners. */
export const displacedMsMax = 1000
/** First pause before one is asked again; each further one is twice as long. */
const askAgainMs = 30

export interface DisplacedOwnersParts {
  readonly routing: Routing
  readonly tokens: Tokens
  readonly detector: Pick<FailureDetector, 'opinion'>
  readonly earlier: EarlierRings
  readonly neighbourhood: { readonly view: MembershipView }
}

interface Question {
  readonly untilMs: number
  askAtMs: number
  pauseMs: number
}

export class DisplacedOwners {
  readonly #parts: DisplacedOwnersParts
  /** Who sees the same ring as this peer. */
  readonly #aware = new Set<PeerId>()
  readonly #asked = new Map<PeerId, Question>()
  /** Who was not met in time. */
  readonly #away = new Set<PeerId>()

  constructor(parts: DisplacedOwnersParts) {
    this.#parts = parts
  }

  /** True when no read that asks a quorum of owners can miss what `holders` hold of a partition, as far as displaced owners are concerned. */
  areAware(partition: number, holders: readonly PeerId[], w: number): boolean {
    const { earlier } = this.#parts
    return earlier.rings.every(ring => {
      const owners = ring.owners(partition)
      const held = owners.filter(owner => holders.includes(owner)).length
      return held >= Math.min(w, owners.length) || this.#ignorant(partition, owners).length === 0
    })
  }

  /** A write of this partition begins: whoever does not know that it is displaced is asked which ring it sees. */
  inform(now: Instant, partition: number, effects: Effect[]): void {
    for (const peer of this.#ignorant(partition, this.#parts.earlier.owners(partition))) {
      if (this.#asked.has(peer)) continue
      const question = { untilMs: now.ms + displacedMsMax, askAtMs: now.ms, pauseMs: askAgainMs }
      this.#asked.set(peer, question)
      this.#ask(now, peer, question, effects)
    }
  }

  /** A peer asks which ring this one sees, or only whether it is there. */
  asked(from: PeerId, { id }: Ping, effects: Effect[]): void {
    sendRequest(effects, from, { type: 'pong', id, ring: this.#parts.routing.ring().digest })
  }

  /** A peer says which ring it sees. */
  sees(from: PeerId, ring: string, effects: Effect[]): void {
    const { routing, neighbourhood } = this.#parts
    if (ring === routing.ring().digest) {
      this.#aware.add(from)
      this.#asked.delete(from)
    } else if (this.#asked.has(from)) compareViews(neighbourhood.view, from, effects)
  }

  /** A peer can be reached. */
  reachable(now: Instant, peer: PeerId, effects: Effect[]): void {
    this.#away.delete(peer)
    const question = this.#asked.get(peer)
    if (question !== undefined) this.#ask(now, peer, question, effects)
  }

  ringChanged(): void {
    this.#aware.clear()
    this.#asked.clear()
    this.#away.clear()
  }

  deadline(): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const { askAtMs } of this.#asked.values()) earliest = Math.min(earliest, askAtMs)
    return earliest
  }

  wake(now: Instant, effects: Effect[]): void {
    for (const [peer, question] of this.#asked) {
      if (question.askAtMs > now.ms) continue
      if (question.untilMs > now.ms) this.#ask(now, peer, question, effects)
      else this.#giveUp(peer)
    }
  }

  /** Those of `before` that are no owners any more, and may take themselves for some. One that was never met may be there, and is about to be met. */
  #ignorant(partition: number, before: readonly PeerId[]): readonly PeerId[] {
    const { routing, detector } = this.#parts
    const owners = routing.ring().owners(partition)
    return before.filter(peer => {
      if (peer === routing.self || owners.includes(peer) || this.#aware.has(peer)) return false
      return routing.isReachable(peer) || (detector.opinion(peer) === 'unknown' && !this.#away.has(peer))
    })
  }

  #giveUp(peer: PeerId): void {
    this.#asked.delete(peer)
    if (!this.#parts.routing.isReachable(peer)) this.#away.add(peer)
  }

  #ask(now: Instant, peer: PeerId, question: Question, effects: Effect[]): void {
    question.askAtMs = now.ms + question.pauseMs
    question.pauseMs *= 2
    if (this.#parts.routing.isReachable(peer)) sendRequest(effects, peer, { type: 'ping', id: this.#parts.tokens.next() })
  }
}
