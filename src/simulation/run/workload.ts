/**
 * Clients that read and write a few keys through whatever peer runs, one call at a time each, with unique values: reads, updates of what
 * was read, chains of writes, blind writes, deletes, and retries with the same request id after an answer that left doubt.
 */
import { emptyContext, type CausalContext } from '../../core/versions/causal-context.ts'
import type { PeerId, RequestId } from '../../core/identifiers.ts'
import type { Prng } from '../../core/prng.ts'
import type { StoredRecord } from '../../core/versions/record.ts'
import type { CausalHistory, TrueWrite } from '../checks/causal-history.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { GetAnswer, PutAnswer } from './client-call.ts'
import type { SafetyChecks } from '../checks/safety-checks.ts'

/** How clients behave; drawn from the seed. */
export interface WorkloadProfile {
  readonly clients: number
  readonly keys: number
  readonly operations: number
  /** Least W that is asked for. */
  readonly wMin: number
  readonly replicas: number
  /** Longest pause between two calls of a client. */
  readonly thinkMs: number
  /** Calls of a hundred that delete. */
  readonly deletesPerCent: number
  /** Calls of a thousand that ask for a strict quorum. */
  readonly strictPerMille: number
}

export interface WorkloadStatistics {
  readonly [outcome: string]: number
}

/** What a client has seen of a key. */
interface Knowledge {
  readonly context: CausalContext
  readonly seen: ReadonlySet<RequestId>
}

const NOTHING: Knowledge = { context: emptyContext, seen: new Set() }
const RETRIES_MAX = 3

export class Workload {
  readonly #cluster: Cluster
  readonly #random: Prng
  readonly #profile: WorkloadProfile
  readonly #history: CausalHistory
  readonly #checks: SafetyChecks
  readonly #counts: Record<string, number> = {}
  #left: number
  #busy = 0
  #values = 0

  constructor(cluster: Cluster, random: Prng, profile: WorkloadProfile, history: CausalHistory, checks: SafetyChecks) {
    this.#cluster = cluster
    this.#random = random
    this.#profile = profile
    this.#history = history
    this.#checks = checks
    this.#left = profile.operations
  }

  start(): void {
    for (let client = 0; client < this.#profile.clients; client++) new Client(this, this.#random.fork(`client ${client}`)).think()
  }

  /** True when all calls were made and answered. */
  get isDone(): boolean {
    return this.#left === 0 && this.#busy === 0
  }

  get keys(): readonly string[] {
    return Array.from({ length: this.#profile.keys }, (_, index) => `key-${index}`)
  }

  get statistics(): WorkloadStatistics {
    return this.#counts
  }

  get profile(): WorkloadProfile {
    return this.#profile
  }

  /** Lets a client act after a pause; false when all operations were made. */
  later(delayMs: number, act: () => void): void {
    this.#cluster.time.after(delayMs, act)
  }

  /** Takes one operation from the budget. */
  take(): boolean {
    if (this.#left === 0) return false
    this.#left -= 1
    return true
  }

  /** A peer that runs, `home` if it does; `undefined` when none runs. */
  peer(home: PeerId | undefined): PeerId | undefined {
    const running = this.#cluster.running().filter(({ ringPeer }) => ringPeer?.status === 'up' || ringPeer?.status === 'joining')
    if (home !== undefined && running.some(({ peer }) => peer === home)) return home
    return running[this.#random.below(Math.max(running.length, 1))]?.peer
  }

  freshValue(): string {
    this.#values += 1
    return `v${this.#values}`
  }

  get(
    peer: PeerId,
    key: string,
    quorum: number,
    sloppy: boolean,
    done: (answer: GetAnswer, record: StoredRecord | undefined) => void
  ): void {
    const begunAtMs = this.#cluster.time.nowMs
    this.#busy += 1
    this.#cluster.startGet(peer, key, { quorum, sloppy }, (answer, record) => {
      this.#busy -= 1
      this.#count(`get ${answer.status}`)
      if (answer.status === 'ok' && record !== undefined) this.#checks.shown(key, record, answer.replied, begunAtMs)
      done(answer, record)
    })
  }

  put(
    peer: PeerId,
    key: string,
    value: string | undefined,
    known: Knowledge,
    quorum: number,
    done: (answer: PutAnswer, write: TrueWrite) => void
  ): void {
    const request = this.#cluster.nextRequest(peer)
    const write = this.#history.begin(request, key, value, known.seen)
    this.attempt(peer, write, known, quorum, answer => done(answer, write))
  }

  attempt(peer: PeerId, write: TrueWrite, known: Knowledge, quorum: number, done: (answer: PutAnswer) => void): void {
    const { key, value, request } = write
    const sloppy = this.sloppy()
    const before = write.state
    write.state = before === 'refused' ? 'open' : before
    this.#busy += 1
    this.#cluster.startPut(peer, key, value, { context: known.context, quorum, sloppy, request }, answer => {
      this.#busy -= 1
      this.#count(`put ${answer.status}`)
      this.#judge(write, answer, before === 'uncertain', quorum)
      done(answer)
    })
  }

  sloppy(): boolean {
    return this.#random.below(1000) >= this.#profile.strictPerMille
  }

  pastOf(record: StoredRecord): ReadonlySet<RequestId> {
    return this.#history.pastOf(record.siblings.map(({ request }) => request))
  }

  #judge(write: TrueWrite, answer: PutAnswer, wasUncertain: boolean, quorum: number): void {
    if (answer.status === 'ok') {
      // Where the coordinator knew fewer peers, its few copies need not survive the damage of a disk.
      write.state = answer.w < this.#profile.wMin ? 'uncertain' : 'acknowledged'
      write.acknowledgedBy = new Set([...write.acknowledgedBy, ...answer.acknowledged])
      write.acknowledgedAtMs = Math.min(write.acknowledgedAtMs, this.#cluster.time.nowMs)
      this.#checks.acknowledged(write.key, answer, quorum)
    } else write.state = answer.mayHaveHappened || wasUncertain ? 'uncertain' : 'refused'
  }

  #count(what: string): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1
  }
}

class Client {
  readonly #workload: Workload
  readonly #random: Prng
  readonly #knowledge = new Map<string, Knowledge>()
  #home: PeerId | undefined

  constructor(workload: Workload, random: Prng) {
    this.#workload = workload
    this.#random = random
  }

  think(): void {
    this.#workload.later(this.#random.below(this.#workload.profile.thinkMs + 1), () => this.#act())
  }

  #act(): void {
    const workload = this.#workload
    const peer = workload.peer(this.#random.below(4) === 0 ? undefined : this.#home)
    if (peer === undefined) return this.think()
    if (!workload.take()) return
    this.#home = peer
    const { keys } = workload
    const key = keys[this.#random.below(keys.length)] ?? 'key-0'
    const { deletesPerCent } = workload.profile
    const dice = this.#random.below(100)
    if (dice >= 100 - deletesPerCent) return this.#write(peer, key, this.#known(key), undefined)
    this.#readOrWrite(peer, key, Math.floor((dice * 90) / (100 - deletesPerCent)))
  }

  /** `dice` is below 90. */
  #readOrWrite(peer: PeerId, key: string, dice: number): void {
    const workload = this.#workload
    if (dice < 20) this.#read(peer, key, () => this.think())
    else if (dice < 60) this.#read(peer, key, known => this.#write(peer, key, known, workload.freshValue()))
    else if (dice < 80) this.#write(peer, key, this.#known(key), workload.freshValue())
    else this.#write(peer, key, NOTHING, workload.freshValue())
  }

  #read(peer: PeerId, key: string, then: (known: Knowledge) => void): void {
    const quorum = 1 + this.#random.below(this.#workload.profile.replicas)
    this.#workload.get(peer, key, quorum, this.#workload.sloppy(), (answer, record) => {
      if (answer.status !== 'ok' || record === undefined) return this.think()
      const known = { context: record.context, seen: this.#workload.pastOf(record) }
      this.#knowledge.set(key, known)
      then(known)
    })
  }

  #write(peer: PeerId, key: string, known: Knowledge, value: string | undefined): void {
    this.#workload.put(peer, key, value, known, this.#drawW(), (answer, write) => this.#written(write, known, answer, 0))
  }

  #written(write: TrueWrite, known: Knowledge, answer: PutAnswer, retries: number): void {
    if (answer.status === 'ok') {
      this.#knowledge.set(write.key, { context: answer.context, seen: new Set([...known.seen, write.request]) })
      return this.think()
    }
    if (retries >= RETRIES_MAX || this.#random.below(2) === 0) return this.think()
    this.#workload.later(this.#random.below(3000), () => this.#retry(write, known, retries + 1))
  }

  #retry(write: TrueWrite, known: Knowledge, retries: number): void {
    const peer = this.#workload.peer(undefined)
    if (peer === undefined) return this.think()
    this.#workload.attempt(peer, write, known, this.#drawW(), answer => this.#written(write, known, answer, retries))
  }

  /** Each attempt draws its own. */
  #drawW(): number {
    const { wMin, replicas } = this.#workload.profile
    return wMin + this.#random.below(replicas - wMin + 1)
  }

  #known(key: string): Knowledge {
    return this.#knowledge.get(key) ?? NOTHING
  }
}
