/**
 * What callers give as keys, values and contexts, turned into bytes of our own before anything else happens: a view that the caller
 * changes later must not change what is stored.
 */
import { StoreError } from '../core/errors.ts'
import { contextTokenBytesMax, keyBytesMax, valueBytesMax } from '../core/limits.ts'
import { kindOf, utf8, utf8Bytes } from './text.ts'

/**
 * Bytes of a key.
 *
 * @throws `ERR_KEY_TYPE`, `ERR_KEY_EMPTY`, `ERR_KEY_NOT_UTF8` (a lone surrogate), `ERR_KEY_TOO_LARGE`
 */
export function keyBytes(key: unknown): Uint8Array {
  if (typeof key === 'string' && !key.isWellFormed()) {
    throw new StoreError(
      'ERR_KEY_NOT_UTF8',
      'key contains a lone surrogate, which no UTF-8 text can hold; give the key as a Uint8Array instead.'
    )
  }
  const size = byteLength(key)
  if (size === undefined) throw new StoreError('ERR_KEY_TYPE', `key must be a string or Uint8Array, got ${kindOf(key)}.`)
  if (size === 0) throw new StoreError('ERR_KEY_EMPTY', 'key is empty; give at least one byte.')
  if (size > keyBytesMax) {
    throw new StoreError('ERR_KEY_TOO_LARGE', `key has ${size} bytes; at most ${keyBytesMax} are allowed.`, {
      details: { bytes: size, bytesMax: keyBytesMax }
    })
  }
  return copied(key as string | Uint8Array)
}

/**
 * Bytes of a value.
 *
 * @throws `ERR_VALUE_TYPE`, `ERR_VALUE_TOO_LARGE`
 */
export function valueBytes(value: unknown): Uint8Array {
  if (typeof value === 'string' && !value.isWellFormed()) {
    throw new StoreError(
      'ERR_VALUE_TYPE',
      'value contains a lone surrogate, which no UTF-8 text can hold; give the value as a Uint8Array instead.'
    )
  }
  const size = byteLength(value)
  if (size === undefined)
    throw new StoreError('ERR_VALUE_TYPE', `value must be a string or Uint8Array, got ${kindOf(value)}${valueHint(value)}.`)
  if (size > valueBytesMax) {
    throw new StoreError('ERR_VALUE_TOO_LARGE', `value has ${size} bytes; at most ${valueBytesMax} are allowed.`, {
      details: { bytes: size, bytesMax: valueBytesMax }
    })
  }
  return copied(value as string | Uint8Array)
}

/**
 * A context as it was given, in bytes of our own.
 *
 * @throws `ERR_CONTEXT_MALFORMED` when it is neither text nor bytes
 */
export function contextInput(context: unknown): Uint8Array | string | undefined {
  if (context === undefined || context === null) return undefined
  if (typeof context === 'string') return context
  const size = byteLength(context)
  if (size === undefined) {
    throw new StoreError(
      'ERR_CONTEXT_MALFORMED',
      `context must be what a get or put returned (a Uint8Array or its base64url text), got ${kindOf(context)}.`
    )
  }
  if (size > contextTokenBytesMax)
    throw new StoreError(
      'ERR_CONTEXT_TOO_LARGE',
      `context has ${size} bytes; at most ${contextTokenBytesMax} are allowed. Read again to get a fresh one.`
    )
  return copied(context as Uint8Array)
}

function valueHint(value: unknown): string {
  if (value === undefined || value === null) return '; to remove a key, use delete(key, context)'
  return typeof value === 'object' || typeof value === 'function' ? '; store objects through a collection with a codec, e.g. json()' : ''
}

/** Bytes of a text or Uint8Array, `undefined` for anything else. Calls nothing that belongs to the input. */
function byteLength(input: unknown): number | undefined {
  if (typeof input === 'string') return utf8Bytes(input)
  if (typedArrayName.call(input) !== 'Uint8Array' || isDetached(input as Uint8Array)) return undefined
  return lengthOf.call(input) as number
}

function copied(input: string | Uint8Array): Uint8Array {
  return typeof input === 'string' ? utf8(input) : new Uint8Array(input)
}

/**
 * The platform's own getters, which tell a real Uint8Array, a Buffer or one of another realm included, from anything that only looks like one. They
 * never run code of the input.
 */
const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object
const typedArrayName: (this: unknown) => unknown = getterOf(Symbol.toStringTag)
const lengthOf: (this: unknown) => unknown = getterOf('length')

function getterOf(name: PropertyKey): (this: unknown) => unknown {
  return Object.getOwnPropertyDescriptor(typedArray, name)?.get as (this: unknown) => unknown
}

/** A view whose memory was transferred away, or shrunk away under it, has no bytes that could be taken. */
function isDetached(view: Uint8Array): boolean {
  if (lengthOf.call(view) !== 0) return false
  try {
    return new Uint8Array(view).length !== 0
  } catch {
    return true
  }
}
