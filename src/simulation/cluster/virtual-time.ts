/**
 * Time that passes only when somebody asks for it: a queue of events, and a clock that jumps from one to the next.
 *
 * Events of the same moment happen in the order in which they were scheduled, so a run is decided by its seed alone. An hour of
 * waiting costs nothing.
 */
import { assert } from '../../core/errors.ts'

interface ScheduledEvent {
  readonly atMs: number
  readonly order: number
  readonly act: () => void
}

/** Events within one moment; past it the run would never end, and stops with an error instead. */
const eventsPerMomentMax = 200_000

export class VirtualTime {
  readonly #heap: ScheduledEvent[] = []
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
    return this.#heap.length
  }

  /** Lets `act` happen after `delayMs`; after all else of this moment when that is 0. */
  after(delayMs: number, act: () => void): void {
    this.#push({ atMs: this.#nowMs + Math.max(delayMs, 0), order: this.#scheduled, act })
    this.#scheduled += 1
  }

  /** Lets the next event happen; false when there is none. */
  step(): boolean {
    const event = this.#pop()
    if (event === undefined) return false
    this.#inThisMoment = event.atMs === this.#nowMs ? this.#inThisMoment + 1 : 0
    assert(this.#inThisMoment < eventsPerMomentMax, 'time stands still: one event leads to the next within the same moment')
    this.#nowMs = event.atMs
    this.#happened += 1
    event.act()
    return true
  }

  /** Lets everything happen that is due within `forMs`. */
  run(forMs: number): void {
    const untilMs = this.#nowMs + forMs
    while ((this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY) <= untilMs) this.step()
    this.#nowMs = untilMs
  }

  /** Goes on until `condition` holds, for `withinMs` at most; true when it came to hold. */
  runUntil(condition: () => boolean, withinMs: number): boolean {
    const untilMs = this.#nowMs + withinMs
    while (!condition()) {
      if ((this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY) > untilMs) {
        this.#nowMs = untilMs
        return condition()
      }
      this.step()
    }
    return true
  }

  #push(event: ScheduledEvent): void {
    const heap = this.#heap
    let index = heap.length
    heap.push(event)
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent]
      if (above === undefined || isBefore(above, event)) break
      heap[index] = above
      index = parent
    }
    heap[index] = event
  }

  #pop(): ScheduledEvent | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let index = 0
    for (;;) {
      const left = index * 2 + 1
      const right = heap[left + 1]
      const smaller = right !== undefined && isBefore(right, heap[left] as ScheduledEvent) ? left + 1 : left
      const below = heap[smaller]
      if (below === undefined || isBefore(last, below)) break
      heap[index] = below
      index = smaller
    }
    heap[index] = last
    return first
  }
}

function isBefore(a: ScheduledEvent, b: ScheduledEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
