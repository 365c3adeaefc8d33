/**
 * A peer's disk under virtual time. It keeps the contract of the storage port, and its faults are those that the contract allows: slow,
 * failing once or for ever, full, and at a crash the writes that were not acknowledged are lost, or kept, from some point on.
 *
 * Three faults take what was acknowledged: rows that become unreadable ({@link SimulatedStorage.flip}, and the row of a write that a crash has
 * torn), all of it ({@link SimulatedStorage.wipe}), and what came after a moment ({@link SimulatedStorage.restore}). An unreadable row is never
 * answered: reads and scans name it among the damaged ones, as a storage does whose checksums found it, until it is written again.
 */
import { toMapKey } from '../../core/bytes.ts'
import type { Prng } from '../../core/prng.ts'
import type { BatchOperation, ScannedRow, StorageFailure } from '../../protocol/effect.ts'
import { OrderedRows } from './ordered-rows.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What a finished operation answers. `damaged` are the keys of rows that it found unreadable and left out. */
export type StorageAnswer<Value> =
  | { readonly ok: true; readonly value: Value; readonly damaged: readonly Uint8Array[] }
  | { readonly ok: false; readonly failure: StorageFailure }

/** What a crash leaves of the writes that were not acknowledged; see {@link SimulatedStorage.crash}. */
export type Unsynced = 'lost' | 'kept' | 'some' | 'torn'

/** What a peer asks its disk for. */
export type AskedOperation = { readonly kind: 'read' | 'scan' } | { readonly kind: 'write'; readonly batch: readonly BatchOperation[] }

interface DiskRow extends ScannedRow {
  readonly isDamaged: boolean
}

/** All rows at one moment, for {@link SimulatedStorage.restore}. */
export type StorageSnapshot = ReadonlyMap<string, DiskRow>

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
  #rows = new OrderedRows<DiskRow>()
  #pending: PendingWrite[] = []
  #generation = 0
  #lastWriteAtMs = 0
  /** Factor on all delays. */
  slowness = 1
  /** Writes and reads that fail from now on; `Infinity` for all. */
  failuresLeft = 0
  /** True while nothing that grows is accepted. */
  isFull = false
  /** Called when an operation is asked for, before it is decided whether it fails. */
  onAsked: (operation: AskedOperation) => void = () => undefined
  /** Called after a batch became durable. */
  onDurable: (batch: readonly BatchOperation[]) => void = () => undefined

  constructor(time: VirtualTime, random: Prng, delays: DiskDelays) {
    this.#time = time
    this.#random = random
    this.#delays = delays
  }

  read(keys: readonly Uint8Array[], done: (answer: StorageAnswer<readonly (Uint8Array | undefined)[]>) => void): void {
    this.onAsked({ kind: 'read' })
    const fails = this.#fails()
    this.#later(this.#delay(this.#delays.readMs), () => {
      if (fails) done(FAILED)
      else done({ ok: true, value: keys.map(key => this.get(key)), damaged: keys.filter(key => this.isDamaged(key)) })
    })
  }

  scan(
    prefix: Uint8Array,
    after: Uint8Array | undefined,
    limit: number,
    done: (answer: StorageAnswer<readonly ScannedRow[]>) => void
  ): void {
    this.onAsked({ kind: 'scan' })
    const fails = this.#fails()
    this.#later(this.#delay(this.#delays.readMs), () => {
      if (fails) return done(FAILED)
      done(this.#page(prefix, after, limit))
    })
  }

  /** Writes become durable in the order in which they were asked for. */
  write(batch: readonly BatchOperation[], done: (answer: StorageAnswer<undefined>) => void): void {
    this.onAsked({ kind: 'write', batch })
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

  /**
   * What the machine's end leaves of the writes under way: nothing, all, or in order those before a random one. `torn` leaves those and, of the one
   * after them, rows that cannot be read, whatever was there before; its other rows are all new or all as they were. No operation
   * under way answers.
   */
  crash(unsynced: Unsynced = 'some'): void {
    const some = this.#random.below(this.#pending.length + (unsynced === 'torn' ? 0 : 1))
    const kept = unsynced === 'lost' ? 0 : unsynced === 'kept' ? this.#pending.length : some
    for (const { batch } of this.#pending.slice(0, kept)) this.#apply(batch)
    if (unsynced === 'torn') this.#tear(this.#pending[kept]?.batch ?? [])
    this.#pending = []
    this.#generation += 1
    this.#lastWriteAtMs = 0
  }

  /** Loses everything. */
  wipe(): void {
    this.crash('lost')
    this.#rows = new OrderedRows()
  }

  snapshot(): StorageSnapshot {
    return new Map(this.#rows.entries())
  }

  /** Puts an older state in the place of the current one. */
  restore(snapshot: StorageSnapshot): void {
    this.crash('lost')
    this.#rows = new OrderedRows()
    for (const [mapKey, row] of snapshot) this.#rows.set(mapKey, row)
  }

  /** A bit of a durable row turns: it cannot be read any more, until it is written again. False when there is no such row. */
  flip(key: Uint8Array): boolean {
    const mapKey = toMapKey(key)
    const row = this.#rows.get(mapKey)
    if (row !== undefined) this.#rows.set(mapKey, { ...row, isDamaged: true })
    return row !== undefined
  }

  /** True for a durable row that cannot be read. */
  isDamaged(key: Uint8Array): boolean {
    return this.#rows.get(toMapKey(key))?.isDamaged === true
  }

  /** A durable row, at once. */
  get(key: Uint8Array): Uint8Array | undefined {
    const row = this.#rows.get(toMapKey(key))
    return row?.isDamaged === true ? undefined : row?.value
  }

  /** Durable rows that can be read, in order of keys, at once. */
  rows(prefix: Uint8Array): readonly ScannedRow[] {
    return this.#all(prefix).filter(({ isDamaged }) => !isDamaged)
  }

  /** Keys of durable rows that cannot be read, in order, at once. */
  damagedKeys(prefix: Uint8Array): readonly Uint8Array[] {
    return this.#all(prefix).flatMap(({ key, isDamaged }) => (isDamaged ? [key] : []))
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

  #all(prefix: Uint8Array): readonly DiskRow[] {
    return [...this.#rows.after(toMapKey(prefix), undefined)]
  }

  /** The next rows that can be read; no limit counts the others on the way. */
  #page(prefix: Uint8Array, after: Uint8Array | undefined, limit: number): StorageAnswer<readonly ScannedRow[]> {
    const value: ScannedRow[] = []
    const damaged: Uint8Array[] = []
    for (const row of this.#rows.after(toMapKey(prefix), after === undefined ? undefined : toMapKey(after))) {
      if (value.length === limit) break
      if (row.isDamaged) damaged.push(row.key)
      else value.push(row)
    }
    return { ok: true, value, damaged }
  }

  /** Of each row that the batch puts one in two, and one at least, is left unreadable. */
  #tear(batch: readonly BatchOperation[]): void {
    const isNew = this.#random.below(2) === 0
    const sure = this.#random.below(Math.max(batch.length, 1))
    const torn = batch.filter(({ type }, index) => type === 'put' && (index === sure || this.#random.below(2) === 0))
    if (isNew) this.#apply(batch.filter(operation => !torn.includes(operation)))
    for (const operation of torn) {
      this.#change(operation)
      this.flip(operation.key)
    }
  }

  #apply(batch: readonly BatchOperation[]): void {
    for (const operation of batch) this.#change(operation)
    if (batch.length > 0) this.onDurable(batch)
  }

  #change(operation: BatchOperation): void {
    const mapKey = toMapKey(operation.key)
    if (operation.type === 'delete') this.#rows.delete(mapKey)
    else this.#rows.set(mapKey, { key: kept(operation.key), value: kept(operation.value), isDamaged: false })
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

/** Bytes as they are now. A part of a larger buffer may be written over when the buffer is used again, so it is copied. */
function kept(bytes: Uint8Array): Uint8Array {
  return bytes.length === bytes.buffer.byteLength ? bytes : bytes.slice()
}

const FAILED = { ok: false, failure: 'failed' } as const
const FULL = { ok: false, failure: 'full' } as const
const DONE: StorageAnswer<undefined> = { ok: true, value: undefined, damaged: [] }
