/**
 * Whether deletes are forgotten in a run, and what follows from that for its faults and its clients.
 *
 * The usual grace of a day is longer than any run. Where deletes are to be forgotten it is a minute or two, and all else must keep its proportion
 * to it: in `reaping` runs no fault lasts nearly as long, so nothing may ever come back; in `outliving` runs peers are away for longer than
 * it lasts, and come back with what was deleted meanwhile.
 */
import { tombstoneGraceMsDefault } from '../../core/limits.ts'
import type { Prng } from '../../core/prng.ts'
import { linkFaultKinds, damagingKinds, type FaultKind } from '../faults/fault-kinds.ts'
import type { WorkloadProfile } from './workload.ts'

export type Forgetting = 'never' | 'reaping' | 'outliving'

/** Grace of `reaping` runs, and the longest pause of their clients, so that they last longer than that. */
const reapingGraceMs = 90_000
const reapingThinkMs = 4000
/** In `outliving` runs the calls of clients are spread over so many graces: time to be away, to come back and to be away again. */
const outlivedGraces = 4
const outlivingDeletesPerCent = 30

/** Faults that end long before the grace does, and leave clocks as they are: more is not promised. */
const shorterThanGrace: ReadonlySet<FaultKind> = new Set<FaultKind>([
  ...linkFaultKinds,
  'crash',
  'crash-mid-step',
  'crash-loop',
  'slow-disk',
  'disk-error-once',
  'join',
  'leave',
  'mixed-configuration'
])

/** Draws what a run does that repairs by all ways; other runs forget nothing. */
export function drawForgetting(random: Prng): Forgetting {
  if (random.fork('reaping').below(6) === 0) return 'reaping'
  return random.fork('outlives').below(8) === 0 ? 'outliving' : 'never'
}

/** Orders to forget of a thousand that are lost beside all others: where many are, one owner has forgotten long before the next. */
export function drawOrderLoss(random: Prng, forgetting: Forgetting): number {
  return forgetting === 'never' || random.below(2) === 0 ? 0 : random.below(700)
}

/** Age at which deletes are forgotten. */
export function drawGrace(random: Prng, forgetting: Forgetting): number {
  if (forgetting === 'never') return tombstoneGraceMsDefault
  return forgetting === 'reaping' ? reapingGraceMs : 60_000 + random.below(40_000)
}

/**
 * True for a fault that may happen. Where peers outlive the grace, the promise holds as far as clocks agree and timers are on time; and what a
 * damaged disk has lost others may have discarded.
 */
export function isBearable(forgetting: Forgetting, kind: FaultKind): boolean {
  if (forgetting === 'reaping') return shorterThanGrace.has(kind)
  if (forgetting === 'never') return kind !== 'long-absence'
  return !damagingKinds.includes(kind) && !kind.startsWith('clock-') && kind !== 'throttled-timers'
}

/** Clients that act slowly enough, and delete enough. */
export function forgettingWorkload(workload: WorkloadProfile, forgetting: Forgetting, graceMs: number): WorkloadProfile {
  if (forgetting === 'never') return workload
  if (forgetting === 'reaping') return { ...workload, thinkMs: reapingThinkMs }
  const { clients, keys, operations } = workload
  // A client's pause is half of the longest on average.
  const thinkMs = Math.ceil((2 * outlivedGraces * graceMs * clients) / Math.max(operations, 1))
  return { ...workload, keys: keys * 3, deletesPerCent: outlivingDeletesPerCent, thinkMs }
}

/** Mean pause between two faults, usually `drawnMs`: where peers are away for long, a new absence begins about once in a grace. */
export function faultPause(drawnMs: number, forgetting: Forgetting, graceMs: number, kinds: readonly FaultKind[]): number {
  return forgetting === 'outliving' ? Math.max(drawnMs * 6, Math.ceil(graceMs / Math.max(kinds.length, 1))) : drawnMs
}
