/**
 * What IndexedDB throws, as typed errors that say what to do. Browsers agree on the names of a `DOMException`, not on its text.
 */
import { isStoreError, StoreError, type WriteOutcome } from '../../core/errors.ts'

/** Names under which a connection that the browser closed shows up in requests and transactions. */
const LOST: ReadonlySet<string> = new Set(['InvalidStateError', 'AbortError', 'UnknownError', 'TransactionInactiveError'])
/** Names under which a value that the browser cannot read back shows up. */
const UNREADABLE: ReadonlySet<string> = new Set(['NotReadableError', 'DataError', 'DataCloneError', 'EncodingError'])

/** True when opening the database again may help. */
export function isConnectionLost(error: unknown): boolean {
  return !isStoreError(error) && LOST.has(nameOf(error))
}

/** True when the browser has no room left for this origin. */
export function isQuotaExceeded(error: unknown): boolean {
  return nameOf(error) === 'QuotaExceededError'
}

/** The typed error for `error`, met while doing `action` on the database at `location`. */
export function indexedDbError(error: unknown, action: string, location: string, outcome: WriteOutcome = 'none'): StoreError {
  if (isStoreError(error)) return error
  const name = nameOf(error)
  const options = { details: { location, action, name }, cause: error }
  if (isQuotaExceeded(error)) {
    const message = `The browser has no room left for the storage ${location}. Delete something or free some space; nothing acknowledged is lost.`
    return new StoreError('ERR_QUOTA', message, options)
  }
  if (LOST.has(name)) {
    const message = `The browser closed its connection to the storage ${location}, and opening it again did not help. Reload the page.`
    return new StoreError('ERR_IDB_CONNECTION_LOST', message, { ...options, outcome })
  }
  return new StoreError('ERR_IO', `The storage ${location} failed on ${action} (${name}). Reload the page; nothing acknowledged is lost.`, {
    ...options,
    outcome
  })
}

/** The error of opening a database where the browser does not let us. */
export function unavailableError(location: string, cause: unknown): StoreError {
  if (isStoreError(cause)) return cause
  if (isQuotaExceeded(cause)) return indexedDbError(cause, 'open', location)
  const message =
    `IndexedDB is not available for the storage ${location} (${nameOf(cause)}): it is disabled, blocked for this frame, or missing. ` +
    `To run without keeping data, choose it explicitly: storage: 'memory'.`
  return new StoreError('ERR_IDB_UNAVAILABLE', message, { details: { location, name: nameOf(cause) }, cause })
}

/** The error of a row that is damaged or cannot be read back. */
export function damagedError(location: string, key: Uint8Array, cause?: unknown): StoreError {
  const message = `A row of the storage ${location} is damaged. Fetch it from another replica; it is kept aside when it is overwritten.`
  return new StoreError('ERR_RECORD_CORRUPT', message, { details: { location, key }, cause })
}

/** True when the browser could not read a value back. */
export function isUnreadable(error: unknown): boolean {
  return UNREADABLE.has(nameOf(error))
}

function nameOf(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : typeof error
}
