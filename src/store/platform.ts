/** What a peer needs of the place it runs in. The entry points put one together from the adapters; tests put together their own. */
import type { Clock } from '../ports/clock.ts'
import type { Identity, Verifier } from '../ports/identity.ts'
import type { Logger } from '../ports/logger.ts'
import type { Metrics } from '../ports/metrics.ts'
import type { Network } from '../ports/network.ts'
import type { Random } from '../ports/random.ts'
import type { Storage } from '../ports/storage.ts'

/** A network that can be given further addresses to join by. */
export interface JoiningNetwork extends Network {
  join(addresses: readonly string[]): void
}

export interface NetworkSettings {
  /** 32 secret bytes of this peer's key. */
  readonly seed: Uint8Array
  readonly cluster: string
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  readonly relay: boolean
  readonly join: readonly string[]
  readonly logger: Logger
  readonly metrics: Metrics
}

/** Defaults that differ between a server and a browser tab. */
export interface PlatformDefaults {
  readonly weight: number
  readonly durable: boolean
  readonly relay: boolean
  readonly listen: readonly string[]
  readonly storageBytesMax: number | undefined
  /** Members that a connection is kept to. @default all */
  readonly neighboursMax?: number
}

export interface Platform {
  readonly defaults: PlatformDefaults
  /** True when a storage may be an older state of itself: folders can be restored and copied, the databases of a browser cannot. */
  readonly storageMayRollBack: boolean
  readonly clock: Clock
  readonly random: Random
  readonly verifier: Verifier
  identity(seed: Uint8Array): Identity
  storage(name: string, bytesMax: number | undefined): Storage
  network(settings: NetworkSettings): JoiningNetwork
  /** Why an address cannot be used, or `undefined` when it can. */
  checkAddress(address: string): string | undefined
  /** Calls `goodbye` when the platform is about to take the process away without asking; returns how to stop that. */
  onGoodbye(goodbye: () => void): () => void
}
