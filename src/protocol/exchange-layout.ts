/**
 * The packed lists in the messages of anti-entropy, all big-endian:
 *
 *   digests       4 bytes per child of a node: its digest, 0 for a child without entries
 *   entries      10 bytes per entry of a node: its place (the first 48 bits of the position), its digest
 *   differences  14 bytes per difference: place, the sender's digest and the receiver's, 0 for an entry that is not there
 *   places        6 bytes per entry
 *
 * A digest is 32 bits and salted with the number of the exchange: two nodes that look equal by chance, once in 4 * 10^9, look different in the
 * next exchange.
 */

export const digestBytes = 4
export const placeBytes = 6
export const entryBytes: number = placeBytes + digestBytes
export const differenceBytes: number = placeBytes + 2 * digestBytes

export interface ListedEntry {
  /** First 48 bits of the position. */
  readonly place: number
  readonly digest: number
}

export interface Difference {
  readonly place: number
  /** Digest at the sender, 0 for nothing. */
  readonly mine: number
  /** Digest that the sender saw at the receiver, 0 for nothing. */
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

export function packDifferences(differences: readonly Difference[]): Uint8Array {
  const bytes = new Uint8Array(differences.length * differenceBytes)
  for (const [index, { place, mine, theirs }] of differences.entries()) {
    const at = index * differenceBytes
    write(bytes, at, placeBytes, place)
    write(bytes, at + placeBytes, digestBytes, mine)
    write(bytes, at + placeBytes + digestBytes, digestBytes, theirs)
  }
  return bytes
}

export function unpackDifferences(bytes: Uint8Array): readonly Difference[] {
  return Array.from({ length: Math.floor(bytes.length / differenceBytes) }, (_, index) => {
    const at = index * differenceBytes
    return {
      place: read(bytes, at, placeBytes),
      mine: read(bytes, at + placeBytes, digestBytes),
      theirs: read(bytes, at + placeBytes + digestBytes, digestBytes)
    }
  })
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
