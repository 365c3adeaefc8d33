/** The list of planted bugs fits the sources, and the simulator finds bugs; `npm run planted-bugs` goes through the whole list. */
import { describe, expect, test } from 'vitest'
import { checkersOf } from './checker-names.ts'
import { hunt, type Catch } from './hunters.ts'
import { plantedBugs, type PlantedBug } from './planted-bugs.ts'
import { compilerErrors, occurrences, plant } from './planting.ts'

const seeds = 40
const timeoutMs = 120_000

/** What the simulator finds within {@link seeds}; where a checker is named, what that one finds. */
async function huntFor(bug: PlantedBug | undefined, checker?: string): Promise<Catch> {
  const planting = plant(bug)
  try {
    expect(compilerErrors(planting)).toBe('')
    // Which checker finds a bug first changes with every change of the protocol.
    const isMeant = ({ problems }: Catch): boolean => checker === undefined || checkersOf(problems).includes(checker)
    let caught = await hunt(planting, 1, seeds)
    while (caught.seed !== undefined && caught.seed < seeds && !isMeant(caught)) caught = await hunt(planting, caught.seed + 1, seeds)
    return caught
  } finally {
    planting.remove()
  }
}

describe('the list of planted bugs', () => {
  test.each(plantedBugs)('$name: its text is in the sources once', bug => {
    const advice =
      `${bug.name} (${bug.breaks}): its text is not exactly once in src/${bug.file}. The line was changed: find the place that has ` +
      `its job now, and break it there in test/planted-bugs/planted-bugs.ts; then npm run planted-bugs -- --only ${bug.name}`
    expect(occurrences(bug), advice).toBe(1)
    expect(bug.replace, 'a bug changes something').not.toBe(bug.find)
  })

  test('names are distinct', () => {
    const names = plantedBugs.map(({ name }) => name)
    expect(names).toEqual([...new Set(names)])
  })

  test('there are at least 25', () => {
    expect(plantedBugs.length).toBeGreaterThanOrEqual(25)
  })
})

describe('the simulator finds planted bugs', () => {
  test('the sources as they are pass', { timeout: timeoutMs }, async () => {
    expect((await huntFor(undefined)).problems).toEqual([])
  })

  test.each([
    ['effects-before-durable', 'acknowledged without a durable copy'],
    ['epoch-not-in-actor', 'dot minted twice'],
    ['hint-counts-twice', 'given all, and still owing']
  ])('%s: %s', { timeout: timeoutMs }, async (name, checker) => {
    const bug = plantedBugs.find(each => each.name === name)
    expect(bug, `there is no planted bug ${name}`).toBeDefined()
    const { seed, problems } = await huntFor(bug, checker)
    expect(seed).toBeLessThanOrEqual(seeds)
    expect(checkersOf(problems)).toContain(checker)
  })
})
