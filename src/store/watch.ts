/**
 * Follows one key: what this peer stores is seen at once, what only others store within a second, by asking.
 *
 * A slow reader loses no last state: while it is busy, changes are folded into the newest one. What was shown once is never taken
 * back by a replica that has not heard of it yet: each read is merged into what was shown before.
 */
import { equalContexts } from '../core/versions/causal-context.ts'
import { emptyRecord, isDeleted, mergeRecords, type StoredRecord } from '../core/versions/record.ts'
import type { Clock } from '../ports/clock.ts'
import type { WatchChange } from './api.ts'

/** How often others are asked. */
export const watchPollMs = 1000

export interface WatchParts {
  readonly clock: Clock
  readonly signal: AbortSignal | undefined
  /** What could be read of the key, `undefined` when nobody answered. */
  read(): Promise<StoredRecord | undefined>
  /** The record as the reader sees it. */
  change(record: StoredRecord): WatchChange
  /** Calls `changed` when this peer stored something new for the key; returns how to stop that. */
  subscribe(changed: () => void): () => void
  /** True once the peer is stopped. */
  isStopped(): boolean
}

/** The key's state now and after every change. Ends when the signal aborts, the peer stops, or the reader returns. */
export function watchKey(parts: WatchParts): AsyncIterableIterator<WatchChange> {
  const news = new News()
  let hasReturned = false
  const changes = follow(parts, news, () => hasReturned || parts.signal?.aborted === true || parts.isStopped())
  return {
    next: () => changes.next(),
    return: () => {
      hasReturned = true
      news.tell()
      return changes.return(undefined)
    },
    [Symbol.asyncIterator]() {
      return this
    }
  }
}

async function* follow(parts: WatchParts, news: News, hasEnded: () => boolean): AsyncGenerator<WatchChange, undefined, undefined> {
  const tell = (): void => news.tell()
  const unsubscribe = parts.subscribe(tell)
  parts.signal?.addEventListener('abort', tell, { once: true })
  let shown: StoredRecord | undefined
  try {
    while (!hasEnded()) {
      news.forget()
      const record = await readOnce(parts)
      if (hasEnded()) return undefined
      const merged = record === undefined ? shown : shown === undefined ? record : withNews(shown, record)
      if (merged !== undefined && (shown === undefined || isNews(shown, merged))) {
        shown = merged
        yield parts.change(merged)
      }
      await news.within(watchPollMs, parts.clock)
    }
    return undefined
  } finally {
    unsubscribe()
    parts.signal?.removeEventListener('abort', tell)
  }
}

/** A deleted key of which nothing is left anywhere starts anew. */
function withNews(shown: StoredRecord, record: StoredRecord): StoredRecord {
  return isDeleted(shown) && equalContexts(record.context, emptyRecord.context) ? emptyRecord : mergeRecords(shown, record)
}

function isNews(before: StoredRecord, after: StoredRecord): boolean {
  return dots(before) !== dots(after)
}

function dots({ siblings }: StoredRecord): string {
  return siblings.map(({ dot }) => `${dot.actor}:${dot.counter}`).join()
}

/** One read; a failed one is nothing new, the next may succeed. */
async function readOnce(parts: WatchParts): Promise<StoredRecord | undefined> {
  try {
    return await parts.read()
  } catch {
    return undefined
  }
}

/** Whether something happened since it was last looked at, and waiting for it. */
class News {
  #isThere = false
  #wake: () => void = () => undefined

  tell(): void {
    this.#isThere = true
    this.#wake()
  }

  forget(): void {
    this.#isThere = false
  }

  /** Resolves when there is news, after `patienceMs` at the latest. */
  async within(patienceMs: number, clock: Clock): Promise<void> {
    if (this.#isThere) return
    await new Promise<void>(resolve => {
      const cancel = clock.schedule(patienceMs, resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }
}
