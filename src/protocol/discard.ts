/**
 * Drops the copies of a peer that was away while deletes were forgotten: all that were born here before it came back. The other owners refill it.
 *
 * Kept are copies that a hint stands for, and writes that were coordinated here so shortly before the absence that their hints may not have been
 * written: those get their hints now. So nothing that was acknowledged goes before its owners have it; such a write may bring back a value that was
 * deleted meanwhile.
 *
 * The first epoch that is kept lies in storage until the peer is refilled: a discard that a crash cuts short goes on at the next start.
 */
import { wallTimeMs } from '../core/hybrid-clock.ts'
import { replicaOf, type PeerId, type ReplicaId } from '../core/identifiers.ts'
import { transferPageRows } from '../core/limits.ts'
import type { StoredRecord } from '../core/record.ts'
import type { BatchOperation, Effect, ScannedRow, StorageClient } from './effect.ts'
import { hintStored, type HintedHandoff } from './hinted-handoff.ts'
import type { Instant } from './instant.ts'
import type { Replica, RowChange, RowOperation } from './replica.ts'
import { ownersOf, type Routing } from './routing.ts'
import { encodeNumber, keyOfRow, metaKey, prefixes, type LocalRow } from './storage-layout.ts'
import type { Tokens } from './tokens.ts'

/** Meta row with the first epoch that a discard keeps; there while one is under way, and until the peer is refilled. */
export const discardKey: Uint8Array = metaKey('discard')

/** Pause after the storage failed. */
const retryAfterMs = 1000

export interface DiscardParts {
  readonly routing: Routing
  readonly tokens: Tokens
  readonly replica: Replica
  readonly hints: HintedHandoff
  /** Replica id of this storage. */
  ownReplica(): ReplicaId | undefined
  /** Wall time until which all that was coordinated here has its copies or its hints. */
  confirmedMs(): number
  done(now: Instant, effects: Effect[]): void
}

export class Discard implements StorageClient {
  readonly #parts: DiscardParts
  /** First epoch that is kept; 0 when there is nothing to discard. */
  #keptFrom: number
  #isRunning = false
  #writing: number | undefined
  #after: Uint8Array | undefined
  #retryAtMs = Number.POSITIVE_INFINITY

  /** `keptFrom` as read from {@link discardKey}, 0 for none. */
  constructor(parts: DiscardParts, keptFrom: number) {
    this.#parts = parts
    this.#keptFrom = keptFrom
    this.#isRunning = keptFrom > 0
  }

  /** True until all old copies are gone. */
  get isRunning(): boolean {
    return this.#isRunning
  }

  /** Names the discard that this peer has to be refilled after; 0 for none. */
  get refill(): number {
    return this.#keptFrom
  }

  /** Discards what was born before the epoch `keptFrom`. */
  begin(keptFrom: number, effects: Effect[]): void {
    this.#keptFrom = keptFrom
    this.#isRunning = true
    this.#write(effects)
  }

  /** Goes on with a discard that the last run did not end. */
  resume(effects: Effect[]): void {
    if (this.#isRunning) this.#scan(effects)
  }

  /** The peer is refilled. */
  refilled(effects: Effect[]): void {
    if (this.#keptFrom === 0) return
    this.#keptFrom = 0
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
    const mark: BatchOperation = { type: 'put', key: discardKey, value: encodeNumber(this.#keptFrom) }
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
    if (row === undefined || row.epoch >= this.#keptFrom || hints.holds(key)) return { row, operations: [], then: [] }
    if (!this.#isUnconfirmed(row.record)) {
      return { row: undefined, operations: [], then: [{ kind: 'report', event: { type: 'key-discarded', key, record: row.record } }] }
    }
    const owners = ownersOf(routing, key).filter(owner => owner !== routing.self)
    return { row, operations: hints.store(owners, key, row.record), then: owners.map((owner: PeerId) => hintStored(owner, key)) }
  }

  /** True for a copy with a write that was coordinated here and may be nowhere else, nor owed to anybody. */
  #isUnconfirmed(record: StoredRecord): boolean {
    const confirmedMs = this.#parts.confirmedMs()
    const replica = this.#parts.ownReplica()
    return record.siblings.some(({ dot, wallTime }) => replicaOf(dot.actor) === replica && wallTimeMs(wallTime) >= confirmedMs)
  }
}
