/**
 * One attempt to reach a peer: its addresses one after the other, until one leads to a session that is admitted.
 */
import type { Libp2p } from '@libp2p/interface'
import { StoreError, type ErrorCode } from '../../core/errors.ts'
import type { PeerId } from '../../core/identifiers.ts'
import type { Logger } from '../../ports/logger.ts'
import type { Metrics } from '../../ports/metrics.ts'
import type { ParsedAddress } from './addresses.ts'
import { dialPlan, type DialContext, type DialTry } from './dial-plan.ts'
import type { Refusal } from './hello.ts'
import { isBetter, type Reach } from './reach.ts'
import type { Session } from './session.ts'
import type { TransportSet } from './transport-set.ts'

export interface DiallerOptions {
  readonly self: PeerId
  readonly options: { readonly transports: TransportSet; readonly logger?: Logger; readonly metrics?: Metrics }
  host(): Libp2p | undefined
  ownAddresses(): readonly string[]
  /** True when the cluster was joined by an address within this network. */
  isLocal(): boolean
  session(connectionId: string): Session | undefined
  reach(peer: PeerId): Reach
  /** Another process answered with this peer's own identity. */
  isOurself(refusal: Refusal): void
}

/** Errors that a bad network makes: they say nothing about the peer. */
const passing: ReadonlySet<ErrorCode> = new Set(['ERR_NETWORK', 'ERR_CLOSED', 'ERR_WIRE_IDLE'])

/** True for an error that trying again soon, or at another address, does not mend. */
export function isLasting(error: unknown): boolean {
  return error instanceof StoreError && !passing.has(error.code)
}

export class Dialler {
  readonly #needs: DiallerOptions
  readonly #context: DialContext

  constructor(needs: DiallerOptions) {
    this.#needs = needs
    this.#context = {
      self: needs.self,
      mayDial: address => needs.options.transports.mayDial(address, needs.isLocal()),
      isConnected: relay => isBetter(needs.reach(relay), 'relayed')
    }
  }

  /** Tries the addresses that are better than the way in which the peer is reached at `present`. Resolves with the peer that answered; rejects with the last reason. */
  async dial(peer: PeerId | undefined, addresses: readonly string[], present: Reach, signal: AbortSignal): Promise<PeerId> {
    let reason: unknown = new StoreError('ERR_NETWORK', 'None of the addresses can be dialled from here.')
    for (const attempt of dialPlan(peer, addresses, present, this.#context)) {
      if (signal.aborted) break
      try {
        return await this.#dialOne(attempt, isBetter(present, 'not'), signal)
      } catch (error) {
        reason = this.#failed(attempt.address, error)
        if (peer !== undefined && isBetter(this.#needs.reach(peer), isBetter(present, 'relayed') ? present : 'relayed')) return peer
        if (isLasting(reason)) break
      }
    }
    throw reason
  }

  async #dialOne(attempt: DialTry, isUpgrade: boolean, cancelled: AbortSignal): Promise<PeerId> {
    const host = this.#needs.host()
    if (host === undefined) throw new StoreError('ERR_CLOSED', 'The network is not started.')
    this.#needs.options.metrics?.count('network.dials')
    const signal = AbortSignal.any([cancelled, AbortSignal.timeout(attempt.timeoutMs)])
    const connection = await host.dial(attempt.address.multiaddr, { signal, force: isUpgrade })
    const session = this.#needs.session(connection.id)
    if (session === undefined) throw new StoreError('ERR_NETWORK', 'The connection ended at once.')
    await session.ready
    return session.peer
  }

  #failed(address: ParsedAddress, error: unknown): unknown {
    this.#needs.options.metrics?.count('network.dial-failures')
    this.#needs.options.logger?.debug('a dial failed', { address: address.text, reason: String(error) })
    const isOwnId = error instanceof Error && error.name === 'InvalidPeerIdError'
    if (!isOwnId || this.#mayBeOwn(address)) return error
    const message = `${address.text} is another process with this peer's identity. Give one of the two an identity of its own.`
    this.#needs.isOurself({ code: 'ERR_DUPLICATE_IDENTITY', message })
    return new StoreError('ERR_DUPLICATE_IDENTITY', message)
  }

  /** True for an address of this very process; names are given the benefit of the doubt. */
  #mayBeOwn(address: ParsedAddress): boolean {
    const isName = address.text.startsWith('/dns')
    return isName || this.#needs.ownAddresses().some(own => own.startsWith(address.text))
  }
}
