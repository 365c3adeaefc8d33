/** A clock that only moves when it is told to. */
import type { Clock } from '../../src/ports/clock.ts'

export interface VirtualClock extends Clock {
  /** Moves on, waking what is due on the way in order, and lets promises settle after each. */
  advance(ms: number): Promise<void>
  /** Timers that are set. */
  readonly pending: number
}

export function virtualClock(startMs = 1_000_000): VirtualClock {
  let nowMs = startMs
  const timers = new Set<{ readonly atMs: number; readonly wake: () => void }>()
  const next = (untilMs: number): { readonly atMs: number; readonly wake: () => void } | undefined =>
    [...timers].filter(timer => timer.atMs <= untilMs).toSorted((a, b) => a.atMs - b.atMs)[0]
  return {
    monotonicMs: () => nowMs,
    wallMs: () => nowMs,
    schedule: (delayMs, wake) => {
      const timer = { atMs: nowMs + delayMs, wake }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    get pending() {
      return timers.size
    },
    advance: async ms => {
      const untilMs = nowMs + ms
      await settled()
      for (let timer = next(untilMs); timer !== undefined; timer = next(untilMs)) {
        timers.delete(timer)
        nowMs = timer.atMs
        timer.wake()
        await settled()
      }
      nowMs = untilMs
    }
  }
}

/** Lets everything that waits for promises alone go on. */
export function settled(): Promise<void> {
  return new Promise(resolve => void setImmediate(resolve))
}
