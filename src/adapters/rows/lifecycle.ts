/**
 * Open, closed and in between: the part that every storage shares.
 *
 * Guarantees that a storage object is opened by one caller at a time, that closing waits for what is under way, and that closing
 * twice is fine.
 */
import { StoreError } from '../../core/errors.ts'

/** Tracks whether a storage may be used. */
export class Lifecycle {
  readonly #location: string
  #state: 'closed' | 'opening' | 'open' | 'closing' = 'closed'
  #settled: Promise<void> = Promise.resolve()

  constructor(location: string) {
    this.#location = location
  }

  /** Runs `start` and is open once it succeeded. Rejects with `ERR_STORE_LOCKED` unless closed. */
  async open(start: () => Promise<void>): Promise<void> {
    if (this.#state === 'closing') await this.#settled
    if (this.#state !== 'closed') throw lockedError(this.#location, 'it is already open through this object')
    this.#state = 'opening'
    const starting = start()
    this.#settled = starting.catch(() => undefined)
    try {
      await starting
      this.#state = 'open'
    } catch (error) {
      this.#state = 'closed'
      throw error
    }
  }

  /** Refuses new calls at once, then runs `finish`. Waits for an `open` under way first. */
  async close(finish: () => Promise<void>): Promise<void> {
    while (this.#state === 'opening') await this.#settled
    if (this.#state === 'open') {
      this.#state = 'closing'
      this.#settled = finish().finally(() => {
        this.#state = 'closed'
      })
    }
    await this.#settled
  }

  /** Throws `ERR_CLOSED` unless the storage is open. */
  assertOpen(): void {
    if (this.#state !== 'open') {
      throw new StoreError(
        'ERR_CLOSED',
        `The storage ${this.#location} is not open. Open it before use, and stop using it after close().`,
        {
          details: { location: this.#location }
        }
      )
    }
  }
}

/** The error of a second opener. */
export function lockedError(location: string, reason: string, cause?: unknown): StoreError {
  return new StoreError(
    'ERR_STORE_LOCKED',
    `The storage ${location} is in use: ${reason}. Close the other user first, or choose another storage.`,
    {
      details: { location },
      cause
    }
  )
}
