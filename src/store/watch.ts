/**
 * Follows one key: what this peer stores is seen at once, what only others store within a second, by asking.
 *
 * A slow reader loses no last state: while it is busy, changes are folded into the newest one.
 */
import type { Clock } from '../ports/clock.ts'
import type { GetResult, WatchChange } from './api.ts'

/** How often others are asked. */
export const watchPollMs = 1000

export interface WatchParts {
  readonly key: Uint8Array
  readonly clock: Clock
  readonly signal: AbortSignal | undefined
  /** Reads the key; rejects while no quorum answers. */
  read(): Promise<GetResult>
  /** Calls `changed` when this peer stored something new for the key; returns how to stop that. */
  subscribe(changed: () => void): () => void
  /** True once the peer is stopped. */
  isStopped(): boolean
}

/** The key's state now and after every change. Ends when the signal aborts or the peer stops. */
export async function* watchKey(parts: WatchParts): AsyncGenerator<WatchChange, void, undefined> {
  let wakeUp: () => void = () => undefined
  let hasNews = true
  const nudge = (): void => {
    hasNews = true
    wakeUp()
  }
  const unsubscribe = parts.subscribe(nudge)
  parts.signal?.addEventListener('abort', nudge, { once: true })
  let seen: string | undefined
  try {
    while (!ended(parts)) {
      hasNews = false
      const change = await readOnce(parts)
      if (ended(parts)) return
      const state = change === undefined ? seen : fingerprint(change)
      if (change !== undefined && state !== seen) {
        seen = state
        yield { key: parts.key.slice(), values: change.values, siblings: change.siblings, context: change.context }
      }
      if (!hasNews) await new Promise<void>(resolve => sleepUntilNews(parts.clock, resolve, wake => (wakeUp = wake)))
    }
  } finally {
    unsubscribe()
    parts.signal?.removeEventListener('abort', nudge)
  }
}

function ended({ signal, isStopped }: WatchParts): boolean {
  return signal?.aborted === true || isStopped()
}

/** One read; a failed one is nothing new, the next may succeed. */
async function readOnce(parts: WatchParts): Promise<GetResult | undefined> {
  try {
    return await parts.read()
  } catch {
    return undefined
  }
}

function sleepUntilNews(clock: Clock, resolve: () => void, onWake: (wake: () => void) => void): void {
  const cancel = clock.schedule(watchPollMs, resolve)
  onWake(() => {
    cancel()
    resolve()
  })
}

function fingerprint({ siblings }: GetResult): string {
  return siblings.map(({ dot }) => dot).join()
}
