import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { md5, sha256 } from '../../src/core/hash.ts'
import { MerkleTrie } from '../../src/core/merkle/merkle-trie.ts'
import type { Difference } from '../../src/protocol/anti-entropy/exchange-layout.ts'
import {
  packDigests,
  packEntries,
  packPlaces,
  unpackDigest,
  unpackEntries,
  unpackPlaces
} from '../../src/protocol/anti-entropy/exchange-layout.ts'
import type { ExchangeNode } from '../../src/protocol/wire/message.ts'
import { readMessage } from '../../src/protocol/wire/message-codec.ts'
import { SharedTrie } from '../../src/protocol/anti-entropy/reconciliation.ts'
import { bytesOf } from './message-arbitraries.ts'

const none = new Uint8Array(0)
const id = 0x12_3456_789a

/** What two sides hold: per key, the version at each, 0 for nothing. */
type Versions = readonly (readonly [mine: number, theirs: number])[]

function keyBytes(index: number): Uint8Array {
  return md5(Uint8Array.of(index >> 8, index))
}

function trieOf(versions: readonly number[], partitions: number): MerkleTrie {
  const trie = new MerkleTrie(partitions)
  for (const [index, version] of versions.entries())
    if (version > 0) trie.set(keyBytes(index), sha256(Uint8Array.of(index >> 8, index, version)))
  return trie
}

/** Descends in turns, through encoded messages, and answers every difference as the places of keys, with how many messages it took. */
function reconcile(
  versions: Versions,
  partitions: number,
  shared: readonly number[]
): { readonly places: readonly number[]; readonly messages: number } {
  const sides = [0, 1].map(
    side =>
      new SharedTrie(
        trieOf(
          versions.map(pair => pair[side] ?? 0),
          partitions
        ),
        shared,
        id
      )
  )
  const found: Difference[] = []
  if (sides[0]?.digest() === sides[1]?.digest()) return { places: [], messages: 1 }
  let nodes: readonly ExchangeNode[] = [sides[1]?.root() as ExchangeNode]
  let messages = 1
  for (let turn = 0; nodes.length > 0; turn = 1 - turn) {
    messages += 1
    const read = readMessage(bytesOf({ type: 'exchange-nodes', id, nodes }))
    if (read.type !== 'exchange-nodes') throw new Error('another message came out')
    nodes = sides[turn]?.compare(read.nodes, difference => found.push(difference) > 0) ?? []
  }
  return { places: found.map(({ place }) => place).sort((a, b) => a - b), messages }
}

function placeOf(index: number): number {
  return keyBytes(index)
    .subarray(0, 6)
    .reduce((place, byte) => place * 256 + byte, 0)
}

const version = fc.nat({ max: 2 })
const versions = fc.array(
  fc.oneof({ weight: 6, arbitrary: version.map(same => [same, same] as const) }, { weight: 1, arbitrary: fc.tuple(version, version) }),
  { maxLength: 4000, size: 'max' }
)

describe('two tries', () => {
  test.each([8, 16, 32, 64, 1024])('of %i partitions find exactly the keys that differ in the partitions that both own', partitions => {
    fc.assert(
      fc.property(versions, fc.integer({ min: 1, max: 3 }), (pairs, step) => {
        const shared = Array.from({ length: partitions }, (_, partition) => partition).filter(partition => partition % step === 0)
        const bits = Math.log2(partitions)
        const differing = pairs.flatMap(([mine, theirs], index) => (mine === theirs ? [] : [placeOf(index)]))
        const expected = differing.filter(place => shared.includes(Math.floor(place / 2 ** (48 - bits)))).sort((a, b) => a - b)
        expect(reconcile(pairs, partitions, shared).places).toEqual(expected)
      }),
      { numRuns: 30 }
    )
  })

  test('that are equal need one message', () => {
    const pairs = Array.from({ length: 10_000 }, () => [1, 1] as const)
    expect(reconcile(pairs, 16, [3, 5])).toEqual({ places: [], messages: 1 })
  })

  test('have other digests in another exchange', () => {
    const trie = trieOf([1, 1, 1], 16)
    const all = Array.from({ length: 16 }, (_, partition) => partition)
    expect(new SharedTrie(trie, all, 1).digest()).not.toBe(new SharedTrie(trie, all, 2).digest())
    expect(new SharedTrie(trie, all, 1).entryAt(placeOf(0))).not.toBe(new SharedTrie(trie, all, 2).entryAt(placeOf(0)))
    expect(new SharedTrie(trie, all, 1).entryAt(placeOf(7))).toBe(0)
  })

  test('stop when enough was found', () => {
    const trie = new SharedTrie(
      trieOf(
        Array.from({ length: 1000 }, () => 1),
        16
      ),
      [0, 1, 2, 3],
      id
    )
    let found = 0
    trie.compare([{ depth: 0, prefix: 0, digests: new Uint8Array(64), entries: none }], () => ++found < 5)
    expect(found).toBe(5)
  })
})

/** What two sides find when the entries of `released` partitions are not in memory and `mayLoad` decides which can be brought there. */
function reconcileReleased(
  versions: Versions,
  released: readonly number[],
  mayLoad: (partition: number) => boolean
): { readonly places: readonly number[]; readonly loaded: ReadonlySet<number>; readonly leftOut: boolean } {
  const partitions = 16
  const loaded = new Set<number>()
  const whole = [0, 1].map(side =>
    trieOf(
      versions.map(pair => pair[side] ?? 0),
      partitions
    )
  ) as [MerkleTrie, MerkleTrie]
  const partial = [0, 1].map(side =>
    trieOf(
      versions.map(pair => pair[side] ?? 0),
      partitions
    )
  ) as [MerkleTrie, MerkleTrie]
  for (const trie of partial) for (const partition of released) trie.release(partition)
  const load = (side: number, partition: number): void => {
    const trie = partial[side] as MerkleTrie
    if (trie.isHeld(partition) || !mayLoad(partition)) return
    loaded.add(partition)
    trie.beginLoad(partition)
    ;(whole[side] as MerkleTrie).visit(4, partition, (...words) => {
      const bytes = new Uint8Array(16)
      for (const [index, word] of words.entries()) new DataView(bytes.buffer).setUint32(index * 4, word)
      trie.load(bytes.subarray(0, 8), bytes.subarray(8))
      return true
    })
    trie.endLoad(partition)
  }
  const all = Array.from({ length: partitions }, (_, partition) => partition)
  const sides = partial.map(trie => new SharedTrie(trie, all, id)) as [SharedTrie, SharedTrie]
  const found: Difference[] = []
  let nodes: readonly ExchangeNode[] = sides[0].digest() === sides[1].digest() ? [] : [sides[1].root()]
  for (let turn: 0 | 1 = 0; nodes.length > 0; turn = turn === 0 ? 1 : 0) {
    const side = sides[turn]
    nodes = side.groups(nodes).flatMap(group => {
      for (const partition of group.partitions) load(turn, partition)
      return side.compare(group.nodes, difference => found.push(difference) > 0)
    })
  }
  const places = found.map(({ place }) => place).sort((a, b) => a - b)
  return { places, loaded, leftOut: sides.some(({ leftOut }) => leftOut) }
}

describe('tries whose partitions are known by their sums', () => {
  const released = fc.uniqueArray(fc.nat({ max: 15 }))

  test('find what tries in memory find, once those that they ask for are loaded, and ask for no partition that is equal', () => {
    fc.assert(
      fc.property(versions, released, (pairs, partitions) => {
        const { places, loaded, leftOut } = reconcileReleased(pairs, partitions, () => true)
        const differing = pairs.flatMap(([mine, theirs], index) => (mine === theirs ? [] : [placeOf(index)])).sort((a, b) => a - b)
        expect(places).toEqual(differing)
        expect(leftOut).toBe(false)
        for (const partition of loaded) expect(differing.some(place => Math.floor(place / 2 ** 44) === partition)).toBe(true)
      }),
      { numRuns: 40 }
    )
  })

  test('leave out what cannot be loaded, say so, and tell no difference that there is not', () => {
    fc.assert(
      fc.property(versions, released, fc.nat({ max: 15 }), (pairs, partitions, missing) => {
        const { places, leftOut } = reconcileReleased(pairs, partitions, partition => partition !== missing)
        const differing = pairs.flatMap(([mine, theirs], index) => (mine === theirs ? [] : [placeOf(index)]))
        for (const place of places) expect(differing).toContain(place)
        if (places.length < differing.length) expect(leftOut).toBe(true)
      }),
      { numRuns: 40 }
    )
  })
})

describe('packed lists', () => {
  test('are read back as they were written', () => {
    const word = fc.nat({ max: 0xffff_ffff })
    const place = fc.nat({ max: 2 ** 48 - 1 })
    fc.assert(
      fc.property(fc.array(fc.record({ place, digest: word })), entries => {
        const digests = entries.map(({ digest }) => digest)
        expect(unpackEntries(packEntries(entries))).toEqual(entries)
        expect(unpackPlaces(packPlaces(entries.map(({ place }) => place)))).toEqual(entries.map(({ place }) => place))
        expect(digests.map((_, index) => unpackDigest(packDigests(digests), index))).toEqual(digests)
      })
    )
  })
})

describe('B071: nodes that no trie has', () => {
  const node = (changes: Partial<ExchangeNode>): ExchangeNode => ({ depth: 4, prefix: 1, digests: none, entries: none, ...changes })
  const rows: readonly (readonly [string, readonly ExchangeNode[]])[] = [
    ['a depth between two levels', [node({ depth: 6 })]],
    ['a depth beyond the positions', [node({ depth: 60 })]],
    ['digests below the last level', [node({ depth: 44, prefix: 2 ** 40, digests: new Uint8Array(64) })]],
    ['a prefix longer than its depth', [node({ prefix: 16 })]],
    ['a partition that is not shared', [node({ prefix: 3 })]],
    ['a wrong number of digests', [node({ digests: new Uint8Array(60) })]],
    ['digests and entries', [node({ digests: new Uint8Array(64), entries: new Uint8Array(10) })]],
    ['half an entry', [node({ entries: new Uint8Array(15) })]],
    ['a node twice', [node({}), node({})]],
    ['nodes out of order', [node({ prefix: 2 }), node({ prefix: 1 })]],
    ['nodes of two depths', [node({}), node({ depth: 8, prefix: 32 })]]
  ]

  test.each(rows)('%s are refused', (_what, nodes) => {
    const trie = new SharedTrie(trieOf([1, 2, 3], 16), [0, 1, 2], id)
    expect(() => trie.compare(nodes, () => true)).toThrow(expect.objectContaining({ code: 'ERR_AE_INVALID' }))
  })

  test('the good ones are not', () => {
    const trie = new SharedTrie(trieOf([1, 2, 3], 16), [0, 1, 2], id)
    expect(trie.compare([node({ prefix: 0 }), node({ prefix: 1 }), node({ prefix: 2 })], () => true)).toEqual([])
  })
})
