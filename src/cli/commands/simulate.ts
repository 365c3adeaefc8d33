/** `dynamesh simulate`: whole clusters under virtual time, with faults decided by a seed and everything checked. */
import { availableParallelism } from 'node:os'
import process from 'node:process'
import { StoreError } from '../../core/errors.ts'
import { faultKinds } from '../../entry/simulation.ts'
import type { Command, Invocation } from '../invocation/command.ts'
import { printableJson } from '../terminal/escape.ts'
import { exitCode, interruptedCode } from '../outcome/exit-code.ts'
import { invocationText } from '../invocation/invocation-text.ts'
import { commonFlags } from '../invocation/shared-flags.ts'
import { operationsDefault, planOf, seedsDefault, type Plan } from '../seeds/plan.ts'
import { progressText, reportJson, reportText } from '../seeds/report.ts'
import { runSeeds, type SeedRangeResult } from '../seeds/seed-range.ts'
import type { ReportedRun } from '../seeds/worker.ts'
import { WorkerPool } from '../seeds/worker-pool.ts'
import type { Terminal } from '../terminal/terminal.ts'

/** Failures after which a range ends: the first few say what there is to say. */
const failuresMax = 5
const shrinkRunsMax = 800
const progressEveryMs = 2000

export const simulateCommand: Command = {
  name: 'simulate',
  summary: 'Run whole clusters under virtual time and faults.',
  description: [
    'A seed decides everything: the cluster, its clients, and every fault of networks, disks, clocks and peers. It is checked all along that nothing acknowledged is lost and no conflict is invented, and at the end that all replicas are equal. The same seed gives the same run, event by event.',
    'A seed that fails is made small: with fewer calls, fewer peers and only the faults that it takes. Its story is printed with the command that shows it again, and the exit code is 70.'
  ],
  arguments: [],
  flags: {
    seed: { kind: 'integer', value: 'SEED', min: 0, help: 'Run this one.' },
    seeds: {
      kind: 'text',
      value: 'A..B',
      help: `Run all from A to B, on all cores. Default: ${seedsDefault.first}..${seedsDefault.last}.`
    },
    hours: { kind: 'text', value: 'HOURS', help: 'Run seed after seed for this time, like 1 or 0.25; from the A of --seeds on.' },
    peers: { kind: 'integer', value: 'COUNT', min: 1, max: 50, help: 'Peers at the start. Default: drawn from the seed, 1 to 7.' },
    ops: { kind: 'integer', value: 'COUNT', min: 0, help: `Calls of clients in each run. Default: ${operationsDefault}.` },
    faults: {
      kind: 'text',
      value: 'KINDS',
      help: `Kinds of faults, with commas, or none. Default: drawn from the seed, of: ${faultKinds.join(', ')}.`
    },
    only: {
      kind: 'text',
      value: 'LIST',
      help: 'Of the faults drawn, let only these happen: numbers of the schedule, and lost, repeated, late for messages.'
    },
    trace: { kind: 'switch', help: 'Print what happens, line by line. With --seed.' },
    'no-shrink': { kind: 'switch', help: 'Do not make failing runs small.' },
    workers: { kind: 'integer', value: 'COUNT', min: 1, max: 256, help: 'Threads. Default: one for each core.' },
    ...commonFlags
  },
  examples: [
    ['dynamesh simulate --seeds 1..3000', 'many clusters, on all cores'],
    ['dynamesh simulate --seed 42 --peers 7 --ops 300 --trace', 'one of them, line by line'],
    ['dynamesh simulate --hours 1 --seeds 10000..', 'as many as an hour allows'],
    ['dynamesh simulate --seeds 1..500 --faults crash,partition-halves,disk-loss', 'some kinds of faults only']
  ],
  run: async (invocation, terminal) => {
    const plan = planOf(invocation)
    const pool = new WorkerPool(
      invocation.number('workers') ?? Math.min(availableParallelism(), Math.max(1, plan.range.last - plan.range.first + 1))
    )
    const interrupt = (): void => void pool.close()
    terminal.interrupted.addEventListener('abort', interrupt, { once: true })
    try {
      return await runPlan(plan, pool, invocation, terminal)
    } finally {
      terminal.interrupted.removeEventListener('abort', interrupt)
      await pool.close()
    }
  }
}

async function runPlan(plan: Plan, pool: WorkerPool, invocation: Invocation, terminal: Terminal): Promise<number> {
  const startedAtMs = performance.now()
  const elapsedMs = (): number => performance.now() - startedAtMs
  const isJson = invocation.switch('json')
  let toldAtMs = 0
  let soFar: SeedRangeResult | undefined
  const ran = runSeeds({
    ...plan,
    pool,
    untilMs: startedAtMs + plan.forMs,
    failuresMax,
    signal: terminal.interrupted,
    progress: result => {
      soFar = result
      if (isJson || elapsedMs() - toldAtMs < progressEveryMs) return
      toldAtMs = elapsedMs()
      terminal.note(progressText(result.totals, result.failures.length, toldAtMs))
    }
  })
  const { totals, failures, traced } = await ran.catch((error: unknown) => {
    if (!terminal.interrupted.aborted) throw error
    if (soFar === undefined) throw new StoreError('ERR_ABORTED', 'Interrupted before the first seeds had ended.')
    return soFar
  })
  const runMs = elapsedMs()
  const shown = await shownFailures(failures, pool, invocation, terminal)
  if (isJson) await terminal.print(printableJson(reportJson(totals, shown, traced, runMs)))
  else await terminal.print(reportText(totals, shown, traced, runMs, commandText(terminal)))
  if (failures.length > 0) return exitCode.internal
  return terminal.interrupted.aborted ? interruptedCode(terminal.interrupted) : exitCode.ok
}

/** The failures as they are shown: made small unless that was not wanted. */
async function shownFailures(
  failures: readonly ReportedRun[],
  pool: WorkerPool,
  invocation: Invocation,
  terminal: Terminal
): Promise<readonly ReportedRun[]> {
  if (failures.length === 0 || invocation.switch('trace') || invocation.switch('no-shrink') || terminal.interrupted.aborted) return failures
  terminal.note(`making ${failures.length} failing runs small…`)
  const small = failures.map(async failure => {
    const shrunk = pool.run({ type: 'shrink', options: failure.options, runsMax: shrinkRunsMax })
    // Whoever does not want to wait for it sees the failure as it was found.
    const { reported } = await shrunk.catch((error: unknown) => {
      if (terminal.interrupted.aborted) return { reported: [failure] }
      throw error
    })
    return reported
  })
  return (await Promise.all(small)).flat()
}

function commandText({ environment, folder }: Terminal): string {
  if (environment['npm_lifecycle_event'] === 'simulate') return 'npm run simulate --'
  return `${invocationText(environment, process.argv[1] ?? 'dynamesh', folder)} simulate`
}
