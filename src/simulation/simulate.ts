/**
 * One run: a cluster, clients, faults and checkers, all drawn from one seed. Safety is checked all along; then faults stop, and the
 * cluster must converge within a bound of virtual time.
 *
 * The same options give the same run, event by event. Once faults have stopped nobody reads or writes: hints and anti-entropy alone must make
 * all owners equal.
 */
import { prng, type Prng } from '../core/prng.ts'
import { CausalHistory } from './causal-history.ts'
import { Cluster } from './cluster.ts'
import { agreedRecord, divergences } from './convergence.ts'
import { faultKinds, Faults, type FaultKind, type FaultProfile } from './faults.ts'
import { SafetyChecks } from './safety-checks.ts'
import type { NetworkQuality } from './simulated-network.ts'
import type { PeerProfile } from './peer-life.ts'
import { Workload, type WorkloadProfile, type WorkloadStatistics } from './workload.ts'

export interface SimulationOptions {
  readonly seed: number | string
  /** Peers at the start. @default drawn from the seed, 1..7 */
  readonly peers?: number
  /** Calls of clients. @default 200 */
  readonly operations?: number
  /** Kinds of faults that may happen. @default drawn from the seed */
  readonly faults?: readonly FaultKind[]
  /** Keep the lines of the trace. @default false */
  readonly trace?: boolean
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
  /** Lines of what happened; empty unless asked for. */
  readonly trace: readonly string[]
  /** Equal for equal runs that kept a trace. */
  readonly fingerprint: string
  readonly statistics: SimulationStatistics
  /** How to see this run again. */
  readonly replay: string
}

/** Virtual time within which everything must have come to rest. */
const restWithinMs = 300_000
/** Virtual time within which hints and anti-entropy alone must have made all owners equal, and how often that is looked at. */
const equalWithinMs = 300_000
const lookEveryMs = 1000

/** Runs one simulation. */
export function simulate(options: SimulationOptions): SimulationResult {
  return new Simulation(options).run()
}

class Simulation {
  readonly #options: SimulationOptions
  readonly #random: Prng
  readonly #cluster: Cluster
  readonly #history = new CausalHistory()
  readonly #checks = new SafetyChecks(this.#history, problem => this.#cluster.trace.add(this.#cluster.time.nowMs, '', `PROBLEM ${problem}`))
  readonly #workload: Workload
  readonly #faults: Faults
  readonly #problems: string[] = []

  constructor(options: SimulationOptions) {
    this.#options = options
    this.#random = prng(`simulation ${options.seed}`)
    const replicas = this.#random.below(4) === 0 ? 1 + this.#random.below(5) : 3
    const peers = options.peers ?? 1 + this.#random.below(7)
    const kinds = options.faults ?? drawKinds(this.#random.fork('kinds'))
    const losesDisks = kinds.includes('disk-loss') && replicas > 1 && peers > 1
    this.#cluster = this.#createCluster(peers, replicas, losesDisks)
    const workload = drawWorkload(this.#random.fork('workload'), options.operations ?? 200, replicas, losesDisks)
    this.#workload = new Workload(this.#cluster, this.#random.fork('clients'), workload, this.#history, this.#checks)
    const usable = kinds.filter(kind => kind !== 'disk-loss' || losesDisks)
    this.#faults = new Faults(this.#cluster, this.#random.fork('faults'), drawFaults(this.#random.fork('rates'), usable, replicas, peers))
  }

  run(): SimulationResult {
    const cluster = this.#cluster
    if (!cluster.runUntil(() => this.#workload.isDone, 3_600_000)) this.#problems.push('some calls were never answered')
    this.#faults.stop()
    if (!cluster.settle(restWithinMs)) this.#problems.push(`not at rest ${restWithinMs / 1000} s after the faults stopped`)
    else this.#converge()
    for (const divergence of divergences(cluster, this.#workload.keys)) this.#problems.push(divergence)
    if (this.#problems.length === 0) this.#checkFinalState()
    return this.#result()
  }

  #converge(): void {
    const cluster = this.#cluster
    const untilMs = cluster.time.nowMs + equalWithinMs
    while (cluster.time.nowMs < untilMs && divergences(cluster, this.#workload.keys).length > 0) cluster.run(lookEveryMs)
  }

  #checkFinalState(): void {
    for (const key of this.#workload.keys) {
      this.#checks.finalState(key, agreedRecord(this.#cluster, key) ?? { context: { vector: new Map(), loose: [] }, siblings: [] })
    }
  }

  #createCluster(peers: number, replicas: number, losesDisks: boolean): Cluster {
    const { seed, trace = false } = this.#options
    const profiles = this.#random.fork('profiles')
    const isMixed = profiles.below(2) === 0
    const cluster = new Cluster({
      seed: `cluster ${seed}`,
      peers,
      replicas,
      trace,
      network: drawNetwork(this.#random.fork('network')),
      // Where a disk is lost, every peer stores: two copies of a write need two peers.
      profile: index => (isMixed ? drawProfile(profiles.fork(`${index}`), losesDisks || index === 0) : {})
    })
    cluster.observer = {
      sent: (_from, _to, message) => {
        if (message.type === 'replicate') this.#checks.sawRecord(message.record)
      },
      reported: (_peer, event) => {
        if (event.type === 'key-changed') this.#checks.sawRecord(event.record)
      },
      becameDurable: (peer, batch) => this.#checks.becameDurable(peer, batch),
      broke: (peer, error) => this.#problems.push(`${peer} broke: ${error instanceof Error ? error.message : 'unknown'}`)
    }
    return cluster
  }

  #result(): SimulationResult {
    const { seed, peers, operations } = this.#options
    const { statistics } = this.#cluster.network
    const problems = [...this.#checks.problems, ...this.#problems]
    return {
      ok: problems.length === 0,
      problems,
      trace: this.#cluster.trace.lines,
      fingerprint: this.#cluster.trace.fingerprint,
      statistics: {
        faults: { ...this.#faults.fired, lost: statistics.lost, repeated: statistics.repeated, late: statistics.late },
        outcomes: this.#workload.statistics,
        events: this.#cluster.time.happened,
        virtualMs: this.#cluster.time.nowMs,
        messages: statistics.sent,
        repeatedShown: this.#checks.repeatedShown
      },
      replay: `simulate(${JSON.stringify({ seed, peers, operations, faults: this.#options.faults, trace: true })})`
    }
  }
}

/** About half of all kinds: a run with everything at once finds less than many runs with different halves. */
function drawKinds(random: Prng): readonly FaultKind[] {
  if (random.below(20) === 0) return []
  return faultKinds.filter(() => random.below(2) === 0)
}

function drawNetwork(random: Prng): Partial<NetworkQuality> {
  const mostly = (max: number): number => (random.below(2) === 0 ? 0 : random.below(max))
  return {
    lossPerMille: mostly(80),
    duplicatePerMille: mostly(80),
    delayMinMs: 1,
    delayMaxMs: 2 + random.below(100),
    tailPerMille: mostly(30),
    tailMs: 5000,
    detectionMs: 100 + random.below(15_000)
  }
}

function drawProfile(random: Prng, mustStore: boolean): PeerProfile {
  const isClient = random.below(6) === 0 && !mustStore
  return { weight: isClient ? 0 : 1 + random.below(4), durable: random.below(3) > 0 }
}

function drawWorkload(random: Prng, operations: number, replicas: number, losesDisks: boolean): WorkloadProfile {
  return {
    clients: 1 + random.below(6),
    keys: 1 + random.below(6),
    operations,
    wMin: losesDisks ? Math.min(2, replicas) : 1,
    replicas,
    thinkMs: 10 + random.below(500),
    strictPerMille: random.below(3) === 0 ? random.below(500) : 0
  }
}

function drawFaults(random: Prng, kinds: readonly FaultKind[], replicas: number, peers: number): FaultProfile {
  return { kinds, everyMs: 200 + random.below(3000), longestMs: 200 + random.below(10_000), membersMin: replicas, membersMax: peers + 3 }
}
