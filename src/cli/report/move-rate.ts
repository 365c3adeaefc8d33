/**
 * How fast something gets done, and how long the rest will take at that rate: from what was seen lately, so that a slow start does not count for ever.
 * A guess, and shown as one: what is left may turn out to be more.
 */

/** What was done at a time. */
interface Sample {
  readonly atMs: number
  readonly done: number
}

/** How far back the rate looks. */
const windowMs = 10_000
/** Shorter times say nothing about a rate. */
const shortestMs = 500

export class MoveRate {
  #samples: Sample[] = []

  /** `done` of it was done at `atMs`. When it is less than before, something new has begun. */
  saw(atMs: number, done: number): void {
    if (done < (this.#samples.at(-1)?.done ?? 0)) this.#samples = []
    this.#samples.push({ atMs, done })
    while (this.#samples.length > 2 && (this.#samples[1]?.atMs ?? atMs) <= atMs - windowMs) this.#samples.shift()
  }

  /** Done per second, lately; `undefined` while that cannot be said. */
  get perSecond(): number | undefined {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)]
    if (first === undefined || last === undefined || last.atMs - first.atMs < shortestMs) return undefined
    return ((last.done - first.done) * 1000) / (last.atMs - first.atMs)
  }

  /** Milliseconds that `left` will take at this rate; `undefined` when nothing gets done, or it cannot be said. */
  leftMs(left: number): number | undefined {
    const { perSecond } = this
    if (left <= 0) return 0
    return perSecond === undefined || perSecond <= 0 ? undefined : (left * 1000) / perSecond
  }
}
