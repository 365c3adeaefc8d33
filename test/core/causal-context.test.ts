import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CausalContext } from '../../src/core/versions/causal-context.ts'
import {
  covers,
  descends,
  emptyContext,
  equalContexts,
  joinContexts,
  nextDot,
  withBoundedDots,
  withDot,
  withDots
} from '../../src/core/versions/causal-context.ts'
import type { Dot } from '../../src/core/versions/dot.ts'
import { compareDots, formatDot } from '../../src/core/versions/dot.ts'
import type { Actor, ReplicaId } from '../../src/core/identifiers.ts'
import { actorOf } from '../../src/core/identifiers.ts'
import { counterMax } from '../../src/core/limits.ts'

const actors: readonly Actor[] = [1, 2, 3].map(epoch => actorOf('00000000000000aa' as ReplicaId, epoch))
const [a, b] = actors as [Actor, Actor, Actor]
const dot = (actor: Actor, counter: number): Dot => ({ actor, counter })

const dots: fc.Arbitrary<readonly Dot[]> = fc.array(
  fc.record({ actor: fc.constantFrom(...actors), counter: fc.integer({ min: 1, max: 7 }) }),
  { maxLength: 20 }
)
const everyDot: readonly Dot[] = actors.flatMap(actor => Array.from({ length: 9 }, (_, index) => dot(actor, index + 1)))

/** What a context covers, as a dumb set. */
const covered = (context: CausalContext): readonly string[] => everyDot.filter(each => covers(context, each)).map(formatDot)
const union = (...sets: readonly (readonly Dot[])[]): readonly string[] =>
  everyDot.filter(each => sets.flat().some(held => compareDots(held, each) === 0)).map(formatDot)

describe('a causal context', () => {
  test('is a set of dots: it covers what was put in and nothing else, in whatever order', () => {
    fc.assert(
      fc.property(dots, held => {
        expect(covered(withDots(emptyContext, held))).toEqual(union(held))
        expect(withDots(emptyContext, held.toReversed())).toEqual(withDots(emptyContext, held))
      })
    )
  })

  test('joins like sets', () => {
    fc.assert(
      fc.property(dots, dots, (left, right) => {
        const [x, y] = [withDots(emptyContext, left), withDots(emptyContext, right)]
        expect(covered(joinContexts(x, y))).toEqual(union(left, right))
        expect(joinContexts(x, y)).toEqual(joinContexts(y, x))
        expect(joinContexts(x, y)).toEqual(withDots(x, right))
      })
    )
  })

  test('descends from another exactly when it covers all of it, and equals it exactly when both do', () => {
    fc.assert(
      fc.property(dots, dots, (left, right) => {
        const [x, y] = [withDots(emptyContext, left), withDots(emptyContext, right)]
        expect(descends(x, y)).toBe(covered(y).every(each => covered(x).includes(each)))
        expect(descends(joinContexts(x, y), x)).toBe(true)
        expect(equalContexts(x, y)).toBe(covered(x).join() === covered(y).join())
      }),
      { numRuns: 500 }
    )
  })

  test('has one form: loose dots lie behind a gap, all is sorted', () => {
    fc.assert(
      fc.property(dots, held => {
        const { vector, loose } = withDots(emptyContext, held)
        expect(loose.every(({ actor, counter }) => counter > (vector.get(actor) ?? 0) + 1)).toBe(true)
        expect(loose.toSorted(compareDots)).toEqual(loose)
        expect([...vector.keys()].toSorted()).toEqual([...vector.keys()])
      })
    )
  })

  test('folds loose dots in when the gap closes', () => {
    const gap = withDots(emptyContext, [dot(a, 1), dot(a, 3), dot(a, 4)])
    expect(gap.loose).toEqual([dot(a, 3), dot(a, 4)])
    expect(withDot(gap, dot(a, 2))).toEqual({ vector: new Map([[a, 4]]), loose: [] })
  })

  test('is returned itself when a join adds nothing', () => {
    const small = withDots(emptyContext, [dot(a, 1)])
    const large = withDots(small, [dot(b, 1), dot(b, 5)])
    expect(joinContexts(small, large)).toBe(large)
    expect(joinContexts(large, small)).toBe(large)
    expect(withDot(large, dot(b, 5))).toBe(large)
  })
})

describe('the next dot', () => {
  test('is past everything that any context covers of the actor', () => {
    expect(nextDot(a, emptyContext)).toEqual(dot(a, 1))
    expect(nextDot(a, withDots(emptyContext, [dot(a, 1), dot(b, 8)]), withDots(emptyContext, [dot(a, 5)]))).toEqual(dot(a, 6))
  })

  test('is refused where the counter is used up', () => {
    const forged = withDot(emptyContext, dot(a, counterMax))
    expect(() => nextDot(a, forged)).toThrow(expect.objectContaining({ code: 'ERR_CONTEXT_TOO_LARGE' }))
  })
})

describe('a context with bounded dots', () => {
  test('forgets the lowest counters and keeps its vector', () => {
    const context = withDots(emptyContext, [dot(a, 1), dot(a, 3), dot(a, 9), dot(b, 5), dot(b, 7)])
    expect(withBoundedDots(context, 2)).toEqual({ vector: new Map([[a, 1]]), loose: [dot(a, 9), dot(b, 7)] })
    expect(withBoundedDots(context, 4)).toBe(context)
  })
})
