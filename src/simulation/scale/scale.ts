/**
 * A large cluster under virtual time: what it costs each peer to know the others while some come, go and crash.
 *
 * All peers start from storages that know everybody, as after a power cut, within a minute. Then the cluster rests, then it churns. It holds no data: what
 * is measured is membership, not transfers.
 */
import type { PeerId, ReplicaId } from '../../core/identifiers.ts'
import { encodeMember, signMember, type MemberRecord } from '../../core/members/member-record.ts'
import { prng, type Prng } from '../../core/prng.ts'
import type { Message } from '../../protocol/wire/message.ts'
import { memberKey } from '../../protocol/storage-layout.ts'
import { Cluster } from '../cluster/cluster.ts'
import { NewsWatch } from './news-watch.ts'
import { peerName, simulatedSigner } from '../cluster/simulated-identity.ts'
import { SimulatedStorage, type StorageSnapshot } from '../cluster/simulated-storage.ts'

export interface ScaleOptions {
  readonly seed: number | string
  readonly peers: number
  /** Share of the peers that come, go or crash in a minute. */
  readonly churnPerMinute: number
  readonly neighboursMax: number
  readonly connectionsMax: number
  /** @default 1024 */
  readonly partitions?: number
}

/** What each peer spent in a stretch of time, on average. */
export interface ScalePhase {
  readonly seconds: number
  readonly gossipPerSecond: number
  readonly gossipBytesPerSecond: number
  readonly digestsPerSecond: number
  readonly digestBytesPerSecond: number
  readonly otherPerSecond: number
  /** Connections of a peer, sampled each ten seconds. */
  readonly connectionsMean: number
  readonly connectionsMax: number
  readonly dialsPerMinute: number
  readonly changes: number
  /** Times until all had heard of a change, ascending. */
  readonly spreadMs: readonly number[]
  /** Changes of which somebody has not heard within a minute after the last. */
  readonly unheard: number
}

const VIEW_MESSAGES: ReadonlySet<Message['type']> = new Set(['view-digest', 'view-summary', 'view-request', 'view-records'])

export class ScaleRun {
  readonly cluster: Cluster
  readonly #options: ScaleOptions
  readonly #random: Prng
  #news = new NewsWatch()
  #digests = { count: 0, bytes: 0 }
  #others = 0
  #changes = 0

  constructor(options: ScaleOptions) {
    const { seed, peers, neighboursMax, connectionsMax, partitions = 1024 } = options
    this.#options = options
    this.#random = prng(`scale ${seed}`)
    const network = { gossip: 'mesh', connectionsMax } as const
    this.cluster = new Cluster({ seed, peers: 0, partitions, comesUp: false, trace: false, neighboursMax, network })
    this.cluster.observer = {
      framed: (_peer, message, bytes) => this.#framed(message, bytes),
      reported: (peer, event) => {
        if (event.type === 'members-changed') for (const about of event.peers) this.#heard(peer, about)
        else if (event.type === 'left') this.#news.stopped(this.cluster.time.nowMs, peer)
      }
    }
    const names = Array.from({ length: peers }, (_, index) => peerName(index))
    const storage = new SimulatedStorage(this.cluster.time, this.#random, { readMs: 0, writeMs: 0 })
    for (const name of names) storage.tamper({ type: 'put', key: memberKey(name), value: encodeMember(this.#recordOf(name)) })
    for (const name of names) this.#startLater(name, storage.snapshot())
  }

  /** Lets all peers start; true once all know of all starts. */
  start(): boolean {
    this.cluster.run(60_000)
    return this.cluster.runUntil(() => this.#news.waiting === 0, 120_000)
  }

  /** A stretch of time in which `churn` of the usual share of peers comes and goes. */
  phase(minutes: number, churn: 0 | 1): ScalePhase {
    const { peers, churnPerMinute } = this.#options
    const before = this.#counts()
    this.#news = new NewsWatch()
    this.#changes = 0
    const samples: number[] = []
    let [most, events] = [0, 0]
    const perTenSeconds = (peers * churnPerMinute * churn) / 6
    for (let step = 1; step <= minutes * 6; step++) {
      for (; events < step * perTenSeconds; events++) this.cluster.time.after(this.#random.below(10_000), () => this.#change())
      this.cluster.run(10_000)
      const connections = this.cluster.running().map(({ peer }) => this.cluster.network.connectionsOf(peer))
      samples.push(connections.reduce((sum, count) => sum + count, 0) / connections.length)
      most = Math.max(most, ...connections)
    }
    this.cluster.runUntil(() => this.#news.waiting === 0, 60_000)
    return this.#figures(minutes * 60, before, samples, most)
  }

  #figures(seconds: number, before: readonly number[], samples: readonly number[], most: number): ScalePhase {
    const share = seconds * this.cluster.running().length
    const [gossip = 0, gossipBytes = 0, digests = 0, digestBytes = 0, others = 0, dials = 0] = this.#counts().map(
      (count, index) => count - (before[index] ?? 0)
    )
    return {
      seconds,
      gossipPerSecond: gossip / share,
      gossipBytesPerSecond: gossipBytes / share,
      digestsPerSecond: digests / share,
      digestBytesPerSecond: digestBytes / share,
      otherPerSecond: others / share,
      connectionsMean: samples.reduce((sum, count) => sum + count, 0) / samples.length,
      connectionsMax: most,
      dialsPerMinute: (dials / share) * 60,
      changes: this.#changes,
      spreadMs: this.#news.spreadMs.toSorted((a, b) => a - b),
      unheard: this.#news.waiting
    }
  }

  #counts(): readonly number[] {
    const { gossipStatistics: gossip, statistics } = this.cluster.network
    const { messages = 0, control = 0, messageBytes = 0, controlBytes = 0 } = gossip ?? {}
    return [messages + control, messageBytes + controlBytes, this.#digests.count, this.#digests.bytes, this.#others, statistics.dials]
  }

  #startLater(name: PeerId, stored: StorageSnapshot): void {
    this.cluster.time.after(this.#random.below(60_000), () => this.cluster.add(undefined, storage => storage.restore(stored), name))
  }

  #recordOf(peerId: PeerId): MemberRecord {
    const replica = Array.from({ length: 4 }, () => this.#random.below(65_536).toString(16).padStart(4, '0')).join('') as ReplicaId
    const said = {
      peerId,
      incarnation: 1,
      sequence: 0,
      status: 'up',
      weight: 1,
      durable: true,
      zone: undefined,
      replica,
      addresses: [],
      ending: 0
    } as const
    return signMember(said, this.cluster.configuration.cluster, simulatedSigner(peerId))
  }

  #framed(message: Message, bytes: number): void {
    if (!VIEW_MESSAGES.has(message.type)) this.#others += 1
    else {
      this.#digests.count += 1
      this.#digests.bytes += bytes
    }
  }

  #heard(peer: PeerId, about: PeerId): void {
    const record = this.cluster.peer(peer).ringPeer?.view.get(about)
    if (record === undefined) return
    const { nowMs } = this.cluster.time
    if (peer === about && this.#news.isNews(record)) {
      this.#changes += 1
      this.#news.told(
        nowMs,
        record,
        this.cluster.running().map(running => running.peer)
      )
    }
    this.#news.heard(nowMs, peer, record)
  }

  /** Somebody comes, goes, or crashes and is back soon. */
  #change(): void {
    const { cluster } = this
    const running = cluster.running().filter(({ ringPeer }) => ringPeer?.status === 'up')
    const chosen = running[this.#random.below(running.length)]
    const kind = this.#random.below(3)
    if (kind === 0 || chosen === undefined) return void cluster.add()
    if (kind === 1) return chosen.leave()
    chosen.crash()
    this.#news.stopped(cluster.time.nowMs, chosen.peer)
    cluster.time.after(5000 + this.#random.below(25_000), () => cluster.start(chosen.peer))
  }
}
