/**
 * Whole clusters under faults: every seed is another cluster, other clients, other faults. A few of them here; `run.ts` beside this file runs
 * thousands on all cores.
 */
import { describe, expect, test } from 'vitest'
import { simulate, type SimulationOptions, type SimulationResult } from '../../src/simulation/run/simulate.ts'
import { failedSeeds } from './failed-seeds.ts'

/** Seeds and calls of clients of each. */
const seeds = 100
const operations = 150
const seedsPerTest = 25
const timeoutMs = 120_000

/** What went wrong, how to see it again, and the end of the trace. */
function report(options: SimulationOptions, result: SimulationResult): string {
  if (result.ok) return ''
  const { trace } = simulate({ ...options, trace: true })
  return [`seed ${options.seed} failed`, ...result.problems, '', result.replay, '', ...trace.slice(-60)].join('\n')
}

describe('every seed that ever failed', () => {
  test.each(failedSeeds)('$seed: $found', ({ found: _found, ...options }) => {
    expect(report(options, simulate(options))).toBe('')
  })
})

describe('under faults no acknowledged write is lost, no sibling is false, and everything converges', () => {
  const groups = Array.from({ length: seeds / seedsPerTest }, (_, group) => 1 + group * seedsPerTest)

  test.each(groups)(
    'seeds from %i',
    from => {
      for (let seed = from; seed < from + seedsPerTest; seed++)
        expect(report({ seed, operations }, simulate({ seed, operations }))).toBe('')
    },
    timeoutMs
  )
})

describe('a run is decided by its seed', () => {
  test.each([1, 2, 3])('the same seed gives the same trace: %i', seed => {
    const once = simulate({ seed, operations: 60, trace: true })
    const again = simulate({ seed, operations: 60, trace: true })
    expect(once.trace.length).toBeGreaterThan(100)
    expect(again.trace).toEqual(once.trace)
    expect(again.fingerprint).toBe(once.fingerprint)
    expect(again.statistics).toEqual(once.statistics)
  })

  test('keeping a trace changes nothing', () => {
    const { statistics } = simulate({ seed: 4, operations: 60 })
    expect(simulate({ seed: 4, operations: 60, trace: true }).statistics).toEqual(statistics)
  })

  test('another seed gives another trace', () => {
    const fingerprints = [1, 2, 3, 4].map(seed => simulate({ seed, operations: 30, trace: true }).fingerprint)
    expect(new Set(fingerprints).size).toBe(4)
  })
})
