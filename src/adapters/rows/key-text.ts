/**
 * Byte strings as keys of a `Map`: one UTF-16 unit per byte, so that texts compare as the bytes do.
 */

type NativeText = (this: Uint8Array, start: number, end: number) => string

/** Node.js has it natively, several times faster than a loop. */
const nativeText = (globalThis as { readonly Buffer?: { readonly prototype: { readonly latin1Slice: NativeText } } }).Buffer?.prototype
  .latin1Slice

/** A text that is equal exactly for equal bytes and sorts like them. */
export function keyText(bytes: Uint8Array): string {
  return nativeText === undefined ? textByByte(bytes) : nativeText.call(bytes, 0, bytes.length)
}

function textByByte(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

/** The bytes of a {@link keyText}. */
export function keyBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index)
  return bytes
}

/** The first byte string behind all that start with `prefix`, or `undefined` when there is none (all bytes 0xff). */
export function prefixEnd(prefix: Uint8Array): Uint8Array | undefined {
  let length = prefix.length
  while (length > 0 && prefix[length - 1] === 0xff) length--
  if (length === 0) return undefined
  const end = new Uint8Array(prefix.subarray(0, length))
  end[length - 1] = (end[length - 1] as number) + 1
  return end
}
