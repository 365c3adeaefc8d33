/**
 * Drops the copies of a peer that was away while deletes were forgotten: those in the partitions that others know about, as far as they were born here
 * before it came back. The other owners refill it.
 *
 * Kept are copies that a hint stands for, and writes that were coordinated here so shortly before the absence that their hints may not have been
 * written: those get their hints now. So nothing that was acknowledged goes before its owners have it; such a write may bring back a value that was
 * deleted meanwhile.
 *
 * What to discard lies in storage until the peer is refilled: a discard that a crash cuts short goes on at the next start.
 */
import { Reader, Writer } from '../../core/codec.ts'
import { isStoreError } from '../../core/errors.ts'
import { wallTimeMs } from '../../core/versions/hybrid-clock.ts'
import { epochOf, type PeerId } from '../../core/identifiers.ts'
import { partitionsMax, transferPageRows } from '../../core/limits.ts'
import type { BatchOperation, Effect, ScannedRow, StorageClient } from '../effect.ts'
import { hintStored, type HintedHandoff } from '../handoff/hinted-handoff.ts'
import type { Instant } from '../instant.ts'
import type { Replica, RowChange, RowOperation } from '../replica/replica.ts'
import { ownersOf, partitionOfKey, type Routing } from '../requests/routing.ts'
import { keyOfRow, metaKey, prefixes, type LocalRow } from '../storage-layout.ts'
import type { Tokens } from '../tokens.ts'

/** Meta row of a discard's {@link Extent}; there while one is under way, and until the peer is refilled. */
export const discardKey: Uint8Array = metaKey('discard')

/** Pause after the storage failed. */
const retryAfterMs = 1000

/** What is discarded: everything in these partitions that was born before the epoch `keptFrom`, which is 0 when there is nothing to discard. */
interface Extent {
  readonly keptFrom: number
  readonly partitions: ReadonlySet<number>
}

export interface DiscardParts {
  readonly routing: Routing
  readonly tokens: Tokens
  readonly replica: Replica
  readonly hints: HintedHandoff
  /** Wall time until which all that was coordinated here has its copies or its hints. */
  confirmedMs(): number
  done(now: Instant, effects: Effect[]): void
}

export class Discard implements StorageClient {
  readonly #parts: DiscardParts
  #extent: Extent
  #isRunning = false
  #writing: number | undefined
  #after: Uint8Array | undefined
  #retryAtMs = Number.POSITIVE_INFINITY

  /** `stored` as read from {@link discardKey}. */
  constructor(parts: DiscardParts, stored: Uint8Array | undefined) {
    this.#parts = parts
    this.#extent = stored === undefined ? NOTHING : decodeExtent(stored)
    this.#isRunning = this.#extent.keptFrom > 0
  }

  /** True until all old copies are gone. */
  get isRunning(): boolean {
    return this.#isRunning
  }

  /** Names the discard that this peer has to be refilled after; 0 for none. */
  get refill(): number {
    return this.#extent.keptFrom
  }

  /** Partitions of which copies were discarded. */
  get partitions(): ReadonlySet<number> {
    return this.#extent.partitions
  }

  /** Discards what was born before the epoch `keptFrom` in these partitions. */
  begin(keptFrom: number, partitions: readonly number[], effects: Effect[]): void {
    this.#extent = { keptFrom, partitions: new Set(partitions) }
    this.#isRunning = true
    this.#write(effects)
  }

  /** Goes on with a discard that the last run did not end. */
  resume(effects: Effect[]): void {
    if (this.#isRunning) this.#scan(effects)
  }

  /** The peer is refilled. */
  refilled(effects: Effect[]): void {
    if (this.#extent === NOTHING) return
    this.#extent = NOTHING
    effects.push({ kind: 'write', batch: [{ type: 'delete', key: discardKey }], then: [], token: this.#parts.tokens.take(this) })
  }

  deadline(): number {
    return this.#retryAtMs
  }

  wake(_now: Instant, effects: Effect[]): void {
    this.#retryAtMs = Number.POSITIVE_INFINITY
    if (this.#writing === undefined) this.#scan(effects)
    else this.#write(effects)
  }

  written(_now: Instant, token: number, effects: Effect[]): void {
    if (token !== this.#writing) return
    this.#writing = undefined
    this.#after = undefined
    this.#scan(effects)
  }

  scanned(now: Instant, _token: number, rows: readonly ScannedRow[], effects: Effect[]): void {
    let open = 1
    let allDone = true
    const done = (at: Instant, isDone: boolean, out: Effect[]): void => {
      open -= 1
      allDone &&= isDone
      if (open > 0) return
      if (allDone) this.#pageDone(at, rows, out)
      else this.#retryAtMs = at.ms + retryAfterMs
    }
    for (const { key } of rows) {
      open += 1
      this.#parts.replica.change(now, keyOfRow(key), this.#drop(keyOfRow(key), done), effects)
    }
    done(now, true, effects)
  }

  failed(now: Instant): void {
    // A mark that could not be deleted lets the next start refill this peer once more.
    if (this.#isRunning) this.#retryAtMs = now.ms + retryAfterMs
  }

  loaded(): void {
    // Rows are scanned.
  }

  #write(effects: Effect[]): void {
    this.#writing = this.#parts.tokens.take(this)
    const mark: BatchOperation = { type: 'put', key: discardKey, value: encodeExtent(this.#extent) }
    effects.push({ kind: 'write', batch: [mark], then: [], token: this.#writing })
  }

  #scan(effects: Effect[]): void {
    const token = this.#parts.tokens.take(this)
    effects.push({ kind: 'scan', prefix: prefixes.row, after: this.#after, limit: transferPageRows, token })
  }

  #pageDone(now: Instant, rows: readonly ScannedRow[], effects: Effect[]): void {
    this.#after = rows.at(-1)?.key ?? this.#after
    if (rows.length === transferPageRows) return this.#scan(effects)
    this.#isRunning = false
    this.#parts.done(now, effects)
  }

  #drop(key: Uint8Array, done: (now: Instant, isDone: boolean, effects: Effect[]) => void): RowOperation {
    return {
      from: undefined,
      apply: (_now, row) => this.#judge(key, row),
      settled: (now, effects) => done(now, true, effects),
      fail: (now, _failure, effects) => done(now, false, effects)
    }
  }

  #judge(key: Uint8Array, row: LocalRow | undefined): RowChange {
    const { hints, routing } = this.#parts
    const { keptFrom, partitions } = this.#extent
    if (row === undefined || row.epoch >= keptFrom || hints.holds(key)) return { row, operations: [], then: [] }
    if (!partitions.has(partitionOfKey(routing.ring(), key))) return { row, operations: [], then: [keptNews(key)] }
    if (!this.#isUnconfirmed(row))
      return { row: undefined, operations: [], then: [{ kind: 'report', event: { type: 'key-discarded', key, record: row.record } }] }
    const owners = ownersOf(routing, key).filter(owner => owner !== routing.self)
    const hinted = owners.map((owner: PeerId) => hintStored(owner, key))
    return { row, operations: hints.store(owners, key, row.record), then: [keptNews(key), ...hinted] }
  }

  /** True for a copy with a write that was coordinated here, under the copy's own epoch, and may be nowhere else, nor owed to anybody. */
  #isUnconfirmed({ epoch, record }: LocalRow): boolean {
    const confirmedMs = this.#parts.confirmedMs()
    return record.siblings.some(({ dot, wallTime }) => epochOf(dot.actor) === epoch && wallTimeMs(wallTime) >= confirmedMs)
  }
}

function keptNews(key: Uint8Array): Effect {
  return { kind: 'report', event: { type: 'key-kept', key } }
}

const NOTHING: Extent = { keptFrom: 0, partitions: new Set() }

/** One bit for each partition up to the last. */
function encodeExtent({ keptFrom, partitions }: Extent): Uint8Array {
  const bits = new Uint8Array(Math.floor(Math.max(...partitions) / 8) + 1)
  for (const partition of partitions) bits[partition >> 3] = (bits[partition >> 3] ?? 0) | (1 << (partition & 7))
  const out = new Writer(bits.length + 32)
  out.uint(1, keptFrom)
  out.bytes(2, bits)
  return out.finish()
}

/** What a discard that was cut short left; nothing where that cannot be read. */
function decodeExtent(bytes: Uint8Array): Extent {
  let keptFrom = 0
  let bits: Uint8Array = new Uint8Array(0)
  try {
    const reader = new Reader(bytes)
    for (let field = reader.field(); field !== 0; field = reader.field()) {
      if (field === 1) keptFrom = reader.uint()
      else if (field === 2) bits = reader.bytes(partitionsMax / 8)
      else reader.unknown(field)
    }
  } catch (error) {
    if (!isStoreError(error)) throw error
    return NOTHING
  }
  const partitions = Array.from({ length: bits.length * 8 }, (_, partition) => partition)
  return { keptFrom, partitions: new Set(partitions.filter(partition => (((bits[partition >> 3] ?? 0) >> (partition & 7)) & 1) === 1)) }
}
