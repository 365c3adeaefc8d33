/** Whole clusters under faults: every seed is another cluster, other clients, other faults. */
import { describe, expect, test } from 'vitest'
import { faultKinds } from '../../src/simulation/fault-kinds.ts'
import { simulate, type SimulationOptions, type SimulationResult } from '../../src/simulation/simulate.ts'
import { failedSeeds } from './failed-seeds.ts'

/** Seeds and calls of clients of each; `SIMULATION_SEEDS=3000 SIMULATION_FROM=1 vitest run test/simulation` for a long run. */
const seeds = Number(process.env['SIMULATION_SEEDS'] ?? 300)
const firstSeed = Number(process.env['SIMULATION_FROM'] ?? 1)
const operations = Number(process.env['SIMULATION_OPERATIONS'] ?? 150)
const seedsPerTest = 50
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
  const fired: Record<string, number> = {}
  const outcomes: Record<string, number> = {}
  const groups = Array.from({ length: Math.ceil(seeds / seedsPerTest) }, (_, group) => firstSeed + group * seedsPerTest)

  test.each(groups)(
    'seeds from %i',
    from => {
      for (let seed = from; seed < Math.min(from + seedsPerTest, firstSeed + seeds); seed++) {
        const result = simulate({ seed, operations })
        expect(report({ seed, operations }, result)).toBe('')
        for (const [kind, times] of Object.entries(result.statistics.faults)) fired[kind] = (fired[kind] ?? 0) + times
        for (const [outcome, times] of Object.entries(result.statistics.outcomes)) outcomes[outcome] = (outcomes[outcome] ?? 0) + times
      }
    },
    timeoutMs
  )

  test.each([...faultKinds, 'lost', 'repeated', 'late'])('the fault %s happened', kind => {
    expect(fired[kind] ?? 0).toBeGreaterThan(0)
  })

  test('most calls succeeded, and each way to fail was seen', () => {
    const { 'put ok': put = 0, 'get ok': get = 0 } = outcomes
    expect(put + get).toBeGreaterThan(Object.values(outcomes).reduce((sum, times) => sum + times, 0) * 0.8)
    for (const way of ['put quorum', 'put crashed', 'put full', 'put failed', 'get quorum', 'get crashed']) {
      expect(outcomes[way] ?? 0, way).toBeGreaterThan(0)
    }
  })
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
