/** JSON as a codec that refuses what JSON would lose without a word. */
import { StoreError } from '../core/errors.ts'
import { jsonDepthMax } from '../core/limits.ts'
import type { Codec } from './api.ts'
import { kindOf, reasonOf, textOf, utf8 } from './text.ts'

/**
 * Values as UTF-8 JSON. Anything that would not come back the same is refused: cycles, BigInt, NaN, Infinity, -0, undefined and holes inside
 * arrays, functions, symbols, Date, Map and other class instances. A property whose value is undefined is left out. An own `__proto__` key
 * stays an own key.
 *
 * `encode` throws `ERR_VALUE_NOT_SERIALIZABLE` with the path, or `ERR_VALUE_TOO_DEEP` beyond 64 levels; `decode` throws
 * `ERR_VALUE_MALFORMED`.
 */
export function json<Value>(): Codec<Value> {
  return { encode: encodeJson, decode: bytes => decodeJson(bytes) as Value }
}

function encodeJson(value: unknown): Uint8Array {
  try {
    check(value, '$', [])
    return utf8(JSON.stringify(value))
  } catch (error) {
    if (error instanceof StoreError) throw error
    throw new StoreError('ERR_VALUE_NOT_SERIALIZABLE', `The value could not be read: ${reasonOf(error)}.`, { cause: error })
  }
}

function decodeJson(bytes: Uint8Array): unknown {
  const text = textOf(bytes)
  try {
    if (text !== undefined) return JSON.parse(text)
  } catch {
    // Falls through to the same error as bytes that are not even text.
  }
  throw new StoreError('ERR_VALUE_MALFORMED', 'The stored value is not JSON: something else wrote this key. Read it as bytes instead.')
}

function check(value: unknown, path: string, ancestors: readonly object[]): void {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return
  if (typeof value === 'number' && Number.isFinite(value) && !Object.is(value, -0)) return
  if (typeof value !== 'object') throw notSerializable(path, typeof value === 'number' ? numberText(value) : kindOf(value))
  if (ancestors.includes(value)) throw notSerializable(path, 'a cycle')
  if (ancestors.length >= jsonDepthMax) {
    throw new StoreError('ERR_VALUE_TOO_DEEP', `The value is nested deeper than ${jsonDepthMax} levels.`, {
      details: { depthMax: jsonDepthMax }
    })
  }
  checkProperties(value, path, [...ancestors, value])
}

function checkProperties(value: object, path: string, ancestors: readonly object[]): void {
  if (typeof Reflect.get(value, 'toJSON') === 'function') throw notSerializable(path, 'an object with toJSON')
  if (Object.getOwnPropertySymbols(value).length > 0) throw notSerializable(path, 'an object with symbols for names')
  if (Array.isArray(value)) {
    if (Object.keys(value).length !== value.length) throw notSerializable(path, 'an array with holes or names')
    for (let index = 0; index < value.length; index++) check(value[index], `${path}[${index}]`, ancestors)
    return
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw notSerializable(path, 'an instance of a class')
  for (const [name, property] of Object.entries(value)) {
    if (property !== undefined) check(property, `${path}.${name}`, ancestors)
  }
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

function notSerializable(path: string, what: string): StoreError {
  return new StoreError('ERR_VALUE_NOT_SERIALIZABLE', `The value at ${path} is ${what}, which JSON cannot hold.`, { details: { path } })
}
