/**
 * A peer's disk under virtual time. It keeps the contract of the storage port, and its faults are those that the contract allows: slow,
 * failing once or for ever, full, and at a crash the writes that were not acknowledged are lost, or kept, from some point on.
 *
 * What was acknowledged is never lost by a crash. Losing it takes {@link SimulatedStorage.wipe} or {@link SimulatedStorage.restore}.
 */
import { compareBytes, toMapKey } from '../core/bytes.ts'
import type { Prng } from '../core/prng.ts'
import type { BatchOperation, ScannedRow, StorageFailure } from '../protocol/effect.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What a finished operation answers. */
export type StorageAnswer<Value> = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly failure: StorageFailure }

/** All rows at one moment, for {@link SimulatedStorage.restore}. */
export type StorageSnapshot = ReadonlyMap<string, ScannedRow>

interface PendingWrite {
  readonly batch: readonly BatchOperation[]
}

export interface DiskDelays {
  readonly readMs: number
  readonly writeMs: number
}

export class SimulatedStorage {
  readonly #time: VirtualTime
  readonly #random: Prng
  readonly #delays: DiskDelays
  #rows = new Map<string, ScannedRow>()
  #pending: PendingWrite[] = []
  #generation = 0
  #lastWriteAtMs = 0
  /** Factor on all delays. */
  slowness = 1
  /** Writes and reads that fail from now on; `Infinity` for all. */
  failuresLeft = 0
  /** True while nothing that grows is accepted. */
  isFull = false
  /** Called after a batch became durable. */
  onDurable: (batch: readonly BatchOperation[]) => void = () => undefined

  constructor(time: VirtualTime, random: Prng, delays: DiskDelays) {
    this.#time = time
    this.#random = random
    this.#delays = delays
  }

  read(keys: readonly Uint8Array[], done: (answer: StorageAnswer<readonly (Uint8Array | undefined)[]>) => void): void {
    this.#later(this.#delay(this.#delays.readMs), () => {
      if (this.#fails()) done(FAILED)
      else done({ ok: true, value: keys.map(key => this.get(key)) })
    })
  }

  scan(
    prefix: Uint8Array,
    after: Uint8Array | undefined,
    limit: number,
    done: (answer: StorageAnswer<readonly ScannedRow[]>) => void
  ): void {
    this.#later(this.#delay(this.#delays.readMs), () => {
      if (this.#fails()) return done(FAILED)
      const rows = this.rows(prefix).filter(row => after === undefined || compareBytes(row.key, after) > 0)
      done({ ok: true, value: rows.slice(0, limit) })
    })
  }

  /** Writes become durable in the order in which they were asked for. */
  write(batch: readonly BatchOperation[], done: (answer: StorageAnswer<undefined>) => void): void {
    const refusal = this.#refusal(batch)
    const pending: PendingWrite = { batch: refusal === undefined ? batch : [] }
    this.#pending.push(pending)
    const atMs = Math.max(this.#time.nowMs + this.#delay(this.#delays.writeMs), this.#lastWriteAtMs)
    this.#lastWriteAtMs = atMs
    this.#later(atMs - this.#time.nowMs, () => {
      this.#pending.splice(this.#pending.indexOf(pending), 1)
      if (refusal !== undefined) return done(refusal)
      this.#apply(batch)
      done(DONE)
    })
  }

  /** What the machine's end leaves: of the writes under way, in order, those before a random one are kept. No operation under way answers. */
  crash(unsynced: 'lost' | 'kept' | 'some' = 'some'): void {
    const some = this.#random.below(this.#pending.length + 1)
    const kept = unsynced === 'lost' ? 0 : unsynced === 'kept' ? this.#pending.length : some
    for (const { batch } of this.#pending.slice(0, kept)) this.#apply(batch)
    this.#pending = []
    this.#generation += 1
    this.#lastWriteAtMs = 0
  }

  /** Loses everything. */
  wipe(): void {
    this.crash('lost')
    this.#rows = new Map()
  }

  snapshot(): StorageSnapshot {
    return new Map(this.#rows)
  }

  /** Puts an older state in the place of the current one. */
  restore(snapshot: StorageSnapshot): void {
    this.crash('lost')
    this.#rows = new Map(snapshot)
  }

  /** A durable row, at once. */
  get(key: Uint8Array): Uint8Array | undefined {
    return this.#rows.get(toMapKey(key))?.value
  }

  /** Durable rows in order of keys, at once. */
  rows(prefix: Uint8Array): readonly ScannedRow[] {
    const start = toMapKey(prefix)
    const found: [string, ScannedRow][] = []
    for (const entry of this.#rows) if (entry[0].startsWith(start)) found.push(entry)
    return found.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
  }

  /** Writes behind the peer's back. */
  tamper(operation: BatchOperation): void {
    this.#change(operation)
  }

  #refusal(batch: readonly BatchOperation[]): { readonly ok: false; readonly failure: StorageFailure } | undefined {
    if (this.#fails()) return FAILED
    return this.isFull && batch.some(operation => operation.type === 'put') ? FULL : undefined
  }

  #fails(): boolean {
    if (this.failuresLeft <= 0) return false
    this.failuresLeft -= 1
    return true
  }

  #apply(batch: readonly BatchOperation[]): void {
    for (const operation of batch) this.#change(operation)
    if (batch.length > 0) this.onDurable(batch)
  }

  #change(operation: BatchOperation): void {
    const mapKey = toMapKey(operation.key)
    if (operation.type === 'delete') this.#rows.delete(mapKey)
    else this.#rows.set(mapKey, { key: operation.key.slice(), value: operation.value.slice() })
  }

  #delay(ms: number): number {
    return (ms * this.slowness * (50 + this.#random.below(100))) / 100
  }

  #later(delayMs: number, act: () => void): void {
    const generation = this.#generation
    this.#time.after(delayMs, () => {
      if (generation === this.#generation) act()
    })
  }
}

const FAILED = { ok: false, failure: 'failed' } as const
const FULL = { ok: false, failure: 'full' } as const
const DONE = { ok: true, value: undefined } as const
