/**
 * This peer's copies of keys: reads them, merges what arrives, and mints the dots of writes that it coordinates.
 *
 * Per key, one thing happens at a time. What arrives for a key while its row is being read or written waits, and is then applied
 * together: a hot key costs one row write per commit however many writes it gets. Reads are answered from the last durable row
 * and wait for nothing but the first load.
 */
import { toMapKey } from '../../core/bytes.ts'
import { isStoreError } from '../../core/errors.ts'
import type { PeerId } from '../../core/identifiers.ts'
import { keyQueueMax, requestsInFlightPerPeerMax, rowCacheBytesMax, rowCacheMax } from '../../core/limits.ts'
import { valueBytes } from '../../core/versions/record.ts'
import type { BatchOperation, Effect, ScannedRow, StorageClient, StorageFailure } from '../effect.ts'
import type { Instant } from '../instant.ts'
import type { IndexChange, KeyIndex } from '../key-index/key-index.ts'
import { decodeRow, encodeRow, rowKey, type LocalRow } from '../storage-layout.ts'
import { tombstoneOperations } from '../tombstones/tombstone-index.ts'
import type { Tokens } from '../tokens.ts'

/** Why an operation could not be carried out. */
export type ReplicaFailure = StorageFailure | 'overloaded'

/** What an operation makes of a row. */
export interface RowChange {
  /** The row after it; the same object when it stays, `undefined` when it is dropped. */
  readonly row: LocalRow | undefined
  /** Further rows to write with it, e.g. hints. */
  readonly operations: readonly BatchOperation[]
  /** What may leave once all that is durable. */
  readonly then: readonly Effect[]
  /** The key's index row is written again, though the row stays: what is on disk of it is not what it should be. */
  readonly isReindexed?: boolean
}

/** Something to do with a key's row. */
export interface RowOperation {
  /** Peer on whose behalf it is done: each may have a bounded number waiting. `undefined` for the peer's own upkeep, which bounds itself. */
  readonly from: PeerId | undefined
  /** Applies to the row as it is when its turn comes. `'wait'` tries again when {@link Replica.resume} is called. */
  apply(now: Instant, row: LocalRow | undefined, effects: Effect[]): RowChange | 'wait'
  /** What the operation left is durable. */
  settled?(now: Instant, effects: Effect[]): void
  /** The operation was not carried out, and will not be. */
  fail(now: Instant, failure: ReplicaFailure, effects: Effect[]): void
}

/** A read of a key's last durable row. */
export interface RowReading {
  readonly from: PeerId | undefined
  done(now: Instant, row: LocalRow | undefined, effects: Effect[]): void
  fail(now: Instant, failure: ReplicaFailure, effects: Effect[]): void
}

interface Slot {
  readonly key: Uint8Array
  row: LocalRow | undefined
  loaded: boolean
  loading: boolean
  /** Row and operations of the write under way, and what it changes in the index. */
  writing:
    | { readonly row: LocalRow | undefined; readonly operations: readonly RowOperation[]; readonly change: IndexChange | undefined }
    | undefined
  /** True when the index on disk says otherwise than the row. */
  isMisindexed: boolean
  readings: RowReading[]
  waiting: RowOperation[]
  valueBytes: number
  /** Asked for since the cache was last trimmed past it. */
  isUsed: boolean
}

/** What several operations made of a row. */
interface Applied {
  readonly row: LocalRow | undefined
  readonly applied: readonly RowOperation[]
  readonly batch: BatchOperation[]
  readonly then: readonly Effect[]
}

export class Replica implements StorageClient {
  readonly #tokens: Tokens
  readonly #index: KeyIndex
  readonly #rowWritten: (key: Uint8Array, isDurable: boolean) => void
  readonly #slots = new Map<string, Slot>()
  readonly #busy = new Map<number, Slot>()
  readonly #waitingByPeer = new Map<PeerId, number>()
  readonly #stalled = new Set<Slot>()
  #cachedBytes = 0

  /** `rowWritten` is told how every write of a key ended, before its operations are. */
  constructor(tokens: Tokens, index: KeyIndex, rowWritten: (key: Uint8Array, isDurable: boolean) => void) {
    this.#tokens = tokens
    this.#index = index
    this.#rowWritten = rowWritten
  }

  /** Keys stored. */
  get keys(): number {
    return this.#index.keys
  }

  /** Rows kept in memory. */
  get cached(): number {
    return this.#slots.size
  }

  /** Keys with changes that are not durable yet. */
  keysUnderWay(): readonly Uint8Array[] {
    return [...this.#slots.values()].flatMap(slot => (slot.writing !== undefined || slot.waiting.length > 0 ? [slot.key] : []))
  }

  /** True while changes of a key are not durable yet. */
  isBusy(key: Uint8Array): boolean {
    const slot = this.#slots.get(toMapKey(key))
    return slot !== undefined && (slot.writing !== undefined || slot.waiting.length > 0)
  }

  /** Reads the key's last durable row. */
  read(now: Instant, key: Uint8Array, reading: RowReading, effects: Effect[]): void {
    const slot = this.#slot(key)
    if (slot.loaded) return reading.done(now, slot.row, effects)
    if (!this.#admit(reading.from, slot.readings.length)) return reading.fail(now, 'overloaded', effects)
    slot.readings.push(reading)
    this.#load(slot, effects)
  }

  /** Queues a change of the key's row. */
  change(now: Instant, key: Uint8Array, operation: RowOperation, effects: Effect[]): void {
    const slot = this.#slot(key)
    if (!this.#admit(operation.from, slot.waiting.length)) return operation.fail(now, 'overloaded', effects)
    slot.waiting.push(operation)
    this.#advance(now, slot, effects)
  }

  /** Tries the operations again that answered `'wait'`; with a failure, gives them up instead. */
  resume(now: Instant, failure: StorageFailure | undefined, effects: Effect[]): void {
    const stalled = [...this.#stalled]
    this.#stalled.clear()
    for (const slot of stalled) {
      const abandoned = failure === undefined ? [] : slot.waiting.splice(0)
      this.#leave(abandoned)
      for (const operation of abandoned) operation.fail(now, failure ?? 'failed', effects)
      this.#advance(now, slot, effects)
    }
  }

  loaded(now: Instant, token: number, values: readonly (Uint8Array | undefined)[], effects: Effect[]): void {
    const slot = this.#release(token)
    if (slot === undefined) return
    slot.loading = false
    slot.loaded = true
    this.#hold(slot, rowOf(values[0], effects))
    this.#compareIndex(slot, values[0] !== undefined)
    for (const reading of this.#takeReadings(slot)) reading.done(now, slot.row, effects)
    this.#advance(now, slot, effects)
    this.#trim()
  }

  written(now: Instant, token: number, effects: Effect[]): void {
    const slot = this.#release(token)
    const writing = slot?.writing
    if (slot === undefined || writing === undefined) return
    this.#rowWritten(slot.key, true)
    this.#settleIndex(now, slot, true)
    this.#announce(slot, writing.row, effects)
    this.#hold(slot, writing.row)
    slot.writing = undefined
    this.#settled(now, writing.operations, effects)
    this.#advance(now, slot, effects)
    this.#trim()
  }

  failed(now: Instant, token: number, failure: StorageFailure, effects: Effect[]): void {
    const slot = this.#release(token)
    if (slot === undefined) return
    if (slot.writing !== undefined) this.#rowWritten(slot.key, false)
    this.#settleIndex(now, slot, false)
    const operations = slot.writing?.operations ?? slot.waiting.splice(0)
    slot.writing = undefined
    slot.loading = false
    this.#leave(operations)
    for (const reading of this.#takeReadings(slot)) reading.fail(now, failure, effects)
    for (const operation of operations) operation.fail(now, failure, effects)
    this.#advance(now, slot, effects)
  }

  scanned(_now: Instant, _token: number, _rows: readonly ScannedRow[]): void {
    // Rows are scanned by those who walk over all of them, not by the replica.
  }

  #slot(key: Uint8Array): Slot {
    const mapKey = toMapKey(key)
    const known = this.#slots.get(mapKey)
    if (known !== undefined) {
      known.isUsed = true
      return known
    }
    const slot: Slot = {
      key,
      row: undefined,
      loaded: false,
      loading: false,
      writing: undefined,
      isMisindexed: false,
      readings: [],
      waiting: [],
      valueBytes: 0,
      isUsed: false
    }
    this.#slots.set(mapKey, slot)
    return slot
  }

  #load(slot: Slot, effects: Effect[]): void {
    if (slot.loading) return
    slot.loading = true
    const token = this.#tokens.take(this)
    this.#busy.set(token, slot)
    effects.push({ kind: 'read', keys: [rowKey(slot.key)], token })
  }

  /** Applies what waits, in order, and writes the result once. */
  #advance(now: Instant, slot: Slot, effects: Effect[]): void {
    if (slot.waiting.length === 0 || slot.writing !== undefined) return
    if (!slot.loaded) return this.#load(slot, effects)
    let row = slot.row
    const batch: BatchOperation[] = []
    const then: Effect[] = []
    const applied: RowOperation[] = []
    const waiting = slot.waiting
    slot.waiting = []
    for (const [index, operation] of waiting.entries()) {
      const change = this.#apply(now, operation, row, effects)
      if (change === undefined) continue
      if (change === 'wait') {
        slot.waiting = [...waiting.slice(index), ...slot.waiting]
        this.#stalled.add(slot)
        break
      }
      row = change.row
      slot.isMisindexed ||= change.isReindexed === true
      batch.push(...change.operations)
      then.push(...change.then)
      applied.push(operation)
    }
    this.#write(now, slot, { row, applied, batch, then }, effects)
  }

  #write(now: Instant, slot: Slot, { row, applied, batch, then }: Applied, effects: Effect[]): void {
    if (row === undefined && slot.row !== undefined) batch.push({ type: 'delete', key: rowKey(slot.key) })
    else if (row !== undefined && row !== slot.row) {
      const value = encodedOrNot(row)
      if (value === undefined) return this.#refuse(now, slot, applied, effects)
      batch.push({ type: 'put', key: rowKey(slot.key), value })
    }
    const change = row === slot.row && !slot.isMisindexed ? undefined : this.#index.change(slot.key, slot.row, row, slot.isMisindexed)
    if (change !== undefined) batch.push(...change.operations, ...tombstoneOperations(slot.key, slot.row, row))
    if (batch.length === 0) {
      effects.push(...then)
      return this.#settled(now, applied, effects)
    }
    slot.writing = { row, operations: applied, change }
    const token = this.#tokens.take(this)
    this.#busy.set(token, slot)
    effects.push({ kind: 'write', batch, then, token })
  }

  /** Lets an operation change a row; `undefined` when it cannot, e.g. because a forged context used up all counters. */
  #apply(now: Instant, operation: RowOperation, row: LocalRow | undefined, effects: Effect[]): RowChange | 'wait' | undefined {
    try {
      return operation.apply(now, row, effects)
    } catch (error) {
      if (!isStoreError(error) || error.code === 'ERR_INTERNAL') throw error
      this.#leave([operation])
      operation.fail(now, 'failed', effects)
      return undefined
    }
  }

  /** Together these operations make a row that is past the limits of what can be stored. */
  #refuse(now: Instant, slot: Slot, operations: readonly RowOperation[], effects: Effect[]): void {
    this.#rowWritten(slot.key, false)
    this.#leave(operations)
    for (const operation of operations) operation.fail(now, 'failed', effects)
  }

  #settled(now: Instant, operations: readonly RowOperation[], effects: Effect[]): void {
    this.#leave(operations)
    for (const operation of operations) operation.settled?.(now, effects)
  }

  #announce(slot: Slot, row: LocalRow | undefined, effects: Effect[]): void {
    if (row === slot.row) return
    if (row === undefined) {
      effects.push({ kind: 'report', event: { type: 'key-dropped', key: slot.key } })
    } else {
      effects.push({ kind: 'report', event: { type: 'key-changed', key: slot.key, record: row.record } })
    }
  }

  /** A row that was read is the truth: where the index has it otherwise, it is written again. */
  #compareIndex(slot: Slot, wasThere: boolean): void {
    const isLost = wasThere && slot.row === undefined
    if (this.#index.matches(slot.key, slot.row) && !isLost) return
    slot.isMisindexed = true
    slot.waiting.push(rewriteIndex)
  }

  #settleIndex(now: Instant, slot: Slot, isDurable: boolean): void {
    const change = slot.writing?.change
    if (change === undefined) return
    this.#index.settle(now, change, isDurable)
    if (isDurable) slot.isMisindexed = false
  }

  #hold(slot: Slot, row: LocalRow | undefined): void {
    slot.row = row
    this.#cachedBytes -= slot.valueBytes
    slot.valueBytes = row === undefined ? 0 : valueBytes(row.record)
    this.#cachedBytes += slot.valueBytes
  }

  /** Forgets rows until the rest is within the bounds: the oldest first, those that were asked for again get a second chance. */
  #trim(): void {
    let left = this.#slots.size * 2
    for (const [mapKey, slot] of this.#slots) {
      if (left === 0 || (this.#slots.size <= rowCacheMax && this.#cachedBytes <= rowCacheBytesMax)) return
      left -= 1
      const isBusy = slot.loading || slot.writing !== undefined || slot.waiting.length > 0
      this.#slots.delete(mapKey)
      if (isBusy || slot.isUsed) this.#slots.set(mapKey, slot)
      else this.#cachedBytes -= slot.valueBytes
      slot.isUsed = false
    }
  }

  #admit(from: PeerId | undefined, queued: number): boolean {
    if (from === undefined) return true
    const waiting = this.#waitingByPeer.get(from) ?? 0
    if (queued >= keyQueueMax || waiting >= requestsInFlightPerPeerMax) return false
    this.#waitingByPeer.set(from, waiting + 1)
    return true
  }

  #leave(operations: readonly { readonly from: PeerId | undefined }[]): void {
    for (const { from } of operations) {
      if (from === undefined) continue
      const waiting = (this.#waitingByPeer.get(from) ?? 0) - 1
      if (waiting > 0) this.#waitingByPeer.set(from, waiting)
      else this.#waitingByPeer.delete(from)
    }
  }

  #takeReadings(slot: Slot): readonly RowReading[] {
    const readings = slot.readings.splice(0)
    this.#leave(readings)
    return readings
  }

  #release(token: number): Slot | undefined {
    const slot = this.#busy.get(token)
    this.#busy.delete(token)
    return slot
  }
}

/** Writes a key's index row as its row is. */
const rewriteIndex: RowOperation = {
  from: undefined,
  apply: (_now, row) => ({ row, operations: [], then: [], isReindexed: true }),
  fail: () => undefined
}

/** Bytes of a row, or `undefined` when it has more actors or siblings than the limits allow. */
function encodedOrNot(row: LocalRow): Uint8Array | undefined {
  try {
    return encodeRow(row)
  } catch (error) {
    if (!isStoreError(error)) throw error
    return undefined
  }
}

/** A stored row, or `undefined` when it is absent or damaged: a damaged copy counts as lost and is refilled from other owners. */
function rowOf(value: Uint8Array | undefined, effects: Effect[]): LocalRow | undefined {
  if (value === undefined) return undefined
  try {
    return decodeRow(value)
  } catch (error) {
    if (!isStoreError(error)) throw error
    effects.push({ kind: 'report', event: { type: 'storage-failed', code: 'ERR_RECORD_CORRUPT' } })
    return undefined
  }
}
