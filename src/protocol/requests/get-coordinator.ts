/**
 * Coordinates a get (the paper, section 4.5): ask the first N reachable of the preference list, answer at R replies with everything
 * merged, keep listening, and repair those that turned out stale and own the key by then.
 *
 * A fallback that holds nothing does not count as "not found": it only counts once an owner, or someone who does hold the key, has
 * answered too. The same holds for an owner that has not got all copies yet after the ring changed; where nobody else answers, it is asked once
 * more, and asks those who have them. An owner that does not take itself for one sees another ring: the views are compared, and it is
 * asked again.
 */
import { DeadlineQueue } from '../../core/deadline-queue.ts'
import type { PeerId } from '../../core/identifiers.ts'
import { listeningGetsMax } from '../../core/limits.ts'
import { acknowledge, ask, askAgain, fail, quorumTally, wasAsked, type QuorumTally } from '../../core/quorum-tally.ts'
import { emptyRecord, mergeRecords, type StoredRecord } from '../../core/versions/record.ts'
import { sendRequest, type Effect } from '../effect.ts'
import type { MembershipView } from '../../core/members/membership-view.ts'
import { compareViews } from '../membership/view-exchange.ts'
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

/** What a peer says of its copy: it vouches for it as an owner, it lacks copies of others, or it was asked as an owner and is none, or as a fallback. */
type Standing = 'whole' | 'lacking' | 'stranger' | 'fallback'

interface Reply {
  readonly record: StoredRecord | undefined
  readonly standing: Standing
}

interface PendingGet {
  readonly call: number
  readonly id: number
  readonly get: GetCall
  readonly partition: number
  owners: readonly PeerId[]
  r: number
  readonly deadlineMs: number
  readonly waitUntilMs: number
  /** When each peer was asked last, and by which message; 0 once it has answered. */
  readonly asked: Map<PeerId, { readonly atMs: number; readonly id: number }>
  lastSentMs: number
  readonly replies: Map<PeerId, Reply>
  /** Owners that were asked to ask others for what they lack. */
  readonly askedWhole: Set<PeerId>
  /** When owners that did not vouch for their copies are asked again, and the pause before the next time. */
  tryAtMs: number
  pauseMs: number
  tally: QuorumTally
  settled: boolean
}

export interface GetCoordinatorParts {
  readonly routing: Routing
  readonly tokens: Tokens
  readonly detector: FailureDetector
  /** The view that is compared with one that sees another ring. */
  view(): MembershipView
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
      asked: new Map(),
      lastSentMs: Number.NaN,
      replies: new Map(),
      askedWhole: new Set(),
      tryAtMs: Number.POSITIVE_INFINITY,
      pauseMs: waits.disagreementMs,
      tally: quorumTally(r),
      settled: false
    }
    this.#pending.set(pending.id, pending)
    this.#ids.set(call, pending.id)
    this.#due.add(pending.deadlineMs, pending.id)
    const isScarce = owners.filter(owner => !routing.isJoining(owner)).length < r
    for (const peer of firstReachable(routing, partition, Math.max(owners.length, 1), !get.sloppy, NOBODY))
      this.#ask(now, pending, peer, isScarce && owners.includes(peer) && routing.isJoining(peer), effects)
    this.#judge(now, pending, effects)
  }

  /** The caller does not wait any longer. */
  abandon(call: number): void {
    const id = this.#ids.get(call)
    if (id !== undefined) this.#forget(id)
  }

  fetched(now: Instant, from: PeerId, message: Fetched, effects: Effect[]): void {
    const pending = this.#pending.get(message.id)
    const asked = pending?.asked.get(from)
    // A repeated answer may be older than the one that counted.
    if (pending === undefined || asked?.id !== message.id || !wasAsked(pending.tally, from)) return
    if (message.status !== 'ok' && message.status !== 'not-owner') return this.#gaveUp(now, pending, from, effects)
    const { record } = message
    pending.asked.set(from, { ...asked, id: 0 })
    if (message.id !== pending.id) this.#pending.delete(message.id)
    pending.replies.set(from, { record, standing: standingOf(message, pending.owners.includes(from)) })
    pending.tally = acknowledge(pending.tally, from)
    if (message.status === 'not-owner' && pending.owners.includes(from)) {
      // Once one of the two views is the newer one for both, it is asked again. A peer that has only just met others learns nothing from itself.
      if (from !== this.#parts.routing.self) compareViews(this.#parts.view(), from, effects)
      this.#tryLater(now, pending)
    }
    this.#judge(now, pending, effects)
  }

  /** A fetch did not even leave. */
  unsent(now: Instant, peer: PeerId, message: Fetch, effects: Effect[]): void {
    const pending = this.#pending.get(message.id)
    if (pending?.tally.pending.includes(peer) === true) this.#gaveUp(now, pending, peer, effects)
  }

  /** A peer is back: a get that is short of answers asks it, and each that is not answered where it is an owner. */
  reachable(now: Instant, peer: PeerId, effects: Effect[]): void {
    for (const pending of this.#pending.values()) {
      if (pending.settled) continue
      this.#refill(now, pending, effects)
      if (pending.owners.includes(peer) && !wasAsked(pending.tally, peer)) this.#ask(now, pending, peer, false, effects)
    }
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
    if (pending.tryAtMs <= now.ms) this.#tryAgain(now, pending, effects)
    const silent = pending.tally.pending.filter(peer => (pending.asked.get(peer)?.atMs ?? now.ms) + waits.patienceMs <= now.ms)
    for (const peer of silent) if (pending.tally.pending.includes(peer)) this.#missed(now, pending, peer, effects)
    if (silent.length === 0) this.#judge(now, pending, effects)
  }

  #ask(now: Instant, pending: PendingGet, peer: PeerId, whole: boolean, effects: Effect[]): void {
    // A second question has a number of its own, so that a late answer to the first is not taken for one to it.
    const isAgain = pending.asked.has(peer)
    const id = isAgain ? this.#parts.tokens.next() : pending.id
    if (isAgain) this.#pending.set(id, pending)
    pending.tally = isAgain ? askAgain(pending.tally, peer) : ask(pending.tally, peer)
    if (pending.lastSentMs !== now.ms) this.#due.add(now.ms + waits.patienceMs, pending.id)
    pending.lastSentMs = now.ms
    pending.asked.set(peer, { atMs: now.ms, id })
    if (whole) pending.askedWhole.add(peer)
    sendRequest(effects, peer, { type: 'fetch', id, key: pending.get.key, whole })
  }

  /** Owners that do not vouch for their copies may do so soon. */
  #tryLater(now: Instant, pending: PendingGet): void {
    const atMs = now.ms + pending.pauseMs
    if (pending.settled || pending.tryAtMs !== Number.POSITIVE_INFINITY || atMs >= pending.waitUntilMs) return
    pending.tryAtMs = atMs
    pending.pauseMs *= 2
    this.#due.add(atMs, pending.id)
  }

  #tryAgain(now: Instant, pending: PendingGet, effects: Effect[]): void {
    const { routing } = this.#parts
    pending.tryAtMs = Number.POSITIVE_INFINITY
    if (pending.settled) return
    pending.owners = routing.ring().owners(pending.partition)
    pending.r = Math.min(pending.get.r, Math.max(pending.owners.length, 1))
    for (const owner of pending.owners) {
      const isOpen = pending.tally.pending.includes(owner) || pending.tally.failed.includes(owner)
      const standing = pending.replies.get(owner)?.standing
      if (!isOpen && standing !== 'whole' && routing.isReachable(owner)) this.#ask(now, pending, owner, standing === 'lacking', effects)
    }
  }

  #missed(now: Instant, pending: PendingGet, peer: PeerId, effects: Effect[]): void {
    this.#parts.detector.missed(now, peer, pending.asked.get(peer)?.atMs ?? now.ms, effects)
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
    for (const peer of firstReachable(this.#parts.routing, partition, missing, !get.sloppy, asked))
      this.#ask(now, pending, peer, false, effects)
  }

  #judge(now: Instant, pending: PendingGet, effects: Effect[]): void {
    if (!pending.settled && this.#countedReplies(now, pending) >= pending.r) this.#settle(pending, 'ok', effects)
    if (pending.tally.pending.length > 0) return
    if (pending.settled) return this.#finish(pending, effects)
    if (this.#askWhole(now, pending, effects) || this.#isDisputed(pending)) return
    if (this.#askEmptyHanded(now, pending, effects)) return
    if (now.ms >= pending.waitUntilMs) return this.#expire(pending, effects)
    this.#due.add(pending.waitUntilMs, pending.id)
    this.#tryLater(now, pending)
  }

  /** Replies came, but empty fallbacks among them do not count: the next fallback may hold the key. */
  #askEmptyHanded(now: Instant, pending: PendingGet, effects: Effect[]): boolean {
    const { tally, partition, get } = pending
    const asked = new Set([...tally.acknowledged, ...tally.failed])
    const [next] = firstReachable(this.#parts.routing, partition, 1, !get.sloppy, asked)
    if (next === undefined) return false
    this.#ask(now, pending, next, false, effects)
    return true
  }

  /** True while an owner that does not take itself for one is to be asked again. */
  #isDisputed({ tryAtMs, owners, replies }: PendingGet): boolean {
    return tryAtMs !== Number.POSITIVE_INFINITY && owners.some(owner => replies.get(owner)?.standing === 'stranger')
  }

  /** Owners that lack copies of others are to get them. */
  #askWhole(now: Instant, pending: PendingGet, effects: Effect[]): boolean {
    const lacking = pending.owners.filter(owner => this.#mayComplete(pending, owner))
    for (const owner of lacking) this.#ask(now, pending, owner, true, effects)
    return lacking.length > 0
  }

  /** True for an owner that lacks copies of others and was not asked to get them. */
  #mayComplete({ replies, askedWhole }: PendingGet, owner: PeerId): boolean {
    return replies.get(owner)?.standing === 'lacking' && !askedWhole.has(owner) && this.#parts.routing.isReachable(owner)
  }

  /** True while one that joins may answer, or is asked by one, or may get what it lacks: there was no connection yet, and is about to be one. */
  #isAwaited({ tally, replies }: PendingGet, owner: PeerId): boolean {
    const { routing, detector } = this.#parts
    if (tally.failed.includes(owner)) return false
    if (!routing.isJoining(owner) && !routing.isJoining(routing.self)) return false
    const standing = replies.get(owner)?.standing
    if (standing !== undefined) return standing === 'lacking'
    return routing.isReachable(owner) || detector.opinion(owner) === 'unknown'
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
    const records = new Map([...pending.replies].map(([peer, { record }]) => [peer, record]))
    // The ring may have changed since they were asked: who owns the key no more would refuse the repair, and who owns it by now needs it.
    const owners = this.#parts.routing.ring().owners(pending.partition)
    for (const target of staleReplicas(merged, records, owners)) {
      sendRequest(effects, target, { type: 'repair', key, record: merged })
      effects.push({ kind: 'report', event: { type: 'repair-sent', target, key } })
    }
  }

  /**
   * Replies that count towards R: those of owners that lack nothing, and of fallbacks that hold the key where no newcomer is about to answer. All others count
   * only beside one of them, and not while an owner may still answer. Where nobody else turns up in time, an owner that lacks something and holds the key
   * counts as such a fallback. What an owner of the ring before holds stands for nobody: the owners of this one may have taken newer writes.
   */
  #countedReplies(now: Instant, pending: PendingGet): number {
    const { owners, replies, tally, r, waitUntilMs } = pending
    if (replies.size < r) return replies.size
    const isLate = now.ms >= waitUntilMs
    const isAwaited = !isLate && owners.some(owner => this.#isAwaited(pending, owner))
    let counted = 0
    let holding = 0
    for (const [peer, { record, standing }] of replies) {
      const isStandIn = record !== undefined && standing !== 'stranger' && !isAwaited
      if (owners.includes(peer) ? standing === 'whole' : isStandIn) counted += 1
      else if (record !== undefined) holding += 1
    }
    if (counted >= r || counted + (isLate ? holding : 0) === 0) return counted
    const mayAnswer = (owner: PeerId): boolean => tally.pending.includes(owner) || this.#mayComplete(pending, owner)
    const mayImprove = isAwaited || this.#isDisputed(pending) || owners.some(mayAnswer)
    return mayImprove ? counted : replies.size
  }

  #forget(id: number): void {
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    this.#ids.delete(pending.call)
    this.#listening.delete(pending)
    for (const { id: asked } of pending.asked.values()) this.#pending.delete(asked)
    this.#pending.delete(pending.id)
  }
}

function standingOf({ status, lacking }: Fetched, isAskedAsOwner: boolean): Standing {
  if (status === 'not-owner') return isAskedAsOwner ? 'stranger' : 'fallback'
  return lacking.length > 0 ? 'lacking' : 'whole'
}

function mergedReplies(pending: PendingGet): StoredRecord {
  let merged = emptyRecord
  for (const { record } of pending.replies.values()) if (record !== undefined) merged = mergeRecords(merged, record)
  return merged
}

const NOBODY: ReadonlySet<PeerId> = new Set()
