/**
 * What a peer takes because the ring changed: it tells those who offer it copies which of them it lacks, so that each record travels about once.
 *
 * Several peers offer the same partition: the one that stops being its owner, which may drop its copies only once every owner has them, and one that
 * stays its owner, in case the former is gone. Whoever comes first gives it; the others are told to come again, and then find that nothing is lacking.
 * Few partitions are taken at a time, so that what arrives is bounded and leaves room for requests.
 *
 * That something is held is said of what is durable only: somebody may drop a copy because of it.
 */
import { toMapKey } from '../../core/bytes.ts'
import type { PeerId } from '../../core/identifiers.ts'
import { takesMax, takesWantedMax } from '../../core/limits.ts'
import { position } from '../../core/ring/position.ts'
import { equalSums, type TrieSum } from '../../core/merkle/trie-sum.ts'
import type { AdmissionControl } from '../admission-control.ts'
import type { Effect } from '../effect.ts'
import type { Instant } from '../instant.ts'
import type { KeyIndex } from '../key-index/key-index.ts'
import type { Message, Offer, OfferKeys, TakeStatus } from '../wire/message.ts'
import type { MoveTally } from './move-tally.ts'
import { unpackKeys } from '../wire/offer-codec.ts'
import type { Routing } from '../requests/routing.ts'

/** Silence of a giver after which another may give the partition. */
const leaseMs = 4000
const placeBytes = 8

/** A partition that is being given by one peer. */
interface Lease {
  readonly giver: PeerId
  /** Places of records that were asked for and have not arrived. */
  readonly wanted: Set<string>
  isLast: boolean
  untilMs: number
}

export interface TakingParts {
  readonly routing: Routing
  readonly index: KeyIndex
  readonly tally: MoveTally
  readonly admission: AdmissionControl
}

export class Taking {
  readonly #parts: TakingParts
  readonly #leases = new Map<number, Lease>()

  constructor(parts: TakingParts) {
    this.#parts = parts
  }

  /** What is still owned goes on being given by who gives it. */
  ringChanged(): void {
    for (const partition of this.#leases.keys()) if (!this.#owns(partition)) this.#leases.delete(partition)
  }

  receive(now: Instant, from: PeerId, message: Offer | OfferKeys, effects: Effect[]): void {
    if (message.type === 'offer') this.#compare(from, message, effects)
    else this.#look(now, from, message, effects)
  }

  /** A record that `from` gave is durable here. */
  took(now: Instant, from: PeerId, key: Uint8Array, bytes: number): void {
    const place = position(key)
    const partition = this.#parts.index.trie.partitionOf(place)
    const lease = this.#leases.get(partition)
    if (lease?.giver !== from) return
    if (lease.wanted.delete(toMapKey(place.subarray(0, placeBytes)))) this.#parts.tally.takes(bytes)
    lease.untilMs = now.ms + leaseMs
    this.#endIfDone(partition, lease)
  }

  #compare(from: PeerId, { id, partitions }: Offer, effects: Effect[]): void {
    const held: number[] = []
    for (const [number, { partition, sum }] of partitions.entries()) {
      if (!this.#owns(partition)) continue
      if (this.#holds(partition, sum)) {
        held.push(number)
        this.#parts.tally.took(partition)
      } else this.#parts.tally.lacks(partition, sum.count)
    }
    answer(effects, from, { type: 'offer-answer', id, held })
  }

  #owns(partition: number): boolean {
    const { routing } = this.#parts
    const ring = routing.ring()
    return partition < ring.partitions && ring.owners(partition).includes(routing.self)
  }

  #holds(partition: number, sum: TrieSum): boolean {
    const { trie } = this.#parts.index
    if (sum.count === 0) return true
    return trie.isKnown(partition) && equalSums(trie.sum(trie.partitionBits, partition), sum)
  }

  #look(now: Instant, from: PeerId, message: OfferKeys, effects: Effect[]): void {
    const { partition } = message
    if (!this.#owns(partition)) return answer(effects, from, wantedNothing(message, 'refused'))
    if (!this.#mayGive(now, from, partition) || !this.#isAdmitted(now)) return answer(effects, from, wantedNothing(message, 'busy'))
    const lease = this.#lease(now, from, partition)
    const { loader, trie } = this.#parts.index
    if (trie.isHeld(partition)) return this.#choose(from, message, lease, effects)
    const loaded = (_at: Instant, isLoaded: boolean, out: Effect[]): void => {
      // Without an answer the giver asks again.
      if (isLoaded && this.#leases.get(partition) === lease) this.#choose(from, message, lease, out)
    }
    loader.load(partition, loaded, effects)
  }

  /** One that is joining does not count for quorums yet: nobody is kept waiting by what it takes. */
  #isAdmitted(now: Instant): boolean {
    const { admission, routing } = this.#parts
    return routing.isJoining(routing.self) || admission.mayStart(now)
  }

  #mayGive(now: Instant, from: PeerId, partition: number): boolean {
    for (const [other, { untilMs }] of this.#leases) if (untilMs <= now.ms) this.#leases.delete(other)
    const lease = this.#leases.get(partition)
    return lease === undefined ? this.#leases.size < takesMax : lease.giver === from
  }

  #lease(now: Instant, giver: PeerId, partition: number): Lease {
    const lease = this.#leases.get(partition) ?? { giver, wanted: new Set(), isLast: false, untilMs: 0 }
    lease.untilMs = now.ms + leaseMs
    this.#leases.set(partition, lease)
    return lease
  }

  #choose(from: PeerId, { id, partition, entries, isLast }: OfferKeys, lease: Lease, effects: Effect[]): void {
    const { trie } = this.#parts.index
    const wanted: number[] = []
    for (const [number, { place, hash }] of unpackKeys(entries).entries()) {
      if (trie.partitionOf(place) !== partition || trie.has(place, hash)) continue
      wanted.push(number)
      lease.wanted.add(toMapKey(place))
    }
    this.#parts.admission.spend(wanted.length)
    for (const oldest of lease.wanted) {
      if (lease.wanted.size <= takesWantedMax) break
      lease.wanted.delete(oldest)
    }
    lease.isLast ||= isLast
    answer(effects, from, { type: 'offer-wanted', id, status: 'taken', wanted })
    this.#endIfDone(partition, lease)
  }

  #endIfDone(partition: number, { isLast, wanted }: Lease): void {
    if (!isLast || wanted.size > 0) return
    this.#leases.delete(partition)
    this.#parts.tally.took(partition)
  }
}

function wantedNothing({ id }: OfferKeys, status: TakeStatus): Message {
  return { type: 'offer-wanted', id, status, wanted: [] }
}

function answer(effects: Effect[], to: PeerId, message: Message): void {
  effects.push({ kind: 'send', to, lane: 'request', message })
}
