/**
 * A {@link KeyIndex} on a disk that does one thing at a time when it is told to: writes become durable in order, or fail, and are answered later; what a
 * scan reads and when its answer arrives are two moments; the peer ends between any two of them.
 */
import { toMapKey } from '../../src/core/bytes.ts'
import { emptyContext } from '../../src/core/versions/causal-context.ts'
import type { Actor, RequestId } from '../../src/core/identifiers.ts'
import { MerkleTrie } from '../../src/core/merkle/merkle-trie.ts'
import { emptyRecord, putSibling } from '../../src/core/versions/record.ts'
import type { BatchOperation, Effect, ScannedRow } from '../../src/protocol/effect.ts'
import { KeyIndex, type IndexChange } from '../../src/protocol/key-index/key-index.ts'
import { partitionOfSumKey, sumOfRow, summedKey, type StoredSums } from '../../src/protocol/key-index/partition-sums.ts'
import { prefixes, type LocalRow } from '../../src/protocol/storage-layout.ts'
import { Tokens } from '../../src/protocol/tokens.ts'

interface PendingWrite {
  readonly batch: readonly BatchOperation[]
  /** Whether it became durable, once that is decided. */
  isDurable: boolean | undefined
  done(isDurable: boolean): void
}

interface PendingScan {
  readonly effect: Extract<Effect, { kind: 'scan' }>
  rows: readonly ScannedRow[] | undefined
}

export function rowOf(version: number): LocalRow {
  const dot = { actor: 'a'.repeat(24) as Actor, counter: version }
  return {
    epoch: 1,
    record: putSibling(emptyRecord, emptyContext, { dot, request: 'b'.repeat(32) as RequestId, wallTime: 1, value: undefined })
  }
}

/** What an empty storage of this version says. */
export const nothingStored: StoredSums = { isComplete: false, rows: [], damaged: [] }

export class IndexHarness {
  readonly partitions: number
  readonly disk = new Map<string, ScannedRow>()
  readonly counted: string[] = []
  index: KeyIndex
  nowMs = 0
  #tokens = new Tokens(1)
  #writes: PendingWrite[] = []
  #scans: PendingScan[] = []
  /** Rows as a replica holds them, and keys that it is writing. */
  #rows = new Map<string, LocalRow>()
  #busy = new Set<string>()

  constructor(partitions: number) {
    this.partitions = partitions
    this.index = new KeyIndex(partitions, this.#tokens, nothingStored)
    this.#step(effects => this.index.loader.start(this.#now(), effects))
  }

  get writesUnderWay(): number {
    return this.#writes.length
  }

  get scansUnderWay(): number {
    return this.#scans.length
  }

  /** Writes a version of a key, 0 for dropping it; nothing while a write of it is under way. */
  write(key: Uint8Array, version: number): void {
    const name = toMapKey(key)
    if (this.#busy.has(name)) return
    this.#busy.add(name)
    const before = this.#rows.get(name)
    const after = version === 0 ? undefined : rowOf(version)
    const { index } = this
    const change: IndexChange = index.change(key, before, after)
    this.#writes.push({
      batch: change.operations,
      isDurable: undefined,
      done: isDurable => {
        this.#busy.delete(name)
        index.settle(this.#now(), change, isDurable)
        if (!isDurable) return
        if (after === undefined) this.#rows.delete(name)
        else this.#rows.set(name, after)
      }
    })
  }

  /** The oldest write becomes durable, or fails; its answer is on its way. */
  reachDisk(isDurable: boolean): void {
    const write = this.#writes.find(({ isDurable: decided }) => decided === undefined)
    if (write === undefined) return
    write.isDurable = isDurable
    if (isDurable) this.#apply(write.batch)
  }

  /** The answer of the oldest write arrives. */
  answerWrite(): void {
    const [write] = this.#writes
    if (write?.isDurable === undefined) return
    this.#writes.shift()
    write.done(write.isDurable)
  }

  /** A scan reads the disk as it is; its answer is on its way. */
  readScan(number: number): void {
    const waiting = this.#scans.filter(({ rows }) => rows === undefined)
    const scan = waiting[number % Math.max(waiting.length, 1)]
    if (scan !== undefined) scan.rows = this.#page(scan.effect)
  }

  /** The answer of a scan that was read arrives, or its failure. */
  answerScan(number: number, isRead: boolean): void {
    const ready = this.#scans.filter(({ rows }) => rows !== undefined)
    const scan = ready[number % Math.max(ready.length, 1)]
    if (scan === undefined) return
    this.#scans.splice(this.#scans.indexOf(scan), 1)
    const { token } = scan.effect
    this.#step(effects => {
      const client = this.#tokens.release(token)
      if (isRead) client.scanned(this.#now(), token, scan.rows ?? [], effects)
      else client.failed(this.#now(), token, 'failed', effects)
    })
  }

  advance(ms: number): void {
    this.nowMs += ms
    for (const machine of [this.index.loader, this.index.sums])
      if (machine.deadline() <= this.nowMs) this.#step(effects => machine.wake(this.#now(), effects))
  }

  load(partition: number): void {
    this.#step(effects => this.index.loader.load(partition, () => undefined, effects))
  }

  /** Lets go of a partition's entries where that is allowed. */
  release(partition: number): void {
    if (this.index.sums.isAtRest(partition)) this.index.trie.release(partition)
  }

  /** The peer ends; of the writes under way the first `kept` are durable. It starts again with what the disk holds. */
  restart(kept: number): void {
    for (let write = 0; write < Math.min(kept, this.#writes.length); write++) this.reachDisk(true)
    this.#writes = []
    this.#scans = []
    this.#busy.clear()
    this.#rows = new Map()
    for (const { key, value } of this.#rowsOf(prefixes.index)) {
      const version = [1, 2, 3].find(candidate => toMapKey(hashOf(candidate)) === toMapKey(value))
      if (version !== undefined) this.#rows.set(toMapKey(key.subarray(17)), rowOf(version))
    }
    this.#tokens = new Tokens(this.nowMs + 2)
    this.index = new KeyIndex(this.partitions, this.#tokens, this.stored())
    this.#step(effects => this.index.loader.start(this.#now(), effects))
  }

  /** Ends in good order and starts again. */
  stopAndStart(): void {
    this.#finishWrites()
    this.#step(effects => this.index.sums.rest(effects))
    this.restart(Number.POSITIVE_INFINITY)
  }

  /** Lets everything come to its end. */
  settle(): void {
    for (let round = 0; round < 2000; round++) {
      this.#finishWrites()
      while (this.#scans.length > 0) {
        this.readScan(0)
        this.answerScan(0, true)
      }
      const deadline = Math.min(this.index.loader.deadline(), this.index.sums.deadline())
      if (deadline === Number.POSITIVE_INFINITY && this.#writes.length === 0) return
      this.advance(Math.max(deadline - this.nowMs, 1))
    }
    throw new Error('the index does not come to rest')
  }

  /** Ends, and is started as one that was written before there were sums. */
  downgrade(): void {
    for (const name of this.disk.keys()) if (!name.startsWith('t')) this.disk.delete(name)
    this.#writes = []
    this.restart(0)
  }

  stored(): StoredSums {
    return { isComplete: this.disk.has(toMapKey(summedKey)), rows: this.#rowsOf(prefixes.sum), damaged: [] }
  }

  /** A trie made of the index rows on disk. */
  truth(): MerkleTrie {
    const trie = new MerkleTrie(this.partitions)
    for (const { key, value } of this.#rowsOf(prefixes.index)) trie.set(key.subarray(1, 17), value)
    return trie
  }

  /** Partitions whose row on disk says what is not so. */
  wrongRows(): readonly number[] {
    const truth = this.truth()
    const { isComplete, rows } = this.stored()
    if (!isComplete) return []
    const bits = truth.partitionBits
    const said = new Map(rows.map(({ key, value }) => [partitionOfSumKey(key), sumOfRow(value)]))
    return Array.from({ length: this.partitions }, (_, partition) => partition).filter(partition => {
      if (!said.has(partition)) return truth.sum(bits, partition).count > 0
      const sum = said.get(partition)
      return sum !== undefined && JSON.stringify(sum) !== JSON.stringify(wordsOf(truth, partition))
    })
  }

  #finishWrites(): void {
    while (this.#writes.length > 0) {
      this.reachDisk(true)
      this.answerWrite()
    }
  }

  #apply(batch: readonly BatchOperation[]): void {
    for (const operation of batch) {
      if (operation.type === 'delete') this.disk.delete(toMapKey(operation.key))
      else this.disk.set(toMapKey(operation.key), operation)
    }
  }

  #rowsOf(prefix: Uint8Array): readonly ScannedRow[] {
    const start = toMapKey(prefix)
    return [...this.disk]
      .filter(([name]) => name.startsWith(start))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, row]) => row)
  }

  #page({ prefix, after, limit }: Extract<Effect, { kind: 'scan' }>): readonly ScannedRow[] {
    const from = after === undefined ? '' : toMapKey(after)
    return this.#rowsOf(prefix)
      .filter(({ key }) => toMapKey(key) > from)
      .slice(0, limit)
  }

  #step(step: (effects: Effect[]) => void): void {
    const effects: Effect[] = []
    step(effects)
    for (const effect of effects) {
      if (effect.kind === 'scan') this.#scans.push({ effect, rows: undefined })
      else if (effect.kind === 'report' && effect.event.type === 'counted') this.counted.push(effect.event.name)
      else if (effect.kind === 'write') this.#own(effect)
    }
  }

  /** A write of the index itself. */
  #own({ batch, token }: Extract<Effect, { kind: 'write' }>): void {
    this.#writes.push({
      batch,
      isDurable: undefined,
      done: isDurable =>
        this.#step(effects => {
          const client = this.#tokens.release(token)
          if (isDurable) client.written(this.#now(), token, effects)
          else client.failed(this.#now(), token, 'failed', effects)
        })
    })
  }

  #now(): { readonly ms: number; readonly wallMs: number } {
    return { ms: this.nowMs, wallMs: this.nowMs }
  }
}

/** A partition's sum as plain data. */
export function wordsOf(trie: MerkleTrie, partition: number): unknown {
  const { high, low, count } = trie.sum(trie.partitionBits, partition)
  return { high, low, count }
}

function hashOf(version: number): Uint8Array {
  const change = new KeyIndex(8, new Tokens(1), nothingStored).change(Uint8Array.of(1), undefined, rowOf(version))
  return change.after ?? new Uint8Array(0)
}
