/**
 * The faults of a run: what they do to a cluster, and a schedule of them that is drawn from the seed. Every fault ends by itself.
 */
import type { PeerId } from '../core/identifiers.ts'
import type { Prng } from '../core/prng.ts'
import type { Cluster } from './cluster.ts'
import type { SimulatedPeer } from './simulated-peer.ts'

/** All kinds of faults that a schedule can draw. */
export const faultKinds = [
  'partition-halves',
  'partition-one',
  'partition-bridge',
  'one-way',
  'flapping',
  'reset',
  'clog',
  'crash',
  'crash-mid-step',
  'crash-loop',
  'pause',
  'slow-disk',
  'disk-error-once',
  'disk-error-lasting',
  'disk-full',
  'disk-loss',
  'clock-jump',
  'late-timers',
  'join',
  'leave'
] as const

export type FaultKind = (typeof faultKinds)[number]

export interface FaultProfile {
  readonly kinds: readonly FaultKind[]
  /** Mean pause between two faults. */
  readonly everyMs: number
  /** Longest fault. */
  readonly longestMs: number
  /** Fewest members with a weight that must remain when peers leave. */
  readonly membersMin: number
  readonly membersMax: number
}

/** Longest run of disk losses: more could lose writes that were acknowledged by two. */
const diskLossesMax = 1

export class Faults {
  readonly #cluster: Cluster
  readonly #random: Prng
  readonly #profile: FaultProfile
  readonly #fired: Partial<Record<FaultKind, number>> = {}
  #isOver = false

  constructor(cluster: Cluster, random: Prng, profile: FaultProfile) {
    this.#cluster = cluster
    this.#random = random
    this.#profile = profile
    if (profile.kinds.length > 0) this.#scheduleNext()
  }

  /** How often each kind fired. */
  get fired(): Readonly<Partial<Record<FaultKind, number>>> {
    return this.#fired
  }

  /** Ends all faults: the network is whole, disks work, every peer that has not left runs. */
  stop(): void {
    this.#isOver = true
    const cluster = this.#cluster
    cluster.network.quality = { ...cluster.network.quality, lossPerMille: 0, duplicatePerMille: 0, tailPerMille: 0 }
    cluster.heal()
    for (const name of cluster.peers) {
      const peer = cluster.peer(name)
      mendForGood(peer)
      if (!hasLeft(cluster, name)) peer.start()
    }
  }

  #scheduleNext(): void {
    this.#cluster.time.after(1 + this.#random.below(this.#profile.everyMs * 2), () => {
      if (this.#isOver) return
      const { kinds } = this.#profile
      const kind = kinds[this.#random.below(kinds.length)]
      if (kind !== undefined && this.#fire(kind)) {
        this.#fired[kind] = (this.#fired[kind] ?? 0) + 1
        this.#cluster.trace.add(this.#cluster.time.nowMs, '', `FAULT ${kind}`)
      }
      this.#scheduleNext()
    })
  }

  /** Begins a fault; false when it cannot be at the moment. */
  #fire(kind: FaultKind): boolean {
    switch (kind) {
      case 'partition-halves':
        return this.#halves()
      case 'partition-one':
        return this.#isolate()
      case 'partition-bridge':
        return this.#bridge()
      case 'one-way':
      case 'flapping':
      case 'reset':
      case 'clog':
        return this.#link(kind)
      case 'join':
        return this.#join()
      case 'leave':
        return this.#leave()
      default:
        return this.#onePeer(kind)
    }
  }

  #halves(): boolean {
    const peers = this.#shuffled(this.#cluster.peers)
    if (peers.length < 2) return false
    const middle = 1 + this.#random.below(peers.length - 1)
    return this.#cut([peers.slice(0, middle), peers.slice(middle)])
  }

  #isolate(): boolean {
    const [one, ...others] = this.#shuffled(this.#cluster.peers)
    return one !== undefined && others.length > 0 && this.#cut([[one], others])
  }

  /** Two halves that only one peer can talk to. */
  #bridge(): boolean {
    const [, ...peers] = this.#shuffled(this.#cluster.peers)
    const middle = Math.ceil(peers.length / 2)
    return peers.length > 1 && this.#cut([peers.slice(0, middle), peers.slice(middle)])
  }

  #cut(groups: readonly (readonly PeerId[])[]): boolean {
    const { network } = this.#cluster
    const abrupt = this.#random.below(2) === 0
    const links = groups.flatMap(group =>
      groups.filter(other => other !== group).flatMap(other => group.flatMap(from => other.map(to => [from, to] as const)))
    )
    for (const [from, to] of links) network.block(from, to, abrupt)
    this.#later(() => {
      for (const [from, to] of links) network.unblock(from, to)
    })
    return true
  }

  #link(kind: 'one-way' | 'flapping' | 'reset' | 'clog'): boolean {
    const { network } = this.#cluster
    const [from, to] = this.#shuffled(this.#cluster.peers)
    if (from === undefined || to === undefined) return false
    if (kind === 'reset') network.reset(from, to)
    else if (kind === 'clog') network.clog(from, to, this.#duration())
    else if (kind === 'flapping') this.#flap(from, to, 2 + this.#random.below(6))
    else {
      network.block(from, to)
      this.#later(() => network.unblock(from, to))
    }
    return true
  }

  #flap(from: PeerId, to: PeerId, times: number): void {
    const { network, time } = this.#cluster
    if (times === 0 || this.#isOver) return network.unblock(from, to)
    if (times % 2 === 0) network.block(from, to, true)
    else network.unblock(from, to)
    time.after(50 + this.#random.below(1000), () => this.#flap(from, to, times - 1))
  }

  #join(): boolean {
    const cluster = this.#cluster
    if (cluster.peers.length >= this.#profile.membersMax) return false
    cluster.add()
    return true
  }

  #leave(): boolean {
    const cluster = this.#cluster
    const up = cluster.running().filter(({ ringPeer }) => ringPeer?.status === 'up' && (ringPeer.member?.weight ?? 0) > 0)
    const peer = up[this.#random.below(Math.max(up.length, 1))]
    if (peer === undefined || up.length <= this.#profile.membersMin || peer.isPaused) return false
    peer.leave()
    return true
  }

  #onePeer(kind: FaultKind): boolean {
    const running = this.#cluster.running()
    const peer = running[this.#random.below(Math.max(running.length, 1))]
    if (peer === undefined) return false
    const { storage } = peer
    switch (kind) {
      case 'crash':
        peer.crash()
        return this.#later(() => this.#start(peer))
      case 'crash-mid-step':
        peer.crashBeforeEffect(this.#random.below(40), () => this.#later(() => this.#start(peer)))
        return true
      case 'crash-loop':
        this.#crashLoop(peer, 2 + this.#random.below(4))
        return true
      case 'pause':
        peer.pause(1 + this.#random.below(this.#duration()))
        return true
      case 'slow-disk':
        storage.slowness = 10 + this.#random.below(200)
        return this.#later(() => mend(peer))
      case 'disk-error-once':
        storage.failuresLeft = 1
        return true
      case 'disk-error-lasting':
        storage.failuresLeft = Number.POSITIVE_INFINITY
        return this.#later(() => mend(peer))
      case 'disk-full':
        storage.isFull = true
        return this.#later(() => mend(peer))
      case 'disk-loss':
        return this.#loseDisk(peer)
      case 'clock-jump':
        peer.wallSkewMs += (this.#random.below(2000) - 1000) * this.#random.below(1000)
        return true
      case 'late-timers':
        peer.timerLatenessMs = 1000
        return this.#later(() => mend(peer))
      default:
        return false
    }
  }

  #crashLoop(peer: SimulatedPeer, times: number): void {
    if (this.#isOver || times === 0) return this.#start(peer)
    peer.crash()
    this.#cluster.time.after(this.#random.below(300), () => {
      this.#start(peer)
      this.#cluster.time.after(this.#random.below(500), () => this.#crashLoop(peer, times - 1))
    })
  }

  #loseDisk(peer: SimulatedPeer): boolean {
    if ((this.#fired['disk-loss'] ?? 0) >= diskLossesMax) return false
    peer.crash()
    peer.storage.wipe()
    return this.#later(() => this.#start(peer))
  }

  #start(peer: SimulatedPeer): void {
    if (!hasLeft(this.#cluster, peer.peer)) peer.start()
  }

  #later(undo: () => void): true {
    this.#cluster.time.after(this.#duration(), undo)
    return true
  }

  #duration(): number {
    return 20 + this.#random.below(this.#profile.longestMs)
  }

  #shuffled<Item>(items: readonly Item[]): readonly Item[] {
    const shuffled = [...items]
    for (let index = shuffled.length - 1; index > 0; index--) {
      const other = this.#random.below(index + 1)
      const [a, b] = [shuffled[index], shuffled[other]]
      if (a !== undefined && b !== undefined) [shuffled[index], shuffled[other]] = [b, a]
    }
    return shuffled
  }
}

/** True for a peer that said that it had left: it does not come back. */
export function hasLeft(cluster: Cluster, peer: PeerId): boolean {
  return cluster.departed.has(peer)
}

function mend(peer: SimulatedPeer): void {
  peer.storage.slowness = 1
  peer.storage.failuresLeft = 0
  peer.storage.isFull = false
  peer.timerLatenessMs = 0
}

/** Ends every fault of a peer, those that wait for their moment included. */
function mendForGood(peer: SimulatedPeer): void {
  mend(peer)
  peer.crashBeforeEffect(Number.POSITIVE_INFINITY)
}
