/**
 * The network under virtual time. It keeps no more than the network port promises: messages may be lost, repeated, reordered and
 * late, never altered, and none outlives the run of the peer that it was sent to; connections open after a mutual hello, and their end is noticed some time after it happened. Peers that are wanted are dialled
 * again and again, others when something is sent to them; where there are too many, connections that nobody wants end.
 */
import type { PeerId } from '../../core/identifiers.ts'
import { connectionsMaxNodejs, distantIdleMs, parcelsMax } from '../../core/limits.ts'
import type { Prng } from '../../core/prng.ts'
import { link, LinkFaults } from '../faults/link-faults.ts'
import { GossipMesh, type GossipStatistics } from './gossip-mesh.ts'
import type { VirtualTime } from './virtual-time.ts'

/** A peer as the network sees it. */
export interface Endpoint {
  readonly peer: PeerId
  hello(): Uint8Array
  /** True when the other peer may come in. */
  admit(peer: PeerId, hello: Uint8Array): boolean
  connected(peer: PeerId): void
  disconnected(peer: PeerId): void
  frame(from: PeerId, frame: Uint8Array): void
  /** Calls `accepted` when the message is to be passed on. */
  gossip(from: PeerId, bytes: Uint8Array, accepted: () => void): void
  /** True for a member that is dialled only when something is for it. */
  isDistant(peer: PeerId): boolean
  /** Such a member could not be dialled. */
  unreachable(peer: PeerId): void
}

/** How good the network is. Rates are per thousand messages. */
export interface NetworkQuality {
  readonly lossPerMille: number
  readonly duplicatePerMille: number
  readonly delayMinMs: number
  readonly delayMaxMs: number
  /** Messages that take up to `tailMs` longer. */
  readonly tailPerMille: number
  readonly tailMs: number
  /** Longest time until an end notices that the other end is gone. */
  readonly detectionMs: number
  /** How gossip spreads: at once to all connections, which is the same where everybody is connected, or as gossipsub does it. */
  readonly gossip: 'flood' | 'mesh'
  readonly connectionsMax: number
}

/** A network without faults. */
export const goodNetwork: NetworkQuality = {
  lossPerMille: 0,
  duplicatePerMille: 0,
  delayMinMs: 1,
  delayMaxMs: 5,
  tailPerMille: 0,
  tailMs: 0,
  detectionMs: 2000,
  gossip: 'flood',
  connectionsMax: connectionsMaxNodejs
}

export interface NetworkStatistics {
  sent: number
  sentBytes: number
  lost: number
  repeated: number
  late: number
  refused: number
  dials: number
  /** Connections that ended because there was no room. */
  displaced: number
}

/** A peer from its start to its end. */
interface Run {
  readonly endpoint: Endpoint
  /** Peers that it believes to be connected to, and when it last sent or received something. Empty after its end. */
  readonly open: Map<PeerId, number>
}

const REDIAL_MS = 200
const REFUSED_REDIAL_MS = 30_000

export class SimulatedNetwork {
  readonly #time: VirtualTime
  readonly #random: Prng
  /** The peers that run. */
  readonly #runs = new Map<PeerId, Run>()
  readonly #wanted = new Map<PeerId, ReadonlySet<PeerId>>()
  readonly #wantedBy = new Map<PeerId, Set<PeerId>>()
  /** Messages that wait for a connection to a distant peer. */
  readonly #parcels = new Map<string, Uint8Array[]>()
  readonly #mesh: GossipMesh | undefined
  readonly #faults = new LinkFaults()
  readonly #dialling = new Set<string>()
  readonly statistics: NetworkStatistics = { sent: 0, sentBytes: 0, lost: 0, repeated: 0, late: 0, refused: 0, dials: 0, displaced: 0 }
  quality: NetworkQuality

  constructor(time: VirtualTime, random: Prng, quality: NetworkQuality) {
    this.#time = time
    this.#random = random
    this.quality = quality
    if (quality.gossip === 'mesh') this.#mesh = this.#createMesh(random.fork('gossip'))
  }

  /** What gossip cost, where it spreads by a mesh. */
  get gossipStatistics(): GossipStatistics | undefined {
    return this.#mesh?.statistics
  }

  /** A peer starts. What was left of its earlier life is gone. */
  attach(endpoint: Endpoint): void {
    this.#runs.set(endpoint.peer, { endpoint, open: new Map() })
    this.#mesh?.attach(endpoint.peer)
    this.#dialFor(endpoint.peer)
  }

  /** A peer ends: the others hear its goodbye, or notice some time later. */
  detach(peer: PeerId, goodbye: boolean): void {
    const open = this.#runs.get(peer)?.open
    const others = [...(open?.keys() ?? [])]
    this.#runs.delete(peer)
    open?.clear()
    this.#mesh?.detach(peer)
    const { delayMaxMs, detectionMs } = this.quality
    for (const other of new Set([...others, ...this.#halfOpenTo(peer)]))
      if (this.#isOpen(other, peer)) this.#noticeLater(other, peer, goodbye ? delayMaxMs : detectionMs)
  }

  /** Replaces the peers that `peer` keeps connections to. */
  want(peer: PeerId, others: readonly PeerId[]): void {
    const before = this.#wanted.get(peer)
    const wanted = new Set(others)
    this.#wanted.set(peer, wanted)
    for (const other of before ?? []) {
      if (wanted.has(other)) continue
      this.#wantedBy.get(other)?.delete(peer)
      this.#closeWhenIdle(peer, other, distantIdleMs)
    }
    for (const other of wanted) {
      const wanting = this.#wantedBy.get(other)
      if (wanting === undefined) this.#wantedBy.set(other, new Set([peer]))
      else wanting.add(peer)
    }
    this.#dialFor(peer)
  }

  /** Sends one message; false when the sender has no connection and the peer is not dialled for it. */
  send(from: PeerId, to: PeerId, frame: Uint8Array): boolean {
    if (!this.#isOpen(from, to)) return this.#dialToSend(from, to, frame)
    this.#use(from, to)
    this.statistics.sent += 1
    this.statistics.sentBytes += frame.length
    const { lossPerMille, duplicatePerMille } = this.quality
    if (this.#random.below(1000) < lossPerMille) this.statistics.lost += 1
    else this.#deliver(from, to, () => this.#take(from, to, frame))
    if (this.#random.below(1000) < duplicatePerMille) {
      this.statistics.repeated += 1
      // Some repetitions come when everybody has long gone on.
      const laterMs = this.#random.below(4) === 0 ? this.#random.below(this.quality.tailMs + 1) : 0
      this.#deliver(from, to, () => this.#take(from, to, frame), laterMs)
    }
    return true
  }

  /** Spreads `bytes` to all, best effort. */
  publish(from: PeerId, bytes: Uint8Array): void {
    if (this.#mesh !== undefined) return this.#mesh.publish(from, bytes)
    for (const to of this.#connected(from)) this.#carry(from, to, () => this.#endpoint(to)?.gossip(from, bytes, () => undefined))
  }

  /** Cuts one direction between two peers. With `abrupt`, both notice at once. */
  block(from: PeerId, to: PeerId, abrupt = false): void {
    this.#faults.block(from, to)
    for (const [peer, other] of [
      [from, to],
      [to, from]
    ] as const) {
      if (this.#isOpen(peer, other)) this.#noticeLater(peer, other, abrupt ? 0 : this.quality.detectionMs)
    }
  }

  unblock(from: PeerId, to: PeerId): void {
    this.#faults.unblock(from, to)
    this.#dialIfDue(from, to)
  }

  /** Cuts a peer off from all others, those that come later included, until {@link reconnect} was called as often. */
  isolate(peer: PeerId): void {
    this.#faults.isolate(peer)
    for (const other of this.#runs.keys()) {
      if (this.#isOpen(peer, other)) this.#noticeLater(peer, other, this.quality.detectionMs)
      if (this.#isOpen(other, peer)) this.#noticeLater(other, peer, this.quality.detectionMs)
    }
  }

  reconnect(peer: PeerId): void {
    this.#faults.reconnect(peer)
    this.#dialAll()
  }

  /** Ends all cuts and clogs. */
  heal(): void {
    this.#faults.heal()
    this.#dialAll()
  }

  /** Holds all messages of one direction back for a while. */
  clog(from: PeerId, to: PeerId, forMs: number): void {
    this.#faults.clog(from, to, this.#time.nowMs + forMs)
  }

  /** Closes the connection of two peers, which then dial again. */
  reset(a: PeerId, b: PeerId): void {
    this.#notice(a, b)
    this.#notice(b, a)
    this.#dialIfDue(a, b)
  }

  /** Connections of a running peer, as it sees them. */
  connectionsOf(peer: PeerId): number {
    return this.#runs.get(peer)?.open.size ?? 0
  }

  isConnected(a: PeerId, b: PeerId): boolean {
    return this.#isOpen(a, b) && this.#isOpen(b, a)
  }

  #take(from: PeerId, to: PeerId, frame: Uint8Array): void {
    this.#use(to, from)
    this.#endpoint(to)?.frame(from, frame)
  }

  #createMesh(random: Prng): GossipMesh {
    return new GossipMesh(this.#time, random, {
      connected: peer => this.#connected(peer),
      carry: (from, to, act) => this.#carry(from, to, act),
      deliver: (from, to, bytes, accepted) => this.#endpoint(to)?.gossip(from, bytes, accepted)
    })
  }

  #carry(from: PeerId, to: PeerId, act: () => void): void {
    if (this.#random.below(1000) < this.quality.lossPerMille) this.statistics.lost += 1
    else this.#deliver(from, to, act)
  }

  #deliver(from: PeerId, to: PeerId, act: () => void, laterMs = 0): void {
    const open = this.#runs.get(to)?.open
    this.#time.after(this.#faults.heldMs(from, to, this.#time.nowMs) + this.#delay() + laterMs, () => {
      if (!this.#faults.isBlocked(from, to) && open?.has(from) === true) act()
      else this.statistics.lost += 1
    })
  }

  #endpoint(peer: PeerId): Endpoint | undefined {
    return this.#runs.get(peer)?.endpoint
  }

  #connected(peer: PeerId): Iterable<PeerId> {
    return this.#runs.get(peer)?.open.keys() ?? []
  }

  /** Keeps a message for a distant peer until it was dialled. */
  #dialToSend(from: PeerId, to: PeerId, frame: Uint8Array): boolean {
    const way = link(from, to)
    const waiting = this.#parcels.get(way)
    if (waiting !== undefined) return waiting.length < parcelsMax && waiting.push(frame) > 0
    if (this.#wanted.get(from)?.has(to) === true || this.#endpoint(from)?.isDistant(to) !== true) return false
    this.#parcels.set(way, [frame])
    this.#time.after(1 + this.#random.below(REDIAL_MS), () => this.#dialForParcels(from, to))
    return true
  }

  #dialForParcels(from: PeerId, to: PeerId): void {
    const isCut = this.#faults.isCut(from, to)
    if (!this.isConnected(from, to) && !isCut && this.#runs.has(from)) this.#dial(from, to)
    const frames = this.#parcels.get(link(from, to)) ?? []
    if (this.#isOpen(from, to)) {
      this.#parcels.delete(link(from, to))
      this.#closeWhenIdle(from, to, distantIdleMs)
      for (const frame of frames) this.send(from, to, frame)
      return
    }
    this.#time.after(this.#random.below(this.quality.detectionMs + 1), () => {
      this.#parcels.delete(link(from, to))
      this.#endpoint(from)?.unreachable(to)
    })
  }

  #delay(): number {
    const { delayMinMs, delayMaxMs, tailPerMille, tailMs } = this.quality
    const usual = delayMinMs + (this.#random.below(1000) * (delayMaxMs - delayMinMs)) / 1000
    if (this.#random.below(1000) >= tailPerMille) return usual
    this.statistics.late += 1
    return usual + (this.#random.below(1000) * tailMs) / 1000
  }

  #dialAll(): void {
    for (const peer of this.#runs.keys()) for (const other of this.#wanted.get(peer) ?? []) this.#dialIfDue(peer, other)
  }

  /** Dials between `peer` and those that it wants, or that want it. */
  #dialFor(peer: PeerId): void {
    for (const other of new Set([...(this.#wanted.get(peer) ?? []), ...(this.#wantedBy.get(peer) ?? [])])) this.#dialIfDue(peer, other)
  }

  #dialIfDue(peer: PeerId, other: PeerId): void {
    const [a, b] = peer < other ? [peer, other] : [other, peer]
    if (a !== b && this.#runs.has(a) && this.#runs.has(b) && this.#shouldDial(a, b)) this.#dialLater(a, b, REDIAL_MS)
  }

  #shouldDial(a: PeerId, b: PeerId): boolean {
    if (this.isConnected(a, b) || this.#dialling.has(link(a, b))) return false
    if (this.#faults.isCut(a, b)) return false
    return this.#wanted.get(a)?.has(b) === true || this.#wanted.get(b)?.has(a) === true
  }

  #dialLater(a: PeerId, b: PeerId, withinMs: number): void {
    this.#dialling.add(link(a, b))
    this.#time.after(1 + this.#random.below(withinMs), () => {
      this.#dialling.delete(link(a, b))
      if (this.#runs.has(a) && this.#runs.has(b) && this.#shouldDial(a, b)) this.#dial(a, b)
    })
  }

  #dial(a: PeerId, b: PeerId): void {
    const [left, right] = [this.#endpoint(a), this.#endpoint(b)]
    if (left === undefined || right === undefined) return
    if (!this.#hasRoom(a) || !this.#hasRoom(b)) return
    this.statistics.dials += 1
    const [leftHello, rightHello] = [left.hello(), right.hello()]
    if (!left.admit(b, rightHello) || !right.admit(a, leftHello)) {
      this.statistics.refused += 1
      return this.#dialLater(a, b, REFUSED_REDIAL_MS)
    }
    this.#notice(a, b)
    this.#notice(b, a)
    this.#use(a, b)
    this.#use(b, a)
    left.connected(b)
    right.connected(a)
  }

  #noticeLater(peer: PeerId, other: PeerId, withinMs: number): void {
    this.#time.after(withinMs === 0 ? 0 : this.#random.below(withinMs), () => {
      const isCut = this.#faults.isCut(peer, other)
      if (!isCut && this.#isOpen(other, peer)) return
      this.#notice(peer, other)
      this.#dialIfDue(peer, other)
    })
  }

  /** Ends a connection to a distant peer once nothing was sent on it for a while. */
  #closeWhenIdle(peer: PeerId, other: PeerId, afterMs: number): void {
    if (!this.#isOpen(peer, other) || this.#endpoint(peer)?.isDistant(other) !== true) return
    this.#time.after(afterMs, () => {
      const usedMs = this.#runs.get(peer)?.open.get(other)
      if (usedMs === undefined || this.#endpoint(peer)?.isDistant(other) !== true) return
      const restMs = usedMs + distantIdleMs - this.#time.nowMs
      if (restMs > 0) return this.#closeWhenIdle(peer, other, restMs)
      // The other end may want it still.
      this.reset(peer, other)
    })
  }

  /** Makes room for one more connection, at the expense of the one that was used least recently of those that nobody wants. */
  #hasRoom(peer: PeerId): boolean {
    const open = this.#runs.get(peer)?.open
    if (open === undefined || open.size < this.quality.connectionsMax) return true
    for (const [other] of [...open].toSorted(([, usedMs], [, laterMs]) => usedMs - laterMs)) {
      if (this.#wanted.get(peer)?.has(other) === true) continue
      this.statistics.displaced += 1
      this.#notice(peer, other)
      this.#notice(other, peer)
      return true
    }
    return false
  }

  #use(peer: PeerId, other: PeerId): void {
    this.#runs.get(peer)?.open.set(other, this.#time.nowMs)
  }

  /** Peers that believe to be connected to one that does not know of it. */
  #halfOpenTo(peer: PeerId): readonly PeerId[] {
    return [...this.#runs].flatMap(([other, { open }]) => (open.has(peer) ? [other] : []))
  }

  #notice(peer: PeerId, other: PeerId): void {
    if (this.#runs.get(peer)?.open.delete(other) !== true) return
    this.#mesh?.disconnected(peer, other)
    this.#endpoint(peer)?.disconnected(other)
  }

  #isOpen(peer: PeerId, other: PeerId): boolean {
    return this.#runs.get(peer)?.open.has(other) === true
  }
}
