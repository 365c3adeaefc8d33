/**
 * Where a key lies on the ring (the paper, section 4.2), and which partition that is (section 6.2, strategy 3).
 *
 * The ring is the numbers from 0 to 2^128 - 1; a key's position is its MD5. MD5 spreads keys evenly, which is all that is
 * asked of it here: somebody who wants all their keys in one partition can have that, and gains nothing but a slow partition.
 * The ring is cut into Q equal arcs, the partitions. Because Q is a power of two, a partition is the first bits of a position,
 * so every partition is a prefix and a Merkle trie over positions needs no second index.
 */
import { StoreError } from '../errors.ts'
import { md5 } from '../hash.ts'
import { partitionsMax } from '../limits.ts'

/** A key's place on the ring: 16 bytes, the MD5 of the key, read as a big-endian number. */
export type Position = Uint8Array

/** Bytes of a {@link Position}. */
export const positionBytes = 16

/** The position of `key`. */
export function position(key: Uint8Array): Position {
  return md5(key)
}

/**
 * The partition, `0 .. partitions - 1`, that `position` lies in: its first log2(partitions) bits.
 *
 * @throws `ERR_OPTIONS` when `partitions` is not a power of two up to 65,536, or the position is not 16 bytes.
 */
export function partitionOf(position: Position, partitions: number): number {
  if (!isPartitionCount(partitions))
    throw new StoreError('ERR_OPTIONS', `partitions must be a power of two up to ${partitionsMax}, got ${partitions}`)
  if (position.length !== positionBytes)
    throw new StoreError('ERR_OPTIONS', `a position has ${positionBytes} bytes, got ${position.length}`)
  return leadingBits(position, 31 - Math.clz32(partitions))
}

/** True for a power of two from 1 to `partitionsMax`. */
export function isPartitionCount(partitions: number): boolean {
  return Number.isInteger(partitions) && partitions >= 1 && partitions <= partitionsMax && (partitions & (partitions - 1)) === 0
}

/** The first `depth` bits, 0..53, of a position whose first 64 bits are given as two words. */
export function prefixOf(high: number, low: number, depth: number): number {
  if (depth < 32) return (high >>> 1) >>> (31 - depth)
  if (depth === 32) return high
  return high * 2 ** (depth - 32) + (low >>> (64 - depth))
}

function leadingBits(position: Position, bits: number): number {
  const first = ((position[0] as number) << 24) | ((position[1] as number) << 16) | ((position[2] as number) << 8) | (position[3] as number)
  return bits === 0 ? 0 : first >>> (32 - bits)
}
