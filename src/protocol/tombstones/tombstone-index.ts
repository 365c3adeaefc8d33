/**
 * Which keys are deleted here, and since when: one small row per tombstone, in order of time, so that what is due for reaping is found by reading a
 * few rows, and no value.
 *
 * A row is written in the same batch as the record that is nothing but tombstones, and goes in the batch that makes it something else.
 */
import { concatBytes } from '../../core/bytes.ts'
import { wallTimeMs } from '../../core/versions/hybrid-clock.ts'
import { isDeleted, type StoredRecord } from '../../core/versions/record.ts'
import type { BatchOperation, ScannedRow } from '../effect.ts'
import { decodeRow, keyOfRow, prefixes, type LocalRow } from '../storage-layout.ts'

const TIME_BYTES = 8
const HEADER_BYTES = 1 + TIME_BYTES
const MARK = Uint8Array.of(1)
const NOTHING: readonly BatchOperation[] = []

/** Wall time of a record's newest tombstone; `undefined` while it holds a value. */
export function deletedAtMs(record: StoredRecord): number | undefined {
  if (!isDeleted(record)) return undefined
  return wallTimeMs(Math.max(...record.siblings.map(({ wallTime }) => wallTime)))
}

export function tombstoneKey(atMs: number, key: Uint8Array): Uint8Array {
  const time = new Uint8Array(TIME_BYTES)
  new DataView(time.buffer).setBigUint64(0, BigInt(atMs))
  return concatBytes(prefixes.tombstone, time, key)
}

/** Time and key of a tombstone row; `undefined` for bytes that are none. */
export function parseTombstoneKey(storageKey: Uint8Array): { readonly atMs: number; readonly key: Uint8Array } | undefined {
  if (storageKey.length <= HEADER_BYTES) return undefined
  const view = new DataView(storageKey.buffer, storageKey.byteOffset)
  return { atMs: Number(view.getBigUint64(1)), key: storageKey.subarray(HEADER_BYTES) }
}

/** What to write with a row that changes. */
export function tombstoneOperations(key: Uint8Array, before: LocalRow | undefined, after: LocalRow | undefined): readonly BatchOperation[] {
  const was = before === undefined ? undefined : deletedAtMs(before.record)
  const is = after === undefined ? undefined : deletedAtMs(after.record)
  if (was === is) return NOTHING
  const operations: BatchOperation[] = []
  if (was !== undefined) operations.push({ type: 'delete', key: tombstoneKey(was, key) })
  if (is !== undefined) operations.push({ type: 'put', key: tombstoneKey(is, key), value: MARK })
  return operations
}

/** The tombstone row that a replica row found in storage should have, if any. Throws like `decodeRow`. */
export function tombstoneRowsOf(row: ScannedRow): readonly BatchOperation[] {
  return tombstoneOperations(keyOfRow(row.key), undefined, decodeRow(row.value))
}
