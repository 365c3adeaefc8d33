/**
 * The text being edited, with the context of what its author had seen.
 *
 * An untouched draft follows what is stored. Once touched it keeps its text *and its context*: if others write meanwhile, saving
 * makes a sibling instead of silently erasing what the author never saw. That is the whole point of contexts.
 */
import type { PutResult } from 'dynamesh'
import { useState } from 'preact/hooks'
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
  /** `text` was stored. What was typed since then stays, on top of it. */
  readonly saved: (text: string, result: PutResult) => void
}

/** What the author had seen: which write events, and their context. */
interface Base {
  readonly dots: readonly string[]
  readonly context: Uint8Array | undefined
}

interface Touched {
  readonly keyId: string
  readonly text: string
  readonly base: Base
}

/** The draft for the open key. */
export function useDraft(keyId: string, reading: Reading | undefined): Draft {
  const [touched, setTouched] = useState<Touched>()
  const stored: Base = { dots: (reading?.siblings ?? []).map(sibling => sibling.dot), context: reading?.context }
  const own = touched?.keyId === keyId ? touched : undefined
  const base = own?.base ?? stored
  const change = (next: (former: Touched) => Touched | undefined): void => {
    setTouched(former => (former?.keyId === keyId ? next(former) : former))
  }
  return {
    text: own?.text ?? storedText(reading),
    context: base.context,
    replaces: base.dots.length,
    isTouched: own !== undefined,
    isBehind: own !== undefined && !haveSame(own.base.dots, stored.dots),
    edit: text => setTouched({ keyId, text, base }),
    reset: () => change(() => undefined),
    catchUp: () => change(former => ({ ...former, base: stored })),
    saved: (text, { dot, context }) => change(former => (former.text === text ? undefined : { ...former, base: { dots: [dot], context } }))
  }
}

/** What an untouched editor shows: the value, or the union of the siblings' lines. */
function storedText(reading: Reading | undefined): string {
  const editable = (reading?.siblings ?? []).filter(sibling => (sibling.value?.length ?? 0) <= editableBytesMax)
  const texts = editable.map(sibling => sibling.text ?? '')
  return texts.length === 1 ? (texts[0] ?? '') : unionOfLines(texts)
}

function haveSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every(dot => others.includes(dot))
}
