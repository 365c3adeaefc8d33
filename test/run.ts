/**
 * `npm test`: every check there is, one after the other, and one line at the end that adds up what the runners reported.
 *
 *   npm test                    everything
 *   npm test -- lint nodejs     only these steps
 *
 * A tool (compiler, linter, ...) is one check: it passes or fails. A test project counts its tests one by one, as Vitest's
 * own report gives them; a file that cannot be loaded and an error outside of any test count as one failure each. The simulator counts its own
 * checks: groups of seeds, seeds that once failed, faults that must have happened.
 */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { addTallies, commandTally, failuresOf, type Report, type Tally, toolTally, vitestTally } from './setup/tally.ts'
import { ensureBrowser } from './setup/browser.ts'

interface Step {
  readonly name: string
  readonly run: () => Promise<Tally>
}

/** What failed, told again at the end. */
const failures: string[] = []
const projectFolder = fileURLToPath(new URL('..', import.meta.url))

/** Runs a command with its output shown, and answers its exit code. */
function run(command: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: projectFolder, stdio: 'inherit', shell: process.platform === 'win32' })
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? (signal === null ? 1 : 128)))
  })
}

/** A tool that passes or fails as a whole. */
const tool = (name: string, command: string, ...args: string[]): Step => ({ name, run: async () => toolTally(await run(command, args)) })

/** A project of `vite.config.ts`. */
const project = (name: string): Step => ({ name, run: () => runProject(name) })

function runProject(name: string): Promise<Tally> {
  return withReport(async reportFile => {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`]
    const exitCode = await run('vitest', ['run', '--project', name, ...reporters])
    const report = (await readReport(reportFile)) as Report | undefined
    failures.push(...failuresOf(report))
    return vitestTally(exitCode, report)
  })
}

/** A command of our own that counts its checks and writes their tally to the file named by `--report`. */
const counted = (name: string, script: string): Step => ({
  name,
  run: () =>
    withReport(async reportFile => {
      const exitCode = await run('node', [script, '--report', reportFile])
      return commandTally(exitCode, (await readReport(reportFile)) as Tally | undefined)
    })
})

async function withReport(use: (reportFile: string) => Promise<Tally>): Promise<Tally> {
  const folder = await mkdtemp(join(tmpdir(), 'dynamesh-report-'))
  try {
    return await use(join(folder, 'report.json'))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function readReport(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch {
    return undefined
  }
}

const browser: Step = {
  name: 'browser',
  run: () => {
    console.log(`Chromium: ${ensureBrowser()}`)
    return Promise.resolve({ passed: 0, failed: 0, skipped: 0 })
  }
}

const steps: readonly Step[] = [
  tool('format', 'oxfmt', '--check'),
  tool('lint', 'npm', 'run', '--silent', 'lint'),
  tool('typecheck', 'npm', 'run', '--silent', 'typecheck'),
  tool('unused', 'knip'),
  tool('build', 'npm', 'run', '--silent', 'build'),
  browser,
  project('nodejs'),
  counted('simulation', 'test/simulation/run.ts'),
  project('chromium'),
  project('package'),
  project('e2e')
]

async function runStep(step: Step): Promise<Tally> {
  const startedAt = performance.now()
  console.log(`\n=== ${step.name}`)
  const tally = await step.run().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error)
    return toolTally(1)
  })
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  console.log(
    `=== ${step.name}: ${tally.passed} passed, ${tally.failed} failed${tally.skipped > 0 ? `, ${tally.skipped} skipped` : ''} (${seconds} s)`
  )
  return tally
}

async function runAll(names: readonly string[]): Promise<void> {
  let total: Tally = { passed: 0, failed: 0, skipped: 0 }
  const failedSteps: string[] = []
  for (const step of steps.filter(each => names.length === 0 || names.includes(each.name))) {
    const tally = await runStep(step)
    total = addTallies(total, tally)
    if (tally.failed > 0) failedSteps.push(step.name)
  }
  if (failedSteps.length > 0) console.log(`\nFailed: ${failedSteps.join(', ')}`)
  for (const failure of failures) console.log(`  ${failure.replace(projectFolder, '')}`)
  if (total.skipped > 0) console.log(`\nSkipped tests: ${total.skipped}`)
  const summary = `${total.passed} passed, ${total.failed} failed`
  await mkdir(join(projectFolder, 'test-results'), { recursive: true })
  await writeFile(join(projectFolder, 'test-results', 'summary.txt'), `${summary}\n`)
  process.exitCode = total.failed > 0 ? 1 : 0
  console.log(`\n${summary}`)
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter(name => steps.every(step => step.name !== name))
if (unknown.length === 0) {
  await runAll(wanted)
} else {
  console.error(`No such step: ${unknown.join(', ')}. There are: ${steps.map(step => step.name).join(', ')}.`)
  process.exitCode = 2
}
