/**
 * Brings the entries of partitions into the trie, from their index rows, a page at a time, while the peer works.
 *
 * An exchange asks for those partitions that it descends into. At a start those are loaded whose sums are not known, which a crash leaves marked; then,
 * slowly, all others are loaded once, so that a sum that is wrong for whatever reason is found and corrected, and with it a row that
 * was damaged. What is loaded stays while there is room.
 */
import { indexPageRows, partitionLoadsMax } from '../../core/limits.ts'
import type { MerkleTrie } from '../../core/merkle/merkle-trie.ts'
import type { Effect, ScannedRow, StorageClient } from '../effect.ts'
import type { Instant } from '../instant.ts'
import { beforePartition } from './index-rows.ts'
import { prefixes } from '../storage-layout.ts'
import type { Tokens } from '../tokens.ts'

/** What a load needs of the index that it fills. */
export interface LoadedIndex {
  readonly trie: Pick<MerkleTrie, 'partitions' | 'partitionBits' | 'isHeld'>
  readonly isNew: boolean
  readonly isComplete: boolean
  unknown(): Iterable<number>
  sizeOf(partition: number): number
  beginEmpty(now: Instant): void
  beginLoad(partition: number): void
  expectPage(partition: number): void
  stage(partition: number, rows: readonly ScannedRow[]): number
  endLoad(now: Instant, partition: number): boolean
  cancelLoad(partition: number): void
  trim(steps: number): void
}

/** Called when a partition was loaded, or could not be. */
export type Loaded = (now: Instant, isLoaded: boolean, effects: Effect[]) => void

/** Pause after the storage failed. */
const retryAfterMs = 1000
/** Pause between two partitions that nobody asked for. */
const verifyEveryMs = 200

interface Load {
  readonly partition: number
  readonly waiting: Loaded[]
  /** Where the next page begins; `undefined` while the load waits for its turn. */
  after: Uint8Array | undefined
  limit: number
}

export class PartitionLoader implements StorageClient {
  readonly #tokens: Tokens
  readonly #index: LoadedIndex
  readonly #loads = new Map<number, Load>()
  readonly #scans = new Map<number, Load>()
  #probe: number | undefined
  #retryAtMs = Number.POSITIVE_INFINITY
  #verifyAtMs = Number.POSITIVE_INFINITY
  #verified = 0

  constructor(tokens: Tokens, index: LoadedIndex) {
    this.#tokens = tokens
    this.#index = index
  }

  /** Begins with the partitions whose sums are not known; when that is all of them, they may as well be empty. */
  start(now: Instant, effects: Effect[]): void {
    if (this.#index.isNew) this.#look(effects)
    else this.#loadUnknown(effects)
    this.#settle(now, effects)
  }

  /** Loads a partition's entries. */
  load(partition: number, loaded: Loaded, effects: Effect[]): void {
    const known = this.#loads.get(partition)
    if (known === undefined) this.#loads.set(partition, { partition, waiting: [loaded], after: undefined, limit: 0 })
    else known.waiting.push(loaded)
    this.#next(effects)
  }

  deadline(): number {
    return Math.min(this.#retryAtMs, this.#verifyAtMs)
  }

  wake(now: Instant, effects: Effect[]): void {
    if (now.ms >= this.#retryAtMs) {
      this.#retryAtMs = Number.POSITIVE_INFINITY
      this.start(now, effects)
    }
    if (now.ms >= this.#verifyAtMs) this.#verify(now, effects)
  }

  scanned(now: Instant, token: number, rows: readonly ScannedRow[], effects: Effect[]): void {
    if (token === this.#probe) return this.#looked(now, rows, effects)
    const load = this.#scans.get(token)
    this.#scans.delete(token)
    if (load === undefined) return
    const isLast = this.#index.stage(load.partition, rows) < load.limit
    if (isLast) return this.#finish(now, load, effects)
    load.after = rows.at(-1)?.key ?? load.after
    this.#scan(load, effects)
  }

  failed(now: Instant, token: number, _failure: string, effects: Effect[]): void {
    this.#retryAtMs = now.ms + retryAfterMs
    if (token === this.#probe) return
    const load = this.#scans.get(token)
    this.#scans.delete(token)
    if (load === undefined) return
    this.#index.cancelLoad(load.partition)
    this.#end(now, load, false, effects)
  }

  loaded(): void {
    // Rows are scanned.
  }

  written(): void {
    // Nothing is written.
  }

  #look(effects: Effect[]): void {
    this.#probe = this.#tokens.take(this)
    effects.push({ kind: 'scan', prefix: prefixes.index, after: undefined, limit: 1, token: this.#probe })
  }

  #looked(now: Instant, rows: readonly ScannedRow[], effects: Effect[]): void {
    this.#probe = undefined
    if (rows.length === 0) this.#index.beginEmpty(now)
    this.#loadUnknown(effects)
    this.#settle(now, effects)
  }

  #loadUnknown(effects: Effect[]): void {
    for (const partition of this.#index.unknown()) if (!this.#loads.has(partition)) this.load(partition, () => undefined, effects)
  }

  #next(effects: Effect[]): void {
    for (const load of this.#loads.values()) {
      if (this.#scans.size >= partitionLoadsMax) return
      if (load.after !== undefined) continue
      load.after = beforePartition(load.partition, this.#index.trie.partitionBits)
      this.#index.beginLoad(load.partition)
      this.#scan(load, effects)
    }
  }

  /** Reads a little more than there should be, so that a page seldom has to be followed by an empty one; ever more where nobody knows how many there are. */
  #scan(load: Load, effects: Effect[]): void {
    this.#index.expectPage(load.partition)
    load.limit = Math.min(indexPageRows, Math.max(this.#index.sizeOf(load.partition) + 16, load.limit * 2))
    const token = this.#tokens.take(this)
    this.#scans.set(token, load)
    effects.push({ kind: 'scan', prefix: prefixes.index, after: load.after, limit: load.limit, token })
  }

  #finish(now: Instant, load: Load, effects: Effect[]): void {
    const isRight = this.#index.endLoad(now, load.partition)
    if (!isRight) effects.push({ kind: 'report', event: { type: 'counted', name: 'index.corrected' } })
    this.#end(now, load, true, effects)
    this.#index.trim(this.#index.trie.partitions)
    this.#settle(now, effects)
  }

  #end(now: Instant, load: Load, isLoaded: boolean, effects: Effect[]): void {
    this.#loads.delete(load.partition)
    for (const loaded of load.waiting) loaded(now, isLoaded, effects)
    this.#next(effects)
  }

  /** All sums are known for the first time. */
  #settle(now: Instant, effects: Effect[]): void {
    if (this.#verified > 0 || this.#verifyAtMs !== Number.POSITIVE_INFINITY || !this.#index.isComplete) return
    this.#verifyAtMs = now.ms + verifyEveryMs
    effects.push({ kind: 'report', event: { type: 'indexed' } })
  }

  /** Loads the next partition that nobody has asked for since the start. */
  #verify(now: Instant, effects: Effect[]): void {
    const { trie } = this.#index
    while (this.#verified < trie.partitions && trie.isHeld(this.#verified)) this.#verified += 1
    this.#verifyAtMs = this.#verified < trie.partitions ? now.ms + verifyEveryMs : Number.POSITIVE_INFINITY
    if (this.#verified < trie.partitions) this.load(this.#verified, () => undefined, effects)
    this.#verified += 1
  }
}
