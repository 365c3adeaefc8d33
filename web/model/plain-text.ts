/**
 * Keys and values are bytes from strangers. Here they become pieces of text in which nothing is hidden: control characters,
 * zero-width characters and direction overrides are named instead of obeyed, and long texts are cut with their length told.
 */

export interface TextPiece {
  readonly text: string
  /** True for a name that stands for a character which cannot be seen. */
  readonly control: boolean
}

// Everything that has no visible form of its own: C0, DEL, C1, soft hyphen, zero-width and direction characters, BOM, tags, lone surrogates.
const hidden =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|\p{Surrogate}/gu

/** Splits `text` at characters that cannot be seen; with `lines`, line feeds and tabs stay as they are. */
export function textPieces(text: string, lines: boolean): readonly TextPiece[] {
  const pieces: TextPiece[] = []
  let end = 0
  for (const match of text.matchAll(hidden)) {
    if (lines && (match[0] === '\n' || match[0] === '\t')) continue
    if (match.index > end) pieces.push({ text: text.slice(end, match.index), control: false })
    pieces.push({ text: nameOfHidden(match[0]), control: true })
    end = match.index + match[0].length
  }
  if (end < text.length) pieces.push({ text: text.slice(end), control: false })
  return pieces
}

/** The first `lengthMax` characters, never half of a pair. */
export function cutText(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text
  const last = text.charCodeAt(lengthMax - 1)
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? lengthMax - 1 : lengthMax)
}

/** `bytes` as hexadecimal pairs, at most `bytesMax` of them. */
export function hexPreview(bytes: Uint8Array, bytesMax: number): string {
  const shown = Array.from(bytes.subarray(0, bytesMax), byte => byte.toString(16).padStart(2, '0')).join(' ')
  return bytes.length > bytesMax ? `${shown} …` : shown
}

/** A number of bytes for people. */
export function byteCount(bytes: number): string {
  if (bytes === 1) return '1 byte'
  if (bytes < 10_000) return `${bytes.toLocaleString('en')} bytes`
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(0)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}

function nameOfHidden(character: string): string {
  const code = character.codePointAt(0) ?? 0
  if (code < 0x20) return String.fromCodePoint(0x2400 + code)
  if (code === 0x7f) return '\u2421'
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
}
