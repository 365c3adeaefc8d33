/** One exchange of anti-entropy between two peers: what it found so far, and what it may still cost. */
import { StoreError } from '../../core/errors.ts'
import type { PeerId } from '../../core/identifiers.ts'
import { exchangeDifferencesMax, exchangeItemsMax } from '../../core/limits.ts'
import type { Ring } from '../../core/ring/ring.ts'
import type { Effect } from '../effect.ts'
import { packEntries, packPlaces, type Difference } from './exchange-layout.ts'
import type { Instant } from '../instant.ts'
import type { ExchangeDifferences } from '../wire/message.ts'
import type { SharedTrie } from './reconciliation.ts'

/** Times of anti-entropy, in milliseconds. */
export const exchangeMs = {
  /** Time in which a peer opens an exchange with each of its co-owners once, however many they are. */
  round: 10_000,
  /** Least mean time between two of them. */
  between: 500,
  /** The next one after an exchange that found something. */
  soon: 500,
  /** Age of a difference before it is taken for one that does not go away by itself. */
  again: 2000,
  /** Silence after which an exchange has ended. */
  silence: 3000,
  /** Longest exchange. */
  longest: 60_000,
  /** How long a peer that sent what no trie can have is not listened to. */
  distrust: 60_000
} as const

/** Something to do once some partitions are in memory. */
export interface PendingWork {
  readonly partitions: readonly number[]
  go(now: Instant, effects: Effect[]): void
}

/** An exchange with one peer; a peer has one at a time with each other. */
export interface Exchange {
  readonly id: number
  readonly peer: PeerId
  readonly ring: Ring
  readonly trie: SharedTrie
  readonly isOpener: boolean
  readonly startedAtMs: number
  /** True once the other side was heard: its digest differs. */
  isDifferent: boolean
  /** Differences seen once, by place. */
  readonly differences: Map<number, Difference>
  againAtMs: number
  endsAtMs: number
  /** Nodes and entries that the other side sent or made this side look at. */
  items: number
  /** Bytes of records sent. */
  recordBytes: number
  /** True when there was more than one exchange looks at, or has room for. */
  isCut: boolean
  /** True once the other side was told of differences that last here; whether they last there, too, only it knows. */
  hasTold: boolean
  /** Records sent, by partition in which both sides found a difference that lasts. */
  readonly repaired: Map<number, number>
  /** What waits for partitions to be in memory, in order. */
  readonly pending: PendingWork[]
  /** Partitions that stay in memory until the exchange ends. */
  readonly pinned: Set<number>
}

/** Notes a difference that was seen once; false when there are more than one exchange looks at. */
export function note(now: Instant, exchange: Exchange, difference: Difference): boolean {
  spend(exchange, 1)
  if (exchange.differences.size >= exchangeDifferencesMax) {
    exchange.isCut = true
    return false
  }
  exchange.differences.set(difference.place, difference)
  exchange.againAtMs = Math.min(exchange.againAtMs, now.ms + exchangeMs.again)
  return true
}

/** Differences that last, as the other side is told of them. */
export function differencesMessage(id: number, differences: readonly Difference[]): ExchangeDifferences {
  const seen = (found: readonly Difference[]): Uint8Array => packEntries(found.map(({ place, theirs }) => ({ place, digest: theirs })))
  return {
    type: 'exchange-differences',
    id,
    yourGaps: packPlaces(differences.flatMap(({ place, theirs }) => (theirs === 0 ? [place] : []))),
    myGaps: seen(differences.filter(({ mine }) => mine === 0)),
    changed: seen(differences.filter(({ mine, theirs }) => mine !== 0 && theirs !== 0))
  }
}

/** Marks the partition of a difference as one that is being repaired. */
export function touch(exchange: Exchange, place: number, effects: Effect[]): void {
  const partition = exchange.trie.partitionOf(place)
  if (exchange.repaired.has(partition)) return
  exchange.repaired.set(partition, 0)
  effects.push({ kind: 'report', event: { type: 'exchange-started', peer: exchange.peer, partition } })
}

export function spend(exchange: Exchange, items: number): void {
  exchange.items += items
  if (exchange.items > exchangeItemsMax)
    throw new StoreError('ERR_AE_INVALID', 'The other peer sent more in one exchange than any difference needs.')
}

export function spendOn(exchange: Exchange, place: number): void {
  spend(exchange, 1)
  if (!exchange.trie.shares(place))
    throw new StoreError('ERR_AE_INVALID', 'The other peer asked about a partition that only one of us owns.')
}
