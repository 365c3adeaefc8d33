/**
 * Tokens: where a peer stands on the ring, as seen from each partition (the paper, section 4.2: virtual nodes).
 *
 * A peer of weight w has w tokens. They are derived from the cluster's name and the peer id, never claimed by the peer, so nobody
 * can choose what to own except by making new identities. In the paper all partitions look at one circle of tokens;
 * then the peer behind a crowded arc is crowded for many partitions in a row. Here every partition shuffles the tokens into a circle of
 * its own (weighted rendezvous hashing): a peer's distance from a partition is that of its nearest token, and a peer with
 * twice the tokens is nearest twice as often. When a peer comes or goes, no distance between the others changes.
 *
 * Only 32-bit integer arithmetic, so every JavaScript engine gets the same distances.
 */
import { Writer } from '../codec.ts'
import { sha256 } from '../hash.ts'
import type { PeerId } from '../identifiers.ts'

const GOLDEN = 0x9e3779b1

/** Seeds of one peer's tokens, two 32-bit words for each. */
export type TokenSeeds = Uint32Array

/** The seeds of the `weight` tokens of `peer` in `cluster`. */
export function tokenSeeds(cluster: string, peer: PeerId, weight: number): TokenSeeds {
  const name = new Writer(256)
  name.string(1, cluster, true)
  name.string(2, peer, true)
  const digest = sha256(name.view())
  const bytes = new DataView(digest.buffer, digest.byteOffset)
  const [first, second] = [bytes.getUint32(0), bytes.getUint32(4)]
  return Uint32Array.from({ length: weight * 2 }, (_, index) => mix((index % 2 === 0 ? first : second) + Math.imul(index, GOLDEN)))
}

/** Distance, 0 .. 2^32 - 1, from `partition` to the nearest token of `seeds`. */
export function tokenDistance(partition: number, seeds: TokenSeeds): number {
  const place = Math.imul(partition + 1, GOLDEN)
  let nearest = 0xffff_ffff
  for (let index = 0; index < seeds.length; index += 2) {
    const distance = mix(mix(place ^ (seeds[index] as number)) + (seeds[index + 1] as number))
    if (distance < nearest) nearest = distance
  }
  return nearest
}

/** Spreads the bits of a 32-bit integer so that near inputs have unrelated outputs (the finaliser of MurmurHash3). */
export function mix(value: number): number {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
