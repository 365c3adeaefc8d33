/**
 * `npm run planted-bugs`: plants one bug after the other in a copy of the sources, and counts how many seeds the simulator needs to find it.
 *
 *   npm run planted-bugs                        all bugs, on both cores
 *   npm run planted-bugs -- --only NAME         one bug; may be given several times
 *   npm run planted-bugs -- --seeds 500         at most 500 seeds per bug (default 2,000)
 *   npm run planted-bugs -- --workers 1         processes at a time (default: one for each core)
 *
 * At the end the sources as they are must pass the seeds that found bugs: a seed that fails without any bug shows nothing. Ends with 1 when one does not
 * pass, or when a bug was not found.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { checkersOf } from './checker-names.ts'
import { hunt, type Catch } from './hunters.ts'
import { plantedBugs, type PlantedBug } from './planted-bugs.ts'
import { compilerErrors, plant } from './planting.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    seeds: { type: 'string', default: '2000' },
    workers: { type: 'string', default: `${availableParallelism()}` }
  }
})
const seeds = Number(values.seeds)
const workers = Number(values.workers)
const bugs = plantedBugs.filter(({ name }) => values.only === undefined || values.only.includes(name))
const isUsable = Number.isInteger(seeds) && seeds > 0 && Number.isInteger(workers) && workers > 0 && bugs.length > 0

if (isUsable) {
  const startedAt = performance.now()
  const found = await huntAll()
  const clean = await control(new Set(found))
  const seconds = (performance.now() - startedAt) / 1000
  console.log(`\n${found.length} of ${bugs.length} planted bugs were found within ${seeds} seeds, in ${seconds.toFixed(0)} s`)
  process.exitCode = clean && found.length === bugs.length ? 0 : 1
} else {
  console.error(
    `Usage: npm run planted-bugs -- [--only NAME] [--seeds N] [--workers N]\n${plantedBugs.map(({ name }) => `  ${name}`).join('\n')}`
  )
  process.exitCode = 2
}

/** The sources as they are pass these seeds. */
async function control(caughtBy: ReadonlySet<number>): Promise<boolean> {
  const planting = plant(undefined)
  try {
    const waiting = [...caughtBy].sort((a, b) => a - b)
    let clean = true
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const { seed, problems } = await hunt(planting, next, next)
        if (seed !== undefined) console.log(`without any bug seed ${seed} fails: ${problems[0] ?? ''}`)
        clean &&= seed === undefined
      }
    }
    await Promise.all(Array.from({ length: workers }, work))
    if (clean) console.log(`\ncontrol: the sources as they are pass the ${caughtBy.size} seeds that found bugs`)
    return clean
  } finally {
    planting.remove()
  }
}

/** The seeds that found a bug. */
async function huntAll(): Promise<readonly number[]> {
  console.log(line('bug', 'seed', 'seconds', 'found by'))
  const waiting = [...bugs]
  const found: number[] = []
  const work = async (): Promise<void> => {
    for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) {
      const seed = await huntOne(bug)
      if (seed !== undefined) found.push(seed)
    }
  }
  await Promise.all(Array.from({ length: workers }, work))
  return found
}

async function huntOne(bug: PlantedBug): Promise<number | undefined> {
  const planting = plant(bug)
  try {
    const errors = compilerErrors(planting)
    if (errors !== '') {
      console.log(line(bug.name, '-', '-', `does not compile: ${errors}`))
      return undefined
    }
    const caught = await hunt(planting, 1, seeds)
    tell(bug, caught)
    return caught.seed
  } finally {
    planting.remove()
  }
}

function tell({ name, breaks }: PlantedBug, { seed, problems, ms }: Catch): void {
  const seconds = (ms / 1000).toFixed(1)
  if (seed === undefined) console.log(line(name, 'none', seconds, `NOT FOUND: ${breaks}`))
  else console.log(line(name, `${seed}`, seconds, checkersOf(problems).join(', ')))
}

function line(name: string, seed: string, seconds: string, foundBy: string): string {
  return `${name.padEnd(34)} ${seed.padStart(5)} ${seconds.padStart(8)}  ${foundBy}`
}
