/**
 * A caller's put at the peer where it was made: coordinated here when this peer is among the first N reachable of the key, else
 * forwarded to one that is.
 *
 * A coordinator that stays silent may or may not have written; the next one gets the same request id, so that the write cannot
 * count, or be seen, twice.
 */
import { DeadlineQueue } from '../../core/deadline-queue.ts'
import type { PeerId } from '../../core/identifiers.ts'
import type { Effect } from '../effect.ts'
import type { FailureDetector } from '../membership/failure-detector.ts'
import type { Instant } from '../instant.ts'
import type { ForwardPut, PutCall, PutResult, PutStatus } from '../wire/message.ts'
import type { CoordinatedResult, PutCoordinator } from './put-coordinator.ts'
import { firstReachable, ownersOf, partitionOfKey, waits, type Routing } from './routing.ts'
import type { Tokens } from '../tokens.ts'

interface PendingPut {
  readonly call: number
  readonly put: PutCall
  readonly deadlineMs: number
  readonly waitUntilMs: number
  readonly tried: Set<PeerId>
  /** Forwards without an answer, by message id. */
  readonly forwards: Map<number, { readonly peer: PeerId; readonly sentAtMs: number }>
  /** The last refusal, told when nobody is left to ask. */
  refusal: PutStatus
  /** True once a coordinator vanished without an answer: the write may have happened there. */
  lost: boolean
  coordinating: boolean
}

export interface PutRequestParts {
  readonly routing: Routing
  readonly tokens: Tokens
  readonly coordinator: PutCoordinator
  readonly detector: FailureDetector
}

export class PutRequests {
  readonly #parts: PutRequestParts
  readonly #pending = new Map<number, PendingPut>()
  readonly #forwards = new Map<number, PendingPut>()
  readonly #due = new DeadlineQueue<{ readonly call: number; readonly forward: number }>()

  constructor(parts: PutRequestParts) {
    this.#parts = parts
  }

  /** Callers that wait, for this peer or for another. */
  get active(): number {
    return this.#pending.size + this.#forwards.size
  }

  start(now: Instant, call: number, put: PutCall, effects: Effect[]): void {
    const deadlineMs = now.ms + put.timeoutMs
    const pending: PendingPut = {
      call,
      put,
      deadlineMs,
      waitUntilMs: Math.min(deadlineMs, now.ms + waits.patienceMs),
      tried: new Set(),
      forwards: new Map(),
      refusal: 'quorum',
      lost: false,
      coordinating: false
    }
    this.#pending.set(call, pending)
    this.#due.add(deadlineMs, { call, forward: 0 })
    this.#next(now, pending, effects)
  }

  /** The caller does not wait any longer. */
  abandon(call: number): void {
    const pending = this.#pending.get(call)
    if (pending !== undefined) this.#forget(pending)
  }

  putResult(now: Instant, from: PeerId, message: PutResult, effects: Effect[]): void {
    const pending = this.#forwards.get(message.id)
    if (pending === undefined || pending.forwards.get(message.id)?.peer !== from) return
    this.#forwards.delete(message.id)
    pending.forwards.delete(message.id)
    this.#answered(now, pending, from, message, effects)
  }

  /** A forward did not even leave: nothing can have happened there. */
  unsent(now: Instant, message: ForwardPut, effects: Effect[]): void {
    const pending = this.#forwards.get(message.id)
    if (pending === undefined) return
    this.#forwards.delete(message.id)
    pending.forwards.delete(message.id)
    if (!pending.coordinating) this.#next(now, pending, effects)
  }

  reachable(now: Instant, effects: Effect[]): void {
    for (const pending of this.#pending.values()) {
      if (pending.forwards.size === 0 && !pending.coordinating) this.#next(now, pending, effects)
    }
  }

  unreachable(now: Instant, peer: PeerId, effects: Effect[]): void {
    for (const pending of this.#pending.values()) {
      for (const [id, forward] of pending.forwards) if (forward.peer === peer) this.#silent(now, pending, id, effects)
    }
  }

  deadline(): number {
    return this.#due.next()
  }

  wake(now: Instant, effects: Effect[]): void {
    for (let due = this.#due.takeDue(now.ms); due !== undefined; due = this.#due.takeDue(now.ms)) {
      const pending = this.#pending.get(due.call)
      if (pending === undefined) continue
      if (due.forward !== 0) this.#missed(now, pending, due.forward, effects)
      else if (!pending.coordinating) this.#fail(pending, effects)
    }
  }

  /** Hands the put to the next candidate, or ends it when there is none and waiting is over. */
  #next(now: Instant, pending: PendingPut, effects: Effect[]): void {
    const { routing } = this.#parts
    const { put } = pending
    const ring = routing.ring()
    const partition = partitionOfKey(ring, put.key)
    const candidates = firstReachable(routing, partition, ring.replicas, !put.sloppy, pending.tried)
    const others = candidates.filter(candidate => candidate !== routing.self)
    const isOwnTurn = candidates.length > others.length && (!routing.isClosed() || others.length === 0)
    const chosen = isOwnTurn ? routing.self : others[0]
    if (chosen === undefined) return this.#exhausted(now, pending, effects)
    pending.tried.add(chosen)
    if (chosen === routing.self) this.#coordinate(now, pending, effects)
    else this.#forward(now, pending, chosen, effects)
  }

  #exhausted(now: Instant, pending: PendingPut, effects: Effect[]): void {
    if (pending.forwards.size > 0) return
    if (now.ms >= pending.waitUntilMs || pending.refusal !== 'quorum') return this.#fail(pending, effects)
    pending.tried.clear()
    this.#due.add(pending.waitUntilMs, { call: pending.call, forward: -1 })
  }

  #coordinate(now: Instant, pending: PendingPut, effects: Effect[]): void {
    const { self } = this.#parts.routing
    pending.coordinating = true
    this.#parts.coordinator.start(
      now,
      {
        ...pending.put,
        from: self,
        timeoutMs: Math.max(pending.deadlineMs - now.ms, 1),
        done: (at, result, out) => {
          pending.coordinating = false
          if (this.#pending.get(pending.call) === pending) this.#answered(at, pending, self, result, out)
        }
      },
      effects
    )
  }

  #forward(now: Instant, pending: PendingPut, to: PeerId, effects: Effect[]): void {
    const { key, context, value, request, w, sloppy } = pending.put
    const id = this.#parts.tokens.next()
    const timeoutMs = Math.max(Math.floor(pending.deadlineMs - now.ms - waits.replyMarginMs), 1)
    pending.forwards.set(id, { peer: to, sentAtMs: now.ms })
    this.#forwards.set(id, pending)
    this.#due.add(Math.min(now.ms + waits.forwardPatienceMs, pending.deadlineMs), { call: pending.call, forward: id })
    effects.push({
      kind: 'send',
      to,
      lane: 'request',
      message: { type: 'forward-put', id, key, context, value, request, w, sloppy, timeoutMs }
    })
  }

  #answered(now: Instant, pending: PendingPut, from: PeerId, result: CoordinatedResult, effects: Effect[]): void {
    const { status } = result
    const elsewhere = status !== 'ok' && status !== 'quorum' && status !== 'too-many-siblings'
    if (elsewhere) {
      pending.refusal = status
      // A coordinator that was given up may refuse while this peer carries the write out itself.
      if (!pending.coordinating) this.#next(now, pending, effects)
      return
    }
    const mayHaveHappened = status !== 'too-many-siblings' || this.#uncertain(pending)
    this.#forget(pending)
    this.#settle(pending, { ...result, coordinator: from }, mayHaveHappened, effects)
  }

  /** A coordinator stayed silent for too long: it may be gone, so the next one is asked while its answer is still welcome. */
  #missed(now: Instant, pending: PendingPut, forward: number, effects: Effect[]): void {
    const missed = pending.forwards.get(forward)
    if (missed !== undefined) this.#parts.detector.missed(now, missed.peer, missed.sentAtMs, effects)
    const stillThere = this.#pending.get(pending.call) === pending
    if (stillThere && (missed !== undefined || forward === -1) && !pending.coordinating) this.#next(now, pending, effects)
  }

  /** A coordinator became unreachable before it answered. */
  #silent(now: Instant, pending: PendingPut, forward: number, effects: Effect[]): void {
    pending.lost = true
    pending.forwards.delete(forward)
    this.#forwards.delete(forward)
    if (!pending.coordinating) this.#next(now, pending, effects)
  }

  #fail(pending: PendingPut, effects: Effect[]): void {
    const mayHaveHappened = this.#uncertain(pending)
    this.#forget(pending)
    this.#settle(
      pending,
      { status: pending.refusal, dot: undefined, acknowledged: [], hinted: [], siblings: 0, n: 0, coordinator: undefined },
      mayHaveHappened,
      effects
    )
  }

  #settle(
    pending: PendingPut,
    result: CoordinatedResult & { readonly coordinator: PeerId | undefined },
    mayHaveHappened: boolean,
    effects: Effect[]
  ): void {
    const { request, w } = pending.put
    const { status, dot, coordinator, acknowledged, hinted, siblings } = result
    // The coordinator counted by its own ring, which may differ from this peer's by now.
    const n = result.n > 0 ? result.n : ownersOf(this.#parts.routing, pending.put.key).length
    effects.push({
      kind: 'settle',
      call: pending.call,
      outcome: {
        kind: 'put',
        status,
        mayHaveHappened,
        dot,
        coordinator,
        acknowledged,
        hinted,
        siblings,
        request,
        w: Math.min(w, Math.max(n, 1)),
        n
      }
    })
  }

  #uncertain(pending: PendingPut): boolean {
    return pending.lost || pending.forwards.size > 0
  }

  #forget(pending: PendingPut): void {
    this.#pending.delete(pending.call)
    for (const id of pending.forwards.keys()) this.#forwards.delete(id)
  }
}
