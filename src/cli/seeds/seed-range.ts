/** Runs many seeds on all threads of a pool, until the range, the time, or the patience for failures is used up. */
import { addTotals, noTotals, type SimulationOptions, type SimulationTotals } from '../../entry/simulation.ts'
import type { ReportedRun } from './worker.ts'
import type { WorkerPool } from './worker-pool.ts'

export interface SeedRange {
  readonly first: number
  /** May be infinite. */
  readonly last: number
}

export interface SeedRangeOptions {
  readonly pool: WorkerPool
  readonly range: SeedRange
  /** What all runs have in common. */
  readonly common: Omit<SimulationOptions, 'seed'>
  /** No further seed is begun after this time of `performance.now()`. */
  readonly untilMs: number
  /** Failures after which no further seed is begun. */
  readonly failuresMax: number
  readonly signal: AbortSignal
  /** Called after every few seeds. */
  progress(soFar: SeedRangeResult): void
}

export interface SeedRangeResult {
  readonly totals: SimulationTotals
  readonly failures: readonly ReportedRun[]
  /** Runs that kept a trace. */
  readonly traced: readonly ReportedRun[]
}

/** Seeds of one job: few, so that all threads end at about the same time. */
const seedsPerJob = 5

export async function runSeeds(options: SeedRangeOptions): Promise<SeedRangeResult> {
  const { pool, range, common, untilMs, failuresMax, signal } = options
  let totals = noTotals
  const failures: ReportedRun[] = []
  const traced: ReportedRun[] = []
  let next = range.first
  const goesOn = (): boolean => next <= range.last && failures.length < failuresMax && performance.now() < untilMs && !signal.aborted
  const loop = async (): Promise<void> => {
    while (goesOn()) {
      const first = next
      next = Math.min(first + seedsPerJob, range.last + 1)
      const runs = Array.from({ length: next - first }, (_, index) => ({ ...common, seed: first + index }))
      const result = await pool.run({ type: 'run', runs })
      totals = addTotals(totals, result.totals)
      failures.push(...result.reported.filter(run => !run.result.ok))
      traced.push(...result.reported.filter(run => run.options.trace === true))
      options.progress({ totals, failures, traced })
    }
  }
  await Promise.all(Array.from({ length: pool.size }, loop))
  return { totals, failures: failures.sort((a, b) => Number(a.options.seed) - Number(b.options.seed)), traced }
}
