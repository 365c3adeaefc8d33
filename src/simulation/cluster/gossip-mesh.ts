/**
 * How gossip travels over connections, as gossipsub does it (Vyzovitis et al. 2020): each peer passes a new message on to a few of its
 * connections, its mesh, and tells some of the others every second which messages it has, so that whoever missed one can ask for it.
 *
 * Modelled is what matters to us: the degrees of the mesh, the flood of an author to all its connections, the memory of what was
 * seen, IHAVE and IWANT. Scores are left out: nobody in a simulation misbehaves.
 */
import type { PeerId } from '../../core/identifiers.ts'
import { gossipLazyMin, gossipLazyShare } from '../../core/limits.ts'
import type { Prng } from '../../core/prng.ts'
import type { VirtualTime } from './virtual-time.ts'

/** The defaults of gossipsub. */
const DEGREE = { wanted: 6, least: 4, most: 12 } as const
const HEARTBEAT_MS = 1000
const SEEN_MS = 120_000
/** Heartbeats for which a message is told of, and kept for those who ask. */
const TOLD_HEARTBEATS = 3
/** Bytes of a message's name, and of topic and framing. */
const BYTES = { name: 34, envelope: 64 } as const

/** What the mesh needs of the network. */
export interface GossipLinks {
  /** Peers that `peer` is connected to. */
  connected(peer: PeerId): Iterable<PeerId>
  /** Carries something to the other end of a connection, unless it is lost. */
  carry(from: PeerId, to: PeerId, act: () => void): void
  /** A message is new to `to`. Calls `accepted` when it is to be passed on. */
  deliver(from: PeerId, to: PeerId, bytes: Uint8Array, accepted: () => void): void
}

/** What travelled. */
export interface GossipStatistics {
  messages: number
  messageBytes: number
  /** Messages that the receiver had already. */
  repeated: number
  control: number
  controlBytes: number
}

interface Message {
  readonly name: number
  readonly bytes: Uint8Array
}

interface Gossiper {
  readonly mesh: Set<PeerId>
  /** In whole milliseconds: a thousand peers keep a million of these, and whole numbers take no room of their own. */
  readonly seenUntilMs: Map<number, number>
  /** Messages of the last heartbeats, the newest first. */
  recent: Message[][]
}

export class GossipMesh {
  readonly #time: VirtualTime
  readonly #random: Prng
  readonly #links: GossipLinks
  readonly #gossipers = new Map<PeerId, Gossiper>()
  readonly #names = new Map<string, number>()
  readonly statistics: GossipStatistics = { messages: 0, messageBytes: 0, repeated: 0, control: 0, controlBytes: 0 }

  constructor(time: VirtualTime, random: Prng, links: GossipLinks) {
    this.#time = time
    this.#random = random
    this.#links = links
  }

  attach(peer: PeerId): void {
    const gossiper: Gossiper = { mesh: new Set(), seenUntilMs: new Map(), recent: [[]] }
    this.#gossipers.set(peer, gossiper)
    this.#time.after(this.#random.below(HEARTBEAT_MS), () => this.#heartbeat(peer, gossiper))
  }

  detach(peer: PeerId): void {
    this.#gossipers.delete(peer)
  }

  disconnected(peer: PeerId, other: PeerId): void {
    this.#gossipers.get(peer)?.mesh.delete(other)
  }

  publish(peer: PeerId, bytes: Uint8Array): void {
    const message = { name: this.#nameOf(bytes), bytes }
    const gossiper = this.#gossipers.get(peer)
    if (gossiper === undefined || !this.#see(gossiper, message)) return
    for (const other of this.#links.connected(peer)) this.#send(peer, other, message)
  }

  #send(from: PeerId, to: PeerId, message: Message): void {
    this.statistics.messages += 1
    this.statistics.messageBytes += message.bytes.length + BYTES.envelope
    this.#links.carry(from, to, () => this.#receive(from, to, message))
  }

  #receive(from: PeerId, to: PeerId, message: Message): void {
    const gossiper = this.#gossipers.get(to)
    if (gossiper === undefined) return
    if (!this.#see(gossiper, message)) {
      this.statistics.repeated += 1
      return
    }
    this.#links.deliver(from, to, message.bytes, () => {
      for (const other of gossiper.mesh) if (other !== from) this.#send(to, other, message)
    })
  }

  /** True for a message that is news. */
  #see(gossiper: Gossiper, message: Message): boolean {
    const now = this.#time.nowMs
    if ((gossiper.seenUntilMs.get(message.name) ?? 0) > now) return false
    gossiper.seenUntilMs.delete(message.name)
    gossiper.seenUntilMs.set(message.name, Math.ceil(now) + SEEN_MS)
    gossiper.recent[0]?.push(message)
    return true
  }

  #heartbeat(peer: PeerId, gossiper: Gossiper): void {
    if (this.#gossipers.get(peer) !== gossiper) return
    this.#mend(peer, gossiper)
    this.#tell(peer, gossiper)
    this.#forget(gossiper)
    this.#time.after(HEARTBEAT_MS, () => this.#heartbeat(peer, gossiper))
  }

  #mend(peer: PeerId, gossiper: Gossiper): void {
    const { mesh } = gossiper
    if (mesh.size < DEGREE.least) {
      const others = this.#outside(peer, mesh)
      for (const other of this.#sample(others, DEGREE.wanted - mesh.size)) {
        mesh.add(other)
        this.#control(1)
        this.#links.carry(peer, other, () => this.#grafted(other, peer))
      }
    } else if (mesh.size > DEGREE.most) {
      for (const other of this.#sample([...mesh], mesh.size - DEGREE.wanted)) this.#prune(peer, other)
    }
  }

  /** `other` took `peer` into its mesh. */
  #grafted(peer: PeerId, other: PeerId): void {
    const mesh = this.#gossipers.get(peer)?.mesh
    if (mesh === undefined || mesh.has(other)) return
    if (mesh.size < DEGREE.most) mesh.add(other)
    else this.#prune(peer, other)
  }

  #prune(peer: PeerId, other: PeerId): void {
    this.#gossipers.get(peer)?.mesh.delete(other)
    this.#control(1)
    this.#links.carry(peer, other, () => this.#gossipers.get(other)?.mesh.delete(peer))
  }

  /** IHAVE to some that are not in the mesh. */
  #tell(peer: PeerId, gossiper: Gossiper): void {
    const recent = gossiper.recent.flat()
    if (recent.length === 0) return
    const others = this.#outside(peer, gossiper.mesh)
    for (const other of this.#sample(others, Math.max(gossipLazyMin, Math.floor(others.length * gossipLazyShare)))) {
      this.#control(recent.length)
      this.#links.carry(peer, other, () => this.#told(other, peer, recent))
    }
  }

  /** IWANT for what is not here. */
  #told(peer: PeerId, teller: PeerId, messages: readonly Message[]): void {
    const gossiper = this.#gossipers.get(peer)
    if (gossiper === undefined) return
    const lacking = messages.filter(({ name }) => (gossiper.seenUntilMs.get(name) ?? 0) <= this.#time.nowMs)
    if (lacking.length === 0) return
    this.#control(lacking.length)
    this.#links.carry(peer, teller, () => {
      for (const message of lacking) this.#send(teller, peer, message)
    })
  }

  /** Connections that are not in the mesh. */
  #outside(peer: PeerId, mesh: ReadonlySet<PeerId>): PeerId[] {
    return [...this.#links.connected(peer)].filter(other => !mesh.has(other))
  }

  #forget(gossiper: Gossiper): void {
    gossiper.recent = [[], ...gossiper.recent.slice(0, TOLD_HEARTBEATS - 1)]
    for (const [name, untilMs] of gossiper.seenUntilMs) {
      if (untilMs > this.#time.nowMs) break
      gossiper.seenUntilMs.delete(name)
    }
  }

  #control(names: number): void {
    this.statistics.control += 1
    this.statistics.controlBytes += BYTES.envelope + names * BYTES.name
  }

  /** A message is named after its bytes, so that the same one told twice is one. */
  #nameOf(bytes: Uint8Array): number {
    const text = String.fromCharCode(...bytes)
    const name = this.#names.get(text) ?? this.#names.size
    this.#names.set(text, name)
    return name
  }

  #sample<Item>(items: Item[], count: number): Item[] {
    const most = Math.min(count, items.length)
    for (let place = 0; place < most; place++) {
      const other = place + this.#random.below(items.length - place)
      const item = items[place] as Item
      items[place] = items[other] as Item
      items[other] = item
    }
    return items.slice(0, Math.max(most, 0))
  }
}
