/**
 * A hybrid logical clock (Kulkarni et al. 2014): wall time that never runs backwards and never stands behind a time already seen.
 *
 * A time is one number: milliseconds since 1970 times 1024, plus a count within the millisecond. More than 1024 events in one
 * millisecond run into the next one, which needs no special case. It serves callers who ask for last-write-wins and people who look at siblings.
 * It never decides causality, and where clocks are wrong it is wrong by as much.
 */
import { clockDriftMsMax } from '../limits.ts'

const EVENTS_PER_MS = 1024
const WALL_MS_MAX = Math.floor(Number.MAX_SAFE_INTEGER / EVENTS_PER_MS) - clockDriftMsMax

/** The time of a new local event: past `previous`, and not before the wall clock's `wallMs`. */
export function nextHybridTime(previous: number, wallMs: number): number {
  return Math.max(previous + 1, fromWall(wallMs))
}

/**
 * The clock after another peer's time was seen: the next local event will come after it. A time further ahead of our wall
 * clock than `clockDriftMsMax` is ignored, so that one peer with a broken calendar cannot drag all others along.
 */
export function observeHybridTime(previous: number, remote: number, wallMs: number): number {
  const wall = fromWall(wallMs)
  const believed = remote <= wall + clockDriftMsMax * EVENTS_PER_MS ? remote : 0
  return Math.max(previous, believed, wall)
}

/** Milliseconds since 1970 of a hybrid time. */
export function wallTimeMs(time: number): number {
  return Math.floor(time / EVENTS_PER_MS)
}

/** Hybrid time of a wall clock reading; a reading that is no sensible time counts as the nearest one that is. */
function fromWall(wallMs: number): number {
  const sane = Number.isFinite(wallMs) ? Math.min(Math.max(Math.floor(wallMs), 0), WALL_MS_MAX) : 0
  return sane * EVENTS_PER_MS
}
