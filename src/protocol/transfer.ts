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
import { partitionOfKey, type Routing } from './routing.ts'
import { keyOfRow, metaKey, prefixes } from './storage-layout.ts'
import type { Tokens } from './tokens.ts'

/** Meta row with the digest of the last ring whose change was worked through. */
export const settledRingKey: Uint8Array = metaKey('settled-ring')

export interface TransferParts {
  readonly routing: Routing
  readonly tokens: Tokens
  readonly hints: HintedHandoff
}

export class Transfer implements StorageClient {
  readonly #parts: TransferParts
  readonly #scans = new Map<number, number>()
  /** Last ring that was worked through; `undefined` while it is not known what it was. */
  #settled: Ring | undefined
  #settledDigest: string
  #pass = 0
  #running = false

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
  }
}

/** Owners that this peer must give its copy to after the owners changed from `before` to `after`. */
export function obligations(self: PeerId, after: readonly PeerId[], before: readonly PeerId[]): readonly PeerId[] {
  if (!after.includes(self)) return after
  const newcomers = after.filter(owner => owner !== self && !before.includes(owner))
  const giver = after.find(owner => before.includes(owner)) ?? self
  return giver === self || before.length === 0 ? newcomers : []
}
