/**
 * The machine's own clocks and timers, in Node.js and in browsers.
 *
 * Timers may be late (or a millisecond early, where the platform counts in whole ones). A browser delays those of a hidden page to once a second and later once a minute: a peer in a tab uses
 * `workerClock` instead.
 */
import type { Clock } from '../../ports/clock.ts'

/** Longest delay of one timer of the platform; a longer one would fire at once. */
export const timerDelayMsMax = 0x7fff_ffff

/** The clock of this machine. */
export function systemClock(): Clock {
  return {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    schedule: (delayMs, wake) => scheduleInSteps(delayMs, wake)
  }
}

/** A timer for any delay, as a chain of the platform's timers where it is longer than one of them can be. */
function scheduleInSteps(delayMs: number, wake: () => void): () => void {
  let leftMs = Math.max(0, delayMs)
  let timer: ReturnType<typeof setTimeout>
  const step = (): void => {
    const stepMs = Math.min(leftMs, timerDelayMsMax)
    leftMs -= stepMs
    // Rounded up: platforms cut fractions off, which would wake too early.
    timer = setTimeout(leftMs > 0 ? step : wake, Math.ceil(stepMs))
  }
  step()
  return () => clearTimeout(timer)
}
