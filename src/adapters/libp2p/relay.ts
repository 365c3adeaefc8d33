/**
 * Reservations at relays: how a tab, which nobody can dial, becomes reachable.
 *
 * Every directly connected peer that offers to relay is asked, up to a bound. libp2p renews a reservation while the connection lasts and drops
 * it with the connection; when the relay is back and connected again it is asked again here, which libp2p does not do.
 */
import { RELAY_V2_HOP_CODEC } from '@libp2p/circuit-relay-v2'
import type { PeerId } from '../../core/identifiers.ts'
import { relayReservationsMax } from '../../core/limits.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Logger } from '../../ports/logger.ts'
import { backoffMs, redialBackoff } from './backoff.ts'

export interface RelayOptions {
  readonly clock: Clock
  readonly logger: Logger | undefined
  fraction(): number
  /** Asks the relay at `address` for a reservation and listens through it. */
  reserve(peer: PeerId, address: string): Promise<void>
  /** True while there is a direct connection to the peer. */
  isConnected(peer: PeerId): boolean
}

interface Relay {
  readonly address: string
  failures: number
  isReserved: boolean
  isAsking: boolean
  cancelRetry: () => void
}

export class RelayReservations {
  readonly #options: RelayOptions
  readonly #relays = new Map<PeerId, Relay>()

  constructor(options: RelayOptions) {
    this.#options = options
  }

  /** A peer said what it speaks. */
  identified(peer: PeerId, address: string, protocols: readonly string[]): void {
    if (!protocols.includes(RELAY_V2_HOP_CODEC) || this.#relays.has(peer)) return
    const via = address.includes('/p2p/') ? address : `${address}/p2p/${peer}`
    this.#relays.set(peer, { address: via, failures: 0, isReserved: false, isAsking: false, cancelRetry: () => {} })
    this.#fill()
  }

  /** The connection to a peer ended, and its reservation with it. */
  disconnected(peer: PeerId): void {
    this.#relays.get(peer)?.cancelRetry()
    if (this.#relays.delete(peer)) this.#fill()
  }

  stop(): void {
    for (const relay of this.#relays.values()) relay.cancelRetry()
    this.#relays.clear()
  }

  /** Asks further relays while there are too few. */
  #fill(): void {
    for (const [peer, relay] of this.#relays) {
      const engaged = [...this.#relays.values()].filter(other => other.isReserved || other.isAsking).length
      if (engaged >= relayReservationsMax) return
      if (!relay.isReserved && !relay.isAsking && relay.failures === 0) void this.#ask(peer, relay)
    }
  }

  async #ask(peer: PeerId, relay: Relay): Promise<void> {
    relay.isAsking = true
    try {
      await this.#options.reserve(peer, relay.address)
      relay.isReserved = true
      relay.failures = 0
    } catch (error) {
      relay.failures++
      this.#options.logger?.debug('a relay gave no reservation', { relay: peer, reason: String(error) })
      if (this.#relays.get(peer) === relay) this.#askLater(peer, relay)
    } finally {
      relay.isAsking = false
      this.#fill()
    }
  }

  #askLater(peer: PeerId, relay: Relay): void {
    const delayMs = backoffMs(redialBackoff, relay.failures, this.#options.fraction())
    relay.cancelRetry = this.#options.clock.schedule(delayMs, () => {
      if (this.#options.isConnected(peer)) void this.#ask(peer, relay)
    })
  }
}
