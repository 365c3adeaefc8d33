/** A peer's leaving, as those see it who asked for it: it happens once, and each of them may stop waiting without stopping it. */
import { StoreError } from '../core/errors.ts'
import type { PeerEventEmitter } from './peer-events.ts'

/** A leaving under way. */
export interface Departure {
  /** Resolves when the peer has left. Rejects with `ERR_ABORTED` when the signal ends the wait, `ERR_CLOSED` when the peer stops before. */
  left(signal: AbortSignal | undefined): Promise<void>
  /** The peer stops. */
  close(): void
}

/** Begins to leave. */
export function departureOf(events: PeerEventEmitter, begin: (failed: (error: StoreError) => void) => void): Departure {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  // Whoever waits is told; nobody has to.
  promise.catch(() => undefined)
  const over = new AbortController()
  void promise.finally(() => over.abort()).catch(() => undefined)
  events.addEventListener('member:left', event => (event.detail.self ? resolve() : undefined), { signal: over.signal })
  begin(reject)
  return {
    left: signal => (signal === undefined ? promise : unlessAborted(promise, signal)),
    close: () => reject(new StoreError('ERR_CLOSED', 'The peer was stopped before it had left; started again, it is a member as before.'))
  }
}

async function unlessAborted(left: Promise<void>, signal: AbortSignal): Promise<void> {
  const over = new AbortController()
  const aborted = new Promise<never>((_resolve, reject) => {
    const message = 'The wait was interrupted; the peer goes on giving its copies away while it runs.'
    const onAbort = (): void => reject(new StoreError('ERR_ABORTED', message, { cause: signal.reason }))
    signal.addEventListener('abort', onAbort, { once: true, signal: over.signal })
  })
  try {
    await Promise.race([left, aborted])
  } finally {
    over.abort()
  }
}
