/**
 * One opener per origin and name, by the Web Locks API: the browser gives the lock back when a tab is closed, reloaded or crashes.
 */
import { StoreError } from '../core/errors.ts'
import { lockedError } from './lifecycle.ts'

/** How long a new opener waits: a page that is being reloaded may hold its lock a little longer. */
const LOCK_WAIT_MS = 1000

/** Takes the lock `name` and returns what gives it back. Rejects with `ERR_STORE_LOCKED` when somebody keeps it. */
export async function holdWebLock(name: string, location: string): Promise<() => void> {
  const { locks } = navigator
  if (locks === undefined) {
    const message = `The storage ${location} needs a secure context: serve the page over https, or from localhost.`
    throw new StoreError('ERR_INSECURE_CONTEXT', message, { details: { location } })
  }
  return new Promise((resolve, reject) => {
    const hold = (): Promise<void> => new Promise(release => resolve(release))
    // Rejects after it was granted only when somebody steals the lock; the epoch that each commit checks notices that.
    locks.request(name, { signal: AbortSignal.timeout(LOCK_WAIT_MS) }, hold).catch((error: unknown) => {
      reject(lockedError(location, 'another tab, or another peer in this tab, has it open', error))
    })
  })
}
