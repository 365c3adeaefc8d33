/**
 * Jepsen's one-key set on Riak (Kyle Kingsbury, "Call me maybe: Riak", 2013): five peers, five clients, one key that holds a set, 2,000 adds.
 *
 * A client reads the set at its own peer, adds an element, and writes it back with the context of its read. Clients do this at the same time, so
 * reads show siblings. What a client makes of siblings decides what survives: their union loses nothing, whatever R, W and the network;
 * last-write-wins loses what was written at the same time, also without any fault and with quorums.
 */
import { formatDot } from '../../src/core/versions/dot.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { maximalSiblings, type StoredRecord } from '../../src/core/versions/record.ts'
import { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { lastWritten } from '../../src/store/last-write-wins.ts'
import { asPercent, printTable } from './table.ts'
import { elementsOf, setText, textsOf, unionOf, type Elements } from './text-set.ts'

export interface OneKeySetSetting {
  readonly merge: 'union' | 'last-write-wins'
  /** R and W. */
  readonly quorum: number
  /** Cut {1,2}|{3,4,5} from the first quarter of the adds to the third. */
  readonly partition: boolean
  readonly adds: number
  readonly seed?: number
}

export interface OneKeySetOutcome {
  readonly acknowledged: number
  readonly lost: number
  /** Most siblings that one read saw. */
  readonly siblingsMost: number
  /** Adds that had to be made again because their put was not acknowledged. */
  readonly repeated: number
  /** Whether the partition was seen by both sides: each acknowledged adds during it. */
  readonly bothSidesWrote: boolean
}

const key = 'set'
const clients = 5
const thinkMs = 20

export function oneKeySet(setting: OneKeySetSetting): OneKeySetOutcome {
  return new OneKeySet(setting).run()
}

class OneKeySet {
  readonly #setting: OneKeySetSetting
  readonly #cluster: Cluster
  readonly #acknowledged = new Set<string>()
  readonly #duringCut = new Set<PeerId>()
  #begun = 0
  #siblingsMost = 0
  #repeated = 0
  #isCut = false

  constructor(setting: OneKeySetSetting) {
    this.#setting = setting
    this.#cluster = new Cluster({ seed: setting.seed ?? 1, peers: clients, trace: false })
  }

  run(): OneKeySetOutcome {
    const { adds, partition } = this.#setting
    const cluster = this.#cluster
    const [ada, ben, ...others] = cluster.peers as [PeerId, PeerId, ...PeerId[]]
    for (const peer of cluster.peers) this.#think(peer)
    this.#until(adds / 4)
    if (partition) cluster.partition([ada, ben], others)
    this.#isCut = partition
    this.#until((adds * 3) / 4)
    this.#isCut = false
    cluster.heal()
    this.#until(adds)
    cluster.settle()
    const survivors = this.#finalSet(ada)
    return {
      acknowledged: this.#acknowledged.size,
      lost: [...this.#acknowledged].filter(element => !survivors.has(element)).length,
      siblingsMost: this.#siblingsMost,
      repeated: this.#repeated,
      bothSidesWrote: [ada, ben].some(peer => this.#duringCut.has(peer)) && others.some(peer => this.#duringCut.has(peer))
    }
  }

  #until(acknowledged: number): void {
    this.#cluster.runUntil(() => this.#acknowledged.size >= acknowledged, 3_600_000)
  }

  #think(peer: PeerId): void {
    const { time, random } = this.#cluster
    time.after(random.below(thinkMs + 1), () => {
      if (this.#begun >= this.#setting.adds) return
      this.#begun += 1
      this.#add(peer, `${this.#begun}`)
    })
  }

  #add(peer: PeerId, element: string): void {
    const { quorum } = this.#setting
    this.#cluster.startGet(peer, key, { quorum }, (answer, record) => {
      if (answer.status !== 'ok' || record === undefined) return this.#again(peer, element)
      const set = setText(new Set([...this.#read(record), element]))
      this.#cluster.startPut(peer, key, set, { quorum, context: answer.context }, ({ status }) => {
        if (status !== 'ok') return this.#again(peer, element)
        this.#acknowledged.add(element)
        if (this.#isCut) this.#duringCut.add(peer)
        this.#think(peer)
      })
    })
  }

  #again(peer: PeerId, element: string): void {
    this.#repeated += 1
    this.#cluster.time.after(thinkMs, () => this.#add(peer, element))
  }

  /** What a client makes of the siblings that it read. */
  #read(record: StoredRecord): Elements {
    const siblings = maximalSiblings(record)
    this.#siblingsMost = Math.max(this.#siblingsMost, siblings.length)
    if (this.#setting.merge === 'union') return unionOf(textsOf(record))
    const dated = siblings.map((sibling, index) => ({ hybridTime: sibling.wallTime, dot: formatDot(sibling.dot), index }))
    return elementsOf(textsOf(record)[lastWritten(dated)?.index ?? 0] ?? '')
  }

  #finalSet(peer: PeerId): Elements {
    let record: StoredRecord | undefined
    this.#cluster.startGet(peer, key, { quorum: 3 }, (_answer, read) => {
      record = read
    })
    this.#cluster.runUntil(() => record !== undefined)
    return record === undefined ? new Set() : this.#read(record)
  }
}

export function printOneKeySet(): void {
  const published = { union: '0 %', 'last-write-wins': '' }
  const rows = (['union', 'last-write-wins'] as const).flatMap(merge =>
    [false, true].flatMap(partition =>
      [1, 2].map(quorum => {
        const { acknowledged, lost, siblingsMost, repeated } = oneKeySet({ merge, quorum, partition, adds: 2000 })
        const riak = merge === 'union' ? published.union : partition ? '91 %' : '71.7 %'
        return [
          merge,
          `R=W=${quorum}`,
          partition ? '{1,2} from {3,4,5}' : 'none',
          `${acknowledged}`,
          `${lost}`,
          asPercent(lost / acknowledged),
          riak,
          `${siblingsMost}`,
          `${repeated}`
        ]
      })
    )
  )
  printTable(
    [
      'siblings become',
      'quorum',
      'partition',
      'acknowledged',
      'lost',
      'lost %',
      'Jepsen on Riak',
      'most siblings in a read',
      'adds made again'
    ],
    rows
  )
}
