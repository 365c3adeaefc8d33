/**
 * What callers give as keys and values, turned into bytes of our own before anything else happens: a view that the caller changes later
 * must not change what is stored.
 */
import { StoreError } from '../core/errors.ts'
import { keyBytesMax, valueBytesMax } from '../core/limits.ts'
import { kindOf, utf8 } from './text.ts'

/**
 * Bytes of a key.
 *
 * @throws `ERR_KEY_TYPE`, `ERR_KEY_EMPTY`, `ERR_KEY_NOT_UTF8` (a lone surrogate), `ERR_KEY_TOO_LARGE`
 */
export function keyBytes(key: unknown): Uint8Array {
  const bytes = inputBytes(key)
  if (bytes === undefined) throw new StoreError('ERR_KEY_TYPE', `key must be a string or Uint8Array, got ${kindOf(key)}.`)
  if (bytes === 'ill-formed') {
    throw new StoreError('ERR_KEY_NOT_UTF8', 'key contains a lone surrogate, which no UTF-8 text can hold; give the key as a Uint8Array instead.')
  }
  if (bytes.length === 0) throw new StoreError('ERR_KEY_EMPTY', 'key is empty; give at least one byte.')
  if (bytes.length > keyBytesMax) {
    throw new StoreError('ERR_KEY_TOO_LARGE', `key has ${bytes.length} bytes; at most ${keyBytesMax} are allowed.`, { details: { bytes: bytes.length, bytesMax: keyBytesMax } })
  }
  return bytes
}

/**
 * Bytes of a value.
 *
 * @throws `ERR_VALUE_TYPE`, `ERR_VALUE_TOO_LARGE`
 */
export function valueBytes(value: unknown): Uint8Array {
  const bytes = inputBytes(value)
  if (bytes === undefined) throw new StoreError('ERR_VALUE_TYPE', `value must be a string or Uint8Array, got ${kindOf(value)}; to remove a key, use delete(key, context).`)
  if (bytes === 'ill-formed') throw new StoreError('ERR_VALUE_TYPE', 'value contains a lone surrogate, which no UTF-8 text can hold; give the value as a Uint8Array instead.')
  if (bytes.length > valueBytesMax) {
    throw new StoreError('ERR_VALUE_TOO_LARGE', `value has ${bytes.length} bytes; at most ${valueBytesMax} are allowed.`, { details: { bytes: bytes.length, bytesMax: valueBytesMax } })
  }
  return bytes
}

function inputBytes(input: unknown): Uint8Array | 'ill-formed' | undefined {
  if (typeof input === 'string') return /\p{Surrogate}/u.test(input) ? 'ill-formed' : utf8(input)
  if (!(input instanceof Uint8Array)) return undefined
  return input.length > valueBytesMax ? input : new Uint8Array(input)
}
