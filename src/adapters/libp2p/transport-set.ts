/**
 * What differs between platforms: the transports to use, how many connections they bear, and how to wait for the end of a turn.
 */
import type { TopologyFilter } from '@libp2p/interface'
import type { ICryptoInterface } from '@libp2p/noise'
import type { Libp2pOptions } from 'libp2p'
import type { ParsedAddress } from './addresses.ts'
import type { Logger } from '../../ports/logger.ts'

/** Makes a transport from the parts of a libp2p host. */
export type TransportFactory = NonNullable<Libp2pOptions['transports']>[number]

/** Everything about a platform that the network needs. */
export interface TransportSet {
  readonly platform: 'nodejs' | 'browser'
  /** Loads the transports that work here; one that is missing is logged and left out. */
  load(logger: Logger | undefined): Promise<readonly TransportFactory[]>
  /** Ciphers for the connections that are not encrypted by the platform. @default libp2p's own */
  readonly noiseCrypto?: ICryptoInterface
  /** False for addresses that this platform cannot or must not dial. `isLocal`: the cluster was joined within this network. */
  mayDial(address: ParsedAddress, isLocal: boolean): boolean
  /** Calls back when this device may be online again after it was not; returns a function that ends that. @default never */
  onResume?(run: () => void): () => void
  /** Most connections by default. */
  readonly connectionsMax: number
  /** Runs a function once, after the events of this turn (a macrotask). */
  afterTurn(run: () => void): void
}

/**
 * Keeps libp2p from looking for relays by itself: it would ask in the same moment as `relay.ts` does, for itself, and both would fail.
 * A filter that has seen everybody lets nobody through.
 */
export const noDiscovery: TopologyFilter = { has: () => true, add: () => {}, remove: () => {} }
