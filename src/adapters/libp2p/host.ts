/**
 * The libp2p host: created with settings that fit small clusters, and listening.
 *
 * libp2p's defaults turn away the sixth of simultaneous dials from one IP address, and fail to start when a relay is down. Addresses are therefore
 * listened on one by one after the start: one that cannot be bound is an error that names it, and relays are asked later.
 */
import { circuitRelayServer } from '@libp2p/circuit-relay-v2'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { GossipSub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { peerIdFromString } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { StoreError } from '../../core/errors.ts'
import type { PeerId } from '../../core/identifiers.ts'
import { relayGrantsMax } from '../../core/limits.ts'
import type { Logger } from '../../ports/logger.ts'
import { gossipService } from './gossip.ts'
import { sturdyYamux } from './muxer.ts'
import type { TransportSet } from './transport-set.ts'

export interface HostOptions {
  readonly seed: Uint8Array
  readonly announce: readonly string[]
  readonly relay: boolean
  readonly topic: string
  readonly transports: TransportSet
  readonly connectionsMax: number
  readonly logger: Logger | undefined
  /** True for peers that gossip may be told to. */
  isAdmitted(peer: PeerId): boolean
  /** True while nobody may connect. */
  isCut(): boolean
}

/** A host that is started but does not listen yet. */
export interface Host {
  readonly libp2p: Libp2p
  readonly gossip: GossipSub
  /** Listens on each address; rejects with `ERR_LISTEN` at the first that cannot be bound. */
  listen(addresses: readonly string[]): Promise<void>
  /** Asks a connected relay for a reservation and listens through it. */
  reserve(relay: PeerId, address: string): Promise<void>
  /** True while a relay's reservation holds. */
  isReserved(relay: PeerId): boolean
  isConnectedDirectly(peer: PeerId): boolean
  /** True while there is a WebRTC connection to the peer. */
  isConnectedByWebRtc(peer: PeerId): boolean
}

/** The part of libp2p's transport manager that is used, which a host only gives to its services. */
interface TransportManager {
  listen(addresses: Multiaddr[]): Promise<void>
  getTransports(): readonly unknown[]
  listenTransportForMultiaddr(address: Multiaddr): unknown
}

/** The part of the relay transport that makes reservations. */
interface ReservationStore {
  addRelay(relay: ReturnType<typeof peerIdFromString>, type: 'configured'): Promise<unknown>
  hasReservation(relay: ReturnType<typeof peerIdFromString>): boolean
}

const dialsWaitingMax = 500
/** Connections that one peer may have relayed for it; libp2p's 32 are fewer than a tab may have. */
const relayedStreamsMax = 256

export async function startHost(options: HostOptions): Promise<Host> {
  let manager: TransportManager | undefined
  const gossip = gossipService(options.topic, options.isAdmitted)
  const libp2p = await createLibp2p({
    ...(await settings(options)),
    services: {
      identify: identify(),
      ping: ping(),
      gossip: components => gossip(components),
      transports: (components: { readonly transportManager: TransportManager }) => {
        manager = components.transportManager
        return {}
      },
      ...(options.relay ? { relay: relayServer() } : {})
    }
  })
  if (manager === undefined) throw new StoreError('ERR_INTERNAL', 'libp2p did not create its services.')
  const transports: TransportManager = manager
  return {
    libp2p,
    gossip: libp2p.services.gossip as GossipSub,
    listen: addresses => listenOnAll(transports, addresses, options.logger),
    reserve: reservation(transports),
    isReserved: relay => reservationStore(transports)?.hasReservation(peerIdFromString(relay)) ?? false,
    isConnectedDirectly: peer =>
      libp2p.getConnections(peerIdFromString(peer)).some(connection => connection.direct && connection.status === 'open'),
    isConnectedByWebRtc: peer =>
      libp2p.getConnections(peerIdFromString(peer)).some(connection => connection.remoteAddr.getComponents()[0]?.name === 'webrtc')
  }
}

async function settings(options: HostOptions): Promise<Libp2pOptions> {
  const { transports, connectionsMax, isCut } = options
  return {
    privateKey: await generateKeyPairFromSeed('Ed25519', options.seed),
    addresses: { listen: [], announce: [...options.announce] },
    transports: [...(await transports.load(options.logger))],
    connectionEncrypters: [noise(transports.noiseCrypto === undefined ? {} : { crypto: transports.noiseCrypto })],
    streamMuxers: [sturdyYamux()],
    connectionManager: {
      maxConnections: connectionsMax,
      maxIncomingPendingConnections: connectionsMax,
      inboundConnectionThreshold: connectionsMax,
      maxDialQueueLength: dialsWaitingMax,
      reconnectRetries: 0
    },
    connectionMonitor: { enabled: false },
    connectionGater: {
      denyDialMultiaddr: isCut,
      denyDialPeer: isCut,
      denyInboundConnection: isCut,
      denyInboundUpgradedConnection: isCut,
      denyOutboundUpgradedConnection: isCut
    }
  }
}

function relayServer(): ReturnType<typeof circuitRelayServer> {
  return circuitRelayServer({
    maxInboundHopStreams: relayedStreamsMax,
    reservations: { maxReservations: relayGrantsMax, applyDefaultLimit: false }
  })
}

/** Listens on each address; relays are asked when they are met. */
async function listenOnAll(manager: TransportManager, addresses: readonly string[], logger: Logger | undefined): Promise<void> {
  for (const address of addresses.filter(text => text !== '/p2p-circuit')) {
    try {
      const parsed = multiaddr(address)
      const isSupported = manager.listenTransportForMultiaddr(parsed) !== undefined
      if (!isSupported && address.includes('/webrtc')) logger?.warn('not listening: WebRTC is not available here', { address })
      else if (isSupported) await manager.listen([parsed])
      else throw new StoreError('ERR_LISTEN', 'no transport listens on such an address')
    } catch (error) {
      throw new StoreError('ERR_LISTEN', `Cannot listen on ${address}: ${reasonOf(error)}.`, { cause: error, details: { address } })
    }
  }
}

/** The operating system's own word for the reason, where there is one. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  if (text.includes('EADDRINUSE')) return 'another process already listens there'
  if (text.includes('EACCES')) return 'this user may not use that port'
  if (text.includes('EADDRNOTAVAIL')) return 'this machine does not have that address'
  return text.split('\n').find(line => line.trim() !== '') ?? text
}

/** Listening a second time on the same relay would leave the first listener behind, so a renewal goes to the reservations directly. */
function reservation(manager: TransportManager): Host['reserve'] {
  const listened = new Set<PeerId>()
  return async (relay, address) => {
    const store = listened.has(relay) ? reservationStore(manager) : undefined
    if (store !== undefined) return void (await store.addRelay(peerIdFromString(relay), 'configured'))
    await manager.listen([multiaddr(`${address}/p2p-circuit`)])
    listened.add(relay)
  }
}

function reservationStore(manager: TransportManager): ReservationStore | undefined {
  for (const transport of manager.getTransports()) {
    const store = (transport as { readonly reservationStore?: ReservationStore }).reservationStore
    if (store !== undefined) return store
  }
  return undefined
}
