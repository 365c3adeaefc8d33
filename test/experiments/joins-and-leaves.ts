/**
 * Joins and leaves under causal read-modify-write load (basho/riak_kv issue 1754, 2020): forty clients update ten keys with what they have read, R
 * and W a quorum, while two further peers join a cluster of five, receive what they own, and leave again. Riak lost acknowledged writes here
 * until an acknowledgement could no longer be counted twice.
 *
 * Each key holds the set of all updates made to it, siblings are joined by union, so an update that is missing at the end was lost.
 */
import { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { agreedRecord, divergences } from '../../src/simulation/checks/convergence.ts'
import { printTable } from './table.ts'
import { setText, textsOf, unionOf } from './text-set.ts'

export interface JoinsAndLeavesSetting {
  /** How often two peers join and leave. */
  readonly rounds: number
  /** Time with all members before and after each change. */
  readonly calmMs: number
  readonly clients: number
  readonly seed?: number
}

export interface JoinsAndLeavesOutcome {
  readonly acknowledged: number
  readonly lost: number
  /** Puts that were not acknowledged at first. */
  readonly repeated: number
  readonly joined: number
  readonly left: number
  /** Keys whose owners were different after a join or leave, summed over all changes. */
  readonly keysMoved: number
  /** Virtual time from the first update until no other began. */
  readonly loadMs: number
  readonly divergences: readonly string[]
}

const quorum = 2
const keys = Array.from({ length: 10 }, (_, index) => `key-${index}`)
/** Longest pause of a client between two updates; half of it on the average. */
const pauseMs = 2000

/** Updates per client and second that the pauses allow when nothing has to wait. */
export const updatesPerSecond = 2000 / pauseMs

export function joinsAndLeaves(setting: JoinsAndLeavesSetting): JoinsAndLeavesOutcome {
  return new JoinsAndLeaves(setting).run()
}

class JoinsAndLeaves {
  readonly #setting: JoinsAndLeavesSetting
  readonly #cluster: Cluster
  /** Updates that were acknowledged, by key. */
  readonly #acknowledged = new Map<string, Set<string>>(keys.map(key => [key, new Set()]))
  #updates = 0
  #open = 0
  #repeated = 0
  #isOver = false

  constructor(setting: JoinsAndLeavesSetting) {
    this.#setting = setting
    this.#cluster = new Cluster({ seed: setting.seed ?? 1, peers: 5, partitions: 64, trace: false })
  }

  run(): JoinsAndLeavesOutcome {
    const { clients, rounds, calmMs } = this.#setting
    const cluster = this.#cluster
    for (let client = 0; client < clients; client++) this.#think()
    let keysMoved = 0
    cluster.run(calmMs)
    for (let round = 0; round < rounds; round++) {
      const before = this.#owners()
      const guests = [cluster.add(), cluster.add()]
      cluster.runUntil(() => guests.every(guest => cluster.peer(guest).ringPeer?.status === 'up'))
      cluster.run(calmMs)
      const between = this.#owners()
      for (const guest of guests) cluster.peer(guest).leave()
      cluster.runUntil(() => guests.every(guest => cluster.departed.has(guest)))
      cluster.run(calmMs)
      keysMoved += moved(before, between) + moved(between, this.#owners())
    }
    this.#isOver = true
    const loadMs = cluster.time.nowMs
    cluster.runUntil(() => this.#open === 0)
    cluster.settle()
    cluster.run(1000)
    return {
      ...this.#losses(),
      joined: cluster.peers.length - 5,
      left: cluster.departed.size,
      keysMoved,
      loadMs,
      divergences: divergences(cluster, keys)
    }
  }

  #losses(): Pick<JoinsAndLeavesOutcome, 'acknowledged' | 'lost' | 'repeated'> {
    let acknowledged = 0
    let lost = 0
    for (const [key, updates] of this.#acknowledged) {
      const record = agreedRecord(this.#cluster, key)
      const survivors = record === undefined ? new Set<string>() : unionOf(textsOf(record))
      acknowledged += updates.size
      for (const update of updates) if (!survivors.has(update)) lost += 1
    }
    return { acknowledged, lost, repeated: this.#repeated }
  }

  #owners(): readonly string[] {
    return keys.map(key => [...this.#cluster.owners(key)].sort().join())
  }

  #think(): void {
    const { time, random } = this.#cluster
    time.after(random.below(pauseMs + 1), () => {
      if (this.#isOver) return
      this.#updates += 1
      this.#open += 1
      this.#update(keys[random.below(keys.length)] ?? 'key-0', `${this.#updates}`)
    })
  }

  /** Through any peer that runs, those that join or leave included. */
  #update(key: string, update: string): void {
    const cluster = this.#cluster
    const running = cluster.running()
    const peer = running[cluster.random.below(running.length)]?.peer
    if (peer === undefined) throw new Error('five peers always run')
    cluster.startGet(peer, key, { quorum }, (answer, record) => {
      if (answer.status !== 'ok' || record === undefined) return this.#again(key, update)
      const set = setText(new Set([...unionOf(textsOf(record)), update]))
      cluster.startPut(peer, key, set, { quorum, context: answer.context }, ({ status }) => {
        if (status !== 'ok') return this.#again(key, update)
        this.#acknowledged.get(key)?.add(update)
        this.#open -= 1
        this.#think()
      })
    })
  }

  #again(key: string, update: string): void {
    this.#repeated += 1
    this.#cluster.time.after(100, () => this.#update(key, update))
  }
}

function moved(before: readonly string[], after: readonly string[]): number {
  return before.filter((owners, index) => owners !== after[index]).length
}

export function printJoinsAndLeaves(): void {
  const settings: readonly [string, JoinsAndLeavesSetting][] = [
    ['as published: two join, two minutes, they leave', { rounds: 1, calmMs: 120_000, clients: 40 }],
    ['ten times in a row, without a pause', { rounds: 10, calmMs: 1000, clients: 40 }]
  ]
  printTable(
    ['what happens', 'updates acknowledged', 'lost', 'made again', 'joined', 'left', 'keys that changed owners', 'converged'],
    settings.map(([what, setting]) => {
      const { acknowledged, lost, repeated, joined, left, keysMoved, divergences: found } = joinsAndLeaves(setting)
      return [
        what,
        `${acknowledged}`,
        `${lost}`,
        `${repeated}`,
        `${joined}`,
        `${left}`,
        `${keysMoved}`,
        found.length === 0 ? 'yes' : found.join('; ')
      ]
    })
  )
}
