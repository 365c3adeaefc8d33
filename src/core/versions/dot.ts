/**
 * A dot names one write event: the `counter`-th write of an actor (Preguiça et al. 2012).
 *
 * Because an actor is one replica's copy of one key from birth to loss (`identifiers.ts`), nobody else can mint the same dot,
 * and a replica that forgot what it had written cannot mint it twice. A dot says nothing about what its writer had seen: that is
 * what a causal context is for.
 */
import type { Actor } from '../identifiers.ts'

/** One write event. */
export interface Dot {
  readonly actor: Actor
  /** 1 for the actor's first write, at most `counterMax`. */
  readonly counter: number
}

/** Orders dots by actor, then by counter; negative, zero or positive like a sort callback. The order means nothing causally. */
export function compareDots(a: Dot, b: Dot): number {
  if (a.actor === b.actor) return a.counter - b.counter
  return a.actor < b.actor ? -1 : 1
}

/** Text of a dot for people and traces: `actor:counter`. */
export function formatDot(dot: Dot): string {
  return `${dot.actor}:${dot.counter}`
}
