/** Rows of the crash test: what writer and checker agree on. */
import { bytesOf } from '../../src/conformance/storage-tools.ts'
import type { StorageOperation } from '../../src/ports/storage.ts'

/** Concurrent writers in the process; half of them write pairs, half count. */
export const WRITERS = 8

/** Two rows that are written together, with values that follow from the index. */
export function pairOf(index: number): readonly [StorageOperation & { type: 'put' }, StorageOperation & { type: 'put' }] {
  const value = new Uint8Array((index * 37) % 1500).fill(index & 255)
  return [
    { type: 'put', key: bytesOf(`a/${index}`), value },
    { type: 'put', key: bytesOf(`b/${index}`), value: bytesOf(`${index}`) }
  ]
}
