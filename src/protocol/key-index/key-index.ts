/**
 * Which keys this peer stores, and in which state: a Merkle trie in memory and, on disk, one small row per key and one per partition, written in
 * the same batch as the record. A start reads the rows of the partitions alone (`partition-sums.ts`); those of keys are read where an exchange
 * looks closer (`partition-loader.ts`), and values never.
 *
 * Index rows are in order of positions, so the keys of a trie node are found by a scan of a few rows. The record's row is the truth: whoever loads
 * one has the index corrected by it, as far as the index is in memory.
 */
import { concatBytes, toMapKey } from '../../core/bytes.ts'
import { trieEntriesMax, triePinnedEntriesMax } from '../../core/limits.ts'
import { MerkleTrie } from '../../core/merkle/merkle-trie.ts'
import { position } from '../../core/ring/position.ts'
import { recordHashBytes } from '../../core/versions/record.ts'
import { equalSums, noSum, type TrieSum } from '../../core/merkle/trie-sum.ts'
import type { BatchOperation, ScannedRow } from '../effect.ts'
import type { Instant } from '../instant.ts'
import { indexHashBytes, indexHeaderBytes } from './index-rows.ts'
import { PartitionLoader } from './partition-loader.ts'
import { PartitionSums, quietMs, type StoredSums } from './partition-sums.ts'
import { decodeRow, keyOfRow, metaKey, prefixes, type LocalRow } from '../storage-layout.ts'
import type { Tokens } from '../tokens.ts'

/** Meta row that is there when every replica row of the storage has its index row. */
export const indexedKey: Uint8Array = metaKey('indexed')

/** That row. */
export const indexedRow: BatchOperation = { type: 'put', key: indexedKey, value: Uint8Array.of(1) }

/** Partitions that one write looks at to make room. */
const trimStepMax = 8

/** What the write of a key's row changes here, from its effect until it is durable or failed. */
export interface IndexChange {
  /** To be written with the row. */
  readonly operations: readonly BatchOperation[]
  readonly place: Uint8Array
  readonly partition: number
  readonly before: Uint8Array | undefined
  readonly after: Uint8Array | undefined
  readonly hasMark: boolean
  /** The disk had the key otherwise than `before`. */
  readonly isDoubtful: boolean
}

export class KeyIndex {
  readonly trie: MerkleTrie
  readonly sums: PartitionSums
  readonly loader: PartitionLoader
  /** About how many entries the partitions have whose sum is not known. */
  #unknown: Map<number, number>
  /** By partition that is being loaded: positions that changed since the page that is on its way was asked for. */
  readonly #changed = new Map<number, Set<string>>()
  /** How many exchanges look at a partition. */
  readonly #pins = new Map<number, number>()
  #hand = 0

  /** `stored` is what the storage says of its partitions. */
  constructor(partitions: number, tokens: Tokens, stored: StoredSums) {
    this.trie = new MerkleTrie(partitions)
    this.loader = new PartitionLoader(tokens, this)
    this.sums = new PartitionSums(tokens, this.trie, (partition, effects) =>
      this.loader.load(partition, (at, isLoaded) => (isLoaded ? undefined : this.sums.doubt(at, partition, quietMs)), effects)
    )
    this.#unknown = new Map(this.sums.restore(stored))
  }

  /** Keys stored; about so many, until the index is complete. */
  get keys(): number {
    let keys = this.trie.size
    for (const about of this.#unknown.values()) keys += about
    return keys
  }

  /** True when the sums of all partitions are known. */
  get isComplete(): boolean {
    return this.#unknown.size === 0
  }

  /** True when the storage said nothing about any partition, as a new one does. */
  get isNew(): boolean {
    return this.#unknown.size === this.trie.partitions
  }

  /** Partitions whose sum is not known. */
  unknown(): Iterable<number> {
    return this.#unknown.keys()
  }

  /** Sum over the keys of a partition, as it is now and as far as it is known. */
  sumOf(partition: number): TrieSum {
    return this.trie.isKnown(partition) ? { ...this.trie.sum(this.trie.partitionBits, partition) } : noSum
  }

  /** About how many keys a partition has. */
  sizeOf(partition: number): number {
    return this.#unknown.get(partition) ?? Math.max(this.trie.sum(this.trie.partitionBits, partition).count, 0)
  }

  /** True for a partition of which nothing is stored, and no write that is under way or failed may have left something: there is nothing to be found. */
  isSurelyEmpty(partition: number): boolean {
    return this.trie.isHeld(partition) && this.sizeOf(partition) === 0 && this.sums.isSure(partition)
  }

  /**
   * The key's row is about to be written as `after`, from `before`. `isDoubtful` says that the disk had the key otherwise than `before`: then the sum of its
   * partition may, too.
   */
  change(key: Uint8Array, before: LocalRow | undefined, after: LocalRow | undefined, isDoubtful = false): IndexChange {
    const place = position(key)
    const partition = this.trie.partitionOf(place)
    const mark = this.sums.begin(partition)
    const operation = indexOperationAt(place, key, after)
    return {
      operations: mark === undefined ? [operation] : [operation, mark],
      place,
      partition,
      before: before === undefined ? undefined : recordHashBytes(before.record),
      after: after === undefined ? undefined : recordHashBytes(after.record),
      hasMark: mark !== undefined,
      isDoubtful
    }
  }

  /** That write is durable, or failed. */
  settle(now: Instant, { place, partition, before, after, hasMark, isDoubtful }: IndexChange, isDurable: boolean): void {
    this.sums.end(now, partition, hasMark, isDurable)
    if (isDoubtful) this.sums.doubt(now, partition)
    if (!isDurable) return
    this.#changed.get(partition)?.add(toMapKey(place))
    this.trie.replace(place, before, after)
    this.trim(trimStepMax)
  }

  /**
   * The key's row was read. False when the index has it otherwise, as far as it is in memory: there it is right from now on, and on disk once a change
   * of the key is written.
   */
  matches(key: Uint8Array, row: LocalRow | undefined): boolean {
    const place = position(key)
    if (!this.trie.isHeld(this.trie.partitionOf(place))) return true
    const hash = row === undefined ? undefined : recordHashBytes(row.record)
    if (this.trie.has(place, hash)) return true
    this.trie.replace(place, undefined, hash)
    return false
  }

  /** There are no index rows at all, so a partition that was not written to since the start is empty. */
  beginEmpty(now: Instant): void {
    for (const partition of this.#unknown.keys()) {
      if (!this.sums.isUntouched(partition)) continue
      this.#unknown.delete(partition)
      this.trie.know(partition, noSum)
      this.sums.counted(now, partition, true)
    }
  }

  beginLoad(partition: number): void {
    this.trie.beginLoad(partition)
  }

  /** A page of the partition's index rows is about to be read. */
  expectPage(partition: number): void {
    this.#changed.set(partition, new Set())
  }

  /**
   * Takes the rows of the page that lie in the partition, but for those that changed meanwhile; answers how many there were. A row of another form is left
   * out: its key is found when it is read.
   */
  stage(partition: number, rows: readonly ScannedRow[]): number {
    const changed = this.#changed.get(partition)
    let inside = 0
    for (const { key, value } of rows) {
      const place = key.subarray(1, indexHeaderBytes)
      const isWhole = key.length > indexHeaderBytes && value.length === indexHashBytes
      if (isWhole && this.trie.partitionOf(place) !== partition) break
      inside += 1
      const isOld = changed !== undefined && changed.size > 0 && changed.has(toMapKey(place))
      if (isWhole && !isOld) this.trie.load(place, value)
    }
    return inside
  }

  /** All rows of the partition were taken. False when its sum was another one, though nothing was under way. */
  endLoad(now: Instant, partition: number): boolean {
    const { trie } = this
    const before = trie.isKnown(partition) ? { ...trie.sum(trie.partitionBits, partition) } : undefined
    trie.endLoad(partition)
    this.#changed.delete(partition)
    this.#unknown.delete(partition)
    const isRight = before === undefined || !this.sums.isAtRest(partition) || equalSums(before, trie.sum(trie.partitionBits, partition))
    this.sums.counted(now, partition, isRight)
    return isRight
  }

  cancelLoad(partition: number): void {
    this.trie.cancelLoad(partition)
    this.#changed.delete(partition)
  }

  /** An exchange is about to look at a partition, which stays in memory until it is unpinned. False when there is no room for it. */
  pin(partition: number): boolean {
    const pins = this.#pins.get(partition) ?? 0
    if (pins === 0 && this.#pins.size > 0 && this.#pinnedEntries() + this.sizeOf(partition) > triePinnedEntriesMax) return false
    this.#pins.set(partition, pins + 1)
    return true
  }

  unpin(partition: number): void {
    const pins = (this.#pins.get(partition) ?? 0) - 1
    if (pins > 0) this.#pins.set(partition, pins)
    else this.#pins.delete(partition)
  }

  /**
   * Lets go of partitions that nobody looks at until the rest is within the bound, in turn; looks at no more than `steps`. A write under way must find its
   * partition as it was: what a load has seen of it may not be added once more.
   */
  trim(steps: number): void {
    const { trie } = this
    for (let step = 0; step < steps && trie.entriesHeld > trieEntriesMax; step++) {
      this.#hand = (this.#hand + 1) % trie.partitions
      if (!this.#pins.has(this.#hand) && this.sums.isAtRest(this.#hand)) trie.release(this.#hand)
    }
  }

  #pinnedEntries(): number {
    let entries = 0
    for (const partition of this.#pins.keys()) entries += this.sizeOf(partition)
    return entries
  }
}

/** The index row of a key, to be written with its replica row. */
export function indexOperation(key: Uint8Array, row: LocalRow | undefined): BatchOperation {
  return indexOperationAt(position(key), key, row)
}

function indexOperationAt(place: Uint8Array, key: Uint8Array, row: LocalRow | undefined): BatchOperation {
  const storageKey = concatBytes(prefixes.index, place, key)
  return row === undefined ? { type: 'delete', key: storageKey } : { type: 'put', key: storageKey, value: recordHashBytes(row.record) }
}

/** The index row that a replica row found in storage should have. Throws like `decodeRow`. */
export function indexRowOf(row: ScannedRow): BatchOperation {
  return indexOperation(keyOfRow(row.key), decodeRow(row.value))
}
