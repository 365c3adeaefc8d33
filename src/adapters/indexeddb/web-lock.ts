/**
 * One opener per origin and name, by the Web Locks API: the browser gives the lock back when a tab is closed, reloaded or crashes.
 */
import { StoreError } from '../../core/errors.ts'
import { lockedError } from '../rows/lifecycle.ts'

/**
 * Takes the lock `name` and returns what gives it back. Rejects with `ERR_STORE_LOCKED` when somebody keeps it for `waitMs`; 0 does not
 * wait at all.
 */
export async function holdWebLock(name: string, location: string, waitMs: number): Promise<() => void> {
  const { locks } = navigator
  if (locks === undefined) {
    const message = `The storage ${location} needs a secure context: serve the page over https, or from localhost.`
    throw new StoreError('ERR_INSECURE_CONTEXT', message, { details: { location } })
  }
  return new Promise((resolve, reject) => {
    const refuse = (cause?: unknown): void => reject(lockedError(location, 'another tab, or another peer in this tab, has it open', cause))
    const hold = async (lock: Lock | null): Promise<void> => {
      if (lock === null) refuse()
      else await new Promise<void>(release => resolve(release))
    }
    const options: LockOptions = waitMs > 0 ? { signal: AbortSignal.timeout(waitMs) } : { ifAvailable: true }
    // Rejects after it was granted only when somebody steals the lock; the epoch that each commit checks notices that.
    locks.request(name, options, hold).catch(refuse)
  })
}
