/**
 * One request or answer on the control socket that carries a value: a JSON head with the small things, then bytes as they are.
 *
 * Layout: length of the head (4 bytes, big-endian), the head (UTF-8 JSON object), the bytes. A context can be larger than what
 * HTTP allows in a header, and base64 would cost a third more for values; hence not headers and not JSON alone.
 */
import { concatBytes } from '../../../core/bytes.ts'
import { StoreError } from '../../../core/errors.ts'
import { decodeUtf8 } from '../../terminal/escape.ts'

/** Longest head in bytes; a longer one is refused. */
export const headBytesMax: number = 4 * 1024 * 1024

/** A decoded frame; `bytes` is a view. */
export interface ControlFrame {
  readonly head: Readonly<Record<string, unknown>>
  readonly bytes: Uint8Array
}

export function encodeFrame(head: object, ...bytes: readonly Uint8Array[]): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(head))
  const prefix = new Uint8Array(4)
  new DataView(prefix.buffer).setUint32(0, json.length)
  return concatBytes(prefix, json, ...bytes)
}

export function decodeFrame(frame: Uint8Array): ControlFrame {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  const length = frame.length < 4 ? Number.POSITIVE_INFINITY : view.getUint32(0)
  if (length > Math.min(headBytesMax, frame.length - 4)) throw malformed('is cut short')
  return { head: parseHead(frame.subarray(4, 4 + length)), bytes: frame.subarray(4 + length) }
}

function parseHead(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const head: unknown = JSON.parse(decodeUtf8(bytes) ?? '')
    if (typeof head === 'object' && head !== null && !Array.isArray(head)) return head as Readonly<Record<string, unknown>>
  } catch {
    // Reported below, with the other ways of not being a head.
  }
  throw malformed('has no JSON object as its head')
}

function malformed(how: string): StoreError {
  return new StoreError('ERR_WIRE_MALFORMED', `A frame on the control socket ${how}; are both sides of the same version of dynamesh?`)
}
