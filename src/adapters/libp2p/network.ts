/**
 * The network over libp2p: puts the parts together.
 *
 *     host        libp2p with its transports, identify, gossipsub, relay service
 *     session     one connection: hello exchange and lanes          session-table   which session of a peer is used
 *     supervisor  which peers to dial, again and again              relay           being reachable through others
 *
 * It promises what the port promises, which is little: a message may be lost. It never invents, changes or merges one.
 */
import type { Connection, IdentifyResult, Stream } from '@libp2p/interface'
import type { Writer } from '../../core/codec.ts'
import { StoreError } from '../../core/errors.ts'
import { toHex } from '../../core/bytes.ts'
import type { PeerId } from '../../core/identifiers.ts'
import { prng, type Prng } from '../../core/prng.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Logger } from '../../ports/logger.ts'
import type { Metrics } from '../../ports/metrics.ts'
import type { Admission, ConnectionInfo, Lane as LaneName, Network, NetworkHandlers, WantedPeer } from '../../ports/network.ts'
import type { Random } from '../../ports/random.ts'
import { ed25519Identity } from '../identity/ed25519-identity.ts'
import { isPrivateText, parseAddress } from './addresses.ts'
import { ConnectionSupervisor } from './connection-supervisor.ts'
import { Dialler, isLasting } from './dialler.ts'
import { DistantPeers } from './distant-peers.ts'
import { laneProtocols } from './frame.ts'
import { gossipTopic, joinGossip } from './gossip.ts'
import { sessionBytes, type Hello, type Refusal } from './hello.ts'
import { startHost, type Host } from './host.ts'
import { ownAddresses } from './own-addresses.ts'
import { reachOf, type Reach } from './reach.ts'
import { RelayReservations } from './relay.ts'
import { Session, type SessionEvents } from './session.ts'
import { SessionTable } from './session-table.ts'
import type { TransportSet } from './transport-set.ts'

export interface Libp2pNetworkOptions {
  /** 32 secret bytes that the peer's key pair is derived from. */
  readonly seed: Uint8Array
  /** Name of the cluster; it names the gossip topic. */
  readonly cluster: string
  /** Addresses to listen on; `/p2p-circuit` and `/webrtc` stand for relays and for WebRTC through them. */
  readonly listen: readonly string[]
  /** Addresses to publish instead of those that are listened on. */
  readonly announce: readonly string[]
  /** Forward connections for others. */
  readonly relay: boolean
  /** Addresses to reach for ever. Malformed ones are ignored: see `checkAddress`. */
  readonly join: readonly string[]
  readonly transports: TransportSet
  readonly clock: Clock
  readonly random: Random
  /** @default nowhere */
  readonly logger?: Logger
  /** Counts `network.dials`, `network.dial-failures`, `network.refused`, `wire.malformed`, `wire.idle`. @default not counted */
  readonly metrics?: Metrics
  /** Most connections. @default 256 under Node.js, 32 in a browser */
  readonly connectionsMax?: number
}

/** The network of a peer over libp2p. */
export interface Libp2pNetwork extends Network {
  /** Adds addresses to reach for ever. */
  join(addresses: readonly string[]): void
}

/** A network that is not started. `start` rejects with `ERR_LISTEN` when an address cannot be listened on, and for nothing else. */
export function libp2pNetwork(options: Libp2pNetworkOptions): Libp2pNetwork {
  return new Libp2pPeerNetwork(options)
}

/** Rounds of signs of life: well below the 60 s after which connections are dropped on the way. */
const beatMs = 10_000

class Libp2pPeerNetwork implements Libp2pNetwork {
  readonly peerId: PeerId
  readonly #options: Libp2pNetworkOptions
  readonly #jitter: Prng
  readonly #run: { readonly startedMs: number; readonly session: string }
  readonly #topic: string
  readonly #sessions = new Map<string, Session>()
  readonly #table: SessionTable
  readonly #supervisor: ConnectionSupervisor
  readonly #relays: RelayReservations
  readonly #dialler: Dialler
  readonly #distant: DistantPeers
  #host: Host | undefined
  #handlers: NetworkHandlers | undefined
  #stopping: Promise<void> | undefined
  #isCut = false
  #isLocal = false
  #sessionsSeen = 0
  #addresses: readonly string[] = []
  #cancelBeat: () => void = () => {}
  #cancelResume: () => void = () => {}

  constructor(options: Libp2pNetworkOptions) {
    this.#options = options
    this.peerId = ed25519Identity(options.seed).peerId
    this.#jitter = prng(toHex(options.random.bytes(16)))
    this.#run = { startedMs: Math.max(0, Math.floor(options.clock.wallMs())), session: toHex(options.random.bytes(sessionBytes)) }
    this.#topic = gossipTopic(options.cluster)
    this.#table = new SessionTable(this.peerId, options.clock, {
      connected: peer => this.#connected(peer),
      disconnected: peer => this.#disconnected(peer)
    })
    this.#dialler = this.#createDialler()
    this.#supervisor = this.#createSupervisor()
    this.#distant = this.#createDistant()
    this.#relays = this.#createRelays()
    this.join(options.join)
  }

  async start(handlers: NetworkHandlers): Promise<void> {
    if (this.#handlers !== undefined) throw new StoreError('ERR_INTERNAL', 'A network is started once.')
    this.#handlers = handlers
    const { seed, announce, relay, transports, logger } = this.#options
    const connectionsMax = this.#connectionsMax
    const isCut = (): boolean => this.#isCut
    const isAdmitted = (peer: PeerId): boolean => this.#table.current(peer) !== undefined
    const host = await startHost({ seed, announce, relay, transports, logger, connectionsMax, topic: this.#topic, isCut, isAdmitted })
    this.#host = host
    try {
      if (this.#stopping !== undefined) throw new StoreError('ERR_CLOSED', 'The network was stopped while it started.')
      await this.#attach(host)
      await host.listen(this.#options.listen)
    } catch (error) {
      await this.stop()
      await host.libp2p.stop()
      throw error
    }
    this.#updateAddresses()
    this.#beat()
    this.#cancelResume = transports.onResume?.(() => this.#supervisor.hurry()) ?? this.#cancelResume
    if (!this.#isCut) this.#supervisor.start()
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  send(peer: PeerId, lane: LaneName, encode: (out: Writer) => void): boolean {
    if (this.#table.current(peer) !== undefined) {
      this.#distant.used(peer)
      return this.#table.send(peer, lane, encode)
    }
    return !this.#isCut && this.#stopping === undefined && this.#distant.send(peer, lane, encode)
  }

  publish(bytes: Uint8Array): void {
    if (this.#host === undefined || this.#isCut || this.#stopping !== undefined) return
    this.#host.gossip
      .publish(this.#topic, bytes)
      .catch((error: unknown) => this.#options.logger?.debug('gossip was not sent', { reason: String(error) }))
  }

  want(peers: readonly WantedPeer[]): void {
    this.#supervisor.want(peers)
  }

  join(addresses: readonly string[]): void {
    this.#isLocal ||= addresses.some(isPrivateText)
    this.#supervisor.join(addresses)
  }

  connections(): readonly ConnectionInfo[] {
    return this.#table.currents().map(session => session.info)
  }

  addresses(): readonly string[] {
    return this.#addresses
  }

  cut(isCut: boolean): void {
    if (this.#isCut === isCut) return
    this.#isCut = isCut
    if (!isCut) return this.#host === undefined ? undefined : this.#supervisor.start()
    this.#supervisor.stop()
    const reason = new StoreError('ERR_CLOSED', 'The network was cut.')
    for (const session of [...this.#sessions.values()]) session.abort(reason)
    for (const connection of this.#host?.libp2p.getConnections() ?? []) connection.abort(reason)
  }

  goodbye(): void {
    for (const session of [...this.#sessions.values()]) session.goodbye()
  }

  get #connectionsMax(): number {
    return this.#options.connectionsMax ?? this.#options.transports.connectionsMax
  }

  async #stop(): Promise<void> {
    this.#supervisor.stop()
    this.#relays.stop()
    this.#cancelBeat()
    this.#cancelResume()
    await Promise.all([...this.#sessions.values()].map(session => session.close()))
    await this.#host?.libp2p.stop()
  }

  async #attach(host: Host): Promise<void> {
    const { libp2p } = host
    libp2p.addEventListener('connection:open', event => this.#connectionOpened(event.detail))
    libp2p.addEventListener('connection:close', event => this.#connectionClosed(event.detail))
    libp2p.addEventListener('peer:identify', event => this.#identified(event.detail))
    libp2p.addEventListener('self:peer:update', () => this.#updateAddresses())
    for (const lane of ['request', 'bulk'] as const) {
      const options = { runOnLimitedConnection: lane === 'request', maxInboundStreams: 2, maxOutboundStreams: 2 }
      await libp2p.handle(laneProtocols[lane], (stream, connection) => this.#accept(lane, stream, connection), options)
    }
    joinGossip(host.gossip, this.#topic, (from, bytes) => this.#gossiped(from, bytes))
  }

  #connectionOpened(connection: Connection): void {
    if (this.#isCut || this.#stopping !== undefined)
      return connection.abort(new StoreError('ERR_CLOSED', 'The network was cut or stopped.'))
    const peer = connection.remotePeer.toString() as PeerId
    const { clock, transports } = this.#options
    const session = new Session(peer, describe(peer, connection), this.#sessionsSeen++, connection, {
      clock,
      afterTurn: run => transports.afterTurn(run),
      events: this.#sessionEvents(connection.id)
    })
    this.#sessions.set(connection.id, session)
  }

  #connectionClosed(connection: Connection): void {
    this.#sessions.get(connection.id)?.abort(undefined)
    if (this.#stopping !== undefined) return
    this.#relays.review()
    this.#updateAddresses()
  }

  #accept(lane: LaneName, stream: Stream, connection: Connection): void {
    const session = this.#sessions.get(connection.id)
    if (session === undefined) stream.abort(new StoreError('ERR_CLOSED', 'The connection is not in use.'))
    else session.accept(lane, stream)
  }

  #sessionEvents(connectionId: string): SessionEvents {
    return {
      hello: () => this.#hello(),
      judge: (session, hello) => this.#judge(session, hello),
      opened: session => this.#table.opened(session),
      frame: (session, lane, frame) => {
        this.#distant.used(session.peer)
        this.#handlers?.frame(session.peer, lane, frame)
      },
      refused: (session, refusal) => this.#refused(session.peer, refusal),
      faulty: (session, error) => this.#faulty(session.peer, error),
      closed: session => {
        this.#sessions.delete(connectionId)
        this.#table.closed(session)
      }
    }
  }

  #hello(): Hello {
    return { ...this.#run, greeting: this.#handlers?.hello() ?? new Uint8Array(0) }
  }

  #judge(session: Session, hello: Hello): Admission {
    const run = this.#table.judgeRun(session.peer, hello)
    return run.admit && this.#handlers !== undefined ? this.#handlers.admit(session.peer, hello.greeting) : run
  }

  #connected(peer: PeerId): void {
    this.#supervisor.connected(peer)
    this.#handlers?.connected(peer)
    this.#distant.connected(peer)
  }

  #disconnected(peer: PeerId): void {
    this.#supervisor.disconnected(peer)
    this.#handlers?.disconnected(peer)
  }

  #refused(peer: PeerId, refusal: Refusal): void {
    this.#options.metrics?.count('network.refused')
    this.#options.logger?.warn('a peer was not admitted', { peer, ...refusal })
    // It may just be slow to hear of us, or we of it.
    if (refusal.code !== 'ERR_WIRE_IDLE') this.#supervisor.punish(peer)
    this.#handlers?.refused(peer, refusal.code, refusal.message)
  }

  #faulty(peer: PeerId, error: StoreError): void {
    if (error.code === 'ERR_WIRE_IDLE') return this.#options.metrics?.count('wire.idle')
    this.#options.metrics?.count('wire.malformed')
    this.#options.logger?.warn('a peer broke the rules of the wire', { peer, code: error.code, message: error.message })
    this.#supervisor.punish(peer)
  }

  /** Only admitted peers are listened to: gossipsub itself talks to anybody who connects. */
  #gossiped(from: PeerId, bytes: Uint8Array): 'accept' | 'ignore' | 'reject' {
    if (this.#handlers === undefined || this.#table.current(from) === undefined) return 'ignore'
    return this.#handlers.gossip(from, bytes)
  }

  #identified(result: IdentifyResult): void {
    const { connection, peerId, protocols } = result
    if (!this.#options.listen.includes('/p2p-circuit') || !connection.direct || connection.direction === 'inbound') return
    this.#relays.identified(peerId.toString() as PeerId, connection.remoteAddr.toString(), protocols)
  }

  #updateAddresses(): void {
    if (this.#host === undefined || this.#stopping !== undefined) return
    const addresses = ownAddresses(this.peerId, this.#host.libp2p.getMultiaddrs().map(String))
    if (addresses.join() === this.#addresses.join()) return
    this.#addresses = addresses
    this.#handlers?.addresses(addresses)
  }

  #beat(): void {
    this.#cancelBeat = this.#options.clock.schedule(beatMs, () => {
      for (const session of this.#table.all()) session.beat()
      this.#distant.letGo(this.#connections)
      this.#relays.review()
      this.#updateAddresses()
      this.#beat()
    })
  }

  get #connections(): number {
    return this.#host?.libp2p.getConnections().length ?? 0
  }

  #createSupervisor(): ConnectionSupervisor {
    return new ConnectionSupervisor({
      self: this.peerId,
      clock: this.#options.clock,
      fraction: () => this.#jitter.fraction(),
      reach: peer => this.#reach(peer),
      isFull: () => this.#connections >= this.#connectionsMax,
      isDistant: peer => this.#handlers?.distant(peer) !== undefined,
      dial: (peer, addresses, present, signal) => this.#dialler.dial(peer, addresses, present, signal),
      isLasting
    })
  }

  #createDistant(): DistantPeers {
    return new DistantPeers({
      clock: this.#options.clock,
      table: this.#table,
      dialler: this.#dialler,
      connectionsMax: this.#connectionsMax,
      addresses: peer => this.#handlers?.distant(peer),
      isRelay: peer => this.#host?.isReserved(peer) === true,
      unreachable: peer => this.#handlers?.unreachable(peer)
    })
  }

  #createDialler(): Dialler {
    return new Dialler({
      self: this.peerId,
      options: this.#options,
      host: () => this.#host?.libp2p,
      ownAddresses: () => this.#addresses,
      isLocal: () => this.#isLocal,
      session: connectionId => this.#sessions.get(connectionId),
      reach: peer => this.#reach(peer),
      isOurself: refusal => this.#refused(this.peerId, refusal)
    })
  }

  #createRelays(): RelayReservations {
    return new RelayReservations({
      clock: this.#options.clock,
      logger: this.#options.logger,
      fraction: () => this.#jitter.fraction(),
      reserve: async (relay, address) => this.#host?.reserve(relay, address).then(() => this.#updateAddresses()),
      isReserved: peer => this.#host?.isReserved(peer) ?? false,
      isConnected: peer => this.#host?.isConnectedDirectly(peer) ?? false,
      isNameless: peer => this.#host?.isConnectedByWebRtc(peer) ?? false
    })
  }

  #reach(peer: PeerId): Reach {
    const session = this.#table.current(peer)
    return session === undefined ? 'not' : reachOf(session.info)
  }
}

function describe(peer: PeerId, connection: Connection): ConnectionInfo {
  const address = connection.remoteAddr.toString()
  return {
    peer,
    address,
    transport: parseAddress(address)?.transport ?? 'other',
    relayed: !connection.direct || connection.limits !== undefined
  }
}
