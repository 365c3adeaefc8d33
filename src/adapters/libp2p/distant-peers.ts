/** Peers that no connection is kept to: dialled when something is for them, let go when nothing passes any more or room gets scarce. */
import type { Writer } from '../../core/codec.ts'
import type { PeerId } from '../../core/identifiers.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Lane } from '../../ports/network.ts'
import { DialOnDemand } from '../dial-on-demand.ts'
import type { Dialler } from './dialler.ts'
import { IdleConnections } from './idle-connections.ts'
import type { Session } from './session.ts'
import type { SessionTable } from './session-table.ts'

/** Longest dial to a peer that something is to be sent to. */
const demandDialMs = 10_000
/** Connections that are left free for newcomers. */
const spareConnections = 8

export interface DistantPeersParts {
  readonly clock: Clock
  readonly table: SessionTable
  readonly dialler: Dialler
  readonly connectionsMax: number
  /** Addresses of a distant peer; `undefined` for all others. */
  addresses(peer: PeerId): readonly string[] | undefined
  /** True for a relay that forwards for this peer. */
  isRelay(peer: PeerId): boolean
  unreachable(peer: PeerId): void
}

export class DistantPeers {
  readonly #parts: DistantPeersParts
  readonly #demand: DialOnDemand
  readonly #idle = new IdleConnections()

  constructor(parts: DistantPeersParts) {
    this.#parts = parts
    this.#demand = new DialOnDemand({
      dial: peer => this.#dial(peer),
      send: (peer, lane, encode) => parts.table.send(peer, lane, encode),
      failed: peer => parts.unreachable(peer)
    })
  }

  /** Dials a distant peer for a message; false for any other, and when too many messages wait. */
  send(peer: PeerId, lane: Lane, encode: (out: Writer) => void): boolean {
    return this.#parts.addresses(peer) !== undefined && this.#demand.send(peer, lane, encode)
  }

  /** Something passed between a connected peer and this one. */
  used(peer: PeerId): void {
    this.#idle.used(peer)
  }

  connected(peer: PeerId): void {
    this.#demand.connected(peer)
  }

  /** Ends connections that are idle, and further ones where room gets scarce. */
  letGo(connections: number): void {
    const { clock, table, connectionsMax } = this.#parts
    const surplus = connections - connectionsMax + spareConnections
    const closable = table.currents().flatMap(session => (this.#mayClose(session, surplus > 0) ? [session.peer] : []))
    for (const peer of this.#idle.toClose(clock.monotonicMs(), closable, surplus)) void table.current(peer)?.close()
  }

  /** Whoever dialled ends an idle connection. Relays are left alone, and those that this peer forwards for have dialled it. */
  #mayClose({ peer, isOpener }: Session, isScarce: boolean): boolean {
    return (isOpener || isScarce) && this.#parts.addresses(peer) !== undefined && !this.#parts.isRelay(peer)
  }

  async #dial(peer: PeerId): Promise<void> {
    await this.#parts.dialler.dial(peer, this.#parts.addresses(peer) ?? [], 'not', AbortSignal.timeout(demandDialMs))
  }
}
