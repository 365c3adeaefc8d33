/**
 * `npm run chaos`: real processes and real tabs under load, with real harm. No seed makes processes deterministic, but it decides which harm is done when.
 *
 *   npm run chaos                                  all scenarios, 60 s each
 *   npm run chaos -- --scenario network --seconds 20 --seed 7
 *
 * Ends with exit code 1 when an acknowledged write is missing, a peer does not converge in time, a process breaks, or memory grows; the folder with the
 * logs is kept then.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { programFile } from './peer-process.ts'
import { reportLines } from './report.ts'
import { runScenario, type ScenarioResult, type ScenarioSettings } from './scenario-run.ts'
import { scenarios, type Scenario } from './scenarios.ts'
import { Timeline } from './timeline.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    scenario: { type: 'string', multiple: true, default: scenarios.map(({ name }) => name) },
    seconds: { type: 'string', default: '60' },
    faults: { type: 'string' },
    peers: { type: 'string', default: '7' },
    tabs: { type: 'string', default: '3' },
    clients: { type: 'string', default: '220' },
    keep: { type: 'boolean', default: false }
  }
})

/** A whole run: three scenarios of a minute. */
const wholeSeconds = 180
const operationsMin = 20_000
const faultsMin = 40
const secondsPerFault = 3.75

async function runAll(chosen: readonly Scenario[], settings: ScenarioSettings): Promise<boolean> {
  const timeline = new Timeline(join(settings.folder, 'timeline.txt'))
  console.log(`seed ${settings.seed}; disks and logs in ${settings.folder}`)
  const results: ScenarioResult[] = []
  for (const scenario of chosen) {
    timeline.note(`=== ${scenario.name}: ${settings.shape.processes} processes, ${settings.shape.tabs} tabs, ${settings.seconds} s`)
    results.push(await runScenario(scenario, settings, timeline))
  }
  for (const line of [...results.flatMap(reportLines), ...totalLines(results)]) console.log(line)
  await timeline.end()
  return results.every(({ problems }) => problems.length === 0) && isEnough(results)
}

const sum = (results: readonly ScenarioResult[], of: (result: ScenarioResult) => number): number =>
  results.reduce((total, result) => total + of(result), 0)

function totalLines(results: readonly ScenarioResult[]): readonly string[] {
  const operations = sum(results, result => result.operations.length)
  const faults = sum(results, result => result.faults.length)
  const lost = sum(results, result => result.lost)
  const acknowledged = sum(results, result => result.acknowledged)
  return [`=== ${faults} faults, ${operations} operations, ${acknowledged} acknowledged writes, ${lost} lost`]
}

/** A whole run proves little when it did little. */
function isEnough(results: readonly ScenarioResult[]): boolean {
  const operations = sum(results, result => result.operations.length)
  const faults = sum(results, result => result.faults.length)
  if (sum(results, ({ seconds }) => seconds) < wholeSeconds) return true
  if (operations < operationsMin) console.log(`! fewer than ${operationsMin} operations`)
  if (faults < faultsMin) console.log(`! fewer than ${faultsMin} faults`)
  return operations >= operationsMin && faults >= faultsMin
}

function chosenScenarios(names: readonly string[]): readonly Scenario[] {
  return names.map(name => {
    const found = scenarios.find(scenario => scenario.name === name)
    if (found === undefined) throw new Error(`There is no scenario '${name}'. There are: ${scenarios.map(({ name }) => name).join(', ')}.`)
    return found
  })
}

if (!existsSync(programFile)) throw new Error('Run `npm run build` first: the peers are processes of the built command line.')
const seconds = Number(values.seconds)
const folder = await mkdtemp(join(tmpdir(), 'dynamesh-chaos-'))
const isGood = await runAll(chosenScenarios(values.scenario), {
  seed: values.seed,
  seconds,
  faults: values.faults === undefined ? Math.ceil(seconds / secondsPerFault) : Number(values.faults),
  shape: { processes: Number(values.peers), tabs: Number(values.tabs) },
  load: { clients: Number(values.clients), keys: 800, thinkMs: 500, timeoutMs: 3000 },
  folder
})
if (isGood && !values.keep) await rm(folder, { recursive: true, force: true })
else console.log(`disks and logs are kept in ${folder}`)
process.exitCode = isGood ? 0 : 1
