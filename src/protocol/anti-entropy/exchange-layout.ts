/**
 * The packed lists in the messages of anti-entropy, all big-endian:
 *
 *   digests       4 bytes per child of a node: its digest, 0 for a child without entries
 *   entries      10 bytes per entry of a node: its place (the first 48 bits of the position), its digest
 *   places        6 bytes per entry
 *
 * A difference is told as what the receiver has to check before it repairs: that it still lacks the entry (a place), or that its own entry is still the
 * one that the sender saw (a place and the receiver's digest, like an entry).
 *
 * A digest is 32 bits and salted with the number of the exchange: two nodes that look equal by chance, once in 4 * 10^9, look different in the
 * next exchange.
 */

export const digestBytes = 4
export const placeBytes = 6
export const entryBytes: number = placeBytes + digestBytes

export interface ListedEntry {
  /** First 48 bits of the position. */
  readonly place: number
  readonly digest: number
}

export interface Difference {
  readonly place: number
  /** Digest of the own entry, 0 for nothing. */
  readonly mine: number
  /** Digest that was seen at the other side, 0 for nothing. */
  readonly theirs: number
}

export function packDigests(digests: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(digests.length * digestBytes)
  for (const [index, digest] of digests.entries()) write(bytes, index * digestBytes, digestBytes, digest)
  return bytes
}

export function unpackDigest(bytes: Uint8Array, index: number): number {
  return read(bytes, index * digestBytes, digestBytes)
}

export function packEntries(entries: readonly ListedEntry[]): Uint8Array {
  const bytes = new Uint8Array(entries.length * entryBytes)
  for (const [index, { place, digest }] of entries.entries()) {
    write(bytes, index * entryBytes, placeBytes, place)
    write(bytes, index * entryBytes + placeBytes, digestBytes, digest)
  }
  return bytes
}

export function unpackEntries(bytes: Uint8Array): readonly ListedEntry[] {
  return Array.from({ length: Math.floor(bytes.length / entryBytes) }, (_, index) => ({
    place: read(bytes, index * entryBytes, placeBytes),
    digest: read(bytes, index * entryBytes + placeBytes, digestBytes)
  }))
}

export function packPlaces(places: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(places.length * placeBytes)
  for (const [index, place] of places.entries()) write(bytes, index * placeBytes, placeBytes, place)
  return bytes
}

export function unpackPlaces(bytes: Uint8Array): readonly number[] {
  return Array.from({ length: Math.floor(bytes.length / placeBytes) }, (_, index) => read(bytes, index * placeBytes, placeBytes))
}

function write(bytes: Uint8Array, at: number, length: number, value: number): void {
  for (let index = at + length - 1, rest = value; index >= at; index--, rest = Math.floor(rest / 256)) bytes[index] = rest % 256
}

function read(bytes: Uint8Array, at: number, length: number): number {
  let value = 0
  for (let index = at; index < at + length; index++) value = value * 256 + (bytes[index] as number)
  return value
}
