/**
 * Coordinates a get (the paper, section 4.5): ask the first N reachable of the preference list, answer at R replies with everything
 * merged, keep listening, and repair the owners that turned out stale.
 *
 * A fallback that holds nothing does not count as "not found": it only counts once an owner, or someone who does hold the key, has
 * answered too.
 */
import { DeadlineQueue } from '../../core/deadline-queue.ts'
import type { PeerId } from '../../core/identifiers.ts'
import { listeningGetsMax } from '../../core/limits.ts'
import { acknowledge, ask, fail, quorumTally, wasAsked, type QuorumTally } from '../../core/quorum-tally.ts'
import { emptyRecord, mergeRecords, type StoredRecord } from '../../core/versions/record.ts'
import type { Effect } from '../effect.ts'
import type { FailureDetector } from '../membership/failure-detector.ts'
import type { Instant } from '../instant.ts'
import type { Fetch, Fetched } from '../wire/message.ts'
import { staleReplicas } from './read-repair.ts'
import { firstReachable, partitionOfKey, waits, type Routing } from './routing.ts'
import type { Tokens } from '../tokens.ts'

/** What a caller asks for. */
export interface GetCall {
  readonly key: Uint8Array
  readonly r: number
  readonly sloppy: boolean
  readonly timeoutMs: number
}

interface PendingGet {
  readonly call: number
  readonly id: number
  readonly get: GetCall
  readonly partition: number
  readonly owners: readonly PeerId[]
  readonly r: number
  readonly deadlineMs: number
  readonly waitUntilMs: number
  readonly sentAtMs: Map<PeerId, number>
  lastSentMs: number
  readonly replies: Map<PeerId, StoredRecord | undefined>
  tally: QuorumTally
  settled: boolean
}

export interface GetCoordinatorParts {
  readonly routing: Routing
  readonly tokens: Tokens
  readonly detector: FailureDetector
}

export class GetCoordinator {
  readonly #parts: GetCoordinatorParts
  readonly #pending = new Map<number, PendingGet>()
  readonly #ids = new Map<number, number>()
  /** Gets that were answered and still listen, in the order of their answers. */
  readonly #listening = new Set<PendingGet>()
  /** Gets to be looked at, by id. */
  readonly #due = new DeadlineQueue<number>()

  constructor(parts: GetCoordinatorParts) {
    this.#parts = parts
  }

  /** Gets that wait for replies, or still listen for them. */
  get active(): number {
    return this.#pending.size + this.#ids.size + this.#listening.size
  }

  start(now: Instant, call: number, get: GetCall, effects: Effect[]): void {
    const { routing, tokens } = this.#parts
    const ring = routing.ring()
    const partition = partitionOfKey(ring, get.key)
    const owners = ring.owners(partition)
    const r = Math.min(get.r, Math.max(owners.length, 1))
    const waitUntilMs = now.ms + Math.min(waits.patienceMs, get.timeoutMs)
    const pending: PendingGet = {
      call,
      id: tokens.next(),
      get,
      partition,
      owners,
      r,
      deadlineMs: now.ms + get.timeoutMs,
      waitUntilMs,
      sentAtMs: new Map(),
      lastSentMs: Number.NaN,
      replies: new Map(),
      tally: quorumTally(r),
      settled: false
    }
    this.#pending.set(pending.id, pending)
    this.#ids.set(call, pending.id)
    this.#due.add(pending.deadlineMs, pending.id)
    for (const peer of firstReachable(routing, partition, Math.max(owners.length, 1), !get.sloppy, NOBODY))
      this.#ask(now, pending, peer, effects)
    this.#judge(now, pending, effects)
  }

  /** The caller does not wait any longer. */
  abandon(call: number): void {
    const id = this.#ids.get(call)
    if (id !== undefined) this.#forget(id)
  }

  fetched(now: Instant, from: PeerId, message: Fetched, effects: Effect[]): void {
    const pending = this.#pending.get(message.id)
    if (pending === undefined || !wasAsked(pending.tally, from)) return
    // A repeated answer may be older than the one that counted.
    if (pending.replies.has(from)) return
    if (message.status !== 'ok') return this.#gaveUp(now, pending, from, effects)
    pending.replies.set(from, message.record)
    pending.tally = acknowledge(pending.tally, from)
    this.#judge(now, pending, effects)
  }

  /** A fetch did not even leave. */
  unsent(now: Instant, peer: PeerId, message: Fetch, effects: Effect[]): void {
    const pending = this.#pending.get(message.id)
    if (pending?.tally.pending.includes(peer) === true) this.#gaveUp(now, pending, peer, effects)
  }

  /** A peer is back: a get that is short of answers asks it. */
  reachable(now: Instant, effects: Effect[]): void {
    for (const pending of this.#pending.values()) if (!pending.settled) this.#refill(now, pending, effects)
  }

  unreachable(now: Instant, peer: PeerId, effects: Effect[]): void {
    for (const pending of this.#pending.values()) {
      if (pending.tally.pending.includes(peer)) this.#gaveUp(now, pending, peer, effects)
    }
  }

  deadline(): number {
    return this.#due.next()
  }

  wake(now: Instant, effects: Effect[]): void {
    for (let due = this.#due.takeDue(now.ms); due !== undefined; due = this.#due.takeDue(now.ms)) {
      const pending = this.#pending.get(due)
      if (pending === undefined) continue
      if (now.ms >= pending.deadlineMs) this.#expire(pending, effects)
      else this.#review(now, pending, effects)
    }
  }

  /** Gives up whoever was asked too long ago. */
  #review(now: Instant, pending: PendingGet, effects: Effect[]): void {
    const silent = pending.tally.pending.filter(peer => (pending.sentAtMs.get(peer) ?? now.ms) + waits.patienceMs <= now.ms)
    for (const peer of silent) if (pending.tally.pending.includes(peer)) this.#missed(now, pending, peer, effects)
    if (silent.length === 0) this.#judge(now, pending, effects)
  }

  #ask(now: Instant, pending: PendingGet, peer: PeerId, effects: Effect[]): void {
    const { id, get } = pending
    pending.tally = ask(pending.tally, peer)
    if (pending.lastSentMs !== now.ms) this.#due.add(now.ms + waits.patienceMs, id)
    pending.lastSentMs = now.ms
    pending.sentAtMs.set(peer, now.ms)
    effects.push({ kind: 'send', to: peer, lane: 'request', message: { type: 'fetch', id, key: get.key } })
  }

  #missed(now: Instant, pending: PendingGet, peer: PeerId, effects: Effect[]): void {
    this.#parts.detector.missed(now, peer, pending.sentAtMs.get(peer) ?? now.ms, effects)
    if (pending.tally.pending.includes(peer)) this.#gaveUp(now, pending, peer, effects)
  }

  #gaveUp(now: Instant, pending: PendingGet, peer: PeerId, effects: Effect[]): void {
    pending.tally = fail(pending.tally, peer)
    if (!pending.settled) this.#refill(now, pending, effects)
    this.#judge(now, pending, effects)
  }

  /** Asks further reachable peers until N are asked or have answered. */
  #refill(now: Instant, pending: PendingGet, effects: Effect[]): void {
    const { tally, owners, partition, get } = pending
    const missing = Math.max(owners.length, 1) - tally.pending.length - tally.acknowledged.length
    const asked = new Set([...tally.pending, ...tally.acknowledged, ...tally.failed])
    for (const peer of firstReachable(this.#parts.routing, partition, missing, !get.sloppy, asked)) this.#ask(now, pending, peer, effects)
  }

  #judge(now: Instant, pending: PendingGet, effects: Effect[]): void {
    if (!pending.settled && this.#countedReplies(pending) >= pending.r) this.#settle(pending, 'ok', effects)
    if (pending.tally.pending.length > 0) return
    if (pending.settled) return this.#finish(pending, effects)
    if (this.#askEmptyHanded(now, pending, effects)) return
    if (now.ms < pending.waitUntilMs) this.#due.add(pending.waitUntilMs, pending.id)
    else this.#expire(pending, effects)
  }

  /** Replies came, but empty fallbacks among them do not count: the next fallback may hold the key. */
  #askEmptyHanded(now: Instant, pending: PendingGet, effects: Effect[]): boolean {
    const { tally, partition, get } = pending
    const asked = new Set([...tally.acknowledged, ...tally.failed])
    const [next] = firstReachable(this.#parts.routing, partition, 1, !get.sloppy, asked)
    if (next === undefined) return false
    this.#ask(now, pending, next, effects)
    return true
  }

  #expire(pending: PendingGet, effects: Effect[]): void {
    if (!pending.settled) this.#settle(pending, 'quorum', effects)
    this.#finish(pending, effects)
  }

  #settle(pending: PendingGet, status: 'ok' | 'quorum', effects: Effect[]): void {
    pending.settled = true
    this.#ids.delete(pending.call)
    const { call, r, owners, replies } = pending
    effects.push({
      kind: 'settle',
      call,
      outcome: { kind: 'get', status, record: mergedReplies(pending), replied: [...replies.keys()], r, n: owners.length }
    })
    this.#listening.add(pending)
    const [oldest] = this.#listening
    if (oldest !== undefined && this.#listening.size > listeningGetsMax) this.#finish(oldest, effects)
  }

  #finish(pending: PendingGet, effects: Effect[]): void {
    this.#forget(pending.id)
    const { key } = pending.get
    const merged = mergedReplies(pending)
    for (const target of staleReplicas(merged, pending.replies, pending.owners)) {
      effects.push({ kind: 'send', to: target, lane: 'request', message: { type: 'repair', key, record: merged } })
      effects.push({ kind: 'report', event: { type: 'repair-sent', target, key } })
    }
  }

  /**
   * Replies that count towards R: those of owners that are up and of holders. Empty fallbacks and joining owners count only once one of the
   * former is there and no such owner may still answer. Where all owners are joining, they are all there is.
   */
  #countedReplies({ owners, replies, tally, r }: PendingGet): number {
    if (replies.size < r) return replies.size
    const { routing } = this.#parts
    const up = owners.filter(owner => !routing.isJoining(owner))
    const complete = up.length > 0 ? up : owners
    let counted = 0
    let empty = 0
    for (const [peer, record] of replies) {
      if (complete.includes(peer) || (record !== undefined && !owners.includes(peer))) counted += 1
      else empty += 1
    }
    const ownerMayAnswer = tally.pending.some(peer => complete.includes(peer))
    return counted > 0 && !ownerMayAnswer ? counted + empty : counted
  }

  #forget(id: number): void {
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    this.#ids.delete(pending.call)
    this.#listening.delete(pending)
    this.#pending.delete(id)
  }
}

function mergedReplies(pending: PendingGet): StoredRecord {
  let merged = emptyRecord
  for (const record of pending.replies.values()) if (record !== undefined) merged = mergeRecords(merged, record)
  return merged
}

const NOBODY: ReadonlySet<PeerId> = new Set()
