/**
 * What a ring change means for the keys stored here: new owners get a copy, and a peer that stopped being an owner gives its copies away.
 *
 * A pass walks over all rows and turns each obligation into hints, which are durable and delivered like any other. A pass that was cut short
 * by a crash is repeated at the next start: the digest of the last ring that was worked through is kept in storage.
 */
import type { PeerId } from '../core/identifiers.ts'
import { transferPageRows } from '../core/limits.ts'
import type { Ring } from '../core/ring.ts'
import { encodeUtf8 } from '../core/codec.ts'
import type { Effect, ScannedRow, StorageClient } from './effect.ts'
import type { HintedHandoff } from './hinted-handoff.ts'
import type { Instant } from './instant.ts'
import type { TransferDone, TransferQuery } from './message.ts'
import { partitionOfKey, type Routing } from './routing.ts'
import { keyOfRow, metaKey, prefixes } from './storage-layout.ts'
import type { Tokens } from './tokens.ts'

/** Meta row with the digest of the last ring whose change was worked through. */
export const settledRingKey: Uint8Array = metaKey('settled-ring')

/** How often a joining peer asks again. */
const queryEveryMs = 500

export interface TransferParts {
  readonly routing: Routing
  readonly tokens: Tokens
  readonly hints: HintedHandoff
  /** Members of the ring that can be reached, without this peer. */
  reachableMembers(): readonly PeerId[]
  /** This peer has everything that it owns in the current ring. */
  complete(now: Instant, effects: Effect[]): void
}

export class Transfer implements StorageClient {
  readonly #parts: TransferParts
  readonly #scans = new Map<number, number>()
  /** Last ring that was worked through; `undefined` while it is not known what it was. */
  #settled: Ring | undefined
  #settledDigest: string
  #pass = 0
  #running = false
  /** Peers that asked whether they have got everything, and in which ring. */
  readonly #askers = new Map<PeerId, string>()
  /** While this peer is joining: who has given it everything in which ring. */
  readonly #givers = new Map<PeerId, string>()
  #queryAtMs = Number.POSITIVE_INFINITY

  /** `settledDigest` as read from {@link settledRingKey}, empty in a new storage. */
  constructor(parts: TransferParts, settledDigest: string) {
    this.#parts = parts
    this.#settledDigest = settledDigest
  }

  /** True while a pass walks over the rows. */
  get running(): boolean {
    return this.#running
  }

  /** The ring changed, or this peer has just started. */
  ringChanged(effects: Effect[]): void {
    const ring = this.#parts.routing.ring()
    this.#pass += 1
    this.#running = ring.digest !== this.#settledDigest
    if (this.#running) this.#scan(undefined, effects)
    else this.#settled = ring
    this.answerAskers(effects)
  }

  /** This peer is joining: asks all members until each has given it what it owns. */
  awaitCompletion(now: Instant, effects: Effect[]): void {
    if (this.#queryAtMs !== Number.POSITIVE_INFINITY) return
    this.#queryAtMs = now.ms
    this.wake(now, effects)
  }

  receive(now: Instant, from: PeerId, message: TransferQuery | TransferDone, effects: Effect[]): void {
    if (message.type === 'transfer-query') {
      this.#askers.set(from, message.ring)
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
      if (asked !== ring || this.#parts.hints.has(asker)) continue
      this.#askers.delete(asker)
      effects.push({ kind: 'send', to: asker, lane: 'request', message: { type: 'transfer-done', ring } })
    }
  }

  deadline(): number {
    return this.#queryAtMs
  }

  wake(now: Instant, effects: Effect[]): void {
    if (now.ms < this.#queryAtMs) return
    this.#queryAtMs = now.ms + queryEveryMs
    const ring = this.#parts.routing.ring().digest
    for (const member of this.#parts.reachableMembers()) {
      if (this.#givers.get(member) === ring) continue
      effects.push({ kind: 'send', to: member, lane: 'request', message: { type: 'transfer-query', ring } })
    }
    this.#judgeCompletion(now, effects)
  }

  #judgeCompletion(now: Instant, effects: Effect[]): void {
    if (this.#queryAtMs === Number.POSITIVE_INFINITY) return
    const ring = this.#parts.routing.ring().digest
    const members = this.#parts.reachableMembers()
    if (members.length === 0 || members.some(member => this.#givers.get(member) !== ring)) return
    this.#queryAtMs = Number.POSITIVE_INFINITY
    this.#givers.clear()
    this.#parts.complete(now, effects)
  }

  scanned(now: Instant, token: number, rows: readonly ScannedRow[], effects: Effect[]): void {
    const pass = this.#scans.get(token)
    this.#scans.delete(token)
    if (pass !== this.#pass) return
    const ring = this.#parts.routing.ring()
    for (const { key } of rows) this.#oblige(now, ring, keyOfRow(key), effects)
    const last = rows.at(-1)
    if (last !== undefined && rows.length === transferPageRows) this.#scan(last.key, effects)
    else this.#settle(ring, effects)
  }

  failed(_now: Instant, token: number, _failure: string, effects: Effect[]): void {
    if (this.#scans.delete(token)) this.ringChanged(effects)
  }

  written(): void {
    // Settling is remembered for the next start; nothing waits for it.
  }

  loaded(): void {
    // Rows are scanned, not read.
  }

  #scan(after: Uint8Array | undefined, effects: Effect[]): void {
    const token = this.#parts.tokens.take(this)
    this.#scans.set(token, this.#pass)
    effects.push({ kind: 'scan', prefix: prefixes.row, after, limit: transferPageRows, token })
  }

  #oblige(now: Instant, ring: Ring, key: Uint8Array, effects: Effect[]): void {
    const { hints, routing } = this.#parts
    const partition = partitionOfKey(ring, key)
    const targets = obligations(routing.self, ring.owners(partition), this.#settled?.owners(partition) ?? [])
    if (targets.length > 0) hints.keep(now, targets, key, effects)
  }

  #settle(ring: Ring, effects: Effect[]): void {
    this.#running = false
    this.#settled = ring
    this.#settledDigest = ring.digest
    effects.push({ kind: 'write', batch: [{ type: 'put', key: settledRingKey, value: encodeUtf8(ring.digest) }], then: [], token: this.#parts.tokens.take(this) })
    this.answerAskers(effects)
  }
}

/** Owners that this peer must give its copy to after the owners changed from `before` to `after`. */
export function obligations(self: PeerId, after: readonly PeerId[], before: readonly PeerId[]): readonly PeerId[] {
  if (!after.includes(self)) return after
  const newcomers = after.filter(owner => owner !== self && !before.includes(owner))
  const giver = after.find(owner => before.includes(owner)) ?? self
  return giver === self || before.length === 0 ? newcomers : []
}
