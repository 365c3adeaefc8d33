/**
 * Runs seeds through the simulator of one copy of the sources until one fails, and tells its parent of each. A process of its own, since each
 * copy has modules of its own, and since a planted bug may run for ever or use up the memory.
 *
 *   node hunt.ts FOLDER FIRST_SEED LAST_SEED
 *
 * The seeds mean the same runs as in `test/simulation/run.ts`.
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** What the hunt tells its parent: a seed that passed, or the problems of the one that failed. */
export interface HuntMessage {
  readonly seed: number
  readonly problems: readonly string[]
}

/** Calls of clients in a run. */
const operations = 300

type Simulate = (options: { readonly seed: number; readonly operations: number }) => { readonly problems: readonly string[] }

const [folder = '', first = '1', last = '1'] = process.argv.slice(2)
const { simulate } = (await import(pathToFileURL(join(folder, 'src', 'simulation', 'run', 'simulate.ts')).href)) as { simulate: Simulate }

for (let seed = Number(first); seed <= Number(last); seed++) {
  const problems = problemsOf(seed)
  // Waits until it is on its way: a seed may never end, and what is queued behind it would not leave.
  await new Promise(resolve => process.send?.({ seed, problems } satisfies HuntMessage, resolve))
  if (problems.length > 0) break
}
process.disconnect()

function problemsOf(seed: number): readonly string[] {
  try {
    return simulate({ seed, operations }).problems
  } catch (error) {
    return [`the run broke: ${error instanceof Error ? error.message : String(error)}`]
  }
}
