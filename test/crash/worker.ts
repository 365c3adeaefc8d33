/** A thread that runs crash points: all of its share of a seed, told one after the other. */
import { parentPort, workerData } from 'node:worker_threads'
import { nameOf, pointsOf, runPoint, type FaultKind } from './crash-point.ts'
import { workloads, type WorkloadName } from './workloads.ts'

/** Which points a thread runs: those whose number leaves `share` when divided by `shares`. */
export interface WorkerShare {
  readonly seeds: readonly number[]
  readonly share: number
  readonly shares: number
}

/** What a thread tells of a point. */
export interface PointResult {
  readonly workload: WorkloadName
  readonly kind: FaultKind
  readonly name: string
  readonly problems: readonly string[]
}

const { seeds, share, shares } = workerData as WorkerShare
let number = 0
for (const seed of seeds) {
  for (const workload of Object.keys(workloads) as WorkloadName[]) {
    for (const point of pointsOf(workload, seed)) {
      if (number++ % shares !== share) continue
      const result: PointResult = { workload, kind: point.kind, name: nameOf(point), problems: attempt(() => runPoint(point)) }
      parentPort?.postMessage(result)
    }
  }
}

/** An assertion inside is a problem like any other. */
function attempt(run: () => readonly string[]): readonly string[] {
  try {
    return run()
  } catch (error) {
    return [error instanceof Error ? (error.stack ?? error.message) : String(error)]
  }
}
