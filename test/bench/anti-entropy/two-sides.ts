/**
 * Two replicas of so many keys that differ in some of them: a third of those is missing here, a third there, a third is there in two versions. They are
 * made once per size; what differs is applied and taken back.
 */
import { concatBytes } from '../../../src/core/bytes.ts'
import { md5, sha256 } from '../../../src/core/hash.ts'
import { MerkleTrie } from '../../../src/core/merkle/merkle-trie.ts'
import { prng } from '../../../src/core/prng.ts'
import { recordHashBytes } from '../../../src/core/versions/record.ts'
import type { Items } from './range-based.ts'
import { keyOf, partitions, recordOf } from './sample.ts'

type Tries = readonly [MerkleTrie, MerkleTrie]

const itemBytes = 32
/** Which version of a key each side has; 0 for none. */
const pairs: readonly (readonly [number, number])[] = [
  [0, 1],
  [1, 0],
  [1, 2]
]

export class TwoSides {
  readonly size: number
  readonly #tries: Tries = [new MerkleTrie(partitions), new MerkleTrie(partitions)]
  /** Of version 1, ascending. */
  readonly #items: Items

  constructor(size: number) {
    this.size = size
    const bytes = new Uint8Array(size * itemBytes)
    for (let index = 0; index < size; index++) {
      const [position, hash] = [md5(keyOf(index)), hashOf(index, 1)]
      for (const trie of this.#tries) trie.set(position, hash)
      bytes.set(itemOf(index, 1), index * itemBytes)
    }
    this.#items = sorted(Array.from({ length: size }, (_, index) => bytes.subarray(index * itemBytes, (index + 1) * itemBytes)))
  }

  /** With `count` differences: the tries, the items of a rival, and the key of each place that differs. */
  with<Answer>(
    count: number,
    use: (tries: Tries, items: () => readonly [Items, Items], keyAt: (place: number) => number) => Answer
  ): Answer {
    const chosen = this.#choose(count)
    this.#set(chosen)
    const places = new Map([...chosen.keys()].map(index => [placeOf(md5(keyOf(index))), index]))
    const answer = use(
      this.#tries,
      () => [this.#itemsOf(chosen, 0), this.#itemsOf(chosen, 1)],
      place => places.get(place) ?? -1
    )
    this.#set(new Map([...chosen.keys()].map(index => [index, [1, 1]])))
    return answer
  }

  #choose(count: number): ReadonlyMap<number, readonly [number, number]> {
    const random = prng(`${this.size}/${count}`)
    const chosen = new Map<number, readonly [number, number]>()
    while (chosen.size < count) {
      const index = random.below(this.size)
      if (!chosen.has(index)) chosen.set(index, pairs[chosen.size % 3] as readonly [number, number])
    }
    return chosen
  }

  #set(versions: ReadonlyMap<number, readonly [number, number]>): void {
    for (const [index, pair] of versions) {
      const position = md5(keyOf(index))
      for (const [side, trie] of this.#tries.entries()) {
        const version = pair[side] as number
        if (version === 0) trie.delete(position)
        else trie.set(position, hashOf(index, version))
      }
    }
  }

  #itemsOf(versions: ReadonlyMap<number, readonly [number, number]>, side: 0 | 1): Items {
    const gone = new Set<string>()
    const added: Uint8Array[] = []
    for (const [index, pair] of versions) {
      if (pair[side] === 1) continue
      gone.add(nameOf(itemOf(index, 1)))
      if (pair[side] > 0) added.push(itemOf(index, pair[side]))
    }
    return sorted([...this.#items.filter(item => !gone.has(nameOf(item))), ...added])
  }
}

function hashOf(index: number, version: number): Uint8Array {
  return recordHashBytes(recordOf(index, version))
}

function itemOf(index: number, version: number): Uint8Array {
  return sha256(concatBytes(keyOf(index), Uint8Array.of(version)))
}

/** First 48 bits of a position. */
function placeOf(position: Uint8Array): number {
  return position.subarray(0, 6).reduce((place, byte) => place * 256 + byte, 0)
}

function nameOf(item: Uint8Array): string {
  return Buffer.from(item.buffer, item.byteOffset, 8).toString('latin1')
}

function sorted(items: Items): Items {
  return items.toSorted((a, b) => Buffer.compare(a, b))
}
