/**
 * One point: a workload in which one disk does one thing wrong at one moment. First the workload runs without faults and every disk operation of
 * every peer is counted; then it runs again for each of them and each kind of fault, and must end well: nothing acknowledged is missing,
 * nothing is invented, the owners agree, no hint and no damaged row is left.
 *
 * The same seed gives the same run up to the fault, so a point is a name: `hints stored and delivered/1/ben/17/crash-torn`.
 */
import type { PeerId } from '../../src/core/identifiers.ts'
import type { BatchOperation } from '../../src/protocol/effect.ts'
import type { AskedOperation } from '../../src/simulation/cluster/simulated-storage.ts'
import { Script } from './script.ts'
import { workloads, type Workload, type WorkloadName } from './workloads.ts'

/** What goes wrong with the operation of a point. */
export const faultKinds = ['error-once', 'error-for-ever', 'full', 'crash-lost', 'crash-kept', 'crash-torn', 'flip', 'flip-crash'] as const

export type FaultKind = (typeof faultKinds)[number]

export interface CrashPoint {
  readonly workload: WorkloadName
  readonly seed: number
  readonly peer: PeerId
  /** Number of the operation of the peer's disk since the workload began. */
  readonly operation: number
  readonly kind: FaultKind
  /** For flips, which row of the batch. */
  readonly row: number
}

/** Time after which a crashed peer starts again. */
const restartAfterMs = 400

/** All points of a workload. */
export function pointsOf(workload: WorkloadName, seed: number): readonly CrashPoint[] {
  const points: CrashPoint[] = []
  const counts = new Map<PeerId, number>()
  play(workload, seed, {
    asked: (peer, asked) => {
      const operation = counts.get(peer) ?? 0
      counts.set(peer, operation + 1)
      for (const [kind, rows] of faultsOf(workloads[workload], asked))
        for (let row = 0; row < rows; row++) points.push({ workload, seed, peer, operation, kind, row })
    },
    becameDurable: () => undefined
  })
  return points
}

const READ_FAULTS = [
  ['error-once', 1],
  ['error-for-ever', 1],
  ['crash-lost', 1]
] as const

/** Which kinds there are for an operation, and for how many rows of it. */
function faultsOf({ isFragile = false }: Workload, asked: AskedOperation): readonly (readonly [kind: FaultKind, rows: number])[] {
  if (asked.kind !== 'write') return READ_FAULTS
  const puts = asked.batch.filter(({ type }) => type === 'put').length
  const loses = isFragile ? 0 : puts
  return [
    ['error-once', 1],
    ['error-for-ever', 1],
    ['full', Math.min(puts, 1)],
    ['crash-lost', 1],
    ['crash-kept', 1],
    ['crash-torn', Math.min(loses, 1)],
    ['flip', loses],
    ['flip-crash', loses]
  ]
}

/** Runs a point; answers what is wrong in the end. `told` gets the lines of the trace. */
export function runPoint(point: CrashPoint, told?: (line: string) => void): readonly string[] {
  let next = 0
  let written: readonly BatchOperation[] | undefined
  let fired = false
  const watch: Watch = {
    asked: (peer, asked, script) => {
      if (peer !== point.peer || next++ !== point.operation) return
      if (isFlip(point.kind) && asked.kind === 'write') written = asked.batch
      else {
        fired = true
        strike(script, point)
      }
    },
    becameDurable: (peer, batch, script) => {
      if (peer !== point.peer || batch !== written) return
      fired = true
      flip(script, point, batch)
    }
  }
  const problems = play(point.workload, point.seed, watch, told)
  return fired ? problems : [...problems, 'the fault did not happen']
}

export function nameOf({ workload, seed, peer, operation, kind, row }: CrashPoint): string {
  return [workload, seed, peer, operation, isFlip(kind) ? `${kind}-${row}` : kind].join('/')
}

/** The point of a name. */
export function pointNamed(name: string): CrashPoint | undefined {
  const [workload, seed] = name.split('/')
  if (workload === undefined || !isWorkload(workload)) return undefined
  return pointsOf(workload, Number(seed)).find(point => nameOf(point) === name)
}

interface Watch {
  asked(peer: PeerId, operation: AskedOperation, script: Script): void
  becameDurable(peer: PeerId, batch: readonly BatchOperation[], script: Script): void
}

function play(name: WorkloadName, seed: number, watch: Watch, told?: (line: string) => void): readonly string[] {
  const workload: Workload = workloads[name]
  let isOver = false
  const script: Script = new Script(
    { ...workload.options, seed: `${name} ${seed}`, trace: told !== undefined },
    {
      asked: (peer, operation) => {
        if (!isOver) watch.asked(peer, operation, script)
      },
      becameDurable: (peer, batch) => watch.becameDurable(peer, batch, script)
    }
  )
  workload.run(script)
  isOver = true
  const problems = script.finish()
  if (told !== undefined) for (const line of script.cluster.trace.lines) told(line)
  return problems
}

/** Lets the operation that is being asked for go wrong. */
function strike(script: Script, { peer, kind }: CrashPoint): void {
  const { storage } = script.cluster.peer(peer)
  if (kind === 'error-once') storage.failuresLeft = 1
  else if (kind === 'error-for-ever') storage.failuresLeft = Number.POSITIVE_INFINITY
  else if (kind === 'full') storage.isFull = true
  else {
    // At the end of the step that asks: the operation is then on its way to the disk.
    script.cluster.time.after(0, () => crash(script, peer, kind === 'crash-kept' ? 'kept' : kind === 'crash-torn' ? 'torn' : 'lost'))
  }
}

function flip(script: Script, { peer, kind, row }: CrashPoint, batch: readonly BatchOperation[]): void {
  const put = batch.filter(({ type }) => type === 'put')[row]
  if (put !== undefined) script.cluster.peer(peer).storage.flip(put.key)
  if (kind === 'flip-crash') crash(script, peer, 'kept')
}

function crash(script: Script, peer: PeerId, unsynced: 'lost' | 'kept' | 'torn'): void {
  script.cluster.crash(peer, unsynced)
  script.cluster.time.after(restartAfterMs, () => script.start(peer))
}

function isFlip(kind: FaultKind): boolean {
  return kind === 'flip' || kind === 'flip-crash'
}

function isWorkload(name: string): name is WorkloadName {
  return Object.hasOwn(workloads, name)
}
