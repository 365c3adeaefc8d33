/** The key that is open: as the library takes it, and as text for people. */
import type { KeyInput } from 'dynamesh'

export interface KeyName {
  readonly input: KeyInput
  /** Tells keys apart: the text itself, or hexadecimal for bytes that are no text. */
  readonly id: string
  readonly text: string
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The name of a key typed by a person. */
export function keyOfText(text: string): KeyName {
  return { input: text, id: `t:${text}`, text }
}

/** The name of a key that is stored. */
export function keyOfBytes(key: Uint8Array): KeyName {
  try {
    return keyOfText(utf8.decode(key))
  } catch {
    const text = Array.from(key, byte => byte.toString(16).padStart(2, '0')).join(' ')
    return { input: key, id: `b:${text}`, text }
  }
}
