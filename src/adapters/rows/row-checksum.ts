/**
 * A row as it lies on a disk: CRC-32C over key and value in four bytes, then the value.
 *
 * Disks, memory and file systems flip bits, and the engines underneath do not look for it on every read. A CRC finds every
 * single flipped bit and every burst of up to 32 bits, so a damaged row is noticed and fetched again from another replica instead
 * of being handed out. It is no protection against somebody who changes a row on purpose. (CRC-32C: Castagnoli et al. 1993.)
 */

const CHECKSUM_BYTES = 4
const POLYNOMIAL = 0x82f63b78

/** Four tables, so that a round of the loop takes four bytes at once. */
const [TABLE0, TABLE1, TABLE2, TABLE3] = checksumTables()

/** The stored form of `value` under `key`. */
export function encodeRow(key: Uint8Array, value: Uint8Array): Uint8Array {
  const row = new Uint8Array(CHECKSUM_BYTES + value.length)
  const checksum = checksumOf(key, value)
  row[0] = checksum >>> 24
  row[1] = checksum >>> 16
  row[2] = checksum >>> 8
  row[3] = checksum
  row.set(value, CHECKSUM_BYTES)
  return row
}

/** The value of a stored row as a view of it, or `undefined` when the row is damaged. */
export function decodeRow(key: Uint8Array, row: Uint8Array): Uint8Array | undefined {
  if (row.length < CHECKSUM_BYTES) return undefined
  const stored = (((row[0] as number) << 24) | ((row[1] as number) << 16) | ((row[2] as number) << 8) | (row[3] as number)) >>> 0
  const value = row.subarray(CHECKSUM_BYTES)
  return stored === checksumOf(key, value) ? value : undefined
}

/** Length of the value in a stored row. */
export function valueBytesOf(row: Uint8Array): number {
  return Math.max(0, row.length - CHECKSUM_BYTES)
}

function checksumOf(key: Uint8Array, value: Uint8Array): number {
  return ~crc32c(value, crc32c(key, 0xffff_ffff)) >>> 0
}

function crc32c(bytes: Uint8Array, initial: number): number {
  let crc = initial
  let index = 0
  for (const end = bytes.length - 3; index < end; index += 4) {
    crc ^=
      (bytes[index] as number) |
      ((bytes[index + 1] as number) << 8) |
      ((bytes[index + 2] as number) << 16) |
      ((bytes[index + 3] as number) << 24)
    crc =
      (TABLE3[crc & 0xff] as number) ^
      (TABLE2[(crc >>> 8) & 0xff] as number) ^
      (TABLE1[(crc >>> 16) & 0xff] as number) ^
      (TABLE0[crc >>> 24] as number)
  }
  for (; index < bytes.length; index++) crc = (TABLE0[(crc ^ (bytes[index] as number)) & 0xff] as number) ^ (crc >>> 8)
  return crc
}

function checksumTables(): readonly [Int32Array, Int32Array, Int32Array, Int32Array] {
  const first = Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0)
    return crc
  })
  const next = (table: Int32Array): Int32Array => table.map(crc => (first[crc & 0xff] as number) ^ (crc >>> 8))
  const second = next(first)
  const third = next(second)
  return [first, second, third, next(third)]
}
