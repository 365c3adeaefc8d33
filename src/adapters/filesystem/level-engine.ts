/**
 * The rows of a storage in LevelDB (`classic-level`): how keys are laid out, and the few calls that the storage needs.
 *
 * LevelDB is a log-structured merge tree: a write is appended to a log and flushed, and sorted tables are merged in the background.
 * After a failed write its log may end in half a record, behind which later records would be unreadable: an engine that failed once
 * must be closed and opened again before the next write, which this file's user does.
 */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ClassicLevel } from 'classic-level'
import { StoreError } from '../../core/errors.ts'
import { scanPageBytes } from '../../core/limits.ts'
import type { StorageOperation } from '../../ports/storage.ts'
import { decodeRow, encodeRow, valueBytesOf } from '../rows/row-checksum.ts'

/** First byte of every key: what the row is. */
const Space = { meta: 0, row: 1, damaged: 2 } as const
const TOTAL_KEY = Uint8Array.of(Space.meta, 1)
const ROWS_FOLDER = 'rows'
/** Where LevelDB notes what it did since it was opened, and what it did before. */
const DIARY = 'LOG'
const DIARIES = [DIARY, 'LOG.old']

type Level = ClassicLevel<Uint8Array, Uint8Array>

/** Which rows a page may hold: keys at or behind `from` (without `from` itself if `isBehind`) and before `end`. */
export interface PageRange {
  readonly from: Uint8Array
  readonly isBehind: boolean
  readonly end: Uint8Array | undefined
  readonly rowsMax: number
}

/** Rows as stored, still to be checked. */
export type StoredRow = readonly [key: Uint8Array, row: Uint8Array]

/** One opened LevelDB database. */
export class LevelEngine {
  readonly #level: Level
  /** Stretches of the log that LevelDB could not read when it was opened, and left out. */
  readonly recovered: number

  private constructor(level: Level, recovered: number) {
    this.#level = level
    this.recovered = recovered
  }

  /** Opens the database in `folder`, or creates it. */
  static async open(folder: string): Promise<LevelEngine> {
    const path = join(folder, ROWS_FOLDER)
    const { ClassicLevel: Constructor } = await loadEngine()
    // Uncompressed, so that a flipped bit damages one row, which its checksum finds, and not a whole block.
    const level: Level = new Constructor(path, { keyEncoding: 'view', valueEncoding: 'view', compression: false })
    const before = await diaryNumber(join(path, DIARY))
    await level.open()
    try {
      return new LevelEngine(level, await droppedStretches(path, before))
    } catch (error) {
      await level.close()
      throw error
    }
  }

  /** Accounted bytes as of the last commit. */
  total(): number {
    const stored = plain(this.#level.getSync(TOTAL_KEY))
    const total = stored === undefined ? undefined : decodeRow(TOTAL_KEY, stored)
    if (stored !== undefined && total?.length !== 8) {
      throw Object.assign(new Error('the row of the byte count is damaged'), { code: 'LEVEL_CORRUPTION' })
    }
    return total === undefined ? 0 : new DataView(total.buffer, total.byteOffset).getFloat64(0)
  }

  /** Stored row of `key`. Synchronous: twice as fast as waiting for a thread, as long as the keys are few. */
  get(key: Uint8Array): Uint8Array | undefined {
    return plain(this.#level.getSync(inSpace(Space.row, key)))
  }

  /** Stored rows of `keys`, read by a thread. */
  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    const rows = await this.#level.getMany(keys.map(key => inSpace(Space.row, key)))
    return rows.map(plain)
  }

  /** Accounted bytes of a row; a row that cannot be read counts as absent. */
  rowBytes(key: Uint8Array): number {
    try {
      const row = this.get(key)
      return row === undefined ? 0 : key.length + valueBytesOf(row)
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'LEVEL_CORRUPTION') return 0
      throw error
    }
  }

  /** The next rows of a range in order; none at its end. */
  async page(range: PageRange): Promise<StoredRow[]> {
    const from = inSpace(Space.row, range.from)
    const end = range.end === undefined ? Uint8Array.of(Space.row + 1) : inSpace(Space.row, range.end)
    const iterator = this.#level.iterator({
      ...(range.isBehind ? { gt: from } : { gte: from }),
      lt: end,
      limit: range.rowsMax,
      highWaterMarkBytes: scanPageBytes
    })
    try {
      const rows = await iterator.nextv(range.rowsMax)
      return rows.map(([key, row]) => [plain(key).subarray(1), plain(row)] as const)
    } finally {
      await iterator.close()
    }
  }

  /** Applies `operations` and the new total in one atomic, durable step, and copies the damaged rows `aside` before they are overwritten. */
  async commit(operations: readonly StorageOperation[], total: number, aside: readonly StoredRow[]): Promise<void> {
    const batch = this.#level.batch()
    for (const [key, row] of aside) batch.put(inSpace(Space.damaged, key), row)
    for (const operation of operations) {
      const key = inSpace(Space.row, operation.key)
      if (operation.type === 'put') batch.put(key, encodeRow(operation.key, operation.value))
      else batch.del(key)
    }
    batch.put(TOTAL_KEY, encodeTotal(total))
    await batch.write({ sync: true })
  }

  /** Merges the tables that hold the rows behind `after`, about `rowsMax` of them, in a thread; what was deleted goes. Answers where to go on. */
  async compact(after: Uint8Array | undefined, rowsMax: number): Promise<Uint8Array | undefined> {
    const start = after === undefined ? Uint8Array.of(Space.row) : inSpace(Space.row, after)
    const end = Uint8Array.of(Space.row + 1)
    const keys = await this.#level.keys({ gt: start, lt: end, limit: rowsMax }).all()
    const last = keys.length < rowsMax ? undefined : keys.at(-1)
    await this.#level.compactRange(start, last ?? end)
    return last === undefined ? undefined : plain(last).slice(1)
  }

  /** Waits for calls under way and closes the database. */
  async close(): Promise<void> {
    await this.#level.close()
  }
}

async function loadEngine(): Promise<typeof import('classic-level')> {
  try {
    return await import('classic-level')
  } catch (cause) {
    const message = `The storage engine classic-level does not load on ${process.platform}-${process.arch}. Reinstall the package's dependencies, or choose another storage.`
    throw new StoreError('ERR_CONFIG', message, { cause, details: { platform: process.platform, arch: process.arch } })
  }
}

/**
 * LevelDB leaves unreadable stretches of its log out and says so in its diary only. Another process that tries to open the database, and is
 * turned away, renames the diary all the same; so it is looked for under both names. `before` is the file number of the last run's.
 */
async function droppedStretches(path: string, before: bigint | undefined): Promise<number> {
  let dropped = 0
  for (const file of DIARIES.map(name => join(path, name))) {
    if ((await diaryNumber(file)) === before) continue
    const diary = await readFile(file, 'latin1').catch(() => '')
    dropped += diary.match(/: dropping \d+ bytes; /g)?.length ?? 0
  }
  return dropped
}

/** File number of a diary, or `undefined` where there is none. */
async function diaryNumber(file: string): Promise<bigint | undefined> {
  const found = await stat(file, { bigint: true }).catch(() => undefined)
  return found?.ino
}

/** The engine hands out Buffers, whose `slice` is not a copy as that of other byte arrays is. */
function plain(bytes: Uint8Array): Uint8Array
function plain(bytes: Uint8Array | undefined): Uint8Array | undefined
function plain(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes === undefined ? undefined : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function inSpace(space: number, key: Uint8Array): Uint8Array {
  const spaced = new Uint8Array(1 + key.length)
  spaced[0] = space
  spaced.set(key, 1)
  return spaced
}

function encodeTotal(total: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, total)
  return encodeRow(TOTAL_KEY, bytes)
}
