/** The machine's own clocks and timers. */
import type { Clock } from '../ports/clock.ts'

/** Longest delay that timers take; a longer wait is cut, and its waker looks at the time again. */
const timerMsMax = 0x7fff_ffff

/** A clock on `performance.now()`, `Date.now()` and `setTimeout`. */
export function systemClock(): Clock {
  return {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    schedule: (delayMs, wake) => {
      const timer = setTimeout(wake, Math.min(Math.max(delayMs, 0), timerMsMax))
      return () => clearTimeout(timer)
    }
  }
}
