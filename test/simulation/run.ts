/**
 * The long run of the simulator, on all cores: every seed that ever failed, and thousands of others.
 *
 *   node test/simulation/run.ts                        3,000 seeds with 300 calls each
 *   node test/simulation/run.ts --seeds 5000..9000     others
 *   node test/simulation/run.ts --report FILE          also writes { passed, failed, skipped } as JSON
 *
 * One check is: a seed that once failed; a group of 100 seeds; a kind of fault, which must have happened; a way in which a call can end, which
 * must have been seen. A seed that fails is made small, and its story is printed.
 */
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { failureStory, progressText, totalsText } from '../../src/cli/seeds/report.ts'
import { runSeeds, type SeedRange } from '../../src/cli/seeds/seed-range.ts'
import type { ReportedRun } from '../../src/cli/seeds/worker.ts'
import { WorkerPool } from '../../src/cli/seeds/worker-pool.ts'
import { addTotals, noTotals, type SimulationTotals } from '../../src/entry/simulation.ts'
import { failedSeeds } from './failed-seeds.ts'

const operations = 300
const seedsPerCheck = 100
/** Failures after which the rest is not looked at: these say enough. */
const failuresMax = 5
const shrinkRunsMax = 800
const progressEveryMs = 10_000
const outcomesExpected = ['put ok', 'get ok', 'put quorum', 'put crashed', 'put full', 'put failed', 'get quorum', 'get crashed']
/** Of all calls, those that must succeed however bad the weather is. */
const okShareMin = 0.7

const { seeds, report } = parseArgs({ options: { seeds: { type: 'string', default: '1..3000' }, report: { type: 'string' } } }).values
const failedChecks: string[] = []
let passed = 0

function check(name: string, isGood: boolean): void {
  if (isGood) passed += 1
  else failedChecks.push(name)
}

async function runFailedSeeds(pool: WorkerPool): Promise<readonly ReportedRun[]> {
  const runs = failedSeeds.map(({ found: _found, ...options }) => options)
  const { reported } = await pool.run({ type: 'run', runs })
  for (const { found, ...options } of failedSeeds)
    check(
      `seed ${options.seed}: ${found}`,
      reported.every(run => JSON.stringify(run.options) !== JSON.stringify(options))
    )
  return reported
}

async function runRange(pool: WorkerPool, range: SeedRange): Promise<{ totals: SimulationTotals; failures: readonly ReportedRun[] }> {
  const startedAtMs = performance.now()
  let totals = noTotals
  let toldAtMs = 0
  const failures: ReportedRun[] = []
  for (let first = range.first; first <= range.last; first += seedsPerCheck) {
    const last = Math.min(first + seedsPerCheck - 1, range.last)
    const part = await runSeeds({
      pool,
      range: { first, last },
      common: { operations },
      untilMs: Number.POSITIVE_INFINITY,
      failuresMax: Number.POSITIVE_INFINITY,
      signal: new AbortController().signal,
      progress: () => {}
    })
    totals = addTotals(totals, part.totals)
    failures.push(...part.failures)
    check(`seeds ${first}..${last}`, part.failures.length === 0)
    const elapsedMs = performance.now() - startedAtMs
    if (elapsedMs - toldAtMs > progressEveryMs) {
      console.log(progressText(totals, failures.length, elapsedMs))
      toldAtMs = elapsedMs
    }
    if (failures.length >= failuresMax) break
  }
  console.log(`\n${totalsText(totals, failures.length, performance.now() - startedAtMs)}\n`)
  return { totals, failures }
}

function checkCoverage({ faults, outcomes }: SimulationTotals): void {
  for (const [kind, times] of Object.entries(faults)) check(`the fault ${kind} happened`, times > 0)
  for (const outcome of outcomesExpected) check(`a call ended with: ${outcome}`, (outcomes[outcome] ?? 0) > 0)
  const calls = Object.values(outcomes).reduce((sum, times) => sum + times, 0)
  const ok = (outcomes['put ok'] ?? 0) + (outcomes['get ok'] ?? 0)
  check(`${Math.round(okShareMin * 100)} % of all calls succeeded`, ok > calls * okShareMin)
}

async function tellFailures(pool: WorkerPool, failures: readonly ReportedRun[]): Promise<void> {
  for (const { options } of failures.slice(0, failuresMax)) {
    const { reported } = await pool.run({ type: 'shrink', options, runsMax: shrinkRunsMax })
    for (const run of reported) console.log(`${failureStory(run, 'npm run simulate --')}\n`)
  }
}

const [first = 1, last = first] = seeds.split('..').map(Number)
const pool = new WorkerPool(availableParallelism())
const once = await runFailedSeeds(pool)
const { totals, failures } = await runRange(pool, { first, last })
checkCoverage(totals)
await tellFailures(pool, [...once, ...failures])
await pool.close()
for (const name of failedChecks) console.log(`failed: ${name}`)
console.log(`${passed} passed, ${failedChecks.length} failed`)
if (report !== undefined) await writeFile(report, JSON.stringify({ passed, failed: failedChecks.length, skipped: 0 }))
process.exitCode = failedChecks.length === 0 ? 0 : 1
