/**
 * A script of calls on a small simulated cluster, one after the other, by one client that knows what it has read. Where the peer that it
 * would ask does not run, it asks the next one; a call that fails is left at that.
 *
 * What the client was told goes into the true history beside the cluster, and everything that happens past the safety checks.
 */
import { emptyContext, type CausalContext } from '../../src/core/versions/causal-context.ts'
import type { PeerId, RequestId } from '../../src/core/identifiers.ts'
import { emptyRecord, type StoredRecord } from '../../src/core/versions/record.ts'
import { CausalHistory } from '../../src/simulation/checks/causal-history.ts'
import { Cluster, type ClusterObserver, type ClusterOptions } from '../../src/simulation/cluster/cluster.ts'
import { agreedRecord, divergences } from '../../src/simulation/checks/convergence.ts'
import { SafetyChecks } from '../../src/simulation/checks/safety-checks.ts'

interface Knowledge {
  readonly context: CausalContext
  readonly seen: ReadonlySet<RequestId>
}

const NOTHING: Knowledge = { context: emptyContext, seen: new Set() }
const EVERYTHING = new Uint8Array()
/** Virtual time within which all must be well again once faults have stopped, and how often that is looked at. */
const restWithinMs = 300_000
const lookEveryMs = 1000

export class Script {
  readonly cluster: Cluster
  readonly #history = new CausalHistory()
  readonly #checks = new SafetyChecks(this.#history)
  readonly #problems: string[] = []
  readonly #knowledge = new Map<string, Knowledge>()
  /** Values that were deleted for good. */
  readonly #deleted = new Set<RequestId>()
  #values = 0

  /** `watch` sees what disks are asked for, and what becomes durable. */
  constructor(options: ClusterOptions, watch: Pick<ClusterObserver, 'asked' | 'becameDurable'>) {
    this.cluster = new Cluster({ trace: false, partitions: 8, ...options })
    this.cluster.observer = {
      asked: (peer, operation) => watch.asked?.(peer, operation),
      becameDurable: (peer, batch) => {
        this.#checks.becameDurable(peer, batch)
        watch.becameDurable?.(peer, batch)
      },
      sent: (_from, _to, message) => {
        if (message.type === 'replicate') this.#checks.sawRecord(message.key, message.record)
      },
      reported: (_peer, event) => {
        if (event.type === 'key-changed') this.#checks.sawRecord(event.key, event.record)
      },
      broke: (peer, error) => this.#problems.push(`${peer} broke: ${error instanceof Error ? error.message : 'unknown'}`)
    }
  }

  /** Reads a key; the next write of it supersedes what was read. */
  read(asked: PeerId, key: string, r = 2): void {
    let told: ReadonlySet<RequestId> | undefined
    const answer = this.#call<{ readonly status: string; readonly context: CausalContext }>(done =>
      this.cluster.startGet(this.#running(asked), key, { quorum: r }, (given, record) => {
        if (given.status === 'ok' && record !== undefined) {
          this.#shown(key, record)
          told = this.#history.pastOf(record.siblings.map(({ request }) => request))
        }
        done(given)
      })
    )
    if (told !== undefined) this.#knowledge.set(key, { context: answer.context, seen: told })
  }

  /** Writes a fresh value over what is known of the key. */
  write(asked: PeerId, key: string, w = 2): void {
    this.#values += 1
    this.#put(asked, key, `v${this.#values}`, this.#knowledge.get(key) ?? NOTHING, w)
  }

  /** Writes a fresh value without having read anything. */
  writeBlind(asked: PeerId, key: string, w = 2): void {
    this.#values += 1
    this.#put(asked, key, `v${this.#values}`, NOTHING, w)
  }

  remove(asked: PeerId, key: string, w = 2): void {
    this.#put(asked, key, undefined, this.#knowledge.get(key) ?? NOTHING, w)
  }

  /** The deletes of a key may be forgotten from now on, and with them that they ever were; what an acknowledged one deleted must not come back. */
  forgetDeletes(key: string): void {
    for (const { value, state, request } of this.#history.of(key)) {
      if (value !== undefined || state === 'refused') continue
      for (const past of this.#history.pastOf([request])) {
        const write = this.#history.get(past)
        if (state === 'acknowledged' && write?.value !== undefined) this.#deleted.add(past)
        if (write?.state === 'acknowledged') write.state = 'uncertain'
      }
    }
  }

  /** Ends the peer's run in good order, if it runs. */
  stop(peer: PeerId): void {
    this.cluster.stop(peer)
  }

  start(peer: PeerId): void {
    if (!this.cluster.departed.has(peer)) this.cluster.start(peer)
  }

  leave(peer: PeerId): void {
    this.cluster.peer(peer).leave()
  }

  /** Takes the peer's whole disk away; it does not run then. */
  lose(peer: PeerId): void {
    this.cluster.crash(peer)
    this.cluster.peer(peer).storage.wipe()
  }

  run(ms: number): void {
    this.cluster.run(ms)
  }

  /** Waits a while for the cluster to come to rest; with a fault in the way it may not. */
  settle(): void {
    this.cluster.settle(20_000)
  }

  /** Ends all faults, lets the cluster come to rest, and answers everything that is wrong. */
  finish(): readonly string[] {
    const { cluster } = this
    cluster.heal()
    for (const peer of cluster.peers) {
      const { storage } = cluster.peer(peer)
      storage.failuresLeft = 0
      storage.isFull = false
      this.start(peer)
    }
    const keys = [...this.#knowledge.keys()]
    const untilMs = cluster.time.nowMs + restWithinMs
    do cluster.run(lookEveryMs)
    while (cluster.time.nowMs < untilMs && !this.#isAtRest(keys))
    this.#problems.push(...divergences(cluster, keys), ...this.#damaged().map(peer => `${peer} still has damaged rows`))
    if (this.#problems.length === 0) for (const key of keys) this.#ended(key, agreedRecord(cluster, key) ?? emptyRecord)
    return [...this.#checks.problems, ...this.#problems]
  }

  #ended(key: string, record: StoredRecord): void {
    this.#shown(key, record)
    this.#checks.finalState(key, record)
  }

  #shown(key: string, record: StoredRecord): void {
    this.#checks.shown(key, record)
    for (const { request } of record.siblings)
      if (this.#deleted.has(request))
        this.#problems.push(`${key} shows a value that was deleted: ${this.#history.get(request)?.value ?? ''}`)
  }

  #isAtRest(keys: readonly string[]): boolean {
    return this.cluster.isSettled() && this.#damaged().length === 0 && divergences(this.cluster, keys).length === 0
  }

  #damaged(): readonly PeerId[] {
    const { cluster } = this
    return cluster.peers.filter(peer => !cluster.departed.has(peer) && cluster.peer(peer).storage.damagedKeys(EVERYTHING).length > 0)
  }

  #put(asked: PeerId, key: string, value: string | undefined, known: Knowledge, w: number): void {
    const peer = this.#running(asked)
    const request = this.cluster.nextRequest(peer)
    const write = this.#history.begin(request, key, value, known.seen)
    const answer = this.cluster.put(peer, key, value, { context: known.context, quorum: w, request })
    this.#knowledge.set(key, known)
    if (answer.status === 'ok') {
      write.state = 'acknowledged'
      this.#checks.acknowledged(key, answer, w)
      this.#knowledge.set(key, { context: answer.context, seen: new Set([...known.seen, request]) })
    } else write.state = answer.mayHaveHappened ? 'uncertain' : 'refused'
  }

  #running(asked: PeerId): PeerId {
    if (this.cluster.peer(asked).isRunning) return asked
    return this.cluster.running()[0]?.peer ?? asked
  }

  #call<Answer>(begin: (done: (answer: Answer) => void) => void): Answer {
    const answers: Answer[] = []
    begin(answer => answers.push(answer))
    this.cluster.runUntil(() => answers.length > 0, 100_000)
    const [answer] = answers
    if (answer === undefined) throw new Error('a call was never answered')
    return answer
  }
}
