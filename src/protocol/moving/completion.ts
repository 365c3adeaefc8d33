/**
 * How a joining peer learns that it has got everything, and a leaving one that it is not needed any more: it asks every member again and again until
 * each has said "I have given you all that you are to own in this ring".
 *
 * A member says so once the asker has confirmed all that it owns and the member holds in that ring, and tells whose copies it never got itself. A member that is gone is not waited for: a busy one
 * still answers a ping.
 */
import type { PeerId } from '../../core/identifiers.ts'
import type { Effect } from '../effect.ts'
import type { FailureDetector } from '../membership/failure-detector.ts'
import type { HintedHandoff } from '../handoff/hinted-handoff.ts'
import type { Instant } from '../instant.ts'
import type { TransferDone, TransferQuery } from '../wire/message.ts'
import type { Refill } from '../absence/refill.ts'
import { waits, type Routing } from '../requests/routing.ts'
import type { Tokens } from '../tokens.ts'

/** How often a joining peer looks whether there is somebody to ask. */
const queryEveryMs = 500
/** Silence after which a member that was asked about this ring is asked again. One that has something left to give answers when it has given it. */
const askAgainMs = 2000
/** Time that members get to be met; after it those that were not are taken for gone. */
const meetWithinMs = 2000

export interface CompletionParts {
  readonly routing: Routing
  readonly tokens: Tokens
  readonly hints: HintedHandoff
  readonly detector: FailureDetector
  readonly refill: Refill
  /** A peer has given this one everything that it is to own in a ring. */
  gave(now: Instant, from: PeerId, done: TransferDone): void
  /** Peers that have not given this one their copies of what that peer owns. */
  lackedFor(peer: PeerId): readonly PeerId[]
  /** True while this peer may hold what another owns and has not confirmed. */
  owes(peer: PeerId): boolean
  /** Members that store something and can be reached, without this peer. */
  reachableMembers(): readonly PeerId[]
  /** True unless this member is leaving, and a restart would make this peer forget it or it has not said that it gave everything. */
  mayLetGo(member: PeerId): boolean
  /** Names the discard after which this peer has to be refilled; 0 for none. */
  ownRefill(): number
  /** True for a joining peer that is the only one to store anything: it has all there is. */
  isAlone(): boolean
  /** True while there are such members that no connection was ever open to. */
  hasUnmetMembers(): boolean
  /** True when those who have given what they had make up for what this peer discarded. */
  isRefilled(now: Instant, hasGiven: (member: PeerId) => boolean): boolean
  /** This peer has everything that it owns in the current ring. */
  complete(now: Instant, effects: Effect[]): void
}

export class Completion {
  readonly #parts: CompletionParts
  /** Peers that asked whether they have got everything, and in which ring. */
  readonly #askers = new Map<PeerId, string>()
  /** While this peer asks: who has given it everything in which ring. */
  readonly #givers = new Map<PeerId, string>()
  /** About which ring each member was last asked, and when. */
  readonly #asked = new Map<PeerId, { readonly ring: string; readonly atMs: number }>()
  /** When each member that has not answered yet was last pinged. */
  readonly #probedMs = new Map<PeerId, number>()
  #queryAtMs = Number.POSITIVE_INFINITY
  #meetUntilMs = Number.NEGATIVE_INFINITY

  constructor(parts: CompletionParts) {
    this.#parts = parts
  }

  /** This peer is joining or leaving: asks all members until each has given it what it owns. */
  await(now: Instant, effects: Effect[]): void {
    if (this.#queryAtMs !== Number.POSITIVE_INFINITY) return
    this.#queryAtMs = now.ms
    this.#meetUntilMs = now.ms + meetWithinMs
    this.wake(now, effects)
  }

  receive(now: Instant, from: PeerId, message: TransferQuery | TransferDone, effects: Effect[]): void {
    if (message.type === 'transfer-query') {
      this.#askers.set(from, message.ring)
      if (message.refill > 0) this.#parts.refill.asked(from, message.refill, effects)
      this.answerAskers(effects)
    } else {
      this.#givers.set(from, message.ring)
      this.#parts.gave(now, from, message)
      this.answerAskers(effects)
      this.#judge(now, effects)
    }
  }

  /** Tells those who asked, and have got everything by now. */
  answerAskers(effects: Effect[]): void {
    if (this.#askers.size === 0) return
    const { routing } = this.#parts
    const ring = routing.ring().digest
    for (const [asker, asked] of this.#askers) {
      if (!routing.isReachable(asker)) {
        // Whoever is gone asks again when it is back.
        this.#askers.delete(asker)
        continue
      }
      if (this.#parts.owes(asker) || !this.#parts.mayLetGo(asker)) continue
      if (asked !== ring || this.#parts.hints.has(asker) || this.#parts.refill.isGiving(asker)) continue
      this.#askers.delete(asker)
      effects.push({
        kind: 'send',
        to: asker,
        lane: 'request',
        message: { type: 'transfer-done', ring, lacking: this.#parts.lackedFor(asker) }
      })
    }
  }

  deadline(): number {
    return this.#queryAtMs
  }

  wake(now: Instant, effects: Effect[]): void {
    this.#queryAtMs = now.ms + queryEveryMs
    const ring = this.#parts.routing.ring().digest
    for (const member of this.#parts.reachableMembers()) {
      if (this.#givers.get(member) === ring) continue
      this.#probe(now, member, effects)
      const asked = this.#asked.get(member)
      if (asked?.ring === ring && now.ms - asked.atMs < askAgainMs) continue
      this.#asked.set(member, { ring, atMs: now.ms })
      const message = { type: 'transfer-query', ring, refill: this.#parts.ownRefill() } as const
      effects.push({ kind: 'send', to: member, lane: 'request', message })
    }
    this.#judge(now, effects)
  }

  #probe(now: Instant, member: PeerId, effects: Effect[]): void {
    const { detector, tokens } = this.#parts
    const sinceMs = this.#probedMs.get(member)
    if (sinceMs !== undefined && now.ms - sinceMs < waits.patienceMs) return
    this.#probedMs.set(member, now.ms)
    effects.push({ kind: 'send', to: member, lane: 'request', message: { type: 'ping', id: tokens.next() } })
    if (sinceMs !== undefined) detector.missed(now, member, sinceMs, effects)
  }

  #judge(now: Instant, effects: Effect[]): void {
    if (this.#queryAtMs === Number.POSITIVE_INFINITY) return
    if (now.ms < this.#meetUntilMs && this.#parts.hasUnmetMembers()) return
    const ring = this.#parts.routing.ring().digest
    const members = this.#parts.reachableMembers()
    const hasGiven = (member: PeerId): boolean => this.#givers.get(member) === ring
    const isGiven = members.length === 0 ? this.#parts.isAlone() : members.every(hasGiven)
    if (!isGiven || !this.#parts.isRefilled(now, hasGiven)) return
    this.#queryAtMs = Number.POSITIVE_INFINITY
    this.#givers.clear()
    this.#asked.clear()
    this.#probedMs.clear()
    this.#parts.complete(now, effects)
  }
}
