/**
 * Gives the space of dropped copies back to the disk: a log-structured engine keeps deleted rows until it merges them away, which it may never do in
 * parts of the storage that nobody writes to.
 *
 * After many rows were dropped, and none for a while, the storage is asked to rewrite itself, a stretch at a time. Between two stretches it rests
 * three times as long as the last one took, so that requests have the disk for most of the time. What is cut short is done with the next drop.
 */
import { reclaimAfterRows, reclaimStretchRows } from '../core/limits.ts'
import type { Clock } from '../ports/clock.ts'
import type { Storage } from '../ports/storage.ts'

/** Time without a further drop after which it begins. */
const quietMs = 5000
/** Rest between two stretches, by the time that a stretch took. */
const restShare = 3

export class SpaceReclaimer {
  readonly #storage: Pick<Storage, 'reclaim'>
  readonly #clock: Clock
  /** Called when all was rewritten. */
  readonly #done: () => void
  #dropped = 0
  #isRunning = false
  #cancel: () => void = () => undefined

  constructor(storage: Pick<Storage, 'reclaim'>, clock: Clock, done: () => void) {
    this.#storage = storage
    this.#clock = clock
    this.#done = done
  }

  /** A row was deleted that will not be written again soon. */
  dropped(): void {
    if (this.#storage.reclaim === undefined) return
    this.#dropped += 1
    if (this.#dropped < reclaimAfterRows || this.#isRunning || this.#dropped % reclaimAfterRows > 0) return
    this.#cancel()
    this.#cancel = this.#clock.schedule(quietMs, () => void this.#run())
  }

  stop(): void {
    this.#cancel()
  }

  /** One stretch after the other. A storage that is closed meanwhile, or fails, is left as it is. */
  async #run(after?: Uint8Array): Promise<void> {
    this.#isRunning = true
    if (after === undefined) this.#dropped = 0
    const sinceMs = this.#clock.monotonicMs()
    try {
      const next = await this.#storage.reclaim?.(after, reclaimStretchRows)
      if (next === undefined) return this.#end()
      const restMs = (this.#clock.monotonicMs() - sinceMs) * restShare
      this.#cancel = this.#clock.schedule(restMs, () => void this.#run(next))
    } catch {
      this.#isRunning = false
    }
  }

  #end(): void {
    this.#isRunning = false
    this.#done()
  }
}
