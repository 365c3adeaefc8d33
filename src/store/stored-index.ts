/**
 * Gives a storage its index, one small row per key, where it has none yet (written by an earlier version) or lost some of its memory: one pass over
 * its replica rows, which a crash may cut short.
 */
import { isStoreError } from '../core/errors.ts'
import { scanPageRows } from '../core/limits.ts'
import type { Storage, StorageOperation, StorageRow } from '../ports/storage.ts'
import { indexedKey, indexedRow, indexRowOf } from '../protocol/key-index/key-index.ts'
import { summedKey, type StoredSums } from '../protocol/key-index/partition-sums.ts'
import { prefixes } from '../protocol/storage-layout.ts'
import { tombstoneRowsOf } from '../protocol/tombstones/tombstone-index.ts'
import { intactRows, readOrDamaged } from './intact-rows.ts'

/** Makes sure that every replica row has its index row. */
export async function ensureIndexed(storage: Storage): Promise<void> {
  if ((await readOrDamaged(storage, indexedKey)) instanceof Uint8Array && storage.status().recovered === 0) return
  const writer = new PagedWriter(storage)
  // A crash on the way must not leave what vouches for the index that is being taken down.
  for (const key of [indexedKey, summedKey]) await writer.add({ type: 'delete', key })
  for await (const { key } of intactRows(storage, { prefix: prefixes.index }, ignore))
    await writer.add({ type: 'delete', key: key.slice() })
  await writer.flush()
  for await (const row of intactRows(storage, { prefix: prefixes.row }, ignore)) {
    for (const operation of readable(() => [indexRowOf(row), ...tombstoneRowsOf(row)]) ?? []) await writer.add(operation)
  }
  await writer.add(indexedRow)
  await writer.flush()
}

/** What the storage says of its partitions. */
export async function storedSums(storage: Storage): Promise<StoredSums> {
  const damaged: Uint8Array[] = []
  const rows: StorageRow[] = []
  for await (const { key, value } of intactRows(storage, { prefix: prefixes.sum }, key => damaged.push(key)))
    rows.push({ key: key.slice(), value: value.slice() })
  return { isComplete: (await readOrDamaged(storage, summedKey)) instanceof Uint8Array, rows, damaged }
}

/** Writes many operations, a page at a time. On a disk that is full it writes no more: the index is built again at the next start. */
class PagedWriter {
  readonly #storage: Storage
  #operations: StorageOperation[] = []
  #isFull = false

  constructor(storage: Storage) {
    this.#storage = storage
  }

  async add(operation: StorageOperation): Promise<void> {
    if (this.#isFull) return
    this.#operations.push(operation)
    if (this.#operations.length >= scanPageRows) await this.flush()
  }

  async flush(): Promise<void> {
    const operations = this.#operations
    this.#operations = []
    try {
      if (operations.length > 0 && !this.#isFull) await this.#storage.write(operations)
    } catch (error) {
      if (!isStoreError(error) || error.code !== 'ERR_QUOTA') throw error
      this.#isFull = true
    }
  }
}

/** A replica row that cannot be decoded counts as lost: it gets no index row. */
function readable<Value>(read: () => Value): Value | undefined {
  try {
    return read()
  } catch (error) {
    if (isStoreError(error)) return undefined
    throw error
  }
}

function ignore(): void {
  // A damaged row counts as lost; the read that needs it reports it.
}
