/** Sums over many runs: what they did, which faults happened, how calls ended. Plain data, so that workers can send it. */
import { consequences, faultKinds, messageFaults } from '../faults/fault-kinds.ts'
import type { SimulationResult } from './simulate.ts'

export interface SimulationTotals {
  readonly seeds: number
  readonly events: number
  readonly messages: number
  readonly virtualMs: number
  readonly repeatedShown: number
  /** How often each kind of fault happened; kinds that never did are here with 0. */
  readonly faults: Readonly<Record<string, number>>
  /** How calls of clients ended, e.g. `put ok`. */
  readonly outcomes: Readonly<Record<string, number>>
}

/** Sums of no run. */
export const noTotals: SimulationTotals = {
  seeds: 0,
  events: 0,
  messages: 0,
  virtualMs: 0,
  repeatedShown: 0,
  faults: Object.fromEntries([...faultKinds, ...messageFaults, ...consequences].map(kind => [kind, 0])),
  outcomes: {}
}

/** The sums of one run. */
export function totalsOf({ statistics }: SimulationResult): SimulationTotals {
  return { ...statistics, seeds: 1 }
}

export function addTotals(a: SimulationTotals, b: SimulationTotals): SimulationTotals {
  return {
    seeds: a.seeds + b.seeds,
    events: a.events + b.events,
    messages: a.messages + b.messages,
    virtualMs: a.virtualMs + b.virtualMs,
    repeatedShown: a.repeatedShown + b.repeatedShown,
    faults: addCounts(a.faults, b.faults),
    outcomes: addCounts(a.outcomes, b.outcomes)
  }
}

/** Kinds of faults that never happened. */
export function neverHappened({ faults }: SimulationTotals): readonly string[] {
  return Object.keys(faults).filter(kind => faults[kind] === 0)
}

function addCounts(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const sums = { ...a }
  for (const [name, count] of Object.entries(b)) sums[name] = (sums[name] ?? 0) + count
  return sums
}
