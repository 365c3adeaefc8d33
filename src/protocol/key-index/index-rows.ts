/** Pages of index rows: where those of a partition begin, and what they say. */
import { concatBytes } from '../../core/bytes.ts'
import { positionBytes } from '../../core/ring/position.ts'
import type { ScannedRow } from '../effect.ts'
import { prefixes } from '../storage-layout.ts'

const HASH_BYTES = 8
const HEADER_BYTES = 1 + positionBytes

/** A key with its position and the hash of its record. */
export interface IndexedKey {
  readonly key: Uint8Array
  readonly place: Uint8Array
  readonly hash: Uint8Array
}

/** What index rows say; those of another form are left out. */
export function indexedKeys(rows: readonly ScannedRow[]): readonly IndexedKey[] {
  return rows.flatMap(({ key, value }) =>
    key.length <= HEADER_BYTES || value.length !== HASH_BYTES
      ? []
      : [{ key: key.subarray(HEADER_BYTES), place: key.subarray(1, HEADER_BYTES), hash: value }]
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
