import { describe, expect, test } from 'vitest'
import { decodeUtf8, encodeUtf8 } from '../../src/core/codec.ts'
import { prng } from '../../src/core/prng.ts'
import type { StorageRow } from '../../src/ports/storage.ts'
import { SimulatedStorage, type StorageAnswer } from '../../src/simulation/cluster/simulated-storage.ts'
import { VirtualTime } from '../../src/simulation/cluster/virtual-time.ts'

const ALL = new Uint8Array()

interface Disk {
  readonly time: VirtualTime
  readonly storage: SimulatedStorage
}

function disk(seed = 1): Disk {
  const time = new VirtualTime()
  return { time, storage: new SimulatedStorage(time, prng(seed), { readMs: 1, writeMs: 3 }) }
}

function put(key: string, value: string) {
  return { type: 'put', key: encodeUtf8(key), value: encodeUtf8(value) } as const
}

/** Rows that can be read, as `key=value`. */
function rows(storage: SimulatedStorage): readonly string[] {
  return storage.rows(ALL).map(({ key, value }) => `${decodeUtf8(key)}=${decodeUtf8(value)}`)
}

function answerOf<Value>({ time }: Disk, begin: (done: (answer: StorageAnswer<Value>) => void) => void): StorageAnswer<Value> | undefined {
  let answer: StorageAnswer<Value> | undefined
  begin(given => {
    answer = given
  })
  time.run(100)
  return answer
}

/** A disk with rows a, b and c, all durable. */
function filled(seed = 1): Disk {
  const made = disk(seed)
  answerOf(made, done => made.storage.write([put('a', 'old'), put('b', 'old'), put('c', 'old')], done))
  return made
}

describe('a flipped bit', () => {
  test('makes a row unreadable: a read names it, a scan leaves it out and names it, and neither counts it as absent', () => {
    const made = filled()
    expect(made.storage.flip(encodeUtf8('b'))).toBe(true)
    const read = answerOf(made, done => made.storage.read([encodeUtf8('a'), encodeUtf8('b')], done))
    expect(read).toEqual({ ok: true, value: [encodeUtf8('old'), undefined], damaged: [encodeUtf8('b')] })
    const scan = answerOf<readonly StorageRow[]>(made, done => made.storage.scan(ALL, undefined, 2, done))
    expect(scan?.ok === true ? [scan.value.map(row => decodeUtf8(row.key)), scan.damaged] : scan).toEqual([['a', 'c'], [encodeUtf8('b')]])
    expect(made.storage.damagedKeys(ALL)).toEqual([encodeUtf8('b')])
  })

  test('stays through a crash, a snapshot and a restore', () => {
    const { storage } = filled()
    storage.flip(encodeUtf8('b'))
    storage.crash('kept')
    const damaged = storage.snapshot()
    storage.wipe()
    storage.restore(damaged)
    expect(storage.isDamaged(encodeUtf8('b'))).toBe(true)
  })

  test.each([
    ['written again', put('b', 'new'), ['a=old', 'b=new', 'c=old']],
    ['deleted', { type: 'delete', key: encodeUtf8('b') } as const, ['a=old', 'c=old']]
  ])('is gone when the row is %s', (_how, operation, left) => {
    const made = filled()
    made.storage.flip(encodeUtf8('b'))
    answerOf(made, done => made.storage.write([operation], done))
    expect(made.storage.damagedKeys(ALL)).toEqual([])
    expect(rows(made.storage)).toEqual(left)
  })

  test('cannot happen to a row that is not there', () => {
    expect(filled().storage.flip(encodeUtf8('d'))).toBe(false)
  })
})

describe('a crash that tears a write', () => {
  const outcomes = Array.from({ length: 60 }, (_, seed) => {
    const { storage } = filled(seed)
    storage.write([put('a', 'new'), put('b', 'new'), put('d', 'new')], () => undefined)
    storage.crash('torn')
    return { left: rows(storage), damaged: storage.damagedKeys(ALL).map(key => decodeUtf8(key) ?? '') }
  })

  test('leaves at least one of its rows unreadable, and never one that it did not write', () => {
    for (const { damaged } of outcomes) {
      expect(damaged.length).toBeGreaterThan(0)
      expect(['a', 'b', 'd']).toEqual(expect.arrayContaining(damaged))
    }
  })

  test('leaves the others all new or all as they were', () => {
    for (const { left, damaged } of outcomes) {
      const others = ['a', 'b', 'd'].filter(key => !damaged.includes(key))
      const asNew = others.map(key => `${key}=new`)
      const asOld = others.filter(key => key !== 'd').map(key => `${key}=old`)
      expect([[...asNew, 'c=old'].toSorted(), [...asOld, 'c=old'].toSorted()]).toContainEqual(left)
    }
    expect(outcomes.some(({ left }) => left.some(row => row.endsWith('new')))).toBe(true)
    expect(outcomes.some(({ left, damaged }) => damaged.length < 2 && left.includes('a=old'))).toBe(true)
  })

  test('leaves earlier writes whole or torn, and later ones not at all', () => {
    for (let seed = 0; seed < 40; seed++) {
      const { storage } = disk(seed)
      for (const key of ['a', 'b', 'c', 'd']) storage.write([put(key, 'new')], () => undefined)
      storage.crash('torn')
      const [torn] = storage.damagedKeys(ALL).map(key => decodeUtf8(key) ?? '')
      const before = ['a', 'b', 'c', 'd'].filter(key => key < (torn ?? ''))
      expect(rows(storage)).toEqual(before.map(key => `${key}=new`))
    }
  })

  test('is a crash like any other when nothing was under way', () => {
    const { storage } = filled()
    storage.crash('torn')
    expect(rows(storage)).toEqual(['a=old', 'b=old', 'c=old'])
    expect(storage.damagedKeys(ALL)).toEqual([])
  })
})

test('a disk that is put back to an older state has forgotten what came after', () => {
  const made = filled()
  const before = made.storage.snapshot()
  answerOf(made, done => made.storage.write([put('a', 'new'), put('d', 'new')], done))
  made.storage.restore(before)
  expect(rows(made.storage)).toEqual(['a=old', 'b=old', 'c=old'])
})
