import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/core/bytes.ts'
import { covers, emptyContext } from '../../src/core/versions/causal-context.ts'
import { compareDots } from '../../src/core/versions/dot.ts'
import type { Sibling, StoredRecord } from '../../src/core/versions/record.ts'
import {
  compareRecords,
  emptyRecord,
  isDeleted,
  maximalSiblings,
  mergeRecords,
  putSibling,
  recordHash,
  seenContext,
  siblingOf
} from '../../src/core/versions/record.ts'
import { encodeRecord } from '../../src/core/versions/record-codec.ts'
import type { Operation, SystemOptions } from './causal-history-model.ts'
import { operations, ReplicatedKey, requestId } from './causal-history-model.ts'

/** Runs a history, comparing every replica that a step touches with the model. */
function followsModel(steps: readonly Operation[], options: SystemOptions = {}): void {
  const key = new ReplicatedKey(options)
  for (const step of steps) expectModel(key, key.perform(step))
  key.converge()
  for (const replica of key.copies.keys()) expectModel(key, replica)
  expect(new Set(key.copies.map(({ record }) => recordHash(record))).size).toBe(1)
}

function expectModel(key: ReplicatedKey, replica: number): void {
  // Plain comparison first: `expect` on every step of every run would take most of the time.
  if (key.held(replica).join() !== key.expected(replica).join()) expect(key.held(replica)).toEqual(key.expected(replica))
  if (key.shown(replica).join() !== key.expectedShown(replica).join()) expect(key.shown(replica)).toEqual(key.expectedShown(replica))
}

function recordsAfter(steps: readonly Operation[], replicas = 3): readonly StoredRecord[] {
  const key = new ReplicatedKey({ replicas })
  for (const step of steps) key.perform(step)
  return key.copies.map(({ record }) => record)
}

const threeRecords: fc.Arbitrary<readonly StoredRecord[]> = operations.map(steps => recordsAfter(steps))
const bytesOf = (record: StoredRecord): string => toHex(encodeRecord(record))

describe('records against the model of true causal histories', () => {
  test('siblings are the maximal events of the true history, whatever is interleaved', () => {
    fc.assert(
      fc.property(operations, steps => followsModel(steps)),
      { numRuns: 10_000 }
    )
  })

  test('the same holds on a single replica and on six', () => {
    fc.assert(
      fc.property(operations, fc.constantFrom(1, 2, 6), (steps, replicas) => followsModel(steps, { replicas })),
      { numRuns: 2500 }
    )
  })

  test('the model catches an actor that goes on numbering after its copy was lost', () => {
    const reused = fc.check(
      fc.property(operations, steps => followsModel(steps, { reusesEpochs: true })),
      { numRuns: 8000 }
    )
    expect(reused.failed).toBe(true)
  })
})

describe('merging', () => {
  test('is commutative, associative and idempotent', () => {
    fc.assert(
      fc.property(threeRecords, ([a = emptyRecord, b = emptyRecord, c = emptyRecord]) => {
        expect(bytesOf(mergeRecords(a, b))).toBe(bytesOf(mergeRecords(b, a)))
        expect(bytesOf(mergeRecords(mergeRecords(a, b), c))).toBe(bytesOf(mergeRecords(a, mergeRecords(b, c))))
        expect(mergeRecords(a, a)).toBe(a)
        expect(mergeRecords(mergeRecords(a, b), b)).toEqual(mergeRecords(a, b))
      }),
      { numRuns: 1000 }
    )
  })

  test('gives back the very record that already knows everything', () => {
    fc.assert(
      fc.property(threeRecords, ([a = emptyRecord, b = emptyRecord]) => {
        const both = mergeRecords(a, b)
        expect(mergeRecords(both, a)).toBe(both)
        expect(mergeRecords(emptyRecord, both)).toBe(compareRecords(emptyRecord, both) === 'equal' ? emptyRecord : both)
      }),
      { numRuns: 500 }
    )
  })

  test('comparison, hash and merge tell the same', () => {
    fc.assert(
      fc.property(threeRecords, ([a = emptyRecord, b = emptyRecord]) => {
        const both = bytesOf(mergeRecords(a, b))
        const [isA, isB] = [both === bytesOf(a), both === bytesOf(b)]
        expect(compareRecords(a, b)).toBe(isA && isB ? 'equal' : isA ? 'newer' : isB ? 'older' : 'concurrent')
        expect(recordHash(a) === recordHash(b)).toBe(isA && isB)
      }),
      { numRuns: 1000 }
    )
  })

  test('keeps siblings sorted and inside the context', () => {
    fc.assert(
      fc.property(threeRecords, records => {
        for (const { context, siblings } of records) {
          expect(siblings.every(({ dot }) => covers(context, dot))).toBe(true)
          expect([...siblings].sort((a, b) => compareDots(a.dot, b.dot))).toEqual(siblings)
        }
      }),
      { numRuns: 500 }
    )
  })
})

describe('writing', () => {
  test('two clients that interleave 100 writes, each with the context of its own last write, leave exactly 2 siblings', () => {
    const key = new ReplicatedKey()
    const contexts = [0, 0]
    for (let write = 0; write < 100; write++) contexts[write % 2] = key.put(0, contexts[write % 2] as number)
    expect(key.held(0)).toEqual([98, 99])
  })

  test('so do two clients that write through different replicas which exchange what they have now and then', () => {
    const key = new ReplicatedKey()
    const contexts = [0, 0]
    for (let write = 0; write < 100; write++) {
      contexts[write % 2] = key.put(write, contexts[write % 2] as number)
      if (write % 7 === 0) key.merge(write, write + 1)
    }
    key.converge()
    expect(key.held(0)).toEqual([98, 99])
  })

  test('a client that reads and writes back never has a sibling', () => {
    const key = new ReplicatedKey()
    for (let write = 0; write < 50; write++) {
      key.put(write, key.get(write))
      key.merge(write, write + 1)
      expect(key.held(write + 1)).toEqual([write])
    }
  })

  test('a context got from a put does not cover what the writer never saw', () => {
    const key = new ReplicatedKey()
    const mine = key.put(0, 0)
    key.put(0, 0)
    key.put(0, mine)
    expect(key.held(0)).toEqual([1, 2])
  })

  test('a replica that lost its copy and is written to again loses nothing', () => {
    const key = new ReplicatedKey()
    key.put(0, 0)
    key.merge(0, 1)
    key.lose(0)
    key.put(0, 0)
    key.converge()
    expect(key.held(0)).toEqual([0, 1])
  })

  test('it would, if it went on as the same actor', () => {
    const key = new ReplicatedKey({ reusesEpochs: true })
    key.put(0, 0)
    key.merge(0, 1)
    key.lose(0)
    key.put(0, 0)
    key.converge()
    expect(key.held(0)).toHaveLength(1)
  })

  test('a write coordinated twice is shown once, under its lowest dot, and is superseded as one', () => {
    const key = new ReplicatedKey()
    key.put(1, 0)
    const readBeforeRetry = key.get(1)
    key.retry(0, 0)
    key.merge(0, 1)
    expect(key.held(1)).toEqual([0, 1])
    const [shown, ...others] = maximalSiblings(recordOf(key, 1))
    expect(others).toEqual([])
    expect(shown?.dot).toEqual(recordOf(key, 1).siblings[0]?.dot)
    key.put(1, readBeforeRetry)
    expect(key.held(1)).toEqual([2])
  })

  test('who has seen one dot of a write coordinated twice goes out with all of them, so that every replica drops the same', () => {
    const key = new ReplicatedKey()
    key.put(1, 0)
    const { context } = recordOf(key, 1)
    key.retry(0, 0)
    key.merge(0, 1)
    const seen = seenContext(recordOf(key, 1), context)
    expect(recordOf(key, 1).siblings.map(({ dot }) => covers(context, dot))).toEqual(expect.arrayContaining([true, false]))
    expect(recordOf(key, 1).siblings.every(({ dot }) => covers(seen, dot))).toBe(true)
  })

  test('the sibling that a request left is found until it is superseded', () => {
    const key = new ReplicatedKey()
    const context = key.put(0, 0)
    expect(siblingOf(recordOf(key, 0), requestId(0))?.wallTime).toBe(0)
    key.put(0, context)
    expect(siblingOf(recordOf(key, 0), requestId(0))).toBeUndefined()
  })

  test('a dot that was minted before is refused as a broken invariant', () => {
    const key = new ReplicatedKey({ reusesEpochs: true })
    key.put(0, 0)
    const [sibling] = recordOf(key, 0).siblings
    expect(() => putSibling(recordOf(key, 0), emptyContext, sibling as Sibling)).toThrow(expect.objectContaining({ code: 'ERR_INTERNAL' }))
  })
})

describe('deletes', () => {
  test('a record is deleted when all that is current is a tombstone', () => {
    const key = new ReplicatedKey()
    expect(isDeleted(recordOf(key, 0))).toBe(false)
    const context = key.put(0, 0)
    key.put(0, context, true)
    expect(isDeleted(recordOf(key, 0))).toBe(true)
    key.put(0, 0)
    expect(isDeleted(recordOf(key, 0))).toBe(false)
  })

  test('a delete wins over the value that it saw and stands beside one that it did not', () => {
    const key = new ReplicatedKey()
    const context = key.put(0, 0)
    key.merge(0, 1)
    key.put(1, context)
    key.put(0, context, true)
    key.converge()
    expect(key.held(0)).toEqual([1, 2])
  })
})

describe('the record hash', () => {
  test('has 16 hexadecimal digits and does not depend on values', () => {
    const key = new ReplicatedKey()
    key.put(0, 0)
    const record = recordOf(key, 0)
    const other = { ...record, siblings: record.siblings.map(sibling => ({ ...sibling, value: undefined, wallTime: 7 })) }
    expect(recordHash(record)).toMatch(/^[0-9a-f]{16}$/)
    expect(recordHash(other)).toBe(recordHash(record))
  })
})

function recordOf(key: ReplicatedKey, replica: number): StoredRecord {
  return key.copies[replica]?.record ?? emptyRecord
}
