/**
 * Text that cannot harm a terminal. Keys, values, names and messages come from other peers; a control character in one of
 * them could move the cursor, change the window title, or (a right-to-left override) make a key look like another. All that
 * is printed passes through {@link printable}; only raw values that were asked for as bytes do not.
 */
import { toHex } from '../../core/bytes.ts'

/** Control, format (bidirectional overrides, zero width), lone surrogate, and line or paragraph separator characters. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
const UNSAFE_BUT_NEWLINE = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
const NEEDS_QUOTES = /^$|^["\s]|^hex:|\s$|[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** `text` with every unsafe character as a JSON escape, line ends included. */
export function printable(text: string): string {
  return text.replace(UNSAFE, escapeCharacter)
}

/** Like {@link printable}, for text of our own making that has several lines. */
export function printableLines(text: string): string {
  return text.replace(UNSAFE_BUT_NEWLINE, escapeCharacter)
}

/** A key for people: plain text as it is, other text as a JSON string, bytes that are no UTF-8 as `hex:…`. */
export function keyText(key: Uint8Array): string {
  const text = decodeUtf8(key)
  if (text === undefined) return `hex:${toHex(key)}`
  return NEEDS_QUOTES.test(text) ? printable(JSON.stringify(text)) : text
}

/** The text of `bytes`, or `undefined` when they are not valid UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** JSON of plain data that is safe to print and still the same JSON. */
export function printableJson(value: unknown, indent?: number): string {
  return printableLines(JSON.stringify(value, undefined, indent))
}

function escapeCharacter(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\t') return '\\t'
  if (character === '\r') return '\\r'
  let escaped = ''
  for (let unit = 0; unit < character.length; unit++) escaped += `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`
  return escaped
}
