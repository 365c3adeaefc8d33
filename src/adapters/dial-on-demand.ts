/**
 * Messages for peers that no connection is kept to: they wait while the peer is dialled, and leave together once it is connected.
 *
 * Bounded in messages for one peer and in dials at a time. What waits for a dial that fails is lost, as the port allows, and whoever sent it is told.
 */
import { Writer } from '../core/codec.ts'
import type { PeerId } from '../core/identifiers.ts'
import { dialsMax, parcelsMax } from '../core/limits.ts'
import type { Lane } from '../ports/network.ts'

export interface DialOnDemandParts {
  /** Resolves once the peer is connected; rejects when it cannot be reached. */
  dial(peer: PeerId): Promise<void>
  send(peer: PeerId, lane: Lane, encode: (out: Writer) => void): boolean
  /** The peer could not be reached, and what was for it is lost. */
  failed(peer: PeerId): void
}

interface Parcel {
  readonly lane: Lane
  readonly bytes: Uint8Array
}

export class DialOnDemand {
  readonly #parts: DialOnDemandParts
  /** What waits for each peer, in the order in which they are dialled. */
  readonly #waiting = new Map<PeerId, Parcel[]>()
  readonly #dialled = new Set<PeerId>()

  constructor(parts: DialOnDemandParts) {
    this.#parts = parts
  }

  /** Keeps one message, and dials the peer for it; false when too many wait. */
  send(peer: PeerId, lane: Lane, encode: (out: Writer) => void): boolean {
    const parcels = this.#waiting.get(peer) ?? []
    if (parcels.length >= parcelsMax) return false
    const out = new Writer()
    encode(out)
    parcels.push({ lane, bytes: out.finish() })
    this.#waiting.set(peer, parcels)
    this.#dialNext()
    return true
  }

  /** A peer is connected, whoever dialled. */
  connected(peer: PeerId): void {
    const parcels = this.#waiting.get(peer) ?? []
    this.#waiting.delete(peer)
    for (const { lane, bytes } of parcels) this.#parts.send(peer, lane, out => out.raw(bytes))
  }

  #dialNext(): void {
    for (const peer of this.#waiting.keys()) {
      if (this.#dialled.size >= dialsMax) return
      if (!this.#dialled.has(peer)) void this.#dial(peer)
    }
  }

  async #dial(peer: PeerId): Promise<void> {
    this.#dialled.add(peer)
    try {
      await this.#parts.dial(peer)
    } catch {
      if (this.#waiting.delete(peer)) this.#parts.failed(peer)
    } finally {
      this.#dialled.delete(peer)
      this.#waiting.delete(peer)
      this.#dialNext()
    }
  }
}
