/** Pages of index rows: where those of a partition begin, and what they say. */
import { concatBytes } from '../../core/bytes.ts'
import { positionBytes } from '../../core/ring/position.ts'
import type { ScannedRow } from '../effect.ts'
import { prefixes } from '../storage-layout.ts'

/** Bytes of the hash of a record. */
export const indexHashBytes = 8
/** Bytes before the key: the letter, and the position. */
export const indexHeaderBytes: number = 1 + positionBytes

/** A key with its position and the hash of its record. */
export interface IndexedKey {
  readonly key: Uint8Array
  readonly place: Uint8Array
  readonly hash: Uint8Array
}

/** What index rows say; those of another form are left out. */
export function indexedKeys(rows: readonly ScannedRow[]): readonly IndexedKey[] {
  return rows.flatMap(({ key, value }) =>
    key.length <= indexHeaderBytes || value.length !== indexHashBytes
      ? []
      : [{ key: key.subarray(indexHeaderBytes), place: key.subarray(1, indexHeaderBytes), hash: value }]
  )
}

/** The storage key behind which the index rows of a partition begin. */
export function beforePartition(partition: number, partitionBits: number): Uint8Array {
  return concatBytes(prefixes.index, firstBytes(partition, partitionBits))
}

/** The shortest byte string that no position of an earlier partition, and every position of this one, comes after. */
function firstBytes(partition: number, partitionBits: number): Uint8Array {
  const first = partition * 2 ** (32 - partitionBits)
  return Uint8Array.of(first >>> 24, first >>> 16, first >>> 8, first).subarray(0, Math.ceil(partitionBits / 8))
}

/** The key of an index row. */
export function keyOfIndexRow(storageKey: Uint8Array): Uint8Array {
  return storageKey.subarray(indexHeaderBytes)
}

/** Prefix of the index rows whose positions begin with the 48 bits of `place`. */
export function indexPrefix(place: number): Uint8Array {
  const prefix = new Uint8Array(7)
  prefix.set(prefixes.index)
  for (let at = 6, rest = place; at > 0; at--, rest = Math.floor(rest / 256)) prefix[at] = rest % 256
  return prefix
}
