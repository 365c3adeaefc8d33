/**
 * The context as callers hold it: an opaque token, bound to one key of one cluster, that says at once when it is not what `get` or
 * `put` returned. A context that is taken for another one would silently erase values nobody read; so nothing is written with a
 * context in doubt.
 *
 *     version (1) | cluster tag (4) | key tag (4) | context | MAC (16) | CRC-32 of all before (4)
 *
 * The first byte and the last four are the same in every version. The CRC separates accident from error: bytes that were cut or altered
 * are *malformed*; whole bytes that belong to another version, cluster or key are *foreign*. The MAC is what protects: an
 * HMAC-SHA-256 over key and token under a key derived from the cluster's secret. In an open cluster that key follows from the cluster's
 * name, and the MAC is only a longer checksum: whoever can read this file can forge a context there. Tokens are not encrypted.
 */
import { concatBytes, equalBytes, fromBase64Url } from '../bytes.ts'
import type { CausalContext } from './causal-context.ts'
import { emptyContext, withBoundedDots } from './causal-context.ts'
import { encodeUtf8, Reader, Writer } from '../codec.ts'
import { readContext, writeContext } from './context-codec.ts'
import { crc32 } from '../crc32.ts'
import { isStoreError, StoreError } from '../errors.ts'
import { hmacSha256, hmacSha256With } from '../hash.ts'
import { contextDotsMax, contextTokenBytesMax } from '../limits.ts'

const VERSION = 1
const HEAD_BYTES = 9
const MAC_BYTES = 16
const CRC_BYTES = 4
const OVERHEAD_BYTES: number = HEAD_BYTES + MAC_BYTES + CRC_BYTES
const READ_AGAIN = 'Read again to get a fresh context.'

/** What seals the contexts of one cluster. Made once by {@link contextSeal}. */
export interface ContextSeal {
  readonly cluster: string
  /** Names cluster and secret, in 32 bits. */
  readonly tag: number
  readonly mac: (bytes: Uint8Array) => Uint8Array
}

/**
 * The seal of a cluster.
 *
 * @param secret the cluster's secret, shared by all its peers. @default none: an open cluster
 */
export function contextSeal(cluster: string, secret?: Uint8Array): ContextSeal {
  const label = encodeUtf8(`dynamesh context of ${secret === undefined ? 'open' : 'secret'} cluster ${cluster}`)
  const key = hmacSha256(secret ?? label, label)
  return { cluster, tag: crc32(hmacSha256(key, label)), mac: hmacSha256With(key) }
}

/**
 * Seals a context for `key`. Of more loose dots than the limit, the oldest are forgotten (`withBoundedDots`).
 *
 * @throws `ERR_CONTEXT_TOO_LARGE` when it has more actors than the limit allows
 */
export function sealContext(seal: ContextSeal, key: Uint8Array, context: CausalContext): Uint8Array {
  const out = new Writer(128)
  out.raw(VERSION_BYTES)
  out.uint32(seal.tag)
  out.uint32(crc32(key))
  writeContext(out, withBoundedDots(context, contextDotsMax))
  out.raw(macOf(seal, key, out.view()))
  out.uint32(crc32(out.view()))
  return out.finish()
}

/**
 * The context in a token (bytes or their base64url text); `undefined` and `null` mean "I have read nothing".
 *
 * @throws `ERR_CONTEXT_MALFORMED` when it was cut, altered or made up; `ERR_CONTEXT_FOREIGN` when it is of another key, cluster or format
 *   version; `ERR_CONTEXT_TOO_LARGE` when it exceeds the limits
 */
export function openContext(seal: ContextSeal, key: Uint8Array, token: Uint8Array | string | undefined | null): CausalContext {
  if (token === undefined || token === null) return emptyContext
  const body = intactBody(tokenBytes(token))
  if (body[0] !== VERSION) throw foreign(`format version ${body[0]} instead of ${VERSION}`)
  if (uint32At(body, 1) !== seal.tag) throw foreign('another cluster')
  if (uint32At(body, 5) !== crc32(key)) throw foreign('another key')
  const sealed = body.subarray(0, -MAC_BYTES)
  if (!equalBytes(body.subarray(-MAC_BYTES), macOf(seal, key, sealed))) throw malformed()
  return parsedContext(sealed)
}

const VERSION_BYTES: Uint8Array = Uint8Array.of(VERSION)

/** The key comes first, behind its length, so that no other split of the same bytes has the same MAC. */
function macOf(seal: ContextSeal, key: Uint8Array, sealed: Uint8Array): Uint8Array {
  const length = Uint8Array.of(key.length >>> 24, key.length >>> 16, key.length >>> 8, key.length)
  return seal.mac(concatBytes(length, key, sealed)).subarray(0, MAC_BYTES)
}

function tokenBytes(token: Uint8Array | string): Uint8Array {
  if (token.length > contextTokenBytesMax * 2) throw tooLarge()
  const bytes: unknown = typeof token === 'string' ? fromBase64Url(token) : token
  if (!(bytes instanceof Uint8Array)) throw malformed()
  if (bytes.length > contextTokenBytesMax) throw tooLarge()
  return bytes
}

/** The token without its CRC, which must be right. */
function intactBody(bytes: Uint8Array): Uint8Array {
  if (bytes.length < OVERHEAD_BYTES) throw malformed()
  const body = bytes.subarray(0, -CRC_BYTES)
  if (crc32(body) !== uint32At(bytes, body.length)) throw malformed()
  return body
}

/** The MAC was right, so what cannot be parsed was sealed by an implementation with other limits. */
function parsedContext(sealed: Uint8Array): CausalContext {
  try {
    return readContext(new Reader(sealed, HEAD_BYTES))
  } catch (error) {
    if (isStoreError(error) && error.code === 'ERR_CONTEXT_TOO_LARGE') throw error
    // A counter past 2^53 - 1 does not fit a varint of ours.
    if (isStoreError(error) && error.code === 'ERR_WIRE_BAD_VARINT') throw tooLarge(error)
    throw malformed(error)
  }
}

function uint32At(bytes: Uint8Array, offset: number): number {
  const byte = (index: number): number => bytes[offset + index] as number
  return ((byte(0) << 24) | (byte(1) << 16) | (byte(2) << 8) | byte(3)) >>> 0
}

function malformed(cause?: unknown): StoreError {
  return new StoreError(
    'ERR_CONTEXT_MALFORMED',
    `The context is not what a get or put returned: it was cut short, altered or made up. ${READ_AGAIN}`,
    { cause }
  )
}

function foreign(what: string): StoreError {
  return new StoreError('ERR_CONTEXT_FOREIGN', `The context is of ${what}. ${READ_AGAIN}`)
}

function tooLarge(cause?: unknown): StoreError {
  return new StoreError('ERR_CONTEXT_TOO_LARGE', `The context has more actors, dots or events than the limits allow. ${READ_AGAIN}`, {
    cause
  })
}
