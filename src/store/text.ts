/** UTF-8 by the platform's own coder, and texts for people. */
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** UTF-8 bytes of a well-formed text. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/** Text of valid UTF-8, or `undefined`. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** Number of UTF-8 bytes of a text, counted without making them. */
export function utf8Bytes(text: string): number {
  let bytes = text.length
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    // Each half of a surrogate pair is one unit and stands for two of the pair's four bytes.
    if (unit >= 0x800 && (unit < 0xd800 || unit > 0xdfff)) bytes += 2
    else if (unit >= 0x80) bytes += 1
  }
  return bytes
}

/** Names the kind of a value without calling anything that belongs to it. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (value === undefined) return 'undefined'
  if (typeof value === 'object') return isArray(value) ? 'an array' : 'an object'
  return typeof value === 'function' ? 'a function' : `a ${typeof value}`
}

/** What an error says, whatever was thrown. */
export function reasonOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : typeof error === 'string' ? error : `${kindOf(error)} was thrown`
  } catch {
    return 'something unreadable was thrown'
  }
}

function isArray(value: object): boolean {
  try {
    return Array.isArray(value)
  } catch {
    // A revoked proxy.
    return false
  }
}
