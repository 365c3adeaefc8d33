/**
 * A network within one process: for tests, examples and trying things out.
 *
 * It keeps the port's contract, with real asynchrony: nothing is delivered within the call that sends it, hellos are exchanged and
 * judged, queues are bounded, a cut cuts. It never loses, repeats or reorders a message of a connection; the simulation does.
 */
import { toHex } from '../../core/bytes.ts'
import { Writer } from '../../core/codec.ts'
import { StoreError } from '../../core/errors.ts'
import { sha256 } from '../../core/hash.ts'
import type { PeerId } from '../../core/identifiers.ts'
import { frameBytesMax, laneQueueBytesMax } from '../../core/limits.ts'
import { DialOnDemand } from '../dial-on-demand.ts'
import type { ConnectionInfo, Lane, Network, NetworkHandlers, WantedPeer } from '../../ports/network.ts'

/** Wait before a peer that could not be reached, or was refused, is tried again. */
const retryMs = 20
/** Gossip messages that a peer remembers so as not to pass them on twice; the oldest is forgotten first. */
const seenMax = 4096

export interface MemoryNetworkOptions {
  readonly peerId: PeerId
  /** Addresses of this hub to reach for ever. @default [] */
  readonly join?: readonly string[]
}

export interface MemoryNetwork extends Network {
  join(addresses: readonly string[]): void
}

/** What the networks of one process share. */
export interface MemoryHub {
  /** A network that is not started. A second one of the same peer takes over from the first when it starts. */
  network(options: MemoryNetworkOptions): MemoryNetwork
}

/** A hub without networks. Networks of different hubs do not know of each other. */
export function memoryHub(): MemoryHub {
  const started = new Map<PeerId, HubNetwork>()
  return { network: options => new HubNetwork(started, options) }
}

/** The address of a peer on its hub. */
export function memoryAddress(peer: PeerId): string {
  return `/memory/${peer}/p2p/${peer}`
}

/** Messages on their way in one direction of one lane. */
interface Queue {
  frames: Uint8Array[]
  bytes: number
}

/** One end's view of a connection. */
interface Link {
  readonly other: HubNetwork
  readonly queues: Record<Lane, Queue>
}

class HubNetwork implements MemoryNetwork {
  readonly peerId: PeerId
  readonly #hub: Map<PeerId, HubNetwork>
  readonly #joined = new Set<PeerId>()
  readonly #links = new Map<PeerId, Link>()
  readonly #retries = new Map<PeerId, ReturnType<typeof setTimeout>>()
  readonly #seen = new Set<string>()
  readonly #demand: DialOnDemand
  #wanted: ReadonlySet<PeerId> = new Set()
  #handlers: NetworkHandlers | undefined
  #isCut = false
  #isStopped = false

  constructor(hub: Map<PeerId, HubNetwork>, options: MemoryNetworkOptions) {
    this.#hub = hub
    this.peerId = options.peerId
    this.#remember(options.join ?? [])
    this.#demand = new DialOnDemand({
      dial: peer => this.#reach(peer),
      send: (peer, lane, encode) => this.send(peer, lane, encode),
      failed: peer => this.#handlers?.unreachable(peer)
    })
  }

  async start(handlers: NetworkHandlers): Promise<void> {
    if (this.#handlers !== undefined) throw new StoreError('ERR_INTERNAL', 'A network is started once.')
    await turn()
    await this.#hub.get(this.peerId)?.stop()
    this.#handlers = handlers
    this.#hub.set(this.peerId, this)
    handlers.addresses(this.addresses())
    this.#dialAll()
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    if (this.#hub.get(this.peerId) === this) this.#hub.delete(this.peerId)
    for (const timer of this.#retries.values()) clearTimeout(timer)
    this.#dropAll()
    await turn()
  }

  send(peer: PeerId, lane: Lane, encode: (out: Writer) => void): boolean {
    const link = this.#links.get(peer)
    if (link === undefined) return this.#isReachable && this.#handlers?.distant(peer) !== undefined && this.#demand.send(peer, lane, encode)
    const queue = link.queues[lane]
    if (queue.bytes >= laneQueueBytesMax) return false
    const out = new Writer()
    encode(out)
    if (out.length > frameBytesMax) {
      throw new StoreError('ERR_WIRE_FRAME_TOO_LARGE', `A message of ${out.length} bytes exceeds the ${frameBytesMax} bytes of a frame.`)
    }
    queue.frames.push(out.finish())
    queue.bytes += out.length
    if (queue.frames.length === 1) void turn().then(() => this.#deliver(link, lane))
    return true
  }

  publish(bytes: Uint8Array): void {
    const message = bytes.slice()
    this.#see(message)
    this.#spread(message, undefined)
  }

  want(peers: readonly WantedPeer[]): void {
    this.#wanted = new Set(peers.map(({ peer }) => peer))
    this.#dialAll()
  }

  join(addresses: readonly string[]): void {
    this.#remember(addresses)
    this.#dialAll()
  }

  connections(): readonly ConnectionInfo[] {
    return [...this.#links.keys()].map(peer => ({ peer, transport: 'memory', relayed: false, address: memoryAddress(peer) }))
  }

  addresses(): readonly string[] {
    return [memoryAddress(this.peerId)]
  }

  cut(isCut: boolean): void {
    this.#isCut = isCut
    if (isCut) this.#dropAll()
    else this.#dialAll()
  }

  goodbye(): void {
    for (const { other } of this.#links.values()) void turn().then(() => other.#lost(this))
  }

  get #isReachable(): boolean {
    return this.#handlers !== undefined && !this.#isCut && !this.#isStopped
  }

  #remember(addresses: readonly string[]): void {
    for (const address of addresses) {
      const peer = /^\/memory\/([^/]+)/.exec(address)?.[1]
      if (peer !== undefined) this.#joined.add(peer as PeerId)
    }
  }

  #dialAll(): void {
    for (const peer of new Set([...this.#joined, ...this.#wanted])) void this.#dial(peer)
  }

  async #dial(peer: PeerId): Promise<void> {
    const isDue = (): boolean => this.#isReachable && peer !== this.peerId && !this.#links.has(peer)
    if (!isDue()) return
    await turn()
    const other = this.#hub.get(peer)
    if (isDue() && other !== undefined && other.#isReachable) await this.#greet(other)
    if (isDue()) this.#redial(peer)
  }

  /** Dials a distant peer once. */
  async #reach(peer: PeerId): Promise<void> {
    await turn()
    const other = this.#hub.get(peer)
    if (!this.#links.has(peer) && this.#isReachable && other !== undefined && other.#isReachable) await this.#greet(other)
    if (!this.#links.has(peer)) throw new StoreError('ERR_NETWORK', 'The peer could not be dialled.')
  }

  #redial(peer: PeerId): void {
    clearTimeout(this.#retries.get(peer))
    const isStillWanted = (): boolean => this.#joined.has(peer) || this.#wanted.has(peer)
    this.#retries.set(
      peer,
      setTimeout(() => void (isStillWanted() ? this.#dial(peer) : undefined), retryMs)
    )
  }

  async #greet(other: HubNetwork): Promise<void> {
    const [mine, theirs] = [this.#handlers?.hello().slice(), other.#handlers?.hello().slice()]
    if (mine === undefined || theirs === undefined) return
    const verdicts = [this.#handlers?.admit(other.peerId, theirs), other.#handlers?.admit(this.peerId, mine)]
    const refusal = verdicts.find(verdict => verdict?.admit === false)
    if (refusal?.admit === false) {
      this.#handlers?.refused(other.peerId, refusal.code, refusal.message)
      other.#handlers?.refused(this.peerId, refusal.code, refusal.message)
      return
    }
    if (this.#links.has(other.peerId) || other.#links.has(this.peerId)) return
    this.#links.set(other.peerId, newLink(other))
    other.#links.set(this.peerId, newLink(this))
    this.#handlers?.connected(other.peerId)
    other.#handlers?.connected(this.peerId)
    this.#demand.connected(other.peerId)
    other.#demand.connected(this.peerId)
  }

  #deliver(link: Link, lane: Lane): void {
    const queue = link.queues[lane]
    const frames = queue.frames
    queue.frames = []
    queue.bytes = 0
    for (const frame of frames) {
      if (this.#links.get(link.other.peerId) !== link) return
      try {
        link.other.#handlers?.frame(this.peerId, lane, frame)
      } catch {
        this.#drop(link.other)
      }
    }
  }

  #dropAll(): void {
    for (const { other } of [...this.#links.values()]) this.#drop(other)
  }

  #drop(other: HubNetwork): void {
    this.#lost(other)
    other.#lost(this)
  }

  #lost(other: HubNetwork): void {
    if (this.#links.get(other.peerId)?.other !== other) return
    this.#links.delete(other.peerId)
    this.#handlers?.disconnected(other.peerId)
    other.#lost(this)
    if (this.#isReachable) this.#redial(other.peerId)
  }

  #spread(message: Uint8Array, except: PeerId | undefined): void {
    for (const { other } of this.#links.values()) if (other.peerId !== except) void turn().then(() => other.#hear(this.peerId, message))
  }

  #hear(from: PeerId, message: Uint8Array): void {
    if (!this.#links.has(from) || !this.#see(message)) return
    if (this.#handlers?.gossip(from, message.slice()) === 'accept') this.#spread(message, from)
  }

  /** True for a message that is new here. */
  #see(message: Uint8Array): boolean {
    const name = toHex(sha256(message))
    if (this.#seen.has(name)) return false
    const oldest = this.#seen.size >= seenMax ? this.#seen.values().next().value : undefined
    if (oldest !== undefined) this.#seen.delete(oldest)
    this.#seen.add(name)
    return true
  }
}

function newLink(other: HubNetwork): Link {
  return { other, queues: { request: { frames: [], bytes: 0 }, bulk: { frames: [], bytes: 0 } } }
}

/** Resolves in a later macrotask. */
function turn(): Promise<void> {
  return new Promise(resolve => (typeof setImmediate === 'function' ? void setImmediate(resolve) : void setTimeout(resolve)))
}
