/** Head starts: a heavy peer's load follows its weight, and equal peers never notice. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { headStarts } from '../../src/core/ring/head-start.ts'
import { createRing } from '../../src/core/ring/ring.ts'
import { loads, options, peers } from './ring-fixtures.ts'

const apart = (count: number): number[] => Array.from({ length: count }, (_, peer) => peer)
const ofWeights = (weights: readonly number[], zones = apart(weights.length), owners = 3): number[] =>
  headStarts({ partitions: 1024, owners: Math.min(owners, weights.length), weights, zones })

describe('a head start', () => {
  test('is nobody’s among equal peers, whatever their weight', () => {
    for (const weight of [1, 4, 64]) expect(ofWeights([weight, weight, weight, weight])).toEqual([1, 1, 1, 1])
  })

  test('is a heavy peer’s, and the more the heavier it is', () => {
    const [light = 0, heavier = 0, heaviest = 0] = ofWeights([1, 4, 8, ...apart(40).map(() => 1)])
    expect(light).toBe(1)
    expect(heavier).toBeLessThan(1)
    expect(heaviest).toBeLessThan(heavier)
  })

  test('is none where a partition has one owner: the nearest is nearest as often as its weight says', () => {
    for (const start of ofWeights([1, 1, 1, 4], apart(4), 1)) expect(start).toBeCloseTo(1, 2)
  })

  test('is none for a peer that shares its zone', () => {
    expect(ofWeights([1, 1, 1, 4, 1], [0, 1, 2, 3, 3])).toEqual([1, 1, 1, 1, 1])
  })

  test('is above 0 and at most 1 for all weights and sizes, in exact 4,096ths', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 60 })
    const partitions = fc.integer({ min: 3, max: 16 }).map(bits => 2 ** bits)
    fc.assert(
      fc.property(weights, partitions, fc.integer({ min: 1, max: 16 }), (given, count, owners) => {
        const starts = headStarts({ partitions: count, owners: Math.min(owners, given.length), weights: given, zones: apart(given.length) })
        for (const start of starts) {
          expect(start).toBeGreaterThan(0)
          expect(start).toBeLessThanOrEqual(1)
          expect(Number.isInteger(start * 4096)).toBe(true)
        }
      }),
      { numRuns: 50 }
    )
  })
})

test.each([
  [12, 1, 4],
  [30, 1, 4],
  [30, 1, 16],
  [6, 3, 4],
  [20, 5, 2]
])('among %i peers of weight 1, %i of a greater weight, %i, have their share within 4 %% on the mean', (light, heavy, weight) => {
  const fair = Math.min(1024, (3 * 1024 * weight) / (light + heavy * weight))
  const seeds = ['red', 'green', 'blue', 'cyan', 'pink', 'grey']
  const owned = seeds.flatMap(seed => {
    const ring = createRing(
      peers(light + heavy, seed, index => (index < heavy ? { weight } : {})),
      options
    )
    return loads(ring).filter((_, index) => ring.members[index]?.weight === weight)
  })
  expect(Math.abs(owned.reduce((sum, load) => sum + load, 0) / owned.length / fair - 1)).toBeLessThanOrEqual(0.04)
})
