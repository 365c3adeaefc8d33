/**
 * Hints: writes kept here for owners that could not take them, until they can (the paper, section 4.6).
 *
 * A hint is an obligation, not a second copy: "give my copy of this key to that owner". It is a row of its own, written in one batch
 * with the record, and deleted only after the owner acknowledged durably what the copy says now. Where this peer is no owner itself,
 * the copy goes with its last hint. A hint whose target is no longer an owner becomes one for each of today's owners.
 */
import { toMapKey } from '../core/bytes.ts'
import { DeadlineQueue } from '../core/deadline-queue.ts'
import type { PeerId } from '../core/identifiers.ts'
import { handoffBytesMax, hintBatchMax, hintBytesPerTargetMax } from '../core/limits.ts'
import { recordHash, valueBytes, type StoredRecord } from '../core/record.ts'
import type { BatchOperation, Effect } from './effect.ts'
import type { Instant } from './instant.ts'
import type { HandedOff, Handoff } from './message.ts'
import type { Replica, RowChange, RowOperation } from './replica.ts'
import { ownersOf, type Routing } from './routing.ts'
import { decodeNumber, encodeNumber, hintKey, parseHintKey, type LocalRow } from './storage-layout.ts'
import type { Tokens } from './tokens.ts'

/** Silence after which a delivery counts as lost, and the pauses after a refused one and after one that could not leave. */
const deliveryWaitMs = { silence: 10_000, pause: 2_000, unsent: 200 } as const

interface Hint {
  readonly key: Uint8Array
  readonly bytes: number
  /** True while it is being made over to today's owners. */
  moving: boolean
}

interface Target {
  readonly hints: Map<string, Hint>
  bytes: number
  delivery: Delivery | undefined
  pausedUntilMs: number
}

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
}

export class HintedHandoff {
  readonly #parts: HintedHandoffParts
  readonly #targets = new Map<PeerId, Target>()
  /** How many targets each key is hinted for. */
  readonly #targetsByKey = new Map<string, number>()
  readonly #deliveries = new Map<number, Delivery>()
  readonly #due = new DeadlineQueue<{ readonly target: PeerId; readonly delivery: number }>()

  constructor(parts: HintedHandoffParts) {
    this.#parts = parts
  }

  /** Hints waiting, by target. */
  waiting(): readonly { readonly target: PeerId; readonly count: number; readonly bytes: number }[] {
    return [...this.#targets].filter(([, target]) => target.hints.size > 0).map(([peer, target]) => ({ target: peer, count: target.hints.size, bytes: target.bytes }))
  }

  /** True while hints for `peer` wait. */
  has(peer: PeerId): boolean {
    return (this.#targets.get(peer)?.hints.size ?? 0) > 0
  }

  /** True when a hint of `bytes` for `peer` would exceed its bound: the fallback then refuses, it never drops. */
  isFull(peer: PeerId, bytes: number): boolean {
    return (this.#targets.get(peer)?.bytes ?? 0) + bytes > hintBytesPerTargetMax
  }

  /** Takes over a hint row found in storage at the start. */
  restore(storageKey: Uint8Array, value: Uint8Array): void {
    const parsed = parseHintKey(storageKey)
    if (parsed !== undefined) this.#note(parsed.target, parsed.key, decodeNumber(value))
  }

  /** Notes hints and returns their rows, to be written in one batch with the record. */
  store(targets: readonly PeerId[], key: Uint8Array, record: StoredRecord): readonly BatchOperation[] {
    if (targets.length === 0) return NOTHING
    const bytes = key.length + valueBytes(record) + 64
    return targets.map(target => {
      this.#note(target, key, bytes)
      return { type: 'put', key: hintKey(target, key), value: encodeNumber(bytes) }
    })
  }

  /** Writes hints for a record that is stored here already; `settled` hears whether they are durable. */
  keep(now: Instant, targets: readonly PeerId[], key: Uint8Array, effects: Effect[], settled: (now: Instant, kept: boolean, effects: Effect[]) => void = () => undefined): void {
    const { replica, routing } = this.#parts
    const others = targets.filter(target => target !== routing.self)
    if (others.length === 0) return settled(now, true, effects)
    const operation: RowOperation = {
      from: undefined,
      apply: (_now, row) => ({ row, operations: row === undefined ? [] : this.store(others, key, row.record), then: others.map(target => reported('hint-stored', target, key)) }),
      settled: (at, out) => {
        this.pump(at, out)
        settled(at, true, out)
      },
      // The write is durable on those who acknowledged it; read repair and anti-entropy do the rest.
      fail: (at, _failure, out) => settled(at, false, out)
    }
    replica.change(now, key, operation, effects)
  }

  /** Starts deliveries to all targets that can take one. */
  pump(now: Instant, effects: Effect[]): void {
    for (const [peer, target] of this.#targets) {
      if (target.hints.size === 0 || target.delivery !== undefined || target.pausedUntilMs > now.ms) continue
      this.#deliver(now, peer, target, effects)
    }
  }

  handedOff(now: Instant, from: PeerId, message: HandedOff, effects: Effect[]): void {
    const delivery = this.#deliveries.get(message.id)
    if (delivery === undefined || delivery.target !== from) return
    this.#finish(delivery)
    const stored = delivery.sent.slice(0, message.stored)
    for (const entry of stored) this.#delivered(now, from, entry, effects)
    if (stored.length < delivery.sent.length) this.#pause(now, from)
    this.pump(now, effects)
  }

  /** A delivery did not even leave: it is tried again soon. */
  unsent(now: Instant, message: Handoff): void {
    const delivery = this.#deliveries.get(message.id)
    if (delivery === undefined) return
    this.#finish(delivery)
    this.#pause(now, delivery.target, deliveryWaitMs.unsent)
  }

  unreachable(now: Instant, peer: PeerId, effects: Effect[]): void {
    const delivery = this.#targets.get(peer)?.delivery
    if (delivery !== undefined) this.#finish(delivery)
    this.pump(now, effects)
  }

  deadline(): number {
    return this.#due.next()
  }

  wake(now: Instant, effects: Effect[]): void {
    for (let due = this.#due.takeDue(now.ms); due !== undefined; due = this.#due.takeDue(now.ms)) {
      const delivery = this.#deliveries.get(due.delivery)
      if (delivery !== undefined) {
        this.#finish(delivery)
        this.#pause(now, due.target)
      }
    }
    this.pump(now, effects)
  }

  #deliver(now: Instant, peer: PeerId, target: Target, effects: Effect[]): void {
    const { tokens, replica } = this.#parts
    const chosen = this.#choose(now, peer, target, effects)
    if (chosen.length === 0) return
    const delivery: Delivery = { id: tokens.next(), target: peer, chosen, loading: chosen.length, loaded: new Map(), sent: [] }
    target.delivery = delivery
    this.#deliveries.set(delivery.id, delivery)
    this.#due.add(now.ms + deliveryWaitMs.silence, { target: peer, delivery: delivery.id })
    for (const hint of chosen) {
      const settle = (at: Instant, row: LocalRow | undefined, out: Effect[]): void => this.#loaded(at, delivery, hint, row, out)
      replica.read(now, hint.key, { from: undefined, done: settle, fail: (at, _failure, out) => this.#skip(at, delivery, out) }, effects)
    }
  }

  /** The next hints for a target that can be reached. On the way, a bounded number of strays is made over to today's owners. */
  #choose(now: Instant, peer: PeerId, target: Target, effects: Effect[]): readonly Hint[] {
    const chosen: Hint[] = []
    let moved = 0
    for (const hint of target.hints.values()) {
      if (chosen.length >= hintBatchMax || moved >= hintBatchMax) break
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
    if (entries.length > 0) {
      effects.push({ kind: 'send', to: delivery.target, lane: 'bulk', message: { type: 'handoff', id: delivery.id, entries } })
      return
    }
    this.#finish(delivery)
    this.#pause(now, delivery.target)
  }

  /** The target holds durably what was sent: the hint goes, unless the copy says more by now. */
  #delivered(now: Instant, target: PeerId, sent: { readonly key: Uint8Array; readonly record: StoredRecord }, effects: Effect[]): void {
    const { replica } = this.#parts
    const hash = recordHash(sent.record)
    replica.change(
      now,
      sent.key,
      {
        from: undefined,
        apply: (_now, row) => (row !== undefined && recordHash(row.record) !== hash ? { row, operations: [], then: [] } : this.#released(target, sent.key, row)),
        fail: () => {
          // The hint stays and is delivered again.
        }
      },
      effects
    )
  }

  #released(target: PeerId, key: Uint8Array, row: LocalRow | undefined): RowChange {
    this.#forget(target, key)
    const { routing } = this.#parts
    const kept = ownersOf(routing, key).includes(routing.self) || this.#targetsByKey.has(toMapKey(key))
    return { row: kept ? row : undefined, operations: [{ type: 'delete', key: hintKey(target, key) }], then: [reported('hint-delivered', target, key)] }
  }

  /** True when the target owns the key no longer, and somebody else does. */
  #isStray(peer: PeerId, hint: Hint): boolean {
    const owners = ownersOf(this.#parts.routing, hint.key)
    return owners.length > 0 && !owners.includes(peer)
  }

  /** The target owns the key no longer: today's owners get the copy instead. */
  #readdress(now: Instant, target: PeerId, hint: Hint, effects: Effect[]): void {
    if (hint.moving) return
    hint.moving = true
    const { replica, routing } = this.#parts
    const owners = ownersOf(routing, hint.key).filter(owner => owner !== routing.self)
    replica.change(
      now,
      hint.key,
      {
        from: undefined,
        apply: (_now, row) => {
          const rows = row === undefined ? [] : this.store(owners, hint.key, row.record)
          this.#forget(target, hint.key)
          return { row, operations: [...rows, { type: 'delete', key: hintKey(target, hint.key) }], then: [] }
        },
        settled: (at, out) => this.pump(at, out),
        fail: () => {
          hint.moving = false
        }
      },
      effects
    )
  }

  #drop(now: Instant, target: PeerId, key: Uint8Array, effects: Effect[]): void {
    this.#parts.replica.change(
      now,
      key,
      {
        from: undefined,
        apply: (_now, row) => (row === undefined ? this.#released(target, key, row) : { row, operations: [], then: [] }),
        fail: () => {
          // The hint stays and is looked at again.
        }
      },
      effects
    )
  }

  #note(peer: PeerId, key: Uint8Array, bytes: number): void {
    const target = this.#targets.get(peer) ?? { hints: new Map<string, Hint>(), bytes: 0, delivery: undefined, pausedUntilMs: 0 }
    this.#targets.set(peer, target)
    const mapKey = toMapKey(key)
    const known = target.hints.get(mapKey)
    if (known === undefined) this.#targetsByKey.set(mapKey, (this.#targetsByKey.get(mapKey) ?? 0) + 1)
    target.hints.set(mapKey, { key, bytes, moving: false })
    target.bytes += bytes - (known?.bytes ?? 0)
  }

  #forget(peer: PeerId, key: Uint8Array): void {
    const target = this.#targets.get(peer)
    const mapKey = toMapKey(key)
    const hint = target?.hints.get(mapKey)
    if (target === undefined || hint === undefined) return
    target.hints.delete(mapKey)
    target.bytes -= hint.bytes
    const left = (this.#targetsByKey.get(mapKey) ?? 1) - 1
    if (left > 0) this.#targetsByKey.set(mapKey, left)
    else this.#targetsByKey.delete(mapKey)
    if (target.hints.size === 0 && target.delivery === undefined) this.#targets.delete(peer)
  }

  #finish(delivery: Delivery): void {
    this.#deliveries.delete(delivery.id)
    const target = this.#targets.get(delivery.target)
    if (target !== undefined) target.delivery = undefined
  }

  #pause(now: Instant, peer: PeerId, ms: number = deliveryWaitMs.pause): void {
    const target = this.#targets.get(peer)
    if (target === undefined) return
    target.pausedUntilMs = now.ms + ms
    this.#due.add(target.pausedUntilMs, { target: peer, delivery: 0 })
  }
}

function reported(type: 'hint-stored' | 'hint-delivered', target: PeerId, key: Uint8Array): Effect {
  return { kind: 'report', event: { type, target, key } }
}

const NOTHING: readonly BatchOperation[] = []
