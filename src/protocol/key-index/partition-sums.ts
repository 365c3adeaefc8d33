/**
 * The sums of the partitions, kept on disk, so that a start reads one small row per partition instead of one per key.
 *
 * The rows are kept as a RAID keeps its write-intent bitmap: a sum is on disk only while it is right. The first write to a partition replaces its sum by a
 * mark, in the same batch; the writes after it add nothing; and once the partition has been quiet for a while its sum is written again. So a
 * busy store pays next to nothing, and whatever happens between (a crash, a write that fails behind or before others, a full disk) leaves a
 * partition marked, never a wrong sum: its index rows are counted again at the next start. The price is paid after a crash, not per write.
 *
 * It relies on batches becoming durable in the order in which they were asked for, and not on their success.
 */
import { noSum, type TrieSum } from '../../core/merkle/trie-sum.ts'
import { sumRowsMax } from '../../core/limits.ts'
import type { MerkleTrie } from '../../core/merkle/merkle-trie.ts'
import type { BatchOperation, Effect, ScannedRow, StorageClient } from '../effect.ts'
import type { Instant } from '../instant.ts'
import { metaKey, prefixes } from '../storage-layout.ts'
import type { Tokens } from '../tokens.ts'

/** Meta row that is there when each partition without a row is empty: in storage of earlier versions none has a row. */
export const summedKey: Uint8Array = metaKey('summed')

/** How long a partition is without writes before its sum is written. */
export const quietMs = 5000
/** Pause after the storage failed. */
const retryAfterMs = 1000

const MARK_BYTES = 4
const SUM_BYTES = 12

/** What a storage says of its partitions. */
export interface StoredSums {
  /** True when {@link summedKey} is there. */
  readonly isComplete: boolean
  readonly rows: readonly ScannedRow[]
  /** Keys of rows that could not be read. */
  readonly damaged: readonly Uint8Array[]
}

/** A partition whose row may not hold its sum. */
interface OpenPartition {
  /** Writes that are not durable yet. */
  underWay: number
  /** True when its row on disk is surely a mark. */
  isMarked: boolean
  /** False after a write failed: it may have been applied all the same. */
  isSure: boolean
  /** Counts the writes. */
  changes: number
  quietAtMs: number
}

export class PartitionSums implements StorageClient {
  readonly #tokens: Tokens
  readonly #trie: MerkleTrie
  readonly #recount: (partition: number, effects: Effect[]) => void
  readonly #open = new Map<number, OpenPartition>()
  readonly #saving = new Map<number, ReadonlyMap<number, number>>()
  #isComplete = false
  #lookAtMs = Number.POSITIVE_INFINITY

  /** `recount` is asked to count the index rows of a partition, and answers by {@link PartitionSums.counted}. */
  constructor(tokens: Tokens, trie: MerkleTrie, recount: (partition: number, effects: Effect[]) => void) {
    this.#tokens = tokens
    this.#trie = trie
    this.#recount = recount
  }

  /** Takes over what the storage knew when the peer started. Answers about how many entries the partitions have that must be counted. */
  restore({ isComplete, rows, damaged }: StoredSums): ReadonlyMap<number, number> {
    this.#isComplete = isComplete
    const unknown = new Map<number, number>()
    if (!isComplete) for (let partition = 0; partition < this.#trie.partitions; partition++) unknown.set(partition, 0)
    for (const key of damaged) unknown.set(partitionOfSumKey(key), 0)
    for (const { key, value } of rows) {
      const partition = partitionOfSumKey(key)
      if (isComplete && value.length === SUM_BYTES && partition < this.#trie.partitions) this.#trie.know(partition, readSum(value))
      else unknown.set(partition, value.length === MARK_BYTES ? wordOf(value, 0) : 0)
    }
    for (const partition of unknown.keys()) {
      if (partition >= this.#trie.partitions) unknown.delete(partition)
      else this.#forget(partition)
    }
    return unknown
  }

  /** A batch that changes an entry of the partition is about to be written; answers what it has to carry. */
  begin(partition: number): BatchOperation | undefined {
    const open = this.#opened(partition)
    open.underWay += 1
    open.changes += 1
    return open.isMarked ? undefined : markOperation(partition, this.#sumOf(partition).count)
  }

  /** That batch is durable, or failed; `hasMark` says whether it carried the mark. */
  end(now: Instant, partition: number, hasMark: boolean, isDurable: boolean): void {
    const open = this.#opened(partition)
    open.underWay -= 1
    if (!isDurable) open.isSure = false
    else if (hasMark) open.isMarked = true
    this.#lookLater(open, open.isSure ? now.ms + quietMs : Math.min(open.quietAtMs, now.ms + quietMs))
  }

  /** True while no write to the partition is under way. */
  isAtRest(partition: number): boolean {
    return (this.#open.get(partition)?.underWay ?? 0) === 0
  }

  /** True while the sum of the partition, if it is known, is that of what is on disk. */
  isSure(partition: number): boolean {
    const open = this.#open.get(partition)
    return open === undefined || (open.underWay === 0 && open.isSure)
  }

  /** True for a partition that nobody wrote to since the start. */
  isUntouched(partition: number): boolean {
    return (this.#open.get(partition)?.changes ?? 0) === 0
  }

  /** The index rows of the partition were counted. `isRight` is false when the sum was another before. */
  counted(now: Instant, partition: number, isRight: boolean): void {
    const open = isRight ? this.#open.get(partition) : this.#opened(partition)
    if (open === undefined) return
    open.isSure = true
    this.#lookLater(open, now.ms)
  }

  /** The sum of the partition may not be that of what is on disk: it is counted again, after a while. */
  doubt(now: Instant, partition: number, waitMs = 0): void {
    const open = this.#opened(partition)
    open.isSure = false
    this.#lookLater(open, now.ms + waitMs)
  }

  /** A row of these is damaged: it is written again. Answers false for a row of no partition. */
  mend(now: Instant, storageKey: Uint8Array): boolean {
    const partition = partitionOfSumKey(storageKey)
    if (partition >= this.#trie.partitions) return false
    const open = this.#opened(partition)
    open.isMarked = false
    this.#lookLater(open, now.ms)
    return true
  }

  /** The row at {@link summedKey}, if it is due. */
  summedRow(): BatchOperation | undefined {
    return this.#isComplete ? { type: 'put', key: summedKey, value: Uint8Array.of(1) } : undefined
  }

  deadline(): number {
    return this.#lookAtMs
  }

  wake(now: Instant, effects: Effect[]): void {
    this.#lookAtMs = Number.POSITIVE_INFINITY
    const ready: number[] = []
    for (const [partition, open] of this.#open) {
      if (!this.#trie.isKnown(partition)) continue
      if (open.quietAtMs > now.ms) this.#lookAtMs = Math.min(this.#lookAtMs, open.quietAtMs)
      else if (!open.isSure) {
        open.quietAtMs = Number.POSITIVE_INFINITY
        this.#recount(partition, effects)
      } else if (open.underWay === 0) ready.push(partition)
    }
    this.#save(ready, effects)
    this.#complete(effects)
  }

  /** The peer is about to stop in good order: writes every sum that can be known. */
  rest(effects: Effect[]): void {
    const ready = [...this.#open].filter(([partition, open]) => open.underWay === 0 && open.isSure && this.#trie.isKnown(partition))
    this.#save(
      ready.map(([partition]) => partition),
      effects
    )
    this.#complete(effects)
  }

  written(_now: Instant, token: number, effects: Effect[]): void {
    for (const [partition, changes] of this.#saving.get(token) ?? [])
      if (this.#open.get(partition)?.changes === changes) this.#open.delete(partition)
    this.#saving.delete(token)
    this.#complete(effects)
  }

  failed(now: Instant, token: number): void {
    for (const [partition, changes] of this.#saving.get(token) ?? []) {
      const open = this.#open.get(partition)
      if (open?.changes === changes) this.#lookLater(open, now.ms + retryAfterMs)
    }
    this.#saving.delete(token)
  }

  loaded(): void {
    // Rows are read before the peer starts.
  }

  scanned(): void {
    // Rows are read before the peer starts.
  }

  /** From the moment a sum is on its way, the next write to its partition has to carry the mark again. */
  #save(partitions: readonly number[], effects: Effect[]): void {
    for (let from = 0; from < partitions.length; from += sumRowsMax) {
      const saved = new Map<number, number>()
      const batch = partitions.slice(from, from + sumRowsMax).map(partition => {
        const open = this.#opened(partition)
        open.isMarked = false
        open.quietAtMs = Number.POSITIVE_INFINITY
        saved.set(partition, open.changes)
        return sumOperation(partition, this.#sumOf(partition))
      })
      const token = this.#tokens.take(this)
      this.#saving.set(token, saved)
      effects.push({ kind: 'write', batch, then: [], token })
    }
  }

  /** Says on disk that partitions without a row are empty, once all others have one. */
  #complete(effects: Effect[]): void {
    if (this.#isComplete) return
    for (const [partition, { isMarked }] of this.#open) if (!isMarked || !this.#trie.isKnown(partition)) return
    this.#isComplete = true
    const row = this.summedRow()
    if (row !== undefined) effects.push({ kind: 'write', batch: [row], then: [], token: this.#tokens.take(this) })
  }

  #opened(partition: number): OpenPartition {
    const known = this.#open.get(partition)
    if (known !== undefined) return known
    const open = { underWay: 0, isMarked: false, isSure: true, changes: 0, quietAtMs: Number.POSITIVE_INFINITY }
    this.#open.set(partition, open)
    return open
  }

  #forget(partition: number): void {
    this.#opened(partition).isSure = false
    this.#trie.forget(partition)
  }

  #lookLater(open: OpenPartition, atMs: number): void {
    open.quietAtMs = atMs
    this.#lookAtMs = Math.min(this.#lookAtMs, atMs)
  }

  #sumOf(partition: number): TrieSum {
    return this.#trie.isKnown(partition) ? this.#trie.sum(this.#trie.partitionBits, partition) : noSum
  }
}

export function sumKey(partition: number): Uint8Array {
  return Uint8Array.of(prefixes.sum[0] as number, partition >>> 8, partition)
}

/** The sum that a row holds; `undefined` for a mark. */
export function sumOfRow(value: Uint8Array): TrieSum | undefined {
  return value.length === SUM_BYTES ? readSum(value) : undefined
}

/** A row of another form belongs to a partition that there is not. */
export function partitionOfSumKey(key: Uint8Array): number {
  return key.length === 3 ? ((key[1] as number) << 8) | (key[2] as number) : Number.POSITIVE_INFINITY
}

/** A mark says how many entries there were, about: so a count knows how much to read at a time. */
function markOperation(partition: number, count: number): BatchOperation {
  const value = new Uint8Array(MARK_BYTES)
  new DataView(value.buffer).setUint32(0, Math.max(count, 0))
  return { type: 'put', key: sumKey(partition), value }
}

function sumOperation(partition: number, { high, low, count }: TrieSum): BatchOperation {
  if (count <= 0) return { type: 'delete', key: sumKey(partition) }
  const value = new Uint8Array(SUM_BYTES)
  const view = new DataView(value.buffer)
  view.setUint32(0, high)
  view.setUint32(4, low)
  view.setUint32(8, count)
  return { type: 'put', key: sumKey(partition), value }
}

function readSum(value: Uint8Array): TrieSum {
  return { high: wordOf(value, 0), low: wordOf(value, 4), count: wordOf(value, 8) }
}

function wordOf(value: Uint8Array, at: number): number {
  return new DataView(value.buffer, value.byteOffset).getUint32(at)
}
