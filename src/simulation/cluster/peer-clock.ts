/** The clock of one peer: its monotonic time may run fast or slow, its wall time may be anything. */
import type { Instant } from '../../protocol/instant.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Milliseconds since 1970 at the start of every simulation. */
const EPOCH_MS = 1_700_000_000_000

export class PeerClock {
  readonly #time: VirtualTime
  /** A moment of true time and what this clock showed then; from there it runs at its rate. */
  #trueMs = 0
  #shownMs = 0
  #ratePerMille = 1000
  /** Added to the wall time. */
  wallSkewMs: number

  constructor(time: VirtualTime, wallSkewMs: number) {
    this.#time = time
    this.wallSkewMs = wallSkewMs
  }

  /** Milliseconds that this clock counts while 1,000 pass. */
  get ratePerMille(): number {
    return this.#ratePerMille
  }

  set ratePerMille(rate: number) {
    this.#shownMs = this.#monotonicMs()
    this.#trueMs = this.#time.nowMs
    this.#ratePerMille = rate
  }

  now(): Instant {
    const ms = this.#monotonicMs()
    return { ms, wallMs: Math.floor(EPOCH_MS + ms + this.wallSkewMs) }
  }

  /** True time until this clock shows `deadlineMs`, a moment more rather than less: a timer that fires too early would fire again at once. */
  trueMsUntil(deadlineMs: number): number {
    if (this.#isTrue()) return deadlineMs - this.#time.nowMs
    return ((deadlineMs - this.#monotonicMs()) * 1000) / this.#ratePerMille + 0.001
  }

  /** True for a clock that has never run at another rate. */
  #isTrue(): boolean {
    return this.#ratePerMille === 1000 && this.#trueMs === this.#shownMs
  }

  #monotonicMs(): number {
    if (this.#isTrue()) return this.#time.nowMs
    return this.#shownMs + ((this.#time.nowMs - this.#trueMs) * this.#ratePerMille) / 1000
  }
}

/** A delay that ends at a multiple of the timers' grain; 0 for any time. */
export function throttled(nowMs: number, delayMs: number, grainMs: number): number {
  const atMs = nowMs + Math.max(delayMs, 0)
  return (grainMs === 0 ? atMs : Math.ceil(atMs / grainMs) * grainMs) - nowMs
}
