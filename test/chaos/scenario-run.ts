/** One scenario from the start of its cluster to the judgement: load, harm, healing, convergence, and what is on the disks. */
import { setTimeout as sleep } from 'node:timers/promises'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { prng, type Prng } from '../../src/core/prng.ts'
import { emptyRecord } from '../../src/core/versions/record.ts'
import { ChaosCluster, type ClusterShape } from './chaos-cluster.ts'
import { untilConverged, type Convergence } from './convergence.ts'
import { readDisks } from './disks.ts'
import { faultSchedule, type PlannedFault } from './fault-schedule.ts'
import { faultKinds, type FaultKind } from './faults.ts'
import { Ledger } from './ledger.ts'
import { Load, type LoadProfile, type Operation } from './load.ts'
import { MemoryWatch, type MemoryOfPeer } from './memory-watch.ts'
import type { Scenario } from './scenarios.ts'
import type { Timeline } from './timeline.ts'

export interface ScenarioSettings {
  readonly seed: string
  readonly seconds: number
  readonly faults: number
  readonly shape: ClusterShape
  readonly load: LoadProfile
  /** Folder for disks and logs. */
  readonly folder: string
}

export interface ScenarioResult {
  readonly scenario: Scenario
  readonly seconds: number
  readonly operations: readonly Operation[]
  readonly faults: readonly FaultKind[]
  readonly acknowledged: number
  readonly lost: number
  readonly unknowable: number
  readonly keys: number
  readonly connections: number
  readonly convergence: Convergence
  readonly memory: readonly MemoryOfPeer[]
  /** Everything that must not be. */
  readonly problems: readonly string[]
}

/** Longest time from healing to convergence. */
export const convergenceMsMax = 20_000
/** How long is waited to see whether it converges at all. */
const patienceMs = 60_000
const retryFaultMs = 500
/** Growth of live memory that the bounded caches explain. */
const heapGrowthBytesMax: number = 32 * 1024 * 1024

export async function runScenario(scenario: Scenario, settings: ScenarioSettings, timeline: Timeline): Promise<ScenarioResult> {
  const folder = join(settings.folder, scenario.name)
  await mkdir(folder, { recursive: true })
  const cluster = await ChaosCluster.start(folder, settings.shape)
  try {
    return await new ScenarioRun(scenario, settings, timeline, cluster).run()
  } finally {
    await cluster.end()
  }
}

class ScenarioRun {
  readonly #scenario: Scenario
  readonly #settings: ScenarioSettings
  readonly #timeline: Timeline
  readonly #cluster: ChaosCluster
  readonly #random: Prng
  readonly #problems: string[] = []
  readonly #faults: FaultKind[] = []
  readonly #ledger = new Ledger(problem => this.#found(problem))

  constructor(scenario: Scenario, settings: ScenarioSettings, timeline: Timeline, cluster: ChaosCluster) {
    this.#scenario = scenario
    this.#settings = settings
    this.#timeline = timeline
    this.#cluster = cluster
    this.#random = prng(`${settings.seed} ${scenario.name}`)
  }

  async run(): Promise<ScenarioResult> {
    const { load: profile, seconds } = this.#settings
    await this.#untilWhole()
    this.#timeline.note('all peers are up')
    const memory = new MemoryWatch(this.#cluster.peers)
    const load = new Load(this.#cluster.peers, this.#ledger, this.#random.fork('load'), profile)
    await this.#harm(seconds * 1000)
    this.#timeline.note('healed')
    const [convergence, endless] = await Promise.all([
      untilConverged(this.#cluster, patienceMs, text => this.#timeline.note(text)),
      load.stop()
    ])
    this.#judgeConvergence(convergence)
    for (const call of endless) this.#found(`a call got no answer: ${call}`)
    await memory.sample()
    const measured = await memory.stop()
    this.#judgeMemory(measured)
    await this.#judgeDisks()
    for (const peer of this.#cluster.peers) for (const complaint of peer.complaints) this.#found(`${peer.name} ${complaint}`)
    for (const kind of this.#scenario.kinds) if (!this.#faults.includes(kind)) this.#found(`no fault of the kind '${kind}' took place`)
    const { acknowledged, lost, unknowable, keys } = this.#ledger
    const { operations } = load
    const { connections } = this.#cluster.proxy
    const counts = { acknowledged, lost, unknowable, keys: keys.size, connections }
    const told = { faults: this.#faults, convergence, memory: measured, problems: this.#problems }
    return { scenario: this.#scenario, seconds, operations, ...counts, ...told }
  }

  async #untilWhole(): Promise<void> {
    const { differences } = await untilConverged(this.#cluster, patienceMs, text => this.#timeline.note(text))
    if (differences.length > 0) throw new Error(`the peers did not find together: ${differences.join('; ')}`)
  }

  /** Does all planned harm, and undoes what is left of it when the time is over. */
  async #harm(durationMs: number): Promise<void> {
    const { kinds } = this.#scenario
    const plan = faultSchedule(kinds, this.#settings.faults, durationMs, this.#random.fork('faults'))
    const over = AbortSignal.timeout(durationMs)
    const waits = plan.map((planned, index) => this.#perform(planned, this.#random.fork(`fault ${index}`), over))
    await Promise.all([...waits, pause(durationMs, over)])
  }

  async #perform({ kind, atMs, lastsMs }: PlannedFault, random: Prng, over: AbortSignal): Promise<void> {
    await pause(atMs, over)
    while (!over.aborted) {
      const fault = await faultKinds[kind].begin(this.#cluster, random)
      if (fault !== undefined) {
        this.#faults.push(kind)
        this.#timeline.note(`${kind}: ${fault.what}${lastsMs === 0 ? '' : `, for ${(lastsMs / 1000).toFixed(1)} s`}`)
        await pause(lastsMs, over)
        await fault.end()
        if (lastsMs > 0) this.#timeline.note(`    end of ${kind}: ${fault.what}`)
        return
      }
      await pause(retryFaultMs, over)
    }
  }

  #judgeConvergence({ tookMs, differences }: Convergence): void {
    if (differences.length === 0) this.#timeline.note(`converged ${(tookMs / 1000).toFixed(1)} s after it was healed`)
    if (differences.length > 0) this.#found(`did not converge within ${patienceMs / 1000} s: ${differences.slice(0, 10).join('; ')}`)
    else if (tookMs > convergenceMsMax) this.#found(`converged only ${(tookMs / 1000).toFixed(1)} s after it was healed`)
  }

  #judgeMemory(measured: readonly MemoryOfPeer[]): void {
    for (const { name, first, last } of measured) {
      const grownBytes = last.heapBytes - first.heapBytes
      if (grownBytes > heapGrowthBytesMax) this.#found(`the live memory of ${name} grew by ${Math.round(grownBytes / 1024 / 1024)} MiB`)
    }
  }

  async #judgeDisks(): Promise<void> {
    const [first] = this.#cluster.processes
    const ring = await first?.ring()
    if (ring === undefined) throw new Error('there is no ring')
    for (const peer of this.#cluster.peers) await peer.stop()
    const { records, differences } = await readDisks(this.#cluster.peers, ring)
    for (const difference of differences.slice(0, 10)) this.#found(`on disk: ${difference}`)
    for (const key of this.#ledger.keys) this.#ledger.finalState(key, records.get(key) ?? emptyRecord)
  }

  #found(problem: string): void {
    this.#problems.push(problem)
    this.#timeline.note(`PROBLEM: ${problem}`)
  }
}

async function pause(ms: number, over: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: over }).catch(() => {})
}
