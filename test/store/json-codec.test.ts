import { describe, expect, test } from 'vitest'
import { json } from '../../src/entry/nodejs.ts'
import { errorOf } from './peers.ts'
import { throwing, trap } from './traps.ts'

const nested = (depth: number): unknown => Array.from({ length: depth }).reduce<unknown>(inner => [inner], 0)

describe('the JSON codec', () => {
  const cycle: Record<string, unknown> = {}
  cycle['a'] = { b: cycle }
  const named = Object.assign([1], { name: 2 })
  test.each([
    ['B016', 'a cycle', cycle, '$.a.b'],
    ['B016', 'a BigInt', { a: { b: 1n } }, '$.a.b'],
    ['B016', 'NaN', { a: [0, Number.NaN] }, '$.a[1]'],
    ['B016', 'Infinity', [Number.NEGATIVE_INFINITY], '$[0]'],
    ['B016', 'minus zero', { a: -0 }, '$.a'],
    ['B016', 'a Date', { at: new Date(0) }, '$.at'],
    ['B016', 'a Map', new Map(), '$'],
    ['B016', 'a function', { f: () => 1 }, '$.f'],
    ['B016', 'undefined', undefined, '$'],
    ['B016', 'undefined in an array', [undefined], '$[0]'],
    ['B016', 'a hole', { a: Array.from({ length: 0 }, Number).concat(new Array<number>(2)) }, '$.a'],
    ['B016', 'an array with names', named, '$'],
    ['B016', 'a symbol for a value', [Symbol('s')], '$[0]'],
    ['B016', 'a symbol for a name', { [Symbol('s')]: 1 }, '$'],
    ['B016', 'toJSON', { toJSON: () => 1 }, '$'],
    ['B016', 'bytes', { b: new Uint8Array(1) }, '$.b'],
    ['B016', 'a getter that throws', throwing('a'), ''],
    ['B016', 'a proxy that throws', trap, '']
  ])('%s refuses %s, with its path', async (_id, _what, value, path) => {
    const error = await errorOf(() => json().encode(value))
    expect(error).toMatchObject({ code: 'ERR_VALUE_NOT_SERIALIZABLE', outcome: 'none' })
    expect(error.message).toContain(path === '' ? 'trap' : `at ${path} `)
  })

  test('B017: takes 64 levels and no more', async () => {
    const codec = json<unknown>()
    expect(codec.decode(codec.encode(nested(64)))).toEqual(nested(64))
    expect(await errorOf(() => codec.encode(nested(65)))).toMatchObject({ code: 'ERR_VALUE_TOO_DEEP' })
    expect(await errorOf(() => codec.encode(nested(10_000)))).toMatchObject({ code: 'ERR_VALUE_TOO_DEEP' })
  })

  test('B017: an own __proto__ stays an own property', () => {
    const codec = json<object>()
    const read = codec.decode(codec.encode(JSON.parse('{"__proto__":{"polluted":true}}') as object))
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype)
    expect(Object.keys(read)).toEqual(['__proto__'])
    expect('polluted' in {}).toBe(false)
  })
})
