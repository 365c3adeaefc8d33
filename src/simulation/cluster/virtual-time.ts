/**
 * Time that passes only when somebody asks for it: a queue of events, and a clock that jumps from one to the next.
 *
 * Events of the same moment happen in the order in which they were scheduled, so a run is decided by its seed alone. An hour of
 * waiting costs nothing.
 */
import { assert } from '../../core/errors.ts'

/** Events within one moment; past it the run would never end, and stops with an error instead. */
const eventsPerMomentMax = 200_000

export class VirtualTime {
  /** A binary heap in three plain arrays: most of its work is to compare times, which then lie side by side. */
  readonly #times: number[] = []
  readonly #orders: number[] = []
  readonly #acts: (() => void)[] = []
  #nowMs = 0
  #scheduled = 0
  #happened = 0
  #inThisMoment = 0

  /** Milliseconds since the run began. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Events that have happened. */
  get happened(): number {
    return this.#happened
  }

  /** Events that wait for their time. */
  get waiting(): number {
    return this.#times.length
  }

  /** Lets `act` happen after `delayMs`; after all else of this moment when that is 0. */
  after(delayMs: number, act: () => void): void {
    this.#push(this.#nowMs + Math.max(delayMs, 0), this.#scheduled, act)
    this.#scheduled += 1
  }

  /** Lets the next event happen; false when there is none. */
  step(): boolean {
    const atMs = this.#times[0]
    if (atMs === undefined) return false
    const act = this.#acts[0] as () => void
    this.#removeFirst()
    this.#inThisMoment = atMs === this.#nowMs ? this.#inThisMoment + 1 : 0
    assert(this.#inThisMoment < eventsPerMomentMax, 'time stands still: one event leads to the next within the same moment')
    this.#nowMs = atMs
    this.#happened += 1
    act()
    return true
  }

  /** Lets everything happen that is due within `forMs`. */
  run(forMs: number): void {
    const untilMs = this.#nowMs + forMs
    while ((this.#times[0] ?? Number.POSITIVE_INFINITY) <= untilMs) this.step()
    this.#nowMs = untilMs
  }

  /** Goes on until `condition` holds, for `withinMs` at most; true when it came to hold. */
  runUntil(condition: () => boolean, withinMs: number): boolean {
    const untilMs = this.#nowMs + withinMs
    while (!condition()) {
      if ((this.#times[0] ?? Number.POSITIVE_INFINITY) > untilMs) {
        this.#nowMs = untilMs
        return condition()
      }
      this.step()
    }
    return true
  }

  #push(atMs: number, order: number, act: () => void): void {
    const times = this.#times
    let index = times.length
    // The newest event is behind all others of its moment.
    while (index > 0) {
      const parent = (index - 1) >> 1
      if ((times[parent] as number) <= atMs) break
      this.#move(parent, index)
      index = parent
    }
    this.#put(index, atMs, order, act)
  }

  #removeFirst(): void {
    const times = this.#times
    const atMs = times.pop() as number
    const order = this.#orders.pop() as number
    const act = this.#acts.pop() as () => void
    const { length } = times
    if (length === 0) return
    let index = 0
    for (let child = 1; child < length; child = index * 2 + 1) {
      if (child + 1 < length && this.#isBefore(child + 1, times[child] as number, this.#orders[child] as number)) child++
      if (!this.#isBefore(child, atMs, order)) break
      this.#move(child, index)
      index = child
    }
    this.#put(index, atMs, order, act)
  }

  #isBefore(index: number, atMs: number, order: number): boolean {
    const time = this.#times[index] as number
    return time < atMs || (time === atMs && (this.#orders[index] as number) < order)
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from] as number, this.#orders[from] as number, this.#acts[from] as () => void)
  }

  #put(index: number, atMs: number, order: number, act: () => void): void {
    this.#times[index] = atMs
    this.#orders[index] = order
    this.#acts[index] = act
  }
}
