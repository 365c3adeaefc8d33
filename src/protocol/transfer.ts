/**
 * What a ring change means for the keys stored here: new owners get a copy, and a peer that stopped being an owner gives its copies away.
 *
 * A pass walks over all rows and turns each obligation into hints, which are durable and delivered like any other. A pass that was cut short
 * by a crash is repeated at the next start: the digest of the last ring that was worked through is kept in storage. A pass runs at the pace of
 * the deliveries (the paper, section 6.5): what is not delivered yet would only fill the disk, and get in the way of requests.
 */
import type { PeerId } from '../core/identifiers.ts'
import { transferHintsMax, transferPageRows } from '../core/limits.ts'
import type { Ring } from '../core/ring.ts'
import { encodeUtf8 } from '../core/codec.ts'
import type { BatchOperation, Effect, ScannedRow, StorageClient } from './effect.ts'
import type { FailureDetector } from './failure-detector.ts'
import type { HintedHandoff } from './hinted-handoff.ts'
import type { Instant } from './instant.ts'
import type { TransferDone, TransferQuery } from './message.ts'
import type { Refill } from './refill.ts'
import type { Replica } from './replica.ts'
import { partitionOfKey, waits, type Routing } from './routing.ts'
import { keyOfRow, metaKey, prefixes } from './storage-layout.ts'
import type { Tokens } from './tokens.ts'

/** Meta row with the digest of the last ring whose change was worked through. */
export const settledRingKey: Uint8Array = metaKey('settled-ring')

/** How often a joining peer asks again. */
const queryEveryMs = 500
/** Time that members get to be met; after it those that were not are taken for gone. */
const meetWithinMs = 2000
/** Pause after the storage failed. */
const retryAfterMs = 1000
/** How often a pass that is ahead of the deliveries looks at them. */
const paceMs = 50

export interface TransferParts {
  readonly routing: Routing
  readonly tokens: Tokens
  readonly hints: HintedHandoff
  readonly replica: Replica
  readonly detector: FailureDetector
  /** Members that store something and can be reached, without this peer. */
  reachableMembers(): readonly PeerId[]
  /** True unless this member is leaving and a restart would make this peer forget it. */
  mayLetGo(member: PeerId): boolean
  readonly refill: Refill
  /** Names the discard after which this peer has to be refilled; 0 for none. */
  ownRefill(): number
  /** True while there are such members that no connection was ever open to. */
  hasUnmetMembers(): boolean
  /** True when those who have given what they had make up for what this peer discarded. */
  isRefilled(now: Instant, hasGiven: (member: PeerId) => boolean): boolean
  /** This peer has everything that it owns in the current ring. */
  complete(now: Instant, effects: Effect[]): void
}

type Done = (now: Instant, allKept: boolean, effects: Effect[]) => void

/** A page of rows being worked through: its obligations are durable before the next page is read. */
interface Page {
  readonly pass: number
  readonly after: Uint8Array | undefined
}

export class Transfer implements StorageClient {
  readonly #parts: TransferParts
  readonly #scans = new Map<number, Page>()
  /** Last ring that was worked through; `undefined` while it is not known what it was. */
  #settled: Ring | undefined
  #settledDigest: string
  #pass = 0
  #running = false
  /** While this peer doubts its copies nothing is made of them; `again` when a walk was asked for meanwhile. */
  #held: 'no' | 'held' | 'again' = 'no'
  /** Peers that asked whether they have got everything, and in which ring. */
  readonly #askers = new Map<PeerId, string>()
  /** While this peer is joining: who has given it everything in which ring. */
  readonly #givers = new Map<PeerId, string>()
  /** When each member that has not answered yet was last pinged. */
  readonly #probedMs = new Map<PeerId, number>()
  #queryAtMs = Number.POSITIVE_INFINITY
  #meetUntilMs = Number.NEGATIVE_INFINITY
  #retry: Page | undefined
  /** Hints that waited when a pass last looked at them, while it is ahead. */
  #waitedFor = Number.POSITIVE_INFINITY
  #retryAtMs = Number.POSITIVE_INFINITY

  /** `settledDigest` as read from {@link settledRingKey}, empty in a new storage. */
  constructor(parts: TransferParts, settledDigest: string) {
    this.#parts = parts
    this.#settledDigest = settledDigest
  }

  /** True while a pass walks over the rows. */
  get running(): boolean {
    return this.#running
  }

  /** This peer has just started: a pass that its last run did not end is done again. */
  start(now: Instant, effects: Effect[]): void {
    if (this.#pass === 0) this.ringChanged(now, effects)
  }

  /** Makes nothing of the copies here until {@link release}. */
  hold(): void {
    if (this.#held === 'no') this.#held = 'held'
    this.#pass += 1
    this.#running = true
  }

  /** The copies that are left count again. */
  release(now: Instant, effects: Effect[]): void {
    const again = this.#held === 'again'
    this.#held = 'no'
    if (again) this.walkAgain(now, effects)
    else this.ringChanged(now, effects)
  }

  /** The ring changed. */
  ringChanged(now: Instant, effects: Effect[]): void {
    const ring = this.#parts.routing.ring()
    if (this.#held !== 'no') {
      if (ring.digest !== this.#settledDigest) this.#unsettle(effects)
      return
    }
    this.#pass += 1
    this.#running = ring.digest !== this.#settledDigest
    if (this.#running) {
      this.#unsettle(effects)
      this.#begin(now, ring, effects)
    } else this.#settled = ring
    this.answerAskers(effects)
  }

  /**
   * From now on copies may arrive that are right in no other ring. Should the one before come back meanwhile, it has to be worked through again, also
   * after a crash.
   */
  #unsettle(effects: Effect[]): void {
    if (this.#settledDigest === '') return
    this.#settledDigest = ''
    effects.push({ kind: 'write', batch: [{ type: 'delete', key: settledRingKey }], then: [], token: this.#parts.tokens.take(this) })
  }

  /** Walks over the rows once more: a copy of which this peer is no owner may have lost its hints. */
  walkAgain(now: Instant, effects: Effect[]): void {
    if (this.#held !== 'no') {
      this.#held = 'again'
      return
    }
    this.#pass += 1
    this.#running = true
    this.#begin(now, this.#parts.routing.ring(), effects)
  }

  /** The row of the last ring that was worked through; none while a walk is under way. */
  settledRow(): BatchOperation | undefined {
    if (this.#running) return undefined
    return { type: 'put', key: settledRingKey, value: encodeUtf8(this.#settledDigest) }
  }

  /** This peer is joining: asks all members until each has given it what it owns. */
  awaitCompletion(now: Instant, effects: Effect[]): void {
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
      this.#judgeCompletion(now, effects)
    }
  }

  /** Tells those who asked, and have got everything by now. */
  answerAskers(effects: Effect[]): void {
    if (this.#running || this.#askers.size === 0) return
    const ring = this.#parts.routing.ring().digest
    for (const [asker, asked] of this.#askers) {
      if (!this.#parts.mayLetGo(asker)) continue
      if (asked !== ring || this.#parts.hints.has(asker) || this.#parts.refill.isGiving(asker)) continue
      this.#askers.delete(asker)
      effects.push({ kind: 'send', to: asker, lane: 'request', message: { type: 'transfer-done', ring } })
    }
  }

  deadline(): number {
    return Math.min(this.#queryAtMs, this.#retryAtMs)
  }

  wake(now: Instant, effects: Effect[]): void {
    if (now.ms >= this.#retryAtMs) this.#tryAgain(now, effects)
    if (now.ms >= this.#queryAtMs) this.#query(now, effects)
  }

  #tryAgain(now: Instant, effects: Effect[]): void {
    this.#retryAtMs = Number.POSITIVE_INFINITY
    if (this.#retry?.pass === this.#pass) this.#goOn(now, this.#retry, effects)
  }

  #query(now: Instant, effects: Effect[]): void {
    this.#queryAtMs = now.ms + queryEveryMs
    const ring = this.#parts.routing.ring().digest
    for (const member of this.#parts.reachableMembers()) {
      if (this.#givers.get(member) === ring) continue
      this.#probe(now, member, effects)
      effects.push({
        kind: 'send',
        to: member,
        lane: 'request',
        message: { type: 'transfer-query', ring, refill: this.#parts.ownRefill() }
      })
    }
    this.#judgeCompletion(now, effects)
  }

  /** A member that is gone must not be waited for: a busy one still answers a ping. */
  #probe(now: Instant, member: PeerId, effects: Effect[]): void {
    const { detector, tokens } = this.#parts
    const sinceMs = this.#probedMs.get(member)
    if (sinceMs !== undefined && now.ms - sinceMs < waits.patienceMs) return
    this.#probedMs.set(member, now.ms)
    effects.push({ kind: 'send', to: member, lane: 'request', message: { type: 'ping', id: tokens.next() } })
    if (sinceMs !== undefined) detector.missed(now, member, sinceMs, effects)
  }

  #judgeCompletion(now: Instant, effects: Effect[]): void {
    if (this.#queryAtMs === Number.POSITIVE_INFINITY) return
    if (now.ms < this.#meetUntilMs && this.#parts.hasUnmetMembers()) return
    const ring = this.#parts.routing.ring().digest
    const members = this.#parts.reachableMembers()
    const hasGiven = (member: PeerId): boolean => this.#givers.get(member) === ring
    if (members.length === 0 || !members.every(hasGiven) || !this.#parts.isRefilled(now, hasGiven)) return
    this.#queryAtMs = Number.POSITIVE_INFINITY
    this.#givers.clear()
    this.#probedMs.clear()
    this.#parts.complete(now, effects)
  }

  scanned(now: Instant, token: number, rows: readonly ScannedRow[], effects: Effect[]): void {
    const page = this.#scans.get(token)
    this.#scans.delete(token)
    if (page === undefined || page.pass !== this.#pass) return
    const ring = this.#parts.routing.ring()
    const finish = (at: Instant, allKept: boolean, out: Effect[]): void => this.#pageDone(at, ring, page, allKept, rows, out)
    this.#obligeAll(
      now,
      ring,
      page.pass,
      rows.map(({ key }) => keyOfRow(key)),
      effects,
      finish
    )
  }

  failed(now: Instant, token: number): void {
    const page = this.#scans.get(token)
    this.#scans.delete(token)
    if (page?.pass === this.#pass) this.#retryLater(now, page)
  }

  written(): void {
    // Settling is remembered for the next start; nothing waits for it.
  }

  loaded(): void {
    // Rows are scanned, not read.
  }

  /** Rows that are on their way to the disk might not be there when it is scanned, so their keys come first. */
  #begin(now: Instant, ring: Ring, effects: Effect[]): void {
    const first: Page = { pass: this.#pass, after: undefined }
    const finish = (at: Instant, allKept: boolean, out: Effect[]): void =>
      allKept ? this.#scan(undefined, out) : this.#retryLater(at, first)
    this.#obligeAll(now, ring, first.pass, this.#parts.replica.keysUnderWay(), effects, finish)
  }

  /** Keeps the obligations of all `keys`, then calls `finish`, unless another pass began meanwhile. */
  #obligeAll(now: Instant, ring: Ring, pass: number, keys: readonly Uint8Array[], effects: Effect[], finish: Done): void {
    let open = 1
    let allKept = true
    const done: Done = (at, kept, out) => {
      open -= 1
      allKept &&= kept
      if (open === 0 && pass === this.#pass) finish(at, allKept, out)
    }
    for (const key of keys) {
      open += 1
      this.#oblige(now, ring, key, effects, done)
    }
    done(now, true, effects)
  }

  #pageDone(now: Instant, ring: Ring, page: Page, allKept: boolean, rows: readonly ScannedRow[], effects: Effect[]): void {
    const last = rows.at(-1)
    if (!allKept) this.#retryLater(now, page)
    else if (last !== undefined && rows.length === transferPageRows) this.#goOn(now, { pass: page.pass, after: last.key }, effects)
    else this.#settle(ring, effects)
  }

  /** Reads the next page, or waits while the deliveries catch up. */
  #goOn(now: Instant, page: Page, effects: Effect[]): void {
    const { hints, routing } = this.#parts
    const waiting = hints.waiting().reduce((sum, { target, count }) => sum + (routing.isReachable(target) ? count : 0), 0)
    const isAhead = waiting > transferHintsMax && waiting < this.#waitedFor
    this.#waitedFor = isAhead ? waiting : Number.POSITIVE_INFINITY
    if (isAhead) this.#retryLater(now, page, paceMs)
    else this.#scan(page.after, effects)
  }

  /** The storage could not keep the obligations of a page: the same page again, after a pause. */
  #retryLater(now: Instant, page: Page, pauseMs: number = retryAfterMs): void {
    this.#retry = page
    this.#retryAtMs = now.ms + pauseMs
  }

  #scan(after: Uint8Array | undefined, effects: Effect[]): void {
    const token = this.#parts.tokens.take(this)
    this.#scans.set(token, { pass: this.#pass, after })
    effects.push({ kind: 'scan', prefix: prefixes.row, after, limit: transferPageRows, token })
  }

  #oblige(now: Instant, ring: Ring, key: Uint8Array, effects: Effect[], done: Done): void {
    const { hints, routing } = this.#parts
    const partition = partitionOfKey(ring, key)
    const before = this.#settled?.owners(partition) ?? []
    const targets = obligations(routing.self, ring.owners(partition), before, peer => routing.isReachable(peer))
    if (targets.length > 0) hints.keep(now, targets, key, effects, done)
    else done(now, true, effects)
  }

  #settle(ring: Ring, effects: Effect[]): void {
    this.#running = false
    this.#settled = ring
    this.#settledDigest = ring.digest
    const settled: BatchOperation = { type: 'put', key: settledRingKey, value: encodeUtf8(ring.digest) }
    effects.push({ kind: 'write', batch: [settled], then: [], token: this.#parts.tokens.take(this) })
    this.answerAskers(effects)
  }
}

/**
 * Owners that this peer must give its copy to after the owners changed from `before` to `after`: all of them when it stopped being one; the
 * newcomers when it is the first reachable owner that was one before.
 */
export function obligations(
  self: PeerId,
  after: readonly PeerId[],
  before: readonly PeerId[],
  isReachable: (peer: PeerId) => boolean
): readonly PeerId[] {
  if (!after.includes(self)) return after
  const newcomers = after.filter(owner => owner !== self && !before.includes(owner))
  const giver = after.find(owner => before.includes(owner) && (owner === self || isReachable(owner))) ?? self
  return giver === self ? newcomers : []
}
