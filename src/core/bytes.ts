/**
 * Byte strings: comparison, joining and the two text forms (hexadecimal, base64url).
 *
 * `core` is compiled without DOM or Node.js types, so `TextEncoder`, `Buffer` and `atob` do not exist here.
 */

const HEX_BYTES: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Compares two byte strings lexicographically; negative, zero or positive like a sort callback. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    const difference = (a[index] as number) - (b[index] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** True when both byte strings have the same length and bytes. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0
}

/** Joins byte strings into a new one. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

/** Lower-case hexadecimal text of `bytes`. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX_BYTES[byte]
  return text
}

/** Bytes of a hexadecimal text (either case), or `undefined` when the text is not hexadecimal. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) return undefined
  const bytes = new Uint8Array(text.length / 2)
  for (let index = 0; index < bytes.length; index++) bytes[index] = Number.parseInt(text.slice(index * 2, index * 2 + 2), 16)
  return bytes
}

/** Base64url text (RFC 4648 section 5) without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  let text = ''
  for (let index = 0; index < bytes.length; index += 3) {
    const group = ((bytes[index] as number) << 16) | ((bytes[index + 1] ?? 0) << 8) | (bytes[index + 2] ?? 0)
    const characters = Math.min(bytes.length - index, 3) + 1
    for (let position = 0; position < characters; position++) text += BASE64URL[(group >> (18 - 6 * position)) & 63]
  }
  return text
}

/** Bytes of an unpadded base64url text, or `undefined` when it is not canonical base64url. */
export function fromBase64Url(text: string): Uint8Array | undefined {
  if (text.length % 4 === 1) return undefined
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4))
  let bits = 0
  let pending = 0
  let offset = 0
  for (const character of text) {
    const digit = BASE64URL.indexOf(character)
    if (digit < 0) return undefined
    pending = ((pending << 6) | digit) & 0xffff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      bytes[offset++] = (pending >> bits) & 0xff
    }
  }
  const leftover = pending & ((1 << bits) - 1)
  return leftover === 0 ? bytes : undefined
}

/** A text with one UTF-16 unit per byte: a cheap map key for a byte string, of no other meaning. */
export function toMapKey(bytes: Uint8Array): string {
  let text = ''
  for (let index = 0; index < bytes.length; index++) text += String.fromCharCode(bytes[index] as number)
  return text
}
