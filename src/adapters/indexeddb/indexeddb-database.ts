/**
 * One connection to the database of a storage, and the few transactions that the storage needs.
 *
 * Rows lie in `rows` by their binary key, with a checksum; `meta` holds the accounted bytes, the epoch of the current opener, whether it is open,
 * and rows that were found damaged. A transaction commits by itself as soon as it has nothing to do, so nothing but its own requests is awaited
 * inside one. The version of the database is the format of its contents.
 */
import { openDB, unwrap, type DBSchema, type IDBPDatabase, type IDBPObjectStore, type OpenDBCallbacks } from 'idb'
import { StoreError } from '../../core/errors.ts'
import { scanPageRows } from '../../core/limits.ts'
import { lockedError } from '../rows/lifecycle.ts'
import { isQuotaExceeded, isUnreadable, damagedError, unavailableError } from './indexeddb-error.ts'
import type { CommitPlan } from '../rows/commit-plan.ts'
import { encodeRow, valueBytesOf } from '../rows/row-checksum.ts'

/** Format of the database's contents that this code writes and reads. */
const FORMAT_VERSION = 1
/** First release of dynamesh that reads it; told to people who have an older one. */
const READABLE_SINCE = '0.1.0'
/** Browsers have been seen to leave an open request unanswered for ever. */
const OPEN_TIMEOUT_MS = 10_000

/** What the type declarations of IndexedDB ask of a binary key. */
type KeyBytes = Uint8Array<ArrayBuffer>

interface Schema extends DBSchema {
  rows: { key: KeyBytes; value: Uint8Array }
  meta: { key: string | KeyBytes; value: number | string | Uint8Array }
}

type Connection = IDBPDatabase<Schema>

/** A row as stored, still to be checked. */
export type StoredRow = readonly [key: Uint8Array, row: Uint8Array]

/** How a connection came about, and whom it tells about its end. */
export interface DatabaseOptions {
  readonly name: string
  /** Epoch of an opener that lost its connection and comes back, or `undefined` for a new opener. */
  readonly epoch: number | undefined
  /** The browser closed the connection, or somebody wants to delete the database. */
  readonly onLost: (database: IndexedDbDatabase) => void
}

/** One connection of one opener. */
export class IndexedDbDatabase {
  readonly #connection: Connection
  readonly #location: string
  /** Number of this opener: each commit checks that no later one has taken over. */
  readonly epoch: number
  /** Accounted bytes when the connection was made. */
  readonly total: number

  /** True when the last opener did not end in good order. */
  readonly wasLeftOpen: boolean

  private constructor(connection: Connection, location: string, { epoch, total, wasLeftOpen }: Entered) {
    this.#connection = connection
    this.#location = location
    this.epoch = epoch
    this.total = total
    this.wasLeftOpen = wasLeftOpen
  }

  /** Opens the database, or creates it for a new opener. */
  static async open(options: DatabaseOptions): Promise<IndexedDbDatabase> {
    let database: IndexedDbDatabase | undefined
    const connection = await connect(options, () => {
      if (database !== undefined) options.onLost(database)
    })
    try {
      if (!connection.objectStoreNames.contains('rows') || !connection.objectStoreNames.contains('meta')) throw foreignError(options.name)
      database = new IndexedDbDatabase(connection, options.name, await enter(connection, options))
      return database
    } catch (error) {
      connection.close()
      throw error
    }
  }

  /** Notes that the opener ended in good order, unless a later one has taken over. */
  async leave(): Promise<void> {
    const transaction = this.#connection.transaction('meta', 'readwrite', { durability: 'relaxed' })
    unwatched(transaction.done)
    if ((await transaction.store.get('open')) === this.epoch) await transaction.store.delete('open')
    await transaction.done
  }

  close(): void {
    this.#connection.close()
  }

  /** Stored rows of `keys`, or the error of a row that the browser cannot read back. */
  async read(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined | StoreError)[]> {
    const rows = this.#rows()
    return Promise.all(
      keys.map(async key => {
        try {
          return await rows.get(key as KeyBytes)
        } catch (error) {
          if (isUnreadable(error)) return damagedError(this.#location, key, error)
          throw error
        }
      })
    )
  }

  /** The first rows of a range in order. */
  async page(range: IDBKeyRange | undefined, rowsMax: number): Promise<StoredRow[]> {
    const store = this.#rows()
    const [keys, rows] = await Promise.all([store.getAllKeys(range, rowsMax), store.getAll(range, rowsMax)])
    return keys.map((key, index) => [new Uint8Array(key), rows[index] as Uint8Array])
  }

  /**
   * One transaction: looks up the sizes that `plan` lacks, lets it decide, and applies what it admitted. Resolves when all of it is on
   * the disk, as far as the browser tells. Where the browser has no room left it lets only deletes pass; then nothing else may be `kept`, and the
   * number of bytes is left out, to be counted anew.
   */
  async commit(
    unknownKeys: readonly Uint8Array[],
    decide: (rows: readonly (Uint8Array | undefined)[]) => CommitPlan,
    kept: { readonly aside: ReadonlyMap<string, StoredRow> } | 'nothing'
  ): Promise<CommitPlan> {
    const transaction = this.#connection.transaction(['rows', 'meta'], 'readwrite', { durability: 'strict' })
    const done = transaction.done
    unwatched(done)
    try {
      const store = transaction.objectStore('rows')
      const [epoch, ...found] = await Promise.all([
        transaction.objectStore('meta').get('epoch'),
        ...unknownKeys.map(key => store.get(key as KeyBytes))
      ])
      if (epoch !== this.epoch) throw this.#fenced(epoch === undefined)
      const plan = decide(found)
      if (plan.operations.length > 0) apply(unwrap(store), unwrap(transaction.objectStore('meta')), plan, kept)
      await done
      return plan
    } catch (error) {
      abort(unwrap(transaction))
      throw error
    }
  }

  /** The rows in a transaction of their own. Its requests fail with it, so nobody needs to watch its end. */
  #rows(): IDBPObjectStore<Schema, ['rows'], 'rows'> {
    const transaction = this.#connection.transaction('rows')
    unwatched(transaction.done)
    return transaction.store
  }

  #fenced(isGone: boolean): StoreError {
    return isGone ? evictedError(this.#location) : lockedError(this.#location, 'another tab has taken it over')
  }
}

/** Raw requests: what they fail with ends their transaction, and a promise for each would cost more than the request. */
function apply(
  rows: IDBObjectStore,
  meta: IDBObjectStore,
  plan: CommitPlan,
  kept: { readonly aside: ReadonlyMap<string, StoredRow> } | 'nothing'
): void {
  if (kept !== 'nothing') for (const [key, row] of kept.aside.values()) meta.put(row, key as KeyBytes)
  for (const operation of plan.operations) {
    const key = operation.key as KeyBytes
    if (operation.type === 'put') rows.put(encodeRow(operation.key, operation.value), key)
    else rows.delete(key)
  }
  if (kept === 'nothing') meta.delete('total')
  else meta.put(plan.bytes, 'total')
}

/** Keeps a failure from being reported as unhandled; whoever awaits the promise still gets it. */
function unwatched(done: Promise<void>): void {
  done.catch(() => undefined)
}

/** Does nothing for a transaction that has ended already. */
function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort()
  } catch {
    // Ended by itself.
  }
}

/** Throws `ERR_IDB_UNAVAILABLE` where the platform has no IndexedDB at all. */
export function assertIndexedDb(location: string): void {
  if (typeof indexedDB === 'undefined') throw unavailableError(location, new Error('there is none here'))
}

async function connect({ name, epoch }: DatabaseOptions, onLost: () => void): Promise<Connection> {
  let isGone = false
  const upgrade: OpenDBCallbacks<Schema>['upgrade'] = (database, _oldVersion, _newVersion, transaction) => {
    isGone = epoch !== undefined
    if (isGone) {
      unwatched(transaction.done)
      transaction.abort()
      return
    }
    database.createObjectStore('rows')
    void database.createObjectStore('meta').put(READABLE_SINCE, 'needs')
  }
  try {
    return await withTimeout(openDB<Schema>(name, FORMAT_VERSION, { upgrade, blocking: onLost, terminated: onLost }), name)
  } catch (error) {
    if (isGone) throw evictedError(name)
    if (error instanceof DOMException && error.name === 'VersionError') throw await versionError(name)
    throw unavailableError(name, error)
  }
}

async function withTimeout(opening: Promise<Connection>, location: string): Promise<Connection> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      // Whatever comes later is closed, so that it blocks nobody.
      opening.then(connection => connection.close()).catch(() => undefined)
      const message = `The browser did not open the storage ${location} within ${OPEN_TIMEOUT_MS} ms. Close other tabs of this page and reload.`
      reject(new StoreError('ERR_IDB_CONNECTION_LOST', message, { details: { location, timeoutMs: OPEN_TIMEOUT_MS } }))
    }, OPEN_TIMEOUT_MS)
  })
  return Promise.race([opening, timeout]).finally(() => clearTimeout(timer))
}

/** What a connection finds when it is made. */
interface Entered {
  readonly epoch: number
  readonly total: number
  readonly wasLeftOpen: boolean
}

/** A new opener takes the next epoch; one that comes back must find its own. */
async function enter(connection: Connection, options: DatabaseOptions): Promise<Entered> {
  try {
    return await enterWith(connection, options, true)
  } catch (error) {
    if (!isQuotaExceeded(error)) throw error
    return enterWith(connection, options, false)
  }
}

/** Where there is no room for the next epoch, a new opener shares that of the last one: then the lock alone keeps others out. */
async function enterWith(connection: Connection, { name, epoch: own }: DatabaseOptions, hasRoom: boolean): Promise<Entered> {
  const transaction = connection.transaction('meta', 'readwrite', { durability: 'strict' })
  unwatched(transaction.done)
  const meta = transaction.store
  const [stored, total, open] = await Promise.all([meta.get('epoch'), meta.get('total'), meta.get('open')])
  const last = typeof stored === 'number' ? stored : undefined
  const epoch = own ?? (last ?? 0) + (hasRoom ? 1 : 0)
  if (own === undefined && hasRoom) await Promise.all([meta.put(epoch, 'epoch'), meta.put(epoch, 'open')])
  await transaction.done
  if (own !== undefined && last === undefined) throw evictedError(name)
  if (own !== undefined && last !== own) throw lockedError(name, 'another tab has taken it over')
  return { epoch, total: typeof total === 'number' ? total : await countedBytes(connection), wasLeftOpen: open !== undefined }
}

/** Bytes of all rows. The number was left out by a commit that had no room for it, or there are no rows yet. */
async function countedBytes(connection: Connection): Promise<number> {
  let bytes = 0
  let range: IDBKeyRange | undefined
  for (;;) {
    const store = connection.transaction('rows').store
    const [keys, rows] = await Promise.all([store.getAllKeys(range, scanPageRows), store.getAll(range, scanPageRows)])
    for (const [index, key] of keys.entries()) bytes += key.byteLength + valueBytesOf(rows[index] ?? new Uint8Array(0))
    const last = keys.at(-1)
    if (last === undefined || keys.length < scanPageRows) return bytes
    range = IDBKeyRange.lowerBound(last, true)
  }
}

async function versionError(location: string): Promise<StoreError> {
  const connection = await openDB(location)
  const found = connection.version
  const needs: unknown = connection.objectStoreNames.contains('meta') ? await connection.get('meta', 'needs') : undefined
  connection.close()
  const release = typeof needs === 'string' ? `dynamesh ${needs} or newer` : 'a newer dynamesh'
  const message = `The storage ${location} has format ${found}, and this dynamesh reads up to ${FORMAT_VERSION}. Install ${release}; nothing was changed.`
  return new StoreError('ERR_STORE_VERSION', message, { details: { location, found, supported: FORMAT_VERSION, needs } })
}

function evictedError(location: string): StoreError {
  const message = `The browser removed the storage ${location} while it was open. Open it again: it starts empty, and the peer is refilled from the other replicas.`
  return new StoreError('ERR_STORE_EVICTED', message, { details: { location } })
}

function foreignError(location: string): StoreError {
  const message = `The database ${location} is not a dynamesh storage. Choose another name; nothing was changed.`
  return new StoreError('ERR_CONFIG', message, { details: { location } })
}
