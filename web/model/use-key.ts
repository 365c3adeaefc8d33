/**
 * The open key: what was last read of it, and the requests a person makes on it.
 *
 * `watch` brings every change, but asks for as many replies as the peer's default. So the page also reads once with the R that was
 * chosen, when a key is opened and when the network is cut or back: a tab on its own can read what it stores. A reading always
 * replaces the former one as a whole: siblings and their context belong together.
 */
import type { GetResult, Peer, PutResult, SiblingInfo, ValueInput } from 'dynamesh'
import { useCallback, useEffect, useState } from 'preact/hooks'
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

/** What came of the last request, for the result line. */
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
  /** The result, or `undefined` when the write was not acknowledged. */
  readonly put: (value: ValueInput, context: Uint8Array | undefined) => Promise<PutResult | undefined>
  readonly remove: (context: Uint8Array | undefined) => Promise<void>
}

/** State that belongs to one key and is forgotten when another is opened. */
type OfKey<Part> = Part & { readonly keyId: string }

/** Opens `key` at `peer` until another is opened. */
export function useKey(peer: Peer, key: KeyName, quorum: Quorum, isCut: boolean): OpenKey {
  const { reading, unreadable, setReading } = useReading(peer, key, quorum.r, isCut)
  const [ended, setEnded] = useState<OfKey<{ readonly outcome: Outcome }>>()
  const [pending, setPending] = useState<RequestVerb>()

  /** Performs a request and shows what came of it; answers its result, or `undefined` for an error. */
  const request = async <Result>(verb: RequestVerb, perform: () => Promise<Result>, told: (result: Result, tookMs: number) => Outcome) => {
    const startedMs = performance.now()
    const tookMs = (): number => performance.now() - startedMs
    setPending(verb)
    try {
      const result = await perform()
      setEnded({ keyId: key.id, outcome: told(result, tookMs()) })
      return result
    } catch (error) {
      setEnded({ keyId: key.id, outcome: { kind: 'error', verb, tookMs: tookMs(), error: errorWords(error, verb !== 'get') } })
      return undefined
    } finally {
      setPending(undefined)
    }
  }
  const read = async (): Promise<GetResult> => {
    const result = await peer.get(key.input, { r: quorum.r, sloppy: quorum.sloppy })
    setReading(result)
    return result
  }
  /** Shows what the write left; `watch` would do so too, a little later. */
  const reread = (): void => void read().catch(() => undefined)
  const { w, sloppy } = quorum
  return {
    reading,
    unreadable,
    outcome: ended?.keyId === key.id ? ended.outcome : undefined,
    pending,
    get: async () => {
      await request('get', read, (result, tookMs) => ({ kind: 'get', tookMs, result }))
    },
    put: async (value, context) => {
      const put = (): Promise<PutResult> => peer.put(key.input, context, value, { w, sloppy })
      const result = await request('put', put, (result, tookMs) => ({ kind: 'put', tookMs, result }))
      reread()
      return result
    },
    remove: async context => {
      const remove = () => peer.delete(key.input, context, { w, sloppy })
      await request('delete', remove, ({ existed }, tookMs) => ({ kind: 'delete', tookMs, existed }))
      reread()
    }
  }
}

interface HeldReading extends Pick<OpenKey, 'reading' | 'unreadable'> {
  readonly setReading: (reading: Reading) => void
}

function useReading(peer: Peer, key: KeyName, r: number, isCut: boolean): HeldReading {
  const [held, setHeld] = useState<OfKey<{ readonly reading?: Reading; readonly unreadable?: ErrorWords }>>()
  const { id: keyId } = key
  const keep = useCallback((reading: Reading) => setHeld({ keyId, reading }), [keyId])
  useEffect(() => {
    const ended = new AbortController()
    void follow(peer, key, ended.signal, keep)
    return () => ended.abort()
  }, [peer, keyId])
  useEffect(() => {
    const ended = new AbortController()
    const { signal } = ended
    peer.get(key.input, { r, signal }).then(keep, (error: unknown) => {
      if (!signal.aborted) setHeld(former => (former?.keyId === keyId ? former : { keyId, unreadable: errorWords(error, false) }))
    })
    return () => ended.abort()
  }, [peer, keyId, r, isCut])
  const own = held?.keyId === keyId ? held : undefined
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
