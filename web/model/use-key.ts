/**
 * The open key: what was last read of it, and the requests a person makes on it.
 *
 * `watch` brings every change, but asks for as many replies as the peer's default. So the page also reads once with the R that was chosen, when a
 * key is opened and when the network is cut or back: a tab on its own can read what it stores. A reading always replaces the
 * former one as a whole: siblings and their context belong together.
 */
import type { GetResult, Peer, PutResult, SiblingInfo, ValueInput } from 'dynamesh'
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type { ErrorWords } from './error-words.ts'
import { errorWords } from './error-words.ts'
import type { KeyName } from './key-name.ts'

export interface Reading {
  readonly siblings: readonly SiblingInfo[]
  readonly context: Uint8Array
}

export interface Quorum {
  readonly r: number
  readonly w: number
  readonly sloppy: boolean
}

/** The last request and its end, for the result line. */
export type Outcome =
  | { readonly kind: 'get'; readonly tookMs: number; readonly result: GetResult }
  | { readonly kind: 'put'; readonly tookMs: number; readonly result: PutResult }
  | { readonly kind: 'delete'; readonly tookMs: number; readonly existed: boolean }
  | { readonly kind: 'error'; readonly tookMs: number; readonly verb: RequestVerb; readonly error: ErrorWords }

export type RequestVerb = 'get' | 'put' | 'delete'

export interface OpenKey {
  readonly reading: Reading | undefined
  /** Why there is no reading, once that is known. */
  readonly unreadable: ErrorWords | undefined
  readonly outcome: Outcome | undefined
  readonly pending: RequestVerb | undefined
  readonly get: () => Promise<void>
  /** True when the write was acknowledged. */
  readonly put: (value: ValueInput, context: Uint8Array | undefined) => Promise<boolean>
  readonly remove: (context: Uint8Array | undefined) => Promise<void>
}

/** Opens `key` at `peer` until another is opened. */
export function useKey(peer: Peer, key: KeyName, quorum: Quorum, isCut: boolean): OpenKey {
  const { reading, unreadable, setReading } = useReading(peer, key, quorum.r, isCut)
  const [outcome, setOutcome] = useState<Outcome>()
  const [pending, setPending] = useState<RequestVerb>()
  const current = useRef(key.id)
  current.current = key.id
  useEffect(() => setOutcome(undefined), [key.id])

  const request = useCallback(
    async (verb: RequestVerb, perform: () => Promise<Outcome>): Promise<boolean> => {
      const startedMs = performance.now()
      setPending(verb)
      const end = await perform().catch((error: unknown): Outcome => ({
        kind: 'error',
        verb,
        tookMs: performance.now() - startedMs,
        error: errorWords(error, verb !== 'get')
      }))
      if (current.current === key.id) setOutcome({ ...end, tookMs: performance.now() - startedMs })
      setPending(undefined)
      return end.kind !== 'error'
    },
    [key.id]
  )

  const refresh = async (): Promise<GetResult> => {
    const result = await peer.get(key.input, { r: quorum.r, sloppy: quorum.sloppy })
    if (current.current === key.id) setReading(result)
    return result
  }
  return {
    reading,
    unreadable,
    outcome,
    pending,
    get: async () => {
      await request('get', async () => ({ kind: 'get', tookMs: 0, result: await refresh() }))
    },
    put: (value, context) =>
      request('put', async () => {
        const result = await peer.put(key.input, context, value, { w: quorum.w, sloppy: quorum.sloppy })
        refresh().catch(() => undefined)
        return { kind: 'put', tookMs: 0, result }
      }),
    remove: async context => {
      await request('delete', async () => {
        const { existed } = await peer.delete(key.input, context, { w: quorum.w, sloppy: quorum.sloppy })
        refresh().catch(() => undefined)
        return { kind: 'delete', tookMs: 0, existed }
      })
    }
  }
}

interface HeldReading extends Pick<OpenKey, 'reading' | 'unreadable'> {
  readonly setReading: (reading: Reading) => void
}

function useReading(peer: Peer, key: KeyName, r: number, isCut: boolean): HeldReading {
  const [held, setHeld] = useState<{ readonly id: string; readonly reading?: Reading; readonly unreadable?: ErrorWords }>()
  const keep = useCallback((reading: Reading) => setHeld({ id: key.id, reading }), [key.id])
  useEffect(() => {
    const ended = new AbortController()
    void follow(peer, key, ended.signal, keep)
    return () => ended.abort()
  }, [peer, key.id])
  useEffect(() => {
    const ended = new AbortController()
    const { signal } = ended
    peer.get(key.input, { r, signal }).then(keep, (error: unknown) => {
      if (!signal.aborted) setHeld(former => (former?.id === key.id ? former : { id: key.id, unreadable: errorWords(error, false) }))
    })
    return () => ended.abort()
  }, [peer, key.id, r, isCut])
  const own = held?.id === key.id ? held : undefined
  return { reading: own?.reading, unreadable: own?.unreadable, setReading: keep }
}

async function follow(peer: Peer, key: KeyName, signal: AbortSignal, keep: (reading: Reading) => void): Promise<void> {
  try {
    for await (const change of peer.watch(key.input, { signal })) {
      if (signal.aborted) return
      keep(change)
    }
  } catch {
    // The watch ends with the view or with the peer; both are shown elsewhere.
  }
}
