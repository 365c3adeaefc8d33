import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toMapKey } from '../../src/core/bytes.ts'
import { encodeUtf8 } from '../../src/core/codec.ts'
import { trieEntriesMax, triePinnedEntriesMax } from '../../src/core/limits.ts'
import { position } from '../../src/core/ring/position.ts'
import { indexPrefix, keyOfIndexRow } from '../../src/protocol/key-index/index-rows.ts'
import { indexOperation, KeyIndex } from '../../src/protocol/key-index/key-index.ts'
import { quietMs, sumKey, sumOfRow } from '../../src/protocol/key-index/partition-sums.ts'
import { prefixes } from '../../src/protocol/storage-layout.ts'
import { Tokens } from '../../src/protocol/tokens.ts'
import { IndexHarness, nothingStored, rowOf, wordsOf } from './index-harness.ts'

const partitions = 8
const keys = Array.from({ length: 24 }, (_, index) => encodeUtf8(`key ${index}`))
const [key = encodeUtf8('')] = keys
const partitionOfKey = (of: Uint8Array): number => (position(of)[0] as number) >> 5

/** Sums of all partitions, and all entries of those that are in memory. */
function contents(harness: IndexHarness): { readonly mine: unknown; readonly theirs: unknown } {
  const { index } = harness
  const entries = (trie: KeyIndex['trie'], partition: number): readonly string[] => {
    const found: string[] = []
    trie.visit(trie.partitionBits, partition, (...entry) => found.push(entry.join()) > 0)
    return found.sort()
  }
  const of = (trie: KeyIndex['trie']): unknown =>
    Array.from({ length: harness.partitions }, (_, partition) => [
      wordsOf(trie, partition),
      index.trie.isHeld(partition) ? entries(trie, partition) : []
    ])
  return { mine: of(index.trie), theirs: of(harness.truth()) }
}

type Act = (harness: IndexHarness) => void

/** Two partitions and few keys, so that things meet. */
const few = 2

function oneOf<Value>(
  weight: number,
  from: fc.Arbitrary<Value>,
  act: (harness: IndexHarness, value: Value) => void
): fc.WeightedArbitrary<Act> {
  return { weight, arbitrary: from.map(value => harness => act(harness, value)) }
}

const chance = fc.nat({ max: 9 })
const act: fc.Arbitrary<Act> = fc.oneof(
  oneOf(12, fc.tuple(fc.constantFrom(...keys.slice(0, 6)), fc.nat({ max: 3 })), (harness, [of, version]) => harness.write(of, version)),
  oneOf(10, chance, (harness, drawn) => harness.reachDisk(drawn > 0)),
  oneOf(10, fc.constant(0), harness => harness.answerWrite()),
  oneOf(8, chance, (harness, number) => harness.readScan(number)),
  oneOf(8, fc.tuple(chance, chance), (harness, [number, drawn]) => harness.answerScan(number, drawn > 0)),
  oneOf(5, fc.constantFrom(1, 100, 300, 1000, 6000), (harness, ms) => harness.advance(ms)),
  oneOf(5, fc.nat({ max: few - 1 }), (harness, partition) => harness.load(partition)),
  oneOf(5, fc.nat({ max: few - 1 }), (harness, partition) => harness.release(partition)),
  oneOf(1, fc.nat({ max: 5 }), (harness, kept) => harness.restart(kept)),
  oneOf(1, fc.constant(0), harness => harness.stopAndStart()),
  oneOf(1, fc.constant(0), harness => harness.downgrade())
)

describe('the index', () => {
  test('never has a wrong sum on disk, and comes to what the disk holds, through failures and ends at any moment', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 250, size: 'max' }), acts => {
        const harness = new IndexHarness(few)
        for (const next of acts) {
          next(harness)
          expect(harness.wrongRows()).toEqual([])
        }
        harness.settle()
        expect(harness.index.isComplete).toBe(true)
        expect(harness.wrongRows()).toEqual([])
        expect(harness.counted).toEqual([])
        const { mine, theirs } = contents(harness)
        expect(mine).toEqual(theirs)
        expect(harness.index.keys).toBe(harness.truth().size)
        for (const { value } of harness.stored().rows) expect(sumOfRow(value)).toBeDefined()
      }),
      { numRuns: 500 }
    )
  })

  test('adds a mark to the first write of a partition, nothing to those that follow, and its sum once it is quiet', () => {
    const harness = new IndexHarness(partitions)
    harness.settle()
    const change = harness.index.change(key, undefined, rowOf(1))
    expect(change.operations.map(({ key: [kind] }) => kind)).toEqual([prefixes.index[0], prefixes.sum[0]])
    harness.index.settle({ ms: harness.nowMs, wallMs: 0 }, change, true)
    const second = harness.index.change(key, rowOf(1), rowOf(2))
    expect(second.operations.map(({ key: [kind] }) => kind)).toEqual([prefixes.index[0]])
    harness.index.settle({ ms: harness.nowMs, wallMs: 0 }, second, true)
    harness.advance(quietMs - 1)
    expect(harness.writesUnderWay).toBe(0)
    harness.advance(1)
    expect(harness.writesUnderWay).toBe(1)
    expect(harness.index.change(key, rowOf(2), rowOf(3)).operations).toHaveLength(2)
  })

  test('keeps a partition open that was written to while its sum was on its way', () => {
    const harness = new IndexHarness(partitions)
    harness.write(key, 1)
    harness.settle()
    harness.write(key, 2)
    harness.reachDisk(true)
    harness.answerWrite()
    harness.advance(quietMs)
    harness.write(key, 3)
    harness.reachDisk(true)
    harness.answerWrite()
    expect(harness.index.sums.isAtRest(partitionOfKey(key))).toBe(false)
    harness.settle()
    expect(harness.wrongRows()).toEqual([])
    expect(harness.stored().rows.map(({ value }) => sumOfRow(value)?.count)).toEqual([1])
  })

  test('vouches for partitions without a row only once all others have theirs', () => {
    const harness = new IndexHarness(partitions)
    for (const each of keys) harness.write(each, 1)
    harness.stopAndStart()
    harness.downgrade()
    harness.readScan(0)
    harness.answerScan(0, true)
    for (let scan = 0; scan < partitions; scan++) harness.readScan(0)
    harness.answerScan(0, true)
    harness.advance(0)
    while (harness.scansUnderWay > 0) harness.answerScan(0, true)
    harness.reachDisk(true)
    harness.answerWrite()
    harness.restart(1)
    expect(harness.wrongRows()).toEqual([])
    expect(harness.stored().isComplete).toBe(false)
  })

  test('reads no row of a key after a stop in good order', () => {
    const harness = new IndexHarness(partitions)
    harness.settle()
    for (const each of keys) harness.write(each, 1)
    harness.stopAndStart()
    expect(harness.index.isComplete).toBe(true)
    expect(harness.scansUnderWay).toBe(0)
    expect(harness.index.keys).toBe(keys.length)
  })

  test('counts after a crash only the partitions that were being written', () => {
    const harness = new IndexHarness(partitions)
    harness.settle()
    for (const each of keys) harness.write(each, 1)
    harness.stopAndStart()
    harness.write(key, 2)
    harness.restart(1)
    expect(harness.scansUnderWay).toBe(1)
    expect([...harness.index.unknown()]).toEqual([partitionOfKey(key)])
    expect(harness.index.keys).toBe(keys.length)
    harness.settle()
    expect(harness.index.isComplete).toBe(true)
  })

  test('finds a sum that is wrong for whatever reason, counts that, and corrects it on disk', () => {
    const harness = new IndexHarness(partitions)
    harness.settle()
    for (const each of keys) harness.write(each, 1)
    harness.stopAndStart()
    const name = toMapKey(sumKey(partitionOfKey(key)))
    const row = harness.disk.get(name)
    if (row === undefined) throw new Error('the partition has no row')
    harness.disk.set(name, { key: row.key, value: row.value.map(byte => byte ^ 1) })
    harness.restart(0)
    expect(harness.wrongRows()).toHaveLength(1)
    harness.settle()
    expect(harness.counted).toEqual(['index.corrected'])
    expect(harness.wrongRows()).toEqual([])
  })

  test('counts the partitions of a storage that has no sums yet, or whose rows cannot be read', () => {
    const harness = new IndexHarness(partitions)
    harness.settle()
    for (const each of keys) harness.write(each, 1)
    harness.stopAndStart()
    const { rows } = harness.stored()
    const damaged = new KeyIndex(partitions, new Tokens(1), { isComplete: true, rows: rows.slice(1), damaged: [rows[0]?.key ?? key] })
    expect([...damaged.unknown()]).toHaveLength(1)
    harness.downgrade()
    expect(harness.index.isComplete).toBe(false)
    harness.settle()
    expect(harness.index.isComplete).toBe(true)
    expect(harness.stored().isComplete).toBe(true)
    expect(harness.wrongRows()).toEqual([])
    expect(harness.index.keys).toBe(keys.length)
  })

  test('leaves out rows of another form', () => {
    const harness = new IndexHarness(partitions)
    harness.settle()
    const { key: storageKey } = indexOperation(key, rowOf(1))
    harness.disk.set('t', { key: Uint8Array.of(116), value: new Uint8Array(8) })
    harness.disk.set(toMapKey(storageKey), { key: storageKey, value: new Uint8Array(7) })
    for (let partition = 0; partition < partitions; partition++) harness.load(partition)
    harness.settle()
    expect(harness.index.keys).toBe(0)
  })

  test('is corrected by a row that was read, as far as it is in memory', () => {
    const harness = new IndexHarness(partitions)
    harness.write(key, 1)
    harness.settle()
    expect(harness.index.matches(key, rowOf(1))).toBe(true)
    expect(harness.index.matches(key, rowOf(2))).toBe(false)
    expect(harness.index.matches(key, rowOf(2))).toBe(true)
    expect(harness.index.matches(key, undefined)).toBe(false)
    expect(harness.index.keys).toBe(0)
  })
})

describe('what is kept in memory', () => {
  /** An index of few partitions with as many entries as fit in memory three times. */
  function crowded(): KeyIndex {
    const index = new KeyIndex(partitions, new Tokens(1), { ...nothingStored, isComplete: true })
    const hash = new Uint8Array(8).fill(7)
    const perPartition = Math.ceil((3 * trieEntriesMax) / partitions)
    for (let partition = 0; partition < partitions; partition++) {
      for (let entry = 0; entry < perPartition; entry++)
        index.trie.set(Uint8Array.of(partition << 5, entry >> 16, entry >> 8, entry, entry * 7, entry >> 3, 1, 2), hash)
    }
    return index
  }

  test('is bounded, but for what exchanges look at and writes under way', () => {
    const index = crowded()
    index.pin(0)
    const early = keys.find(each => partitionOfKey(each) === 1) ?? key
    const change = index.change(early, undefined, rowOf(1))
    const [size, sum] = [index.trie.size, wordsOf(index.trie, 5)]
    index.trim(partitions * 2)
    expect(index.trie.isHeld(0)).toBe(true)
    expect(index.trie.isHeld(change.partition)).toBe(true)
    expect(index.trie.entriesHeld).toBeLessThanOrEqual(trieEntriesMax)
    expect(index.trie.size).toBe(size)
    expect(wordsOf(index.trie, 5)).toEqual(sum)
    index.unpin(0)
    index.settle({ ms: 0, wallMs: 0 }, change, true)
    expect(index.trie.size).toBe(size + 1)
  })

  test('has room for a bounded number of entries that exchanges look at, and always for one partition', () => {
    const index = new KeyIndex(partitions, new Tokens(1), { ...nothingStored, isComplete: true })
    for (let partition = 0; partition < 4; partition++) index.trie.know(partition, { high: 1, low: 1, count: triePinnedEntriesMax * 0.6 })
    index.trie.know(4, { high: 1, low: 1, count: triePinnedEntriesMax * 2 })
    expect(index.pin(4)).toBe(true)
    expect(index.pin(0)).toBe(false)
    expect(index.pin(4)).toBe(true)
    index.unpin(4)
    expect(index.pin(0)).toBe(false)
    index.unpin(4)
    expect(index.pin(0)).toBe(true)
    expect(index.pin(1)).toBe(false)
  })
})

describe('index rows', () => {
  test('are found by the first 48 bits of the position, and say their key', () => {
    const { key: storageKey } = indexOperation(key, rowOf(1))
    const place = position(key)
      .subarray(0, 6)
      .reduce((sum, byte) => sum * 256 + byte, 0)
    expect(storageKey.subarray(0, 7)).toEqual(indexPrefix(place))
    expect(keyOfIndexRow(storageKey)).toEqual(key)
  })
})
