/** A sample of what `npm run crash -- --only disks` runs in full: a disk does one thing wrong at one of its operations. */
import { describe, expect, test } from 'vitest'
import { faultKinds, nameOf, pointNamed, pointsOf, runPoint, type FaultKind } from '../crash/crash-point.ts'
import { workloads, type WorkloadName } from '../crash/workloads.ts'

const seed = 1
/** Of so many points one is run; a prime, so that all kinds of faults and of operations have their turn. */
const stride = 11

describe(`one disk fault at one operation, every ${stride}th point: nothing acknowledged is missing, nothing is invented, all converges`, () => {
  const seen = new Set<FaultKind>()

  test.each(Object.keys(workloads) as WorkloadName[])('%s', workload => {
    const points = pointsOf(workload, seed).filter((_point, number) => number % stride === 0)
    expect(points.length).toBeGreaterThan(10)
    const failed = points.filter(point => runPoint(point).length > 0).map(nameOf)
    for (const { kind } of points) seen.add(kind)
    expect(failed).toEqual([])
  })

  test.each(faultKinds)('the fault %s happened', kind => {
    expect(seen).toContain(kind)
  })
})

describe('a point', () => {
  const [first] = pointsOf('puts, gets and deletes', seed)

  test('has a name by which it is run again', () => {
    expect(first).toBeDefined()
    if (first !== undefined) expect(pointNamed(nameOf(first))).toEqual(first)
    expect(pointNamed('puts, gets and deletes/1/ada/100000/crash-lost')).toBeUndefined()
    expect(pointNamed('no such workload/1/ada/0/crash-lost')).toBeUndefined()
  })

  test('whose fault does not happen has failed: the run was not the one that was counted', () => {
    if (first !== undefined) expect(runPoint({ ...first, operation: 100_000 })).toEqual(['the fault did not happen'])
  })
})
