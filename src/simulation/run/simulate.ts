/**
 * One run: a cluster, clients, faults and checkers, all drawn from one seed. Safety is checked all along; then faults stop, and the
 * cluster must converge within a bound of virtual time.
 *
 * The same options give the same run, event by event. Once faults have stopped nobody reads or writes: hints and anti-entropy alone must make
 * all owners equal; in some runs hints alone, or hints and reads (`healing.ts`).
 */
import { prng } from '../../core/prng.ts'
import { emptyRecord } from '../../core/versions/record.ts'
import type { PeerId } from '../../core/identifiers.ts'
import { tombstoneGraceMsDefault } from '../../core/limits.ts'
import { CausalHistory } from '../checks/causal-history.ts'
import { Cluster } from '../cluster/cluster.ts'
import { ConductChecks } from '../checks/conduct-checks.ts'
import { DeleteChecks } from '../checks/delete-checks.ts'
import { agreedRecord, divergences } from '../checks/convergence.ts'
import { wrongSums } from '../checks/stored-sums.ts'
import { FaultSchedule, type FiredFault } from '../faults/fault-schedule.ts'
import { Faults } from '../faults/faults.ts'
import { isWithheld } from './healing.ts'
import { MovedReadChecks } from '../checks/moved-read-checks.ts'
import { PartingChecks } from '../checks/parting-checks.ts'
import { quietProblems } from '../checks/quiet-checks.ts'
import { replayFlags } from './replay.ts'
import { drawRun, type FaultSelection, type RunInput, type RunProfile } from './run-profile.ts'
import { SafetyChecks } from '../checks/safety-checks.ts'
import { Workload, type WorkloadStatistics } from './workload.ts'

export interface SimulationOptions extends RunInput {
  /** Keep the lines of the trace. @default false */
  readonly trace?: boolean
  /** Called with the cluster before clients and faults begin, e.g. to break a part of it on purpose. */
  prepare?(cluster: Cluster): void
}

export interface SimulationStatistics {
  /** How often each kind of fault happened. */
  readonly faults: Readonly<Record<string, number>>
  readonly outcomes: WorkloadStatistics
  /** Events of virtual time. */
  readonly events: number
  readonly virtualMs: number
  readonly messages: number
  /** Values shown beside a newer one because their request was coordinated twice. */
  readonly repeatedShown: number
}

export interface SimulationResult {
  readonly ok: boolean
  readonly problems: readonly string[]
  /** Peers at the start, and calls of clients. */
  readonly peers: number
  readonly operations: number
  /** The faults of the schedule that happened, in order. */
  readonly schedule: readonly FiredFault[]
  /** The same with the faults of messages: as `only`, it gives the same run. */
  readonly selection: FaultSelection
  /** Lines of what happened; empty unless asked for. */
  readonly trace: readonly string[]
  /** Equal for equal runs that kept a trace. */
  readonly fingerprint: string
  readonly statistics: SimulationStatistics
  /** The command that shows this run again. */
  readonly replay: string
}

/** Virtual time within which everything must have come to rest. */
const restWithinMs = 300_000
/** Virtual time within which hints and anti-entropy alone must have made all owners equal, and how often that is looked at. */
const equalWithinMs = 300_000
const lookEveryMs = 1000
/** Graces within which deletes must be reaped. */
const reapingPatience = 4
const problemsMax = 20

/** Runs one simulation. Never throws: what breaks is a problem of the result. */
export function simulate(options: SimulationOptions): SimulationResult {
  return new Simulation(options).run()
}

class Simulation {
  readonly #options: SimulationOptions
  readonly #profile: RunProfile
  readonly #cluster: Cluster
  readonly #history = new CausalHistory()
  readonly #checks = new SafetyChecks(
    this.#history,
    problem => this.#tell(problem),
    () => this.#faults.victim
  )
  readonly #conduct: ConductChecks
  readonly #parting: PartingChecks
  /** Where nothing happens but changes of the ring. */
  readonly #movedReads: MovedReadChecks | undefined
  /** Where deletes are forgotten. */
  readonly #deletes: DeleteChecks | undefined
  readonly #workload: Workload
  readonly #faults: Faults
  readonly #evicted = new Set<string>()
  readonly #problems: string[] = []

  constructor(options: SimulationOptions) {
    this.#options = options
    const random = prng(`simulation ${options.seed}`)
    this.#profile = drawRun(random, options)
    const { workload, kinds, faultsEveryMs, faults } = this.#profile
    this.#cluster = this.#createCluster()
    this.#conduct = new ConductChecks(this.#cluster, this.#profile, problem => this.#found(problem))
    this.#parting = new PartingChecks({
      cluster: this.#cluster,
      everHeld: (peer, key) => this.#checks.everHeld(peer, key),
      damaged: () => this.#faults.victim,
      found: problem => this.#found(problem)
    })
    const isMovingOnly = this.#profile.isCalm && !kinds.includes('crash')
    this.#movedReads = isMovingOnly ? new MovedReadChecks(this.#cluster, this.#history, problem => this.#found(problem)) : undefined
    this.#deletes = this.#createDeleteChecks()
    this.#workload = new Workload(this.#cluster, random.fork('clients'), workload, this.#history, this.#checks)
    const numbers = options.only?.filter(entry => typeof entry === 'number')
    const only = numbers === undefined ? undefined : new Set(numbers)
    this.#faults = new Faults(this.#cluster, new FaultSchedule(random.fork('faults'), kinds, faultsEveryMs, only), faults)
  }

  run(): SimulationResult {
    try {
      this.#cluster.comeUp()
      this.#options.prepare?.(this.#cluster)
      this.#workload.start()
      this.#faults.start()
      this.#play()
    } catch (error) {
      this.#problems.push(`the run broke: ${error instanceof Error ? (error.stack ?? error.message) : 'unknown'}`)
    }
    return this.#result()
  }

  #play(): void {
    const cluster = this.#cluster
    if (!cluster.runUntil(() => this.#workload.isDone, 3_600_000)) this.#problems.push('some calls were never answered')
    this.#faults.stop()
    if (!cluster.settle(restWithinMs)) this.#problems.push(`not at rest ${restWithinMs / 1000} s after the faults stopped`)
    else this.#converge()
    for (const divergence of divergences(cluster, this.#workload.keys)) this.#problems.push(divergence)
    for (const wrong of wrongSums(cluster)) this.#problems.push(wrong)
    if (this.#problems.length > 0) return
    this.#awaitReaping()
    this.#problems.push(...quietProblems(cluster))
    this.#checkFinalState()
  }

  #converge(): void {
    const cluster = this.#cluster
    const untilMs = cluster.time.nowMs + equalWithinMs
    while (cluster.time.nowMs < untilMs && divergences(cluster, this.#workload.keys).length > 0) {
      if (this.#profile.healing === 'reads') this.#readAll()
      cluster.run(lookEveryMs)
    }
  }

  /** Where the grace is short, nothing of a deleted key must be left some time after it. */
  #awaitReaping(): void {
    const deletes = this.#deletes
    if (deletes === undefined) return
    const { time } = this.#cluster
    const untilMs = time.nowMs + this.#profile.tombstoneGraceMs * reapingPatience
    while (time.nowMs < untilMs && deletes.left().length > 0) this.#cluster.run(lookEveryMs)
    this.#problems.push(...deletes.left())
  }

  /** Reads every key from all its owners. */
  #readAll(): void {
    const [reader] = this.#cluster.running()
    for (const key of this.#workload.keys)
      if (reader !== undefined) this.#cluster.startGet(reader.peer, key, { quorum: 1 }, () => undefined)
  }

  #checkFinalState(): void {
    for (const key of this.#workload.keys) {
      this.#checks.finalState(key, agreedRecord(this.#cluster, key) ?? emptyRecord, this.#deletes?.mayReturn)
    }
  }

  #createDeleteChecks(): DeleteChecks | undefined {
    const { tombstoneGraceMs } = this.#profile
    if (tombstoneGraceMs === tombstoneGraceMsDefault) return undefined
    return new DeleteChecks({
      cluster: this.#cluster,
      graceMs: tombstoneGraceMs,
      everHeld: (peer, key) => this.#checks.everHeld(peer, key),
      forgotten: record => this.#checks.reaped(record),
      found: problem => this.#found(problem)
    })
  }

  #createCluster(): Cluster {
    const { seed, trace = false } = this.#options
    const { peers, replicas, evictAfterMs, tombstoneGraceMs, neighboursMax, network, disks, peer, healing, orderLossPerMille } =
      this.#profile
    const losses = prng(`losses ${seed}`)
    const cluster = new Cluster({
      seed: `cluster ${seed}`,
      peers,
      replicas,
      trace,
      network,
      disks,
      evictAfterMs,
      tombstoneGraceMs,
      ...(neighboursMax === undefined ? {} : { neighboursMax }),
      profile: peer,
      comesUp: false
    })
    cluster.withholds = effect =>
      isWithheld(healing, effect) || (effect.message.type === 'reap-drop' && losses.below(1000) < orderLossPerMille)
    cluster.observer = {
      sent: (from, to, message) => {
        this.#conduct.sent(from, to, message)
        this.#checks.sent(from, to, message)
        this.#deletes?.sent(from, to, message)
        if (message.type === 'replicate') this.#checks.sawRecord(message.key, message.record)
      },
      reported: (peer, event) => {
        this.#conduct.reported(peer, event)
        this.#parting.reported(peer, event)
        this.#movedReads?.reported(peer, event)
        this.#deletes?.reported(peer, event)
        if (event.type === 'key-changed') this.#checks.sawRecord(event.key, event.record)
        if (event.type === 'members-changed') this.#noteEvicted(peer, event.peers)
      },
      asked: (peer, operation) => this.#parting.asked(peer, operation),
      becameDurable: (peer, batch) => {
        this.#checks.becameDurable(peer, batch)
        this.#deletes?.becameDurable(peer, batch)
      },
      got: (call, answer, record) => {
        this.#conduct.got(call, answer, record)
        this.#movedReads?.got(call, answer, record)
      },
      wrote: (call, answer) => {
        this.#conduct.wrote(call, answer)
        this.#movedReads?.wrote(call, answer)
      },
      broke: (peer, error) => this.#problems.push(`${peer} broke: ${error instanceof Error ? error.message : 'unknown'}`)
    }
    return cluster
  }

  #noteEvicted(seer: PeerId, peers: readonly PeerId[]): void {
    const view = this.#cluster.peer(seer).ringPeer?.view
    for (const peer of peers) {
      const record = view?.get(peer)
      if (record?.status === 'evicted') this.#evicted.add(`${peer} ${record.incarnation}`)
    }
  }

  #found(problem: string): void {
    if (this.#problems.length >= problemsMax) return
    this.#problems.push(problem)
    this.#tell(problem)
  }

  #tell(problem: string): void {
    this.#cluster.trace.add(this.#cluster.time.nowMs, '', `PROBLEM ${problem}`)
  }

  #result(): SimulationResult {
    const { statistics } = this.#cluster.network
    const { lines, fingerprint } = this.#cluster.trace
    const problems = [...this.#checks.problems, ...this.#problems]
    return {
      ok: problems.length === 0,
      problems,
      peers: this.#profile.peers,
      operations: this.#profile.workload.operations,
      schedule: this.#faults.events,
      selection: [
        ...this.#profile.messageFaults.filter(fault => statistics[fault] > 0),
        ...this.#faults.events.map(({ number }) => number)
      ],
      trace: lines,
      fingerprint,
      statistics: {
        faults: {
          ...this.#faults.counts,
          lost: statistics.lost,
          repeated: statistics.repeated,
          late: statistics.late,
          evicted: this.#evicted.size,
          refused: statistics.refused,
          reaped: this.#deletes?.counts.reaped ?? 0,
          discarded: this.#deletes?.counts.discarded ?? 0
        },
        outcomes: this.#workload.statistics,
        events: this.#cluster.time.happened,
        virtualMs: this.#cluster.time.nowMs,
        messages: statistics.sent,
        repeatedShown: this.#checks.repeatedShown
      },
      replay: `dynamesh simulate ${replayFlags(this.#options)} --trace`
    }
  }
}
