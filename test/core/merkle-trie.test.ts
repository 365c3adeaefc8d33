import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { md5, sha256 } from '../../src/core/hash.ts'
import { MerkleTrie } from '../../src/core/merkle/merkle-trie.ts'
import { prefixOf } from '../../src/core/ring/position.ts'
import type { TrieSum } from '../../src/core/merkle/trie-sum.ts'

const partitions = 16

/** Positions that share long prefixes, so that small sets make deep tries; and some that share none. */
const position = fc
  .record({ head: fc.constantFrom(0, 0, 0, 0, 0x10, 0xff), middle: fc.nat({ max: 3 }), tail: fc.nat({ max: 90 }) })
  .map(({ head, middle, tail }) => Uint8Array.of(head, middle * 0x51, 0, middle, 0xab, 0xcd, tail >> 4, tail << 4, 1, 2, 3, 4, 5, 6, 7, 8))
const hash = fc.uint8Array({ minLength: 8, maxLength: 8 })
const change = fc.oneof(
  { weight: 3, arbitrary: fc.record({ position, hash }) },
  { weight: 1, arbitrary: fc.record({ position, hash: fc.constant(undefined) }) }
)

type Change = typeof change extends fc.Arbitrary<infer Value> ? Value : never

function apply(trie: MerkleTrie, { position, hash }: Change): void {
  if (hash === undefined) trie.delete(position)
  else trie.set(position, hash)
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, 8)).toString('hex')
}

function words(bytes: Uint8Array): readonly [number, number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return [view.getUint32(0), view.getUint32(4)]
}

/** The entries below a prefix, as texts. */
function entries(trie: MerkleTrie, depth: number, prefix: number): readonly string[] {
  const found: string[] = []
  trie.visit(depth, prefix, (...entry) => {
    found.push(entry.map(part => part.toString(16).padStart(8, '0')).join(''))
    return true
  })
  return found.sort()
}

function plain({ high, low, count }: TrieSum): TrieSum {
  return { high, low, count }
}

/** A trie made at once from what a model holds. */
function trieOf(model: ReadonlyMap<string, Uint8Array>): MerkleTrie {
  const trie = new MerkleTrie(partitions)
  for (const [at, hash] of model) trie.set(Buffer.from(at, 'hex'), hash)
  return trie
}

const depths = [4, 8, 12, 28, 32, 36, 40, 44, 48]

describe('a Merkle trie', () => {
  test('holds what a map holds after the same changes, below every prefix', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 1500, size: 'max' }), changes => {
        const trie = new MerkleTrie(partitions)
        const model = new Map<string, Uint8Array>()
        for (const one of changes) {
          apply(trie, one)
          if (one.hash === undefined) model.delete(text(one.position))
          else model.set(text(one.position), one.hash)
        }
        expect(trie.size).toBe(model.size)
        for (const { position } of changes.slice(0, 20)) {
          for (const depth of depths) {
            const prefix = prefixOf(...words(position), depth)
            const below = [...model].filter(([at]) => prefixOf(...words(Buffer.from(at, 'hex')), depth) === prefix)
            expect(entries(trie, depth, prefix)).toEqual(below.map(([at, hash]) => at + text(hash)).sort())
            expect(trie.sum(depth, prefix).count).toBe(below.length)
          }
        }
      }),
      { numRuns: 40 }
    )
  })

  test('depends on its entries alone, whatever the order and the detours', () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 1500, size: 'max' }),
        fc.array(change, { maxLength: 100, size: 'max' }),
        (changes, detours) => {
          const trie = new MerkleTrie(partitions)
          const model = new Map<string, Uint8Array>()
          for (const one of [...detours, ...changes]) apply(trie, one)
          for (const { position } of detours) trie.delete(position)
          for (const { position, hash } of changes) {
            if (detours.some(detour => text(detour.position) === text(position))) trie.delete(position)
            else if (hash === undefined) model.delete(text(position))
            else model.set(text(position), hash)
          }
          const backwards = trieOf(new Map([...model].reverse()))
          for (let partition = 0; partition < partitions; partition++)
            expect(plain(trie.sum(4, partition))).toEqual(plain(backwards.sum(4, partition)))
          for (const { position } of changes) {
            for (const depth of depths) {
              const prefix = prefixOf(...words(position), depth)
              expect(plain(trie.sum(depth, prefix))).toEqual(plain(backwards.sum(depth, prefix)))
            }
          }
        }
      ),
      { numRuns: 40 }
    )
  })

  test('has another sum when one hash differs, when an entry is missing, and when two entries swap their hashes', () => {
    const [a, b] = [md5(Uint8Array.of(1)), md5(Uint8Array.of(2))]
    const [x, y] = [sha256(a).subarray(0, 8), sha256(b).subarray(0, 8)]
    const make = (...rows: readonly (readonly [Uint8Array, Uint8Array])[]): string => {
      const trie = new MerkleTrie(1)
      for (const [position, hash] of rows) trie.set(position, hash)
      return JSON.stringify(plain(trie.sum(0, 0)))
    }
    const sums = [make([a, x], [b, y]), make([a, x], [b, x]), make([a, x]), make([a, y], [b, x]), make()]
    expect(new Set(sums).size).toBe(sums.length)
  })

  test('has the same sums when partitions are known by their sums alone, through changes and loads', () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: change.map(one => ({ what: 'change' as const, one, partition: 0 })) },
      {
        weight: 1,
        arbitrary: fc.record({
          what: fc.constantFrom('release' as const, 'load' as const),
          one: change,
          partition: fc.nat({ max: partitions - 1 })
        })
      }
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600, size: 'max' }), steps => {
        const [trie, whole] = [new MerkleTrie(partitions), new MerkleTrie(partitions)]
        const model = new Map<string, Uint8Array>()
        for (const next of steps) {
          if (next.what === 'release') trie.release(next.partition)
          else if (next.what === 'load') {
            trie.beginLoad(next.partition)
            for (const [at, hash] of model)
              if (trie.partitionOf(Buffer.from(at, 'hex')) === next.partition) trie.load(Buffer.from(at, 'hex'), hash)
            trie.endLoad(next.partition)
          } else {
            const { position, hash } = next.one
            trie.replace(position, model.get(text(position)), hash)
            apply(whole, next.one)
            if (hash === undefined) model.delete(text(position))
            else model.set(text(position), hash)
          }
        }
        expect(trie.size).toBe(whole.size)
        let held = 0
        for (let partition = 0; partition < partitions; partition++) {
          expect(plain(trie.sum(4, partition))).toEqual(plain(whole.sum(4, partition)))
          if (!trie.isHeld(partition)) continue
          expect(entries(trie, 4, partition)).toEqual(entries(whole, 4, partition))
          held += trie.sum(4, partition).count
        }
        expect(trie.entriesHeld).toBe(held)
      }),
      { numRuns: 60 }
    )
  })

  test('is empty again when everything was deleted', () => {
    const trie = new MerkleTrie(partitions)
    const positions = Array.from({ length: 5000 }, (_, index) => md5(Uint8Array.of(index >> 8, index)))
    for (const position of positions) trie.set(position, position)
    expect(trie.size).toBe(5000)
    for (const position of positions) trie.delete(position)
    for (const position of positions) trie.delete(position)
    expect(trie.size).toBe(0)
    for (let partition = 0; partition < partitions; partition++) expect(trie.sum(4, partition)).toEqual({ high: 0, low: 0, count: 0 })
  })

  test('takes positions that differ in their last bits only', () => {
    const trie = new MerkleTrie(8)
    for (let last = 0; last < 256; last++) trie.set(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, last), Uint8Array.of(1, 1, 1, 1, 1, 1, 1, last))
    expect(trie.size).toBe(256)
    expect(entries(trie, 3, 0)).toHaveLength(256)
    for (let last = 0; last < 250; last++) trie.delete(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, last))
    expect(entries(trie, 3, 0)).toHaveLength(6)
  })

  test('stops visiting when the visitor says so', () => {
    const trie = new MerkleTrie(1)
    for (let index = 0; index < 1000; index++) trie.set(md5(Uint8Array.of(index >> 8, index)), new Uint8Array(8))
    let seen = 0
    expect(trie.visit(0, 0, () => ++seen < 10)).toBe(false)
    expect(seen).toBe(10)
  })

  test('refuses a number of partitions that is no power of two', () => {
    expect(() => new MerkleTrie(12)).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }))
  })
})
