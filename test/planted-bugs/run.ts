/**
 * `npm run planted-bugs`: plants one bug after the other in a copy of the sources, and counts how many seeds the simulator needs to find it.
 *
 *   npm run planted-bugs                        all bugs, on both cores
 *   npm run planted-bugs -- --only NAME         one bug; may be given several times
 *   npm run planted-bugs -- --seeds 500         at most 500 seeds per bug (default 2,000)
 *   npm run planted-bugs -- --workers 1         processes at a time (default: one for each core)
 *
 * First the sources as they are must pass the same seeds. Ends with 1 when they do not, or when a bug was not found.
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
  const clean = await control()
  const found = clean ? await huntAll() : 0
  console.log(`\n${found} of ${bugs.length} planted bugs were found within ${seeds} seeds`)
  process.exitCode = clean && found === bugs.length ? 0 : 1
} else {
  console.error(
    `Usage: npm run planted-bugs -- [--only NAME] [--seeds N] [--workers N]\n${plantedBugs.map(({ name }) => `  ${name}`).join('\n')}`
  )
  process.exitCode = 2
}

/** The sources as they are pass all seeds; the workers share them. */
async function control(): Promise<boolean> {
  const planting = plant(undefined)
  try {
    const share = Math.ceil(seeds / workers)
    const parts = Array.from({ length: workers }, (_, worker) => [1 + worker * share, Math.min((worker + 1) * share, seeds)] as const)
    const caught = await Promise.all(parts.filter(([first, last]) => first <= last).map(([first, last]) => hunt(planting, first, last)))
    for (const { seed, problems } of caught) if (seed !== undefined) console.log(`without any bug seed ${seed} fails: ${problems[0] ?? ''}`)
    const seconds = Math.max(...caught.map(({ ms }) => ms)) / 1000
    console.log(`control: the sources as they are, seeds 1..${seeds}, ${seconds.toFixed(0)} s\n`)
    return caught.every(({ seed }) => seed === undefined)
  } finally {
    planting.remove()
  }
}

async function huntAll(): Promise<number> {
  console.log(line('bug', 'seed', 'seconds', 'found by'))
  const waiting = [...bugs]
  let found = 0
  const work = async (): Promise<void> => {
    for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) found += (await huntOne(bug)) ? 1 : 0
  }
  await Promise.all(Array.from({ length: workers }, work))
  return found
}

async function huntOne(bug: PlantedBug): Promise<boolean> {
  const planting = plant(bug)
  try {
    const errors = compilerErrors(planting)
    if (errors !== '') console.log(line(bug.name, '-', '-', `does not compile: ${errors}`))
    return errors === '' && tell(bug, await hunt(planting, 1, seeds))
  } finally {
    planting.remove()
  }
}

function tell({ name, breaks }: PlantedBug, { seed, problems, ms }: Catch): boolean {
  const seconds = (ms / 1000).toFixed(1)
  if (seed === undefined) console.log(line(name, 'none', seconds, `NOT FOUND: ${breaks}`))
  else console.log(line(name, `${seed}`, seconds, checkersOf(problems).join(', ')))
  return seed !== undefined
}

function line(name: string, seed: string, seconds: string, foundBy: string): string {
  return `${name.padEnd(34)} ${seed.padStart(5)} ${seconds.padStart(8)}  ${foundBy}`
}
