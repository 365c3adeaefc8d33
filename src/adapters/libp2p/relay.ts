/**
 * Reservations at relays: how a tab, which nobody can dial, becomes reachable.
 *
 * Every directly connected peer that offers to relay is asked, up to a bound. libp2p renews a reservation while the connection lasts and drops
 * it with the connection. It never asks a relay again that was away, or whose second connection is the one that stays; so what is
 * reserved is reviewed here whenever a connection comes or goes, and from time to time.
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
  /** Asks the connected relay at `address` for a reservation and listens through it. */
  reserve(peer: PeerId, address: string): Promise<void>
  isReserved(peer: PeerId): boolean
  /** True while there is a direct connection to the peer. */
  isConnected(peer: PeerId): boolean
  /** True while a connection to the peer has no address that others could use: libp2p would make it part of the reservation, and stumble over it. */
  isNameless(peer: PeerId): boolean
}

interface Relay {
  readonly address: string
  failures: number
  /** It is being asked, or will be asked again later. */
  isBusy: boolean
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
    if (!protocols.includes(RELAY_V2_HOP_CODEC)) return
    const via = address.includes('/p2p/') ? address : `${address}/p2p/${peer}`
    if (!this.#relays.has(peer)) this.#relays.set(peer, { address: via, failures: 0, isBusy: false, cancelRetry: () => {} })
    this.review()
  }

  /** Forgets relays that are gone and asks others while too few have reserved. */
  review(): void {
    for (const [peer, relay] of this.#relays) if (!this.#options.isConnected(peer)) this.#forget(peer, relay)
    const engaged = [...this.#relays].filter(([peer, relay]) => relay.isBusy || this.#options.isReserved(peer)).length
    const free = [...this.#relays].filter(
      ([peer, relay]) => !relay.isBusy && !this.#options.isReserved(peer) && !this.#options.isNameless(peer)
    )
    for (const [peer, relay] of free.slice(0, Math.max(0, relayReservationsMax - engaged))) void this.#ask(peer, relay)
  }

  stop(): void {
    for (const [peer, relay] of this.#relays) this.#forget(peer, relay)
  }

  #forget(peer: PeerId, relay: Relay): void {
    relay.cancelRetry()
    this.#relays.delete(peer)
  }

  async #ask(peer: PeerId, relay: Relay): Promise<void> {
    relay.isBusy = true
    try {
      await this.#options.reserve(peer, relay.address)
      relay.failures = 0
      relay.isBusy = false
    } catch (error) {
      relay.failures++
      this.#options.logger?.debug('a relay gave no reservation', { relay: peer, reason: String(error).slice(0, 500) })
      if (this.#relays.get(peer) === relay) this.#askLater(relay)
    }
  }

  #askLater(relay: Relay): void {
    const delayMs = backoffMs(redialBackoff, relay.failures, this.#options.fraction())
    relay.cancelRetry = this.#options.clock.schedule(delayMs, () => {
      relay.isBusy = false
      this.review()
    })
  }
}
