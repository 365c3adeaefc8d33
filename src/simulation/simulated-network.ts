/**
 * The network under virtual time. It keeps no more than the network port promises: messages may be lost, repeated, reordered and
 * late, never altered; connections open after a mutual hello, and their end is noticed some time after it happened.
 */
import type { PeerId } from '../core/identifiers.ts'
import type { Prng } from '../core/prng.ts'
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
  gossip(from: PeerId, bytes: Uint8Array): void
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
}

/** A network without faults. */
export const goodNetwork: NetworkQuality = {
  lossPerMille: 0,
  duplicatePerMille: 0,
  delayMinMs: 1,
  delayMaxMs: 5,
  tailPerMille: 0,
  tailMs: 0,
  detectionMs: 2000
}

export interface NetworkStatistics {
  sent: number
  lost: number
  repeated: number
  late: number
  refused: number
}

const REDIAL_MS = 200
const REFUSED_REDIAL_MS = 30_000

export class SimulatedNetwork {
  readonly #time: VirtualTime
  readonly #random: Prng
  readonly #endpoints = new Map<PeerId, Endpoint>()
  readonly #wanted = new Map<PeerId, ReadonlySet<PeerId>>()
  /** Peers that a peer believes to be connected to. */
  readonly #open = new Map<PeerId, Set<PeerId>>()
  readonly #blocked = new Set<string>()
  /** How often each peer is cut off from all others. */
  readonly #isolated = new Map<PeerId, number>()
  readonly #cloggedUntilMs = new Map<string, number>()
  readonly #dialling = new Set<string>()
  readonly statistics: NetworkStatistics = { sent: 0, lost: 0, repeated: 0, late: 0, refused: 0 }
  quality: NetworkQuality

  constructor(time: VirtualTime, random: Prng, quality: NetworkQuality) {
    this.#time = time
    this.#random = random
    this.quality = quality
  }

  /** A peer starts. What was left of its earlier life is gone. */
  attach(endpoint: Endpoint): void {
    this.#endpoints.set(endpoint.peer, endpoint)
    this.#open.set(endpoint.peer, new Set())
    this.#dialAll()
  }

  /** A peer ends: the others hear its goodbye, or notice some time later. */
  detach(peer: PeerId, goodbye: boolean): void {
    this.#endpoints.delete(peer)
    this.#open.delete(peer)
    const { delayMaxMs, detectionMs } = this.quality
    for (const other of this.#endpoints.keys())
      if (this.#isOpen(other, peer)) this.#noticeLater(other, peer, goodbye ? delayMaxMs : detectionMs)
  }

  /** Replaces the peers that `peer` keeps connections to. */
  want(peer: PeerId, others: readonly PeerId[]): void {
    this.#wanted.set(peer, new Set(others))
    this.#dialAll()
  }

  /** Sends one message; false when the sender has no connection. */
  send(from: PeerId, to: PeerId, frame: Uint8Array): boolean {
    if (!this.#isOpen(from, to)) return false
    this.statistics.sent += 1
    const { lossPerMille, duplicatePerMille } = this.quality
    if (this.#random.below(1000) < lossPerMille) this.statistics.lost += 1
    else this.#deliver(from, to, () => this.#endpoints.get(to)?.frame(from, frame))
    if (this.#random.below(1000) < duplicatePerMille) {
      this.statistics.repeated += 1
      // Some repetitions come when everybody has long gone on.
      const laterMs = this.#random.below(4) === 0 ? this.#random.below(this.quality.tailMs + 1) : 0
      this.#deliver(from, to, () => this.#endpoints.get(to)?.frame(from, frame), laterMs)
    }
    return true
  }

  /** Spreads `bytes` to all that `from` is connected to. */
  publish(from: PeerId, bytes: Uint8Array): void {
    for (const to of this.#open.get(from) ?? []) {
      if (this.#random.below(1000) < this.quality.lossPerMille) this.statistics.lost += 1
      else this.#deliver(from, to, () => this.#endpoints.get(to)?.gossip(from, bytes))
    }
  }

  /** Cuts one direction between two peers. With `abrupt`, both notice at once. */
  block(from: PeerId, to: PeerId, abrupt = false): void {
    this.#blocked.add(link(from, to))
    for (const [peer, other] of [
      [from, to],
      [to, from]
    ] as const) {
      if (this.#isOpen(peer, other)) this.#noticeLater(peer, other, abrupt ? 0 : this.quality.detectionMs)
    }
  }

  unblock(from: PeerId, to: PeerId): void {
    this.#blocked.delete(link(from, to))
    this.#dialAll()
  }

  /** Cuts a peer off from all others, those that come later included, until {@link reconnect} was called as often. */
  isolate(peer: PeerId): void {
    this.#isolated.set(peer, (this.#isolated.get(peer) ?? 0) + 1)
    for (const other of this.#endpoints.keys()) {
      if (this.#isOpen(peer, other)) this.#noticeLater(peer, other, this.quality.detectionMs)
      if (this.#isOpen(other, peer)) this.#noticeLater(other, peer, this.quality.detectionMs)
    }
  }

  reconnect(peer: PeerId): void {
    const times = (this.#isolated.get(peer) ?? 0) - 1
    if (times > 0) this.#isolated.set(peer, times)
    else this.#isolated.delete(peer)
    this.#dialAll()
  }

  /** Ends all cuts and clogs. */
  heal(): void {
    this.#blocked.clear()
    this.#isolated.clear()
    this.#cloggedUntilMs.clear()
    this.#dialAll()
  }

  /** Holds all messages of one direction back for a while. */
  clog(from: PeerId, to: PeerId, forMs: number): void {
    this.#cloggedUntilMs.set(link(from, to), this.#time.nowMs + forMs)
  }

  /** Closes the connection of two peers, which then dial again. */
  reset(a: PeerId, b: PeerId): void {
    this.#notice(a, b)
    this.#notice(b, a)
    this.#dialAll()
  }

  isConnected(a: PeerId, b: PeerId): boolean {
    return this.#isOpen(a, b) && this.#isOpen(b, a)
  }

  #deliver(from: PeerId, to: PeerId, act: () => void, laterMs = 0): void {
    const clogMs = (this.#cloggedUntilMs.get(link(from, to)) ?? 0) - this.#time.nowMs
    this.#time.after(Math.max(clogMs, 0) + this.#delay() + laterMs, () => {
      if (!this.#isBlocked(from, to) && this.#isOpen(to, from)) act()
      else this.statistics.lost += 1
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
    for (const a of this.#endpoints.keys())
      for (const b of this.#endpoints.keys()) if (a < b && this.#shouldDial(a, b)) this.#dialLater(a, b, REDIAL_MS)
  }

  #shouldDial(a: PeerId, b: PeerId): boolean {
    if (this.isConnected(a, b) || this.#dialling.has(link(a, b))) return false
    if (this.#isBlocked(a, b) || this.#isBlocked(b, a)) return false
    return this.#wanted.get(a)?.has(b) === true || this.#wanted.get(b)?.has(a) === true
  }

  #dialLater(a: PeerId, b: PeerId, withinMs: number): void {
    this.#dialling.add(link(a, b))
    this.#time.after(1 + this.#random.below(withinMs), () => {
      this.#dialling.delete(link(a, b))
      if (this.#endpoints.has(a) && this.#endpoints.has(b) && this.#shouldDial(a, b)) this.#dial(a, b)
    })
  }

  #dial(a: PeerId, b: PeerId): void {
    const [left, right] = [this.#endpoints.get(a), this.#endpoints.get(b)]
    if (left === undefined || right === undefined) return
    const [leftHello, rightHello] = [left.hello(), right.hello()]
    if (!left.admit(b, rightHello) || !right.admit(a, leftHello)) {
      this.statistics.refused += 1
      return this.#dialLater(a, b, REFUSED_REDIAL_MS)
    }
    this.#notice(a, b)
    this.#notice(b, a)
    this.#open.get(a)?.add(b)
    this.#open.get(b)?.add(a)
    left.connected(b)
    right.connected(a)
  }

  #noticeLater(peer: PeerId, other: PeerId, withinMs: number): void {
    this.#time.after(withinMs === 0 ? 0 : this.#random.below(withinMs), () => {
      const isCut = this.#isBlocked(peer, other) || this.#isBlocked(other, peer)
      if (!isCut && this.#isOpen(other, peer)) return
      this.#notice(peer, other)
      this.#dialAll()
    })
  }

  #notice(peer: PeerId, other: PeerId): void {
    if (this.#open.get(peer)?.delete(other) === true) this.#endpoints.get(peer)?.disconnected(other)
  }

  #isBlocked(from: PeerId, to: PeerId): boolean {
    return this.#blocked.has(link(from, to)) || this.#isolated.has(from) || this.#isolated.has(to)
  }

  #isOpen(peer: PeerId, other: PeerId): boolean {
    return this.#open.get(peer)?.has(other) === true
  }
}

function link(from: PeerId, to: PeerId): string {
  return `${from}>${to}`
}
