/** When which kind of harm is done, for how long: drawn from a seed, each kind at least once. */
import type { Prng } from '../../src/core/prng.ts'
import { faultKinds, type FaultKind } from './faults.ts'

export interface PlannedFault {
  readonly kind: FaultKind
  readonly atMs: number
  readonly lastsMs: number
}

/** At most one disk is lost in a run with W = 2: two of them are more than it promises to survive, until the first is whole again. */
const once: ReadonlySet<FaultKind> = new Set(['wipe'])
/** Time before the first fault, and share of the run after which none begins. */
const marginMs = 2000
const lastShare = 0.92

/** `count` faults within `durationMs`, in order of their times. */
export function faultSchedule(kinds: readonly FaultKind[], count: number, durationMs: number, random: Prng): readonly PlannedFault[] {
  const repeatable = kinds.filter(kind => !once.has(kind))
  const more = Array.from({ length: Math.max(0, count - kinds.length) }, () => repeatable[random.below(repeatable.length)] ?? 'kill')
  const bag = [...kinds, ...more].map(kind => ({ kind, order: random.uint32() })).toSorted((a, b) => a.order - b.order)
  const spanMs = Math.max(0, durationMs * lastShare - marginMs)
  return bag.map(({ kind }, index) => {
    const [least, most] = faultKinds[kind].lastsMs
    const atMs = marginMs + ((index + random.fraction()) * spanMs) / bag.length
    return { kind, atMs, lastsMs: least + random.below(most - least + 1) }
  })
}
