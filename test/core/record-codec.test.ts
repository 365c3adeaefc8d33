import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { equalBytes } from '../../src/core/bytes.ts'
import type { CausalContext } from '../../src/core/versions/causal-context.ts'
import { emptyContext, withDots } from '../../src/core/versions/causal-context.ts'
import { Reader, Writer } from '../../src/core/codec.ts'
import { readContext, readDot, writeContext, writeDot } from '../../src/core/versions/context-codec.ts'
import { isStoreError } from '../../src/core/errors.ts'
import type { ReplicaId } from '../../src/core/identifiers.ts'
import { actorOf } from '../../src/core/identifiers.ts'
import { contextActorsMax, contextDotsMax, counterMax, recordSiblingsMax, valueBytesMax } from '../../src/core/limits.ts'
import type { Sibling, StoredRecord } from '../../src/core/versions/record.ts'
import { emptyRecord } from '../../src/core/versions/record.ts'
import { decodeRecord, encodeRecord } from '../../src/core/versions/record-codec.ts'
import { operations, ReplicatedKey, requestId } from './causal-history-model.ts'

const replica = '00000000000000aa' as ReplicaId
const actor = actorOf(replica, 1)

/** Records as histories leave them, with loose dots, tombstones and several siblings. */
const records: fc.Arbitrary<StoredRecord> = operations.map(steps => {
  const key = new ReplicatedKey()
  for (const step of steps) key.perform(step)
  return key.copies[0]?.record ?? emptyRecord
})

const sibling: Sibling = { dot: { actor, counter: 1 }, request: requestId(7), wallTime: 99, value: Uint8Array.of(1, 2) }
const small: StoredRecord = { context: withDots(emptyContext, [sibling.dot, { actor, counter: 4 }]), siblings: [sibling] }

/** A record with `count` siblings of one actor. */
function withSiblings(count: number): StoredRecord {
  const dots = Array.from({ length: count }, (_, index) => ({ actor, counter: index + 1 }))
  return { context: { vector: new Map([[actor, count]]), loose: [] }, siblings: dots.map(dot => Object.assign({}, sibling, { dot })) }
}

/** Decodes what may be damaged: the record's bytes again, or the code of the error. Anything else fails the test. */
function decoded(bytes: Uint8Array): Uint8Array | string {
  try {
    return encodeRecord(decodeRecord(bytes))
  } catch (error) {
    if (!isStoreError(error)) throw error
    return error.code
  }
}

/** True when bytes are refused with an error of the wire, or are the only form of what they say. */
function isStrict(bytes: Uint8Array): boolean {
  const result = decoded(bytes)
  return typeof result === 'string' ? /^ERR_(WIRE|CONTEXT)_/.test(result) : equalBytes(result, bytes)
}

/** Bytes of a record written by hand, so that its parts can be wrong. */
function written(body: (out: Writer) => void): Uint8Array {
  const out = new Writer()
  body(out)
  return out.finish()
}

const manyActors = (count: number): CausalContext => ({
  vector: new Map(Array.from({ length: count }, (_, index) => [actorOf(replica, index), 1])),
  loose: []
})
const manyDots = (count: number): CausalContext => ({
  vector: new Map(),
  loose: Array.from({ length: count }, (_, index) => ({ actor, counter: index + 3 }))
})

describe('record bytes', () => {
  test('give the same record back', () => {
    fc.assert(
      fc.property(records, record => {
        expect(decodeRecord(encodeRecord(record))).toEqual(record)
      }),
      { numRuns: 500 }
    )
  })

  test('tell a tombstone from an empty value', () => {
    const values = [undefined, new Uint8Array()].map(
      value => decodeRecord(encodeRecord({ ...small, siblings: [{ ...sibling, value }] })).siblings[0]?.value
    )
    expect(values).toEqual([undefined, new Uint8Array()])
  })

  test('hold counters and times up to 2^53 - 1 and values up to the limit', () => {
    const dot = { actor, counter: counterMax }
    const extreme = { ...sibling, dot, wallTime: Number.MAX_SAFE_INTEGER, value: new Uint8Array(valueBytesMax).fill(7) }
    const record = { context: withDots(emptyContext, [dot]), siblings: [extreme] }
    const again = decodeRecord(encodeRecord(record))
    expect(again.context).toEqual(record.context)
    expect(again.siblings[0]?.dot).toEqual(dot)
    expect(again.siblings[0]?.value?.length).toBe(valueBytesMax)
  })

  test('are read without copying values', () => {
    const bytes = encodeRecord(small)
    expect(decodeRecord(bytes).siblings[0]?.value?.buffer).toBe(bytes.buffer)
  })

  test('cut at any byte are refused with a typed error', () => {
    const bytes = encodeRecord(small)
    for (let length = 0; length < bytes.length; length++) {
      expect(isStrict(bytes.subarray(0, length))).toBe(true)
    }
    expect(decoded(new Uint8Array())).toBe('ERR_WIRE_MALFORMED')
  })

  test('with a flipped bit are refused with a typed error or are the only form of another record', () => {
    fc.assert(
      fc.property(records, fc.nat(), fc.nat({ max: 7 }), (record, position, bit) => {
        const bytes = encodeRecord(record)
        const index = position % bytes.length
        bytes[index] = (bytes[index] as number) ^ (1 << bit)
        expect(isStrict(bytes)).toBe(true)
      }),
      { numRuns: 3000 }
    )
  })

  test('of any kind never lead to anything but a typed error or a canonical record', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), bytes => {
        expect(isStrict(bytes)).toBe(true)
      }),
      { numRuns: 2000 }
    )
  })
})

describe('bytes that are no record', () => {
  const siblingBody = (counter: number) => (out: Writer) => {
    out.message(1, nested => writeDot(nested, { actor, counter }))
    out.hex(2, sibling.request)
  }
  const contextBody = (counter: number) => (out: Writer) => writeContext(out, { vector: new Map([[actor, counter]]), loose: [] })
  const entry =
    (field: number, counter: number, of = actor) =>
    (out: Writer) =>
      out.message(field, nested => writeDot(nested, { actor: of, counter }))
  const context = (...entries: readonly ((out: Writer) => void)[]) =>
    written(out => out.message(1, nested => entries.forEach(write => write(nested))))

  test.each([
    ['no context', written(out => out.message(2, siblingBody(1)))],
    ['two contexts', written(out => (out.message(1, contextBody(1)), out.message(1, contextBody(1))))],
    [
      'siblings out of order',
      written(out => (out.message(1, contextBody(2)), out.message(2, siblingBody(2)), out.message(2, siblingBody(1))))
    ],
    ['a sibling twice', written(out => (out.message(1, contextBody(2)), out.message(2, siblingBody(1)), out.message(2, siblingBody(1))))],
    ['a sibling outside its context', written(out => (out.message(1, contextBody(1)), out.message(2, siblingBody(2))))],
    ['a sibling without a dot', written(out => (out.message(1, contextBody(1)), out.message(2, nested => nested.hex(2, sibling.request))))],
    ['a sibling without a request', written(out => (out.message(1, contextBody(1)), out.message(2, nested => entry(1, 1)(nested))))],
    ['a dot without a counter', context(out => out.message(1, nested => nested.hex(1, actor)))],
    ['a dot without an actor', context(out => out.message(1, nested => nested.uint(2, 1)))],
    ['an actor of another length', context(out => out.message(1, nested => (nested.hex(1, 'aabb'), nested.uint(2, 1))))],
    ['an actor twice', context(entry(1, 1), entry(1, 2))],
    ['actors out of order', context(entry(1, 1, actorOf(replica, 2)), entry(1, 1, actor))],
    ['a loose dot that the vector covers', context(entry(1, 3), entry(2, 2))],
    ['a loose dot that continues the vector', context(entry(1, 3), entry(2, 4))],
    ['a first event as a loose dot', context(entry(2, 1))],
    ['loose dots out of order', context(entry(2, 5), entry(2, 4))],
    ['an unknown field', written(out => (out.message(1, contextBody(1)), out.uint(9, 1)))]
  ])('%s is malformed', (_, bytes) => {
    expect(decoded(bytes)).toBe('ERR_WIRE_MALFORMED')
  })
})

describe('limits of records', () => {
  test('the largest context goes through', () => {
    const largest = { vector: manyActors(contextActorsMax).vector, loose: manyDots(contextDotsMax).loose }
    const record = { context: largest, siblings: [] }
    expect(decodeRecord(encodeRecord(record))).toEqual(record)
  })

  test.each([
    ['actors', manyActors(contextActorsMax + 1)],
    ['loose dots', manyDots(contextDotsMax + 1)]
  ])('a context of too many %s is neither written nor read', (_, context) => {
    const tooLarge: unknown = expect.objectContaining({ code: 'ERR_CONTEXT_TOO_LARGE' })
    expect(() => encodeRecord({ context, siblings: [] })).toThrow(tooLarge)
    const out = new Writer()
    for (const [held, counter] of context.vector) out.message(1, nested => writeDot(nested, { actor: held, counter }))
    for (const dot of context.loose) out.message(2, nested => writeDot(nested, dot))
    expect(() => readContext(new Reader(out.view()))).toThrow(tooLarge)
  })

  test('too many siblings are neither written nor read', () => {
    expect(decodeRecord(encodeRecord(withSiblings(recordSiblingsMax))).siblings).toHaveLength(recordSiblingsMax)
    expect(() => encodeRecord(withSiblings(recordSiblingsMax + 1))).toThrow(expect.objectContaining({ code: 'ERR_TOO_MANY_SIBLINGS' }))
    const out = new Writer()
    out.raw(encodeRecord({ ...withSiblings(recordSiblingsMax), context: withSiblings(recordSiblingsMax + 1).context }))
    out.message(2, nested => {
      nested.message(1, inner => writeDot(inner, { actor, counter: recordSiblingsMax + 1 }))
      nested.hex(2, sibling.request)
    })
    expect(decoded(out.finish())).toBe('ERR_WIRE_MALFORMED')
  })

  test('a value over the limit is neither written nor read', () => {
    const value = new Uint8Array(valueBytesMax + 1)
    expect(() => encodeRecord({ ...small, siblings: [{ ...sibling, value }] })).toThrow(
      expect.objectContaining({ code: 'ERR_VALUE_TOO_LARGE' })
    )
    const out = new Writer()
    out.message(1, nested => writeContext(nested, small.context))
    out.message(2, nested => {
      nested.message(1, inner => writeDot(inner, sibling.dot))
      nested.hex(2, sibling.request)
      nested.bytes(4, value)
    })
    expect(decoded(out.finish())).toBe('ERR_WIRE_MALFORMED')
  })
})

describe('dots', () => {
  test('go through the codec', () => {
    const out = new Writer()
    writeDot(out, sibling.dot)
    expect(readDot(new Reader(out.view()))).toEqual(sibling.dot)
  })
})
