/**
 * A causal context: the set of write events that someone has seen, kept small.
 *
 * Nearly always it is a version vector. A caller who wrote without having read everything has seen one event without the events
 * before it; such events are *loose dots*. They are folded into the vector as soon as the gap closes, so a set has exactly one form:
 * two contexts cover the same events if and only if they look the same.
 *
 * A context does not say which value an event carried; that is what a record is for (`record.ts`).
 */
import type { Dot } from './dot.ts'
import { compareDots } from './dot.ts'
import { StoreError } from '../errors.ts'
import type { Actor } from '../identifiers.ts'
import { counterMax } from '../limits.ts'
import type { VersionVector } from './version-vector.ts'
import { emptyVector, joinVectors, vectorDescends, vectorWith } from './version-vector.ts'

/** A set of write events in its only form. */
export interface CausalContext {
  /** Every actor's events from 1 up to a counter, in ascending order of actors. */
  readonly vector: VersionVector
  /** Events behind a gap, in ascending order: each is at least two past its actor's entry in `vector`. */
  readonly loose: readonly Dot[]
}

const NO_DOTS: readonly Dot[] = []

/** The context of someone who has seen nothing. */
export const emptyContext: CausalContext = { vector: emptyVector, loose: NO_DOTS }

/** True when the event is in the context. */
export function covers(context: CausalContext, dot: Dot): boolean {
  if ((context.vector.get(dot.actor) ?? 0) >= dot.counter) return true
  return context.loose.length > 0 && hasDot(context.loose, dot)
}

/** True when `a` covers everything that `b` covers. */
export function descends(a: CausalContext, b: CausalContext): boolean {
  // An entry of `b` beyond that of `a` includes the very event whose absence keeps the dots of `a` loose, so vectors compare alone.
  return a === b || (vectorDescends(a.vector, b.vector) && b.loose.every(dot => covers(a, dot)))
}

/** True when both cover the same events. */
export function equalContexts(a: CausalContext, b: CausalContext): boolean {
  if (a === b) return true
  if (a.vector.size !== b.vector.size || a.loose.length !== b.loose.length) return false
  if (!a.loose.every((dot, index) => compareDots(dot, b.loose[index] as Dot) === 0)) return false
  for (const [actor, counter] of a.vector) if (b.vector.get(actor) !== counter) return false
  return true
}

/** The context of all that `a` or `b` covers: `a` or `b` itself when one of them already covers it all. */
export function joinContexts(a: CausalContext, b: CausalContext): CausalContext {
  if (descends(a, b)) return a
  if (descends(b, a)) return b
  const vector = joinVectors(a.vector, b.vector)
  if (a.loose.length === 0 && b.loose.length === 0) return { vector, loose: NO_DOTS }
  return normalised(vector, [...a.loose, ...b.loose].sort(compareDots))
}

/** `context` and one more event. */
export function withDot(context: CausalContext, dot: Dot): CausalContext {
  const known = context.vector.get(dot.actor) ?? 0
  if (dot.counter === known + 1 && context.loose.length === 0) {
    return { vector: vectorWith(context.vector, dot.actor, dot.counter), loose: NO_DOTS }
  }
  if (covers(context, dot)) return context
  return normalised(context.vector, [...context.loose, dot].sort(compareDots))
}

/** `context` and further events, in any order. */
export function withDots(context: CausalContext, dots: readonly Dot[]): CausalContext {
  return dots.reduce(withDot, context)
}

/**
 * The next event that `actor` may mint: past all that any of the contexts covers of it.
 *
 * @throws `ERR_CONTEXT_TOO_LARGE` when the actor has no counter left; only a forged context can bring that about.
 */
export function nextDot(actor: Actor, ...contexts: readonly CausalContext[]): Dot {
  let counter = 0
  for (const { vector, loose } of contexts) {
    counter = Math.max(counter, vector.get(actor) ?? 0)
    for (const dot of loose) if (dot.actor === actor) counter = Math.max(counter, dot.counter)
  }
  if (counter >= counterMax)
    throw new StoreError(
      'ERR_CONTEXT_TOO_LARGE',
      `A counter of this key's context has reached ${counterMax}; no further write can be numbered.`
    )
  return { actor, counter: counter + 1 }
}

/**
 * `context` with at most `dotsMax` loose dots: those with the lowest counters are forgotten first.
 *
 * Only for a context that is handed to a caller. A caller who never reads gathers a loose dot with every write that others
 * interleave with. Forgetting one is safe, as it turns "seen" into "not seen": at worst a replica that missed all later writes of
 * that caller shows an old value once more as a sibling.
 */
export function withBoundedDots(context: CausalContext, dotsMax: number): CausalContext {
  if (context.loose.length <= dotsMax) return context
  const newest = context.loose.toSorted((a, b) => b.counter - a.counter).slice(0, dotsMax)
  return { vector: context.vector, loose: newest.sort(compareDots) }
}

/** Folds loose dots (sorted, repetitions allowed) into the vector where they close a gap. */
function normalised(vector: VersionVector, sorted: readonly Dot[]): CausalContext {
  let folded = vector
  const loose: Dot[] = []
  for (const dot of sorted) {
    const known = folded.get(dot.actor) ?? 0
    if (dot.counter === known + 1) folded = vectorWith(folded, dot.actor, dot.counter)
    else if (dot.counter > known + 1 && !isLast(loose, dot)) loose.push(dot)
  }
  return { vector: folded, loose: loose.length === 0 ? NO_DOTS : loose }
}

function isLast(dots: readonly Dot[], dot: Dot): boolean {
  const last = dots[dots.length - 1]
  return last !== undefined && compareDots(last, dot) === 0
}

function hasDot(sorted: readonly Dot[], dot: Dot): boolean {
  let low = 0
  let high = sorted.length - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    const order = compareDots(sorted[middle] as Dot, dot)
    if (order === 0) return true
    if (order < 0) low = middle + 1
    else high = middle - 1
  }
  return false
}
