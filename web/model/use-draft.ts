/**
 * The text being edited, with the context of what its author had seen.
 *
 * An untouched draft follows what is stored. Once touched it keeps its text *and its context*: if others write meanwhile, saving
 * makes a sibling instead of silently erasing what the author never saw. That is the whole point of contexts.
 */
import { useEffect, useState } from 'preact/hooks'
import { unionOfLines } from './merge-lines.ts'
import type { Reading } from './use-key.ts'

/** Longest value that is put into the editor. */
export const editableBytesMax = 64 * 1024

export interface Draft {
  readonly text: string
  readonly context: Uint8Array | undefined
  /** Versions that saving replaces. */
  readonly replaces: number
  readonly isTouched: boolean
  /** True when the key changed after the draft was begun. */
  readonly isBehind: boolean
  readonly edit: (text: string) => void
  /** Drops the draft and follows what is stored. */
  readonly reset: () => void
  /** Keeps the text but takes over the newest context: saving then replaces everything that is shown. */
  readonly catchUp: () => void
}

interface Touched {
  readonly keyId: string
  readonly text: string
  readonly base: Reading | undefined
}

/** The draft for the open key. */
export function useDraft(keyId: string, reading: Reading | undefined): Draft {
  const [touched, setTouched] = useState<Touched>()
  useEffect(() => setTouched(undefined), [keyId])
  const own = touched?.keyId === keyId ? touched : undefined
  const base = own === undefined ? reading : own.base
  return {
    text: own?.text ?? storedText(reading),
    context: base?.context,
    replaces: base?.siblings.length ?? 0,
    isTouched: own !== undefined,
    isBehind: own !== undefined && dotsOf(own.base) !== dotsOf(reading),
    edit: text => setTouched({ keyId, text, base }),
    reset: () => setTouched(undefined),
    catchUp: () => own !== undefined && setTouched({ ...own, base: reading })
  }
}

/** What an untouched editor shows: the value, or the union of the siblings' lines. */
export function storedText(reading: Reading | undefined): string {
  const texts = (reading?.siblings ?? [])
    .filter(sibling => (sibling.value?.length ?? 0) <= editableBytesMax)
    .map(sibling => sibling.text ?? '')
  return texts.length === 1 ? (texts[0] ?? '') : unionOfLines(texts)
}

function dotsOf(reading: Reading | undefined): string {
  return (reading?.siblings ?? [])
    .map(sibling => sibling.dot)
    .sort()
    .join(' ')
}
