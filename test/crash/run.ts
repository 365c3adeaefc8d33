/**
 * `npm run crash`: everything that a disk can do wrong, at every operation of short workloads; then real disks and real browsers that are killed.
 *
 *   npm run crash                                      all three
 *   npm run crash -- --only disks                      the simulated disk: more than 20,000 points, on all cores
 *   npm run crash -- --only folders                    classic-level: 200 processes killed in the middle of writing
 *   npm run crash -- --only browsers                   IndexedDB: 30 browsers killed in the middle of writing
 *   npm run crash -- --only disks --seeds 20..25       other moments and owners
 *   npm run crash -- --point NAME                      one point of the simulated disk again
 *
 * Ends with 1 when anything acknowledged is missing, anything is there that nobody wrote, or a cluster does not come to rest.
 */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { faultKinds, pointNamed, runPoint } from './crash-point.ts'
import type { PointResult, WorkerShare } from './worker.ts'
import { workloads } from './workloads.ts'

const failuresShownMax = 10

const { values } = parseArgs({
  options: { only: { type: 'string' }, seeds: { type: 'string', default: '1..7' }, point: { type: 'string' } }
})

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const parts: Readonly<Record<string, () => Promise<boolean>>> = {
  disks: () => runDisks(seedsOf(values.seeds)),
  folders: () => runTests('filesystem-crash', { DYNAMESH_CRASH_ROUNDS: '200' }),
  browsers: () => runTests('indexeddb-crash', { DYNAMESH_BROWSER_CRASH_ROUNDS: '30' })
}

if (values.point !== undefined) process.exitCode = runAgain(values.point) ? 0 : 1
else process.exitCode = (await runParts(values.only === undefined ? Object.keys(parts) : [values.only])) ? 0 : 1

async function runParts(names: readonly string[]): Promise<boolean> {
  let isGood = true
  for (const name of names) {
    const part = parts[name]
    if (part === undefined) throw new Error(`there is no part ${name}: ${Object.keys(parts).join(', ')}`)
    isGood = (await part()) && isGood
  }
  return isGood
}

function seedsOf(range: string): readonly number[] {
  const [first = 1, last = first] = range.split('..').map(Number)
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

/** Runs all points of these seeds on all cores, and prints the table. */
async function runDisks(seeds: readonly number[]): Promise<boolean> {
  const startedAtMs = performance.now()
  const results: PointResult[] = []
  const shares = availableParallelism()
  const threads = Array.from({ length: shares }, (_, share) => runShare({ seeds, share, shares }, result => results.push(result)))
  await Promise.all(threads)
  const seconds = (performance.now() - startedAtMs) / 1000
  printTable(results)
  const failed = results.filter(({ problems }) => problems.length > 0)
  for (const { name, problems } of failed.slice(0, failuresShownMax)) {
    console.log(`\nFAILED npm run crash -- --point '${name}'`)
    for (const problem of problems) console.log(`  ${problem}`)
  }
  console.log(`\n${results.length} points of the simulated disk, ${failed.length} failed (${seconds.toFixed(0)} s)`)
  return failed.length === 0 && results.length > 0
}

function runShare(share: WorkerShare, told: (result: PointResult) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData: share })
    worker.on('message', told)
    worker.once('error', reject)
    worker.once('exit', () => resolve())
  })
}

function printTable(results: readonly PointResult[]): void {
  const line = (name: string, cells: readonly (string | number)[]): string =>
    name.padEnd(38) + cells.map(cell => String(cell).padStart(15)).join('')
  console.log(line('points (failed)', [...faultKinds, 'all']))
  const cell = (found: readonly PointResult[]): string => {
    const failed = found.filter(({ problems }) => problems.length > 0).length
    return failed === 0 ? String(found.length) : `${found.length} (${failed})`
  }
  for (const workload of Object.keys(workloads)) {
    const own = results.filter(result => result.workload === workload)
    console.log(line(workload, [...faultKinds.map(kind => cell(own.filter(result => result.kind === kind))), cell(own)]))
  }
  console.log(line('all', [...faultKinds.map(kind => cell(results.filter(result => result.kind === kind))), cell(results)]))
}

function runAgain(name: string): boolean {
  const point = pointNamed(name)
  if (point === undefined) throw new Error(`there is no point ${name}`)
  const problems = runPoint(point, line => console.log(line))
  for (const problem of problems) console.log(problem)
  console.log(problems.length === 0 ? 'nothing is wrong' : `${problems.length} problems`)
  return problems.length === 0
}

async function runTests(file: string, environment: Readonly<Record<string, string>>): Promise<boolean> {
  const child = spawn('npx', ['vitest', 'run', '--project', 'nodejs', here(`../adapters/${file}.test.ts`)], {
    stdio: 'inherit',
    env: { ...process.env, ...environment }
  })
  return new Promise(resolve => child.once('exit', code => resolve(code === 0)))
}
