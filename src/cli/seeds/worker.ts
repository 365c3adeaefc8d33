/** A thread that runs simulations for `worker-pool.ts`: ranges of seeds, and the shrinking of one that failed. */
import { parentPort } from 'node:worker_threads'
import {
  addTotals,
  noTotals,
  shrink,
  simulate,
  totalsOf,
  type SimulationOptions,
  type SimulationResult,
  type SimulationTotals
} from '../../entry/simulation.ts'

/** What a worker is asked to do. */
export type Job =
  | { readonly type: 'run'; readonly runs: readonly SimulationOptions[] }
  | { readonly type: 'shrink'; readonly options: SimulationOptions; readonly runsMax: number }

/** A run that is reported by itself. */
export interface ReportedRun {
  readonly options: SimulationOptions
  readonly result: SimulationResult
}

export interface JobResult {
  readonly totals: SimulationTotals
  /** Runs that failed, and those that kept a trace. */
  readonly reported: readonly ReportedRun[]
}

/** Does a job in this thread. */
export function work(job: Job): JobResult {
  return job.type === 'run' ? runAll(job.runs) : shrinkOne(job.options, job.runsMax)
}

function runAll(runs: readonly SimulationOptions[]): JobResult {
  let totals = noTotals
  const reported: ReportedRun[] = []
  for (const options of runs) {
    const result = simulate(options)
    totals = addTotals(totals, totalsOf(result))
    if (!result.ok || options.trace === true) reported.push({ options, result })
  }
  return { totals, reported }
}

function shrinkOne(options: SimulationOptions, runsMax: number): JobResult {
  const small = shrink(options, simulate(options), { runsMax }).options
  return { totals: noTotals, reported: [{ options: small, result: simulate({ ...small, trace: true }) }] }
}

parentPort?.on('message', (job: Job) => parentPort?.postMessage(work(job)))
