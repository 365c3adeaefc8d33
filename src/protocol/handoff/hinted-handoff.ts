/**
 * Hints: writes kept here for owners that could not take them, until they can (the paper, section 4.6).
 *
 * A hint is an obligation, not a second copy: "give my copy of this key to that owner". It is a row of its own, written in one batch
 * with the record, and deleted only after the owner acknowledged durably what the copy says now. Where this peer is no owner itself,
 * the copy goes with its last hint. A hint whose target is no longer an owner becomes one for each of today's owners.
 */
import { toMapKey } from '../../core/bytes.ts'
import { DeadlineQueue } from '../../core/deadline-queue.ts'
import type { PeerId } from '../../core/identifiers.ts'
import { handoffBytesMax, hintBatchMax, hintBytesPerTargetMax } from '../../core/limits.ts'
import { recordHash, valueBytes, type StoredRecord } from '../../core/versions/record.ts'
import { workOf, type AdmissionControl } from '../admission-control.ts'
import { deliveryPauseMs, DeliveryPauses } from './delivery-pauses.ts'
import type { BatchOperation, Effect } from '../effect.ts'
import { HintBook, type Hint } from './hint-book.ts'
import type { Instant } from '../instant.ts'
import type { HandedOff, Handoff } from '../wire/message.ts'
import type { Replica, ReplicaFailure, RowOperation } from '../replica/replica.ts'
import { ownersOf, type Routing } from '../requests/routing.ts'
import { decodeNumber, hintKey, parseHintKey, type LocalRow } from '../storage-layout.ts'
import type { Tokens } from '../tokens.ts'

/** Time for reading the copies of a delivery, and silence after which one that was sent counts as lost. */
const deliveryWaitMs = { loading: 10_000, silence: 2_000 } as const
/** What a hint itself is taken to need on the disk. */
const hintRowBytes = 64
/** The slowest link that a delivery is given time for. */
const slowestBytesPerMs = 32

interface Delivery {
  readonly id: number
  readonly target: PeerId
  readonly chosen: readonly Hint[]
  loading: number
  readonly loaded: Map<string, { readonly key: Uint8Array; readonly record: StoredRecord }>
  sent: readonly { readonly key: Uint8Array; readonly record: StoredRecord }[]
}

export interface HintedHandoffParts {
  readonly routing: Routing
  readonly tokens: Tokens
  readonly replica: Replica
  readonly admission: AdmissionControl
  /** True while the key's partition is being given away: all its copies stay until every owner has confirmed it. */
  isMoving(key: Uint8Array): boolean
}

export class HintedHandoff {
  readonly #parts: HintedHandoffParts
  readonly #book = new HintBook()
  /** Deliveries under way: one for each target. */
  readonly #underway = new Map<PeerId, Delivery>()
  readonly #pauses = new DeliveryPauses()
  readonly #deliveries = new Map<number, Delivery>()
  readonly #due = new DeadlineQueue<{ readonly target: PeerId; readonly delivery: number; readonly isSent: boolean }>()
  /** True when hints were noted since the last pump. */
  #hasNews = false

  constructor(parts: HintedHandoffParts) {
    this.#parts = parts
  }

  /** Hints waiting, by target. */
  waiting(): readonly { readonly target: PeerId; readonly count: number; readonly bytes: number }[] {
    return this.#book.waiting()
  }

  /** True while hints for `peer` wait. */
  has(peer: PeerId): boolean {
    return this.#book.has(peer)
  }

  /** How many hints for `peer` wait. */
  count(peer: PeerId): number {
    return this.#book.count(peer)
  }

  /** Bytes of the key and values that a hint for `peer` stands for; 0 when there is none. */
  sizeOf(peer: PeerId, key: Uint8Array): number {
    return (this.#book.find(peer, key)?.bytes ?? hintRowBytes) - hintRowBytes
  }

  /** True while a hint for `key` waits here. */
  holds(key: Uint8Array): boolean {
    return this.#book.holds(key)
  }

  /** True when a hint of `bytes` for `peer` would exceed its bound: the fallback then refuses, it never drops. */
  isFull(peer: PeerId, bytes: number): boolean {
    return this.#book.bytes(peer) + bytes > hintBytesPerTargetMax
  }

  /** Takes over a hint row found in storage at the start. */
  restore(storageKey: Uint8Array, value: Uint8Array): void {
    const parsed = parseHintKey(storageKey)
    if (parsed !== undefined) this.#book.restore(parsed.target, parsed.key, decodeNumber(value))
  }

  /** Notes hints and returns their rows, to be written in one batch with the record. */
  store(targets: readonly PeerId[], key: Uint8Array, record: StoredRecord): readonly BatchOperation[] {
    if (targets.length === 0) return NOTHING
    this.#hasNews = true
    const bytes = key.length + valueBytes(record) + hintRowBytes
    return targets.map(target => this.#book.note(target, key, bytes))
  }

  /** The row of a hint that is noted, none while it is being deleted; `undefined` for a hint that nobody knows of. */
  rowsAt(target: PeerId, key: Uint8Array): readonly BatchOperation[] | undefined {
    return this.#book.rowsAt(target, key)
  }

  /** The write under way for `key` ended. Where it failed, the hints that it would have stored are none. */
  written(key: Uint8Array, isDurable: boolean): void {
    this.#book.written(key, isDurable)
  }

  /** Writes hints for a record that is stored here already; `settled` hears whether they are durable. */
  keep(
    now: Instant,
    targets: readonly PeerId[],
    key: Uint8Array,
    effects: Effect[],
    settled: (now: Instant, kept: boolean, effects: Effect[]) => void = () => undefined
  ): void {
    const { replica, routing } = this.#parts
    const others = targets.filter(target => target !== routing.self)
    if (others.length === 0) return settled(now, true, effects)
    const operation: RowOperation = {
      from: undefined,
      apply: (_now, row) => {
        // A hint stands for what the copy says when it is delivered: one is enough.
        const fresh = row === undefined ? [] : others.filter(target => this.#book.find(target, key) === undefined)
        return {
          row,
          operations: row === undefined ? [] : this.store(fresh, key, row.record),
          then: fresh.map(target => hintStored(target, key))
        }
      },
      settled: (at, out) => {
        this.pump(at, out)
        settled(at, true, out)
      },
      // The write is durable on those who acknowledged it; read repair and anti-entropy do the rest.
      fail: (at, _failure, out) => settled(at, false, out)
    }
    replica.change(now, key, operation, effects)
  }

  /** Something became durable: if that was a hint, its target may be there already. */
  pumpNews(now: Instant, effects: Effect[]): void {
    if (this.#hasNews) this.pump(now, effects)
  }

  /** Starts deliveries to all targets that can take one. */
  pump(now: Instant, effects: Effect[]): void {
    const { admission } = this.#parts
    this.#hasNews = false
    for (const peer of this.#book.targets()) {
      if (this.#underway.has(peer) || this.#pauses.isPaused(now, peer)) continue
      if (admission.mayStart(now)) this.#deliver(now, peer, effects)
      else this.#pause(now, peer, admission.waitMs(now))
    }
  }

  handedOff(now: Instant, from: PeerId, message: HandedOff, effects: Effect[]): void {
    const delivery = this.#deliveries.get(message.id)
    if (delivery === undefined || delivery.target !== from) return
    this.#finish(delivery)
    const stored = new Set(message.stored)
    for (const [number, entry] of delivery.sent.entries()) {
      if (stored.has(number)) this.#delivered(now, from, entry, effects)
      else this.#book.defer(from, entry.key)
    }
    if (stored.size > 0) this.#pauses.taken(from)
    else this.#pause(now, from, this.#pauses.refused(from))
    this.pump(now, effects)
  }

  /** A delivery did not even leave: it is tried again soon. */
  unsent(now: Instant, message: Handoff): void {
    const delivery = this.#deliveries.get(message.id)
    if (delivery === undefined) return
    this.#finish(delivery)
    this.#pause(now, delivery.target, deliveryPauseMs.unsent)
  }

  unreachable(now: Instant, peer: PeerId, effects: Effect[]): void {
    const delivery = this.#underway.get(peer)
    if (delivery !== undefined) this.#finish(delivery)
    this.pump(now, effects)
  }

  deadline(): number {
    return this.#due.next()
  }

  wake(now: Instant, effects: Effect[]): void {
    for (let due = this.#due.takeDue(now.ms); due !== undefined; due = this.#due.takeDue(now.ms)) {
      const delivery = this.#deliveries.get(due.delivery)
      // One that was sent in time is given the time that its size needs.
      const isOverdue = delivery !== undefined && (due.isSent || delivery.sent.length === 0)
      if (isOverdue) {
        this.#finish(delivery)
        this.#pause(now, due.target)
      }
      if (!this.#book.has(due.target)) this.#pauses.forget(due.target)
    }
    this.pump(now, effects)
  }

  #deliver(now: Instant, peer: PeerId, effects: Effect[]): void {
    const { tokens, replica } = this.#parts
    const chosen = this.#choose(now, peer, effects)
    if (chosen.length === 0) return
    const delivery: Delivery = { id: tokens.next(), target: peer, chosen, loading: chosen.length, loaded: new Map(), sent: [] }
    this.#underway.set(peer, delivery)
    this.#deliveries.set(delivery.id, delivery)
    this.#due.add(now.ms + deliveryWaitMs.loading, { target: peer, delivery: delivery.id, isSent: false })
    for (const hint of chosen) {
      const settle = (at: Instant, row: LocalRow | undefined, out: Effect[]): void => this.#loaded(at, delivery, hint, row, out)
      const fail = (at: Instant, _failure: ReplicaFailure, out: Effect[]): void => {
        this.#book.defer(peer, hint.key)
        this.#skip(at, delivery, out)
      }
      replica.read(now, hint.key, { from: undefined, done: settle, fail }, effects)
    }
  }

  /** The next hints for a target that can be reached. On the way, a bounded number of strays is made over to today's owners. */
  #choose(now: Instant, peer: PeerId, effects: Effect[]): readonly Hint[] {
    const chosen: Hint[] = []
    let moved = 0
    for (const hint of this.#book.of(peer)) {
      if (chosen.length >= hintBatchMax || moved >= hintBatchMax) break
      if (hint.released || hint.closing) continue
      if (this.#isStray(peer, hint)) {
        moved += 1
        this.#readdress(now, peer, hint, effects)
      } else if (this.#parts.routing.isReachable(peer)) chosen.push(hint)
      else break
    }
    return chosen
  }

  #loaded(now: Instant, delivery: Delivery, hint: Hint, row: LocalRow | undefined, effects: Effect[]): void {
    if (row === undefined) this.#drop(now, delivery.target, hint.key, effects)
    else delivery.loaded.set(toMapKey(hint.key), { key: hint.key, record: row.record })
    this.#skip(now, delivery, effects)
  }

  #skip(now: Instant, delivery: Delivery, effects: Effect[]): void {
    delivery.loading -= 1
    if (delivery.loading === 0 && this.#deliveries.has(delivery.id)) this.#send(now, delivery, effects)
  }

  #send(now: Instant, delivery: Delivery, effects: Effect[]): void {
    let bytes = 0
    const entries: { readonly key: Uint8Array; readonly record: StoredRecord }[] = []
    for (const entry of delivery.loaded.values()) {
      bytes += entry.key.length + valueBytes(entry.record)
      if (entries.length > 0 && bytes > handoffBytesMax) break
      entries.push(entry)
    }
    delivery.sent = entries
    this.#parts.admission.spend(workOf(entries.length, bytes))
    if (entries.length > 0) {
      this.#due.add(now.ms + deliveryWaitMs.silence + bytes / slowestBytesPerMs, {
        target: delivery.target,
        delivery: delivery.id,
        isSent: true
      })
      effects.push({ kind: 'send', to: delivery.target, lane: 'bulk', message: { type: 'handoff', id: delivery.id, entries } })
      return
    }
    this.#finish(delivery)
    this.#pause(now, delivery.target)
  }

  /** The target holds durably what was sent: the hint goes, unless the copy says more by now. */
  #delivered(now: Instant, target: PeerId, sent: { readonly key: Uint8Array; readonly record: StoredRecord }, effects: Effect[]): void {
    const hash = recordHash(sent.record)
    const says = (row: LocalRow | undefined): boolean => row !== undefined && recordHash(row.record) !== hash
    this.#parts.replica.change(now, sent.key, this.#release(target, sent.key, says), effects)
  }

  /** Deletes a hint, and where this peer is no owner the copy with its last hint; nothing while `stays`. A deletion that fails is tried again. */
  #release(target: PeerId, key: Uint8Array, stays: (row: LocalRow | undefined) => boolean): RowOperation {
    const hint = this.#book.find(target, key)
    if (hint !== undefined) hint.closing = true
    let released: Hint | undefined
    return {
      from: undefined,
      apply: (_now, row) => {
        if (stays(row)) return { row, operations: [], then: [] }
        released = this.#book.release(target, key)
        const kept =
          this.#parts.isMoving(key) || ownersOf(this.#parts.routing, key).includes(this.#parts.routing.self) || this.#book.holds(key)
        return {
          row: kept ? row : undefined,
          operations: [{ type: 'delete', key: hintKey(target, key) }],
          then: [hintDelivered(target, key)]
        }
      },
      settled: (at, out) => {
        this.#book.forget(target, released)
        if (released !== undefined || hint === undefined) return
        // The copy says more than what was delivered: that is delivered too.
        hint.closing = false
        this.pump(at, out)
      },
      fail: at => {
        if (hint !== undefined) hint.closing = false
        this.#keptStill(at, target, released)
      }
    }
  }

  /**
   * True when the target owns the key no longer, and somebody else does. A peer that doubts its copies makes no hint over: it may be the owner by now, and
   * would discard what nothing stands for.
   */
  #isStray(peer: PeerId, hint: Hint): boolean {
    const { routing } = this.#parts
    const owners = ownersOf(routing, hint.key)
    return owners.length > 0 && !owners.includes(peer) && !routing.isClosed()
  }

  /** The target owns the key no longer: today's owners get the copy instead. */
  #readdress(now: Instant, target: PeerId, hint: Hint, effects: Effect[]): void {
    hint.closing = true
    let released: Hint | undefined
    const operation: RowOperation = {
      from: undefined,
      apply: (_now, row) => {
        const owners = this.#heirs(hint.key)
        const rows = row === undefined ? [] : this.store(owners, hint.key, row.record)
        released = row !== undefined && owners.includes(target) ? undefined : this.#book.release(target, hint.key)
        const gone: readonly BatchOperation[] = released === undefined ? [] : [{ type: 'delete', key: hintKey(target, hint.key) }]
        return { row, operations: [...rows, ...gone], then: [] }
      },
      settled: (at, out) => {
        this.#book.forget(target, released)
        this.pump(at, out)
      },
      fail: at => {
        hint.closing = false
        this.#keptStill(at, target, released)
      }
    }
    this.#parts.replica.change(now, hint.key, operation, effects)
  }

  /** Who is owed a copy in the place of a former owner. Of a partition that all its owners are to confirm anyway, nobody needs a hint for that. */
  #heirs(key: Uint8Array): readonly PeerId[] {
    const { isMoving, routing } = this.#parts
    const owners = ownersOf(routing, key)
    if (owners.includes(routing.self)) return owners.filter(owner => owner !== routing.self)
    return isMoving(key) ? [] : owners
  }

  #drop(now: Instant, target: PeerId, key: Uint8Array, effects: Effect[]): void {
    this.#parts.replica.change(
      now,
      key,
      this.#release(target, key, row => row !== undefined),
      effects
    )
  }

  /** A deletion failed: it is tried again with the next delivery. */
  #keptStill(now: Instant, target: PeerId, hint: Hint | undefined): void {
    this.#book.keep(target, hint)
    this.#pause(now, target)
  }

  #finish(delivery: Delivery): void {
    this.#deliveries.delete(delivery.id)
    if (this.#underway.get(delivery.target) === delivery) this.#underway.delete(delivery.target)
  }

  #pause(now: Instant, peer: PeerId, ms: number = deliveryPauseMs.usual): void {
    if (!this.#book.has(peer)) return
    this.#pauses.pause(peer, now.ms + ms)
    this.#due.add(now.ms + ms, { target: peer, delivery: 0, isSent: false })
  }
}

/** News that a hint for `target` is durable here. */
export function hintStored(target: PeerId, key: Uint8Array): Effect {
  return { kind: 'report', event: { type: 'hint-stored', target, key } }
}

function hintDelivered(target: PeerId, key: Uint8Array): Effect {
  return { kind: 'report', event: { type: 'hint-delivered', target, key } }
}

const NOTHING: readonly BatchOperation[] = []
