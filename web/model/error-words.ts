/**
 * Errors in plain words: what went wrong (the library's own message), what is known about the write, and what to do now.
 */
import type { WriteOutcome } from 'dynamesh'

export interface ErrorWords {
  readonly code: string
  readonly message: string
  /** What is known about the write, or `undefined` when the call was none. */
  readonly outcome: string | undefined
  readonly advice: string | undefined
}

const outcomes: Readonly<Record<WriteOutcome, string>> = {
  none: 'Nothing was written.',
  applied: 'The write was stored.',
  indeterminate: 'Nobody can say yet whether the write happened: it may still appear.'
}

const advice: ReadonlyMap<string, string> = new Map([
  [
    'ERR_WRITE_QUORUM',
    'Set W lower, allow a sloppy quorum, or wait until more peers can be reached. W=1 always works while this tab can write to its disk.'
  ],
  ['ERR_READ_QUORUM', 'Set R lower, or wait until more peers can be reached.'],
  ['ERR_CONTEXT_REQUIRED', 'Read the key first, then delete what you have read.'],
  ['ERR_STORE_LOCKED', 'As many tabs of this page are open as can have a database. Close one of them, then try again.'],
  ['ERR_STORE_VERSION', 'A newer version of this page wrote the database. Reload the page without its cache.'],
  [
    'ERR_IDB_UNAVAILABLE',
    'This browser does not give pages a database here (private window, or site data is blocked). Allow site data, or run in memory.'
  ],
  ['ERR_IDB_CONNECTION_LOST', 'The browser closed the database. Reload the page: what was acknowledged is still there.'],
  ['ERR_QUOTA', 'The disk space for this page is used up. Delete keys, or free space on the disk.'],
  ['ERR_CLUSTER_CONFIG_MISMATCH', 'This page and the cluster were set up differently. Reload the page from the server of that cluster.'],
  ['ERR_INSECURE_CONTEXT', 'Open the page over https:// or on http://localhost.'],
  ['ERR_OVERLOADED', 'Wait a moment and try again.'],
  ['ERR_INVITE', 'Open the page without the invite, or ask for a new link.']
])

/** Words for anything that was thrown. `isWrite` adds what is known about the write. */
export function errorWords(error: unknown, isWrite: boolean): ErrorWords {
  const {
    code = 'ERR_INTERNAL',
    message = String(error),
    outcome
  } = typeof error === 'object' && error !== null ? (error as ErrorLike) : {}
  const known = isWrite && outcome !== undefined ? outcomes[outcome] : undefined
  return { code, message, outcome: known, advice: advice.get(code) }
}

interface ErrorLike {
  readonly code?: string
  readonly message?: string
  readonly outcome?: WriteOutcome
}
