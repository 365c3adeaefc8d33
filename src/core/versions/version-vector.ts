/**
 * A version vector: for every actor, how many of its writes are known, none left out (the paper, section 4.4, calls it a vector clock).
 *
 * `{ a: 3 }` stands for the write events a:1, a:2 and a:3. A set with holes needs loose dots besides: see `causal-context.ts`.
 * Vectors are never changed in place, and their actors are kept in ascending order, so that equal sets look equal.
 */
import type { Actor } from '../identifiers.ts'

/** Number of known writes by actor, in ascending order of actors; counters are 1 or more. */
export type VersionVector = ReadonlyMap<Actor, number>

/** The vector that knows nothing. */
export const emptyVector: VersionVector = new Map()

/** True when `a` knows every write that `b` knows. */
export function vectorDescends(a: VersionVector, b: VersionVector): boolean {
  if (a === b) return true
  if (a.size < b.size) return false
  for (const [actor, counter] of b) if ((a.get(actor) ?? 0) < counter) return false
  return true
}

/** The vector of all that `a` or `b` knows: `a` or `b` itself when one of them already knows it all. */
export function joinVectors(a: VersionVector, b: VersionVector): VersionVector {
  if (vectorDescends(a, b)) return a
  if (vectorDescends(b, a)) return b
  const joined = new Map(a)
  for (const [actor, counter] of b) if ((joined.get(actor) ?? 0) < counter) joined.set(actor, counter)
  return sortedVector(joined)
}

/** `vector` with the entry of one actor set to `counter`. */
export function vectorWith(vector: VersionVector, actor: Actor, counter: number): VersionVector {
  const changed = new Map(vector)
  changed.set(actor, counter)
  return vector.has(actor) ? changed : sortedVector(changed)
}

/** A vector of entries that come in any order. */
export function sortedVector(entries: Iterable<readonly [Actor, number]>): VersionVector {
  return new Map([...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
}
