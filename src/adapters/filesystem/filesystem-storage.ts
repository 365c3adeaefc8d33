/**
 * A storage in a folder, for Node.js: durable on return, exclusive, and checked row by row.
 *
 * - A write is acknowledged after the engine flushed it to the disk; concurrent writes share a flush (see group-commit.ts).
 * - The operating system's file lock keeps other processes out and goes away with its process, however that ends; within the process, the
 *   claim of storage-folder.ts does.
 * - A row that rotted on the disk is never returned: `ERR_RECORD_CORRUPT` names its key, and once the caller overwrites it the damaged
 *   bytes are kept aside in the same folder.
 * - After a failed write the engine is closed and opened again before anything else is written: what a failed flush left behind
 *   is unknown, and only reading it back tells.
 * - A share of the disk is left free, so that a full disk refuses growth early and still takes deletes.
 *
 * It does not notice a folder that was restored from an old backup; the store above does.
 */
import { statfs } from 'node:fs/promises'
import { resolve } from 'node:path'
import { StoreError } from '../../core/errors.ts'
import { damagedRowsMax, diskReserveBytesDefault, scanPageBytes, scanPageRows } from '../../core/limits.ts'
import type { ScanRange, Storage, StorageOperation, StorageRow, StorageStatus } from '../../ports/storage.ts'
import { CommitPlan, refuseBeyond } from '../rows/commit-plan.ts'
import { filesystemError } from './filesystem-error.ts'
import { GroupCommit, type Batch } from '../rows/group-commit.ts'
import { keyText, prefixEnd } from '../rows/key-text.ts'
import { LevelEngine, type StoredRow } from './level-engine.ts'
import { Lifecycle } from '../rows/lifecycle.ts'
import { decodeRow, valueBytesOf } from '../rows/row-checksum.ts'
import { RowSizes } from '../rows/row-sizes.ts'
import { claimFolder, type FolderClaim } from './storage-folder.ts'

/** Reads of more keys than this wait for a thread instead of holding up the event loop. */
const SYNCHRONOUS_KEYS_MAX = 64
/** Bytes committed between two looks at the free space of the disk. */
const ROOM_CHECK_BYTES = 1024 * 1024
const FIRST_PAGE_ROWS = 16

/** Options of {@link filesystemStorage}. */
export interface FilesystemStorageOptions {
  /** Most bytes of keys and values; a growing write past it is refused with `ERR_QUOTA`. @default unlimited */
  readonly bytesMax?: number
  /** Bytes to leave free on the disk; below it only writes that do not grow the storage pass. @default 32 MiB */
  readonly reserveBytes?: number
}

/**
 * A storage in `folder`, which is created when missing. One storage per folder; a folder with other contents is refused.
 *
 * `open` rejects with `ERR_STORE_LOCKED`, `ERR_STORE_VERSION`, `ERR_CONFIG` (not a storage folder), `ERR_IO` or `ERR_RECORD_CORRUPT`.
 */
export function filesystemStorage(folder: string, options: FilesystemStorageOptions = {}): Storage {
  if (folder === '') throw new StoreError('ERR_OPTIONS', 'The storage folder has an empty name. Give the path of a folder.')
  return new FilesystemStorage(resolve(folder), options)
}

class FilesystemStorage implements Storage {
  readonly #location: string
  readonly #bytesMax: number | undefined
  readonly #reserveBytes: number
  readonly #lifecycle: Lifecycle
  readonly #commits = new GroupCommit({
    commit: batches => this.#commit(batches),
    turn: () => new Promise(resolve => setImmediate(resolve))
  })
  /** Rows found damaged, by key text: to be kept aside when they are overwritten. */
  readonly #damaged = new Map<string, Uint8Array>()
  readonly #sizes = new RowSizes()
  readonly #reads = new Set<Promise<unknown>>()
  #claim: FolderClaim | undefined
  #engine: LevelEngine | undefined
  #opening: Promise<LevelEngine> | undefined
  /** True after a failed write, until the engine was opened again. */
  #isSuspect = false
  #bytes = 0
  #recovered = 0
  #bytesUntilRoomCheck = 0
  #hasRoom = true

  constructor(location: string, options: FilesystemStorageOptions) {
    this.#location = location
    this.#bytesMax = options.bytesMax
    this.#reserveBytes = options.reserveBytes ?? diskReserveBytesDefault
    this.#lifecycle = new Lifecycle(location)
  }

  async open(): Promise<void> {
    await this.#lifecycle.open(async () => {
      try {
        this.#claim = await claimFolder(this.#location)
        this.#recovered = 0
        await this.#healthyEngine()
      } catch (error) {
        this.#unclaim()
        throw filesystemError(error, 'open', this.#location)
      }
    })
  }

  async close(): Promise<void> {
    await this.#lifecycle.close(async () => {
      await this.#commits.drained()
      await this.#closeEngine()
      this.#unclaim()
      this.#damaged.clear()
    })
  }

  async read(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    this.#lifecycle.assertOpen()
    const rows = await this.#reading(engine => (keys.length > SYNCHRONOUS_KEYS_MAX ? engine.getMany(keys) : this.#getEach(engine, keys)))
    return keys.map((key, index) => {
      const row = rows[index]
      return row === undefined ? undefined : this.#checked(key, row)
    })
  }

  async write(batch: readonly StorageOperation[]): Promise<void> {
    this.#lifecycle.assertOpen()
    await this.#commits.write(batch)
  }

  async *scan(range: ScanRange): AsyncGenerator<StorageRow, void, undefined> {
    this.#lifecycle.assertOpen()
    const end = prefixEnd(range.prefix)
    let left = range.limit ?? Infinity
    let [from, isBehind] = startOf(range)
    let rowsMax = FIRST_PAGE_ROWS
    while (left > 0) {
      const page = { from, isBehind, end, rowsMax: Math.min(left, rowsMax) }
      const rows = await this.#reading(engine => engine.page(page))
      const last = rows.at(-1)
      if (last === undefined) return
      // A copy: the caller owns the bytes of the rows that it was given.
      ;[from, isBehind] = [last[0].slice(), true]
      let bytes = 0
      for (const [key, row] of rows) {
        this.#lifecycle.assertOpen()
        yield { key, value: this.#checked(key, row) }
        bytes += row.length
        left--
      }
      rowsMax = nextPageRows(rowsMax, bytes / rows.length)
    }
  }

  async reclaim(after: Uint8Array | undefined, rowsMax: number): Promise<Uint8Array | undefined> {
    this.#lifecycle.assertOpen()
    return this.#reading(engine => engine.compact(after, rowsMax))
  }

  status(): StorageStatus {
    return { location: this.#location, persistent: true, bytes: this.#bytes, bytesMax: this.#bytesMax, recovered: this.#recovered }
  }

  get #path(): string {
    return this.#claim?.path ?? this.#location
  }

  #unclaim(): void {
    this.#claim?.release()
    this.#claim = undefined
  }

  /** Runs `work` while the engine stays open, and gives its errors their types. */
  async #reading<Result>(work: (engine: LevelEngine) => Result | Promise<Result>): Promise<Result> {
    let result: Promise<Result> | undefined
    try {
      const engine = this.#engine ?? (await this.#healthyEngine())
      result = Promise.resolve(work(engine))
      this.#reads.add(result)
      return await result
    } catch (error) {
      this.#lifecycle.assertOpen()
      throw filesystemError(error, 'read', this.#location)
    } finally {
      if (result !== undefined) this.#reads.delete(result)
    }
  }

  /** Nothing can be committed in between, so that the sizes are those of the rows as they are. */
  #getEach(engine: LevelEngine, keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    return keys.map(key => {
      const row = engine.get(key)
      this.#sizes.set(keyText(key), row === undefined ? 0 : key.length + valueBytesOf(row))
      return row
    })
  }

  #checked(key: Uint8Array, row: Uint8Array): Uint8Array {
    const value = decodeRow(key, row)
    if (value !== undefined) return value
    if (this.#damaged.size < damagedRowsMax) this.#damaged.set(keyText(key), row)
    const message = `A row of the storage ${this.#location} is damaged. Fetch it from another replica; it is kept aside when it is overwritten.`
    throw new StoreError('ERR_RECORD_CORRUPT', message, { details: { folder: this.#location, key } })
  }

  async #commit(batches: readonly Batch[]): Promise<readonly (StoreError | undefined)[]> {
    try {
      const engine = await this.#healthyEngine()
      await this.#checkRoom()
      const plan = new CommitPlan({
        bytes: this.#bytes,
        refuse: (bytes, growth) => this.#refuse(bytes, growth),
        rowBytes: (key, text) => this.#sizes.get(text) ?? engine.rowBytes(key)
      })
      const refusals = batches.map(batch => plan.admit(batch))
      if (plan.operations.length > 0) await this.#apply(engine, plan)
      return refusals
    } catch (error) {
      throw filesystemError(error, 'write', this.#location, 'indeterminate')
    }
  }

  async #apply(engine: LevelEngine, plan: CommitPlan): Promise<void> {
    const overwritten = this.#damaged.size === 0 ? [] : plan.operations.filter(({ key }) => this.#damaged.has(keyText(key)))
    const aside = overwritten.map(({ key }): StoredRow => [key, this.#damaged.get(keyText(key)) as Uint8Array])
    this.#isSuspect = true
    await engine.commit(plan.operations, plan.bytes, aside)
    this.#isSuspect = false
    for (const [key] of aside) this.#damaged.delete(keyText(key))
    this.#bytesUntilRoomCheck -= Math.max(ROOM_CHECK_BYTES / 256, plan.bytes - this.#bytes)
    this.#bytes = plan.bytes
    for (const [text, bytes] of plan.changed) this.#sizes.set(text, bytes)
  }

  #refuse(bytes: number, growth: number): StoreError | undefined {
    if (this.#hasRoom) return refuseBeyond(this.#bytesMax)(bytes, growth)
    const message = `The disk of the storage ${this.#location} has less than ${this.#reserveBytes} bytes left. Free some space on it, or delete something.`
    return new StoreError('ERR_QUOTA', message, { details: { folder: this.#location, reserveBytes: this.#reserveBytes, growth } })
  }

  async #checkRoom(): Promise<void> {
    if (this.#hasRoom && this.#bytesUntilRoomCheck > 0) return
    const { bavail, bsize } = await statfs(this.#path)
    this.#hasRoom = bavail * bsize >= this.#reserveBytes
    this.#bytesUntilRoomCheck = ROOM_CHECK_BYTES
  }

  /** The engine, opened again first when a write failed since. */
  async #healthyEngine(): Promise<LevelEngine> {
    if (this.#engine !== undefined && !this.#isSuspect) return this.#engine
    this.#opening ??= this.#openEngine().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #openEngine(): Promise<LevelEngine> {
    await this.#closeEngine()
    this.#sizes.clear()
    const engine = await LevelEngine.open(this.#path)
    try {
      this.#bytes = engine.total()
    } catch (error) {
      await engine.close()
      throw error
    }
    this.#recovered += engine.recovered
    this.#isSuspect = false
    this.#engine = engine
    return engine
  }

  async #closeEngine(): Promise<void> {
    const engine = this.#engine
    this.#engine = undefined
    await Promise.allSettled(this.#reads)
    await engine?.close()
  }
}

/** `after` may lie before the prefix; then the scan starts at its first key. */
function startOf({ prefix, after }: ScanRange): [from: Uint8Array, isBehind: boolean] {
  return after !== undefined && keyText(after) >= keyText(prefix) ? [after, true] : [prefix, false]
}

/** Pages grow while their rows are small. */
function nextPageRows(rowsMax: number, meanRowBytes: number): number {
  return Math.max(1, Math.min(rowsMax * 4, scanPageRows, Math.floor(scanPageBytes / 4 / Math.max(1, meanRowBytes))))
}
