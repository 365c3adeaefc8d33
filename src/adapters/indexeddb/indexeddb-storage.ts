/**
 * A storage in a browser: one IndexedDB database per name.
 *
 * - A write is acknowledged after a transaction of `strict` durability completed; concurrent writes share a transaction, and reads of the
 *   same moment share one too.
 * - One opener per origin and name, by a Web Lock; each commit also checks the opener's epoch, in case the lock was stolen.
 * - A row that rotted is never returned: `ERR_RECORD_CORRUPT` names its key, and it is kept aside once the caller overwrites it.
 * - Where the browser has no room left, deletes still pass.
 * - When the browser closes the connection, the storage opens a new one and repeats what was under way, once.
 *
 * A browser may remove the whole database at any time unless it granted persistence (`status().persistent`); then the storage says
 * `ERR_STORE_EVICTED` once and starts empty at the next opening.
 */
import { StoreError } from '../../core/errors.ts'
import { browserStorageBytesMaxDefault, damagedRowsMax, scanPageBytes, scanPageRows } from '../../core/limits.ts'
import type { ScanRange, Storage, StorageOperation, StorageRow, StorageStatus } from '../../ports/storage.ts'
import { CommitPlan, refuseBeyond } from '../rows/commit-plan.ts'
import { GroupCommit, type Batch } from '../rows/group-commit.ts'
import { assertIndexedDb, IndexedDbDatabase, type StoredRow } from './indexeddb-database.ts'
import { beginNewLog } from './indexeddb-log.ts'
import { damagedError, indexedDbError, isConnectionLost, isQuotaExceeded } from './indexeddb-error.ts'
import { keyText, prefixEnd } from '../rows/key-text.ts'
import { Lifecycle } from '../rows/lifecycle.ts'
import { ReadGroup } from './read-group.ts'
import { decodeRow, valueBytesOf } from '../rows/row-checksum.ts'
import { RowSizes } from '../rows/row-sizes.ts'
import { holdWebLock } from './web-lock.ts'

const FIRST_PAGE_ROWS = 16
/** A page that is being reloaded may hold its lock a little longer. */
const LOCK_WAIT_MS = 1000

/** Options of {@link indexedDbStorage}. */
export interface IndexedDbStorageOptions {
  /** Most bytes of keys and values; a growing write past it is refused with `ERR_QUOTA`. @default 256 MiB */
  readonly bytesMax?: number
  /** How long `open` waits for another opener to let go, in milliseconds; 0 does not wait. @default 1000 */
  readonly lockWaitMs?: number
}

/**
 * A storage in the browser's IndexedDB, in the database `dynamesh:<name>` of the page's origin, for one tab at a time.
 *
 * `open` rejects with `ERR_IDB_UNAVAILABLE`, `ERR_STORE_LOCKED`, `ERR_STORE_VERSION`, `ERR_INSECURE_CONTEXT` or `ERR_QUOTA`.
 */
export function indexedDbStorage(name: string, options: IndexedDbStorageOptions = {}): Storage {
  if (name === '') throw new StoreError('ERR_OPTIONS', 'The storage has an empty name. Give the name of a database.')
  return new IndexedDbStorage(`dynamesh:${name}`, options.bytesMax ?? browserStorageBytesMaxDefault, options.lockWaitMs ?? LOCK_WAIT_MS)
}

class IndexedDbStorage implements Storage {
  readonly #location: string
  readonly #bytesMax: number
  readonly #lockWaitMs: number
  readonly #lifecycle: Lifecycle
  readonly #commits = new GroupCommit({ commit: batches => this.#commit(batches), turn: macrotask })
  readonly #reads = new ReadGroup(keys => this.#readRows(keys))
  readonly #sizes = new RowSizes()
  /** Rows found damaged, by key text: to be kept aside when they are overwritten. */
  readonly #damaged = new Map<string, StoredRow>()
  #releaseLock: (() => void) | undefined
  #database: IndexedDbDatabase | undefined
  #connecting: Promise<IndexedDbDatabase> | undefined
  #epoch: number | undefined
  #bytes = 0
  #isPersistent = false

  constructor(location: string, bytesMax: number, lockWaitMs: number) {
    this.#location = location
    this.#bytesMax = bytesMax
    this.#lockWaitMs = lockWaitMs
    this.#lifecycle = new Lifecycle(location)
  }

  async open(): Promise<void> {
    await this.#lifecycle.open(async () => {
      assertIndexedDb(this.#location)
      this.#releaseLock = await holdWebLock(this.#location, this.#location, this.#lockWaitMs)
      try {
        this.#epoch = undefined
        const { wasLeftOpen } = await this.#connected()
        // Without it the storage is as good as without this precaution, e.g. because there is no room.
        if (wasLeftOpen) void beginNewLog().catch(() => undefined)
      } catch (error) {
        this.#releaseLock()
        throw indexedDbError(error, 'open', this.#location)
      }
    })
    void this.#askForPersistence()
  }

  async close(): Promise<void> {
    await this.#lifecycle.close(async () => {
      await this.#commits.drained()
      await this.#reads.drained()
      await this.#connecting?.catch(() => undefined)
      // It counts as not in good order then, which does no harm.
      await this.#database?.leave().catch(() => undefined)
      this.#disconnect()
      this.#damaged.clear()
      this.#releaseLock?.()
    })
  }

  async read(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    this.#lifecycle.assertOpen()
    const rows = await this.#reads.read(keys)
    return keys.map((key, index) => {
      const row = rows[index]
      if (row instanceof StoreError) throw row
      return row === undefined ? undefined : this.#checked(key, row)
    })
  }

  async write(batch: readonly StorageOperation[]): Promise<void> {
    this.#lifecycle.assertOpen()
    await this.#commits.write(batch)
  }

  async *scan(range: ScanRange): AsyncGenerator<StorageRow, void, undefined> {
    let left = range.limit ?? Infinity
    let after = range.after
    let rowsMax = FIRST_PAGE_ROWS
    while (left > 0) {
      this.#lifecycle.assertOpen()
      const page = keyRange(range.prefix, after)
      if (page === 'empty') return
      const rows = await this.#whileOpen('read', database => database.page(page, Math.min(left, rowsMax)))
      const last = rows.at(-1)
      if (last === undefined) return
      // A copy: the caller owns the bytes of the rows that it was given.
      after = last[0].slice()
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

  status(): StorageStatus {
    return { location: this.#location, persistent: this.#isPersistent, bytes: this.#bytes, bytesMax: this.#bytesMax, recovered: 0 }
  }

  async #readRows(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined | StoreError)[]> {
    const rows = await this.#whileOpen('read', database => database.read(keys))
    // Transactions on the same rows follow one another, so that these sizes are never older than those of an earlier commit.
    for (const [index, key] of keys.entries()) {
      const row = rows[index]
      if (!(row instanceof StoreError)) this.#sizes.set(keyText(key), rowBytes(key, row))
    }
    return rows
  }

  #checked(key: Uint8Array, row: Uint8Array): Uint8Array {
    const value = decodeRow(key, row)
    if (value !== undefined) return value
    if (this.#damaged.size < damagedRowsMax) this.#damaged.set(keyText(key), [new Uint8Array(key), row])
    throw damagedError(this.#location, key)
  }

  async #commit(batches: readonly Batch[]): Promise<readonly (StoreError | undefined)[]> {
    return this.#whileOpen('write', async database => {
      const { sizes, unknown } = this.#sizesBefore(batches)
      const refusals: (StoreError | undefined)[] = []
      const decide = (rows: readonly (Uint8Array | undefined)[]): CommitPlan => {
        for (const [index, key] of unknown.entries()) sizes.set(keyText(key), rowBytes(key, rows[index]))
        const rowBytesOf = (_key: Uint8Array, text: string): number => sizes.get(text) ?? 0
        const plan = new CommitPlan({ bytes: this.#bytes, refuse: refuseBeyond(this.#bytesMax), rowBytes: rowBytesOf })
        for (const batch of batches) refusals.push(plan.admit(batch))
        return plan
      }
      const aside = this.#overwrittenDamage(batches)
      const plan = await database.commit(unknown, decide, { aside }).catch(async (error: unknown) => {
        if (!isQuotaExceeded(error) || batches.some(batch => batch.some(({ type }) => type === 'put'))) throw error
        refusals.length = 0
        return database.commit(unknown, decide, 'nothing')
      })
      this.#bytes = plan.bytes
      for (const [text, bytes] of plan.changed) this.#sizes.set(text, bytes)
      for (const text of aside.keys()) this.#damaged.delete(text)
      return refusals
    })
  }

  /** Sizes of the rows that `batches` change, as far as remembered, and the keys of the others. */
  #sizesBefore(batches: readonly Batch[]): { readonly sizes: Map<string, number>; readonly unknown: readonly Uint8Array[] } {
    const sizes = new Map<string, number>()
    const unknown = new Map<string, Uint8Array>()
    for (const batch of batches) {
      for (const { key } of batch) {
        const text = keyText(key)
        const size = this.#sizes.get(text)
        if (size === undefined) unknown.set(text, key)
        else sizes.set(text, size)
      }
    }
    return { sizes, unknown: [...unknown.values()] }
  }

  #overwrittenDamage(batches: readonly Batch[]): Map<string, StoredRow> {
    if (this.#damaged.size === 0) return new Map()
    const texts = batches.flatMap(batch => batch.map(({ key }) => keyText(key)))
    const damaged = texts.filter(text => this.#damaged.has(text))
    return new Map(damaged.map(text => [text, this.#damaged.get(text) as StoredRow]))
  }

  /** Runs `work` on the connection; when the browser closed that, once more on a new one. */
  async #whileOpen<Result>(action: 'read' | 'write', work: (database: IndexedDbDatabase) => Promise<Result>): Promise<Result> {
    try {
      return await work(await this.#connected()).catch(async (error: unknown) => {
        if (!isConnectionLost(error)) throw error
        this.#disconnect()
        return work(await this.#connected())
      })
    } catch (error) {
      if (isConnectionLost(error)) this.#disconnect()
      throw indexedDbError(error, action, this.#location, action === 'write' ? 'indeterminate' : 'none')
    }
  }

  async #connected(): Promise<IndexedDbDatabase> {
    if (this.#database !== undefined) return this.#database
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined
    })
    return this.#connecting
  }

  async #connect(): Promise<IndexedDbDatabase> {
    const onLost = (lost: IndexedDbDatabase): void => {
      if (this.#database === lost) this.#disconnect()
    }
    const database = await IndexedDbDatabase.open({ name: this.#location, epoch: this.#epoch, onLost })
    this.#epoch = database.epoch
    this.#bytes = database.total
    this.#sizes.clear()
    this.#database = database
    return database
  }

  #disconnect(): void {
    this.#database?.close()
    this.#database = undefined
  }

  /** Without waiting: a browser may ask its user. */
  async #askForPersistence(): Promise<void> {
    try {
      this.#isPersistent = await navigator.storage.persist()
    } catch {
      this.#isPersistent = false
    }
  }
}

function rowBytes(key: Uint8Array, row: Uint8Array | undefined): number {
  return row === undefined ? 0 : key.length + valueBytesOf(row)
}

/** `after` may lie before the prefix, or behind all of its keys. */
function keyRange(prefix: Uint8Array, after: Uint8Array | undefined): IDBKeyRange | undefined | 'empty' {
  const end = prefixEnd(prefix)
  const isBehind = after !== undefined && keyText(after) >= keyText(prefix)
  const from = isBehind ? after : prefix
  if (end === undefined) return IDBKeyRange.lowerBound(from, isBehind)
  return keyText(from) >= keyText(end) ? 'empty' : IDBKeyRange.bound(from, end, isBehind, true)
}

/** Pages grow while their rows are small. */
function nextPageRows(rowsMax: number, meanRowBytes: number): number {
  return Math.max(1, Math.min(rowsMax * 4, scanPageRows, Math.floor(scanPageBytes / 4 / Math.max(1, meanRowBytes))))
}

/** Resolves in a task of its own, without the delay of a timer: callers that were just answered come first. */
function macrotask(): Promise<void> {
  return new Promise(resolve => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}
