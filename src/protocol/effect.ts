/**
 * What a step wants done, as plain data. The driver in `store/` does it for real, the simulator under virtual time.
 *
 * A write carries the effects that may leave only after it is durable, so "acknowledge before it is on disk" cannot be
 * written by accident.
 */
import type { Dot } from '../core/versions/dot.ts'
import type { PeerId, RequestId } from '../core/identifiers.ts'
import type { StoredRecord } from '../core/versions/record.ts'
import type { Message, PutStatus } from './wire/message.ts'
import type { Instant } from './instant.ts'
import type { MoveProgress } from './moving/move-progress.ts'

/** One change of a storage batch. */
export type BatchOperation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'delete'; readonly key: Uint8Array }

/** A row that a scan found. */
export interface ScannedRow {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** How a caller's get ended. */
export interface GetOutcome {
  readonly kind: 'get'
  readonly status: 'ok' | 'quorum' | 'overloaded'
  readonly record: StoredRecord
  readonly replied: readonly PeerId[]
  readonly r: number
  readonly n: number
}

/** How a caller's put ended. */
export interface PutOutcome {
  readonly kind: 'put'
  readonly status: PutStatus
  /** False when the write certainly did not happen and will not. */
  readonly mayHaveHappened: boolean
  readonly dot: Dot | undefined
  readonly coordinator: PeerId | undefined
  readonly acknowledged: readonly PeerId[]
  readonly hinted: readonly PeerId[]
  /** Siblings that the coordinator holds after the write. */
  readonly siblings: number
  readonly request: RequestId
  readonly w: number
  readonly n: number
}

/** An eviction was kept and told to the others. */
export interface EvictOutcome {
  readonly kind: 'evict'
}

/** How a call ended. */
export type CallOutcome = GetOutcome | PutOutcome | EvictOutcome

/** News for whoever watches the peer; nothing depends on it. */
export type ProtocolEvent =
  | { readonly type: 'key-changed'; readonly key: Uint8Array; readonly record: StoredRecord }
  | { readonly type: 'key-dropped'; readonly key: Uint8Array }
  | { readonly type: 'members-changed'; readonly peers: readonly PeerId[] }
  /** Views were exchanged with another member for the first time since the start. */
  | { readonly type: 'members-known' }
  | { readonly type: 'ring-changed' }
  | { readonly type: 'reachability'; readonly peer: PeerId; readonly reachable: boolean }
  | { readonly type: 'hint-stored'; readonly target: PeerId; readonly key: Uint8Array }
  | { readonly type: 'hint-delivered'; readonly target: PeerId; readonly key: Uint8Array }
  | { readonly type: 'repair-sent'; readonly target: PeerId; readonly key: Uint8Array }
  | { readonly type: 'exchange-started'; readonly peer: PeerId; readonly partition: number }
  | { readonly type: 'exchange-finished'; readonly peer: PeerId; readonly partition: number; readonly repaired: number }
  /** Every owner has deleted the key for longer than the grace: nothing is left of it here. */
  | { readonly type: 'tombstone-reaped'; readonly key: Uint8Array; readonly record: StoredRecord }
  /** A copy went because deletes may have been forgotten while this peer was away. */
  | { readonly type: 'key-discarded'; readonly key: Uint8Array; readonly record: StoredRecord }
  /** A copy that may be the last was kept by a peer back from a long absence, though it may have been deleted meanwhile. */
  | { readonly type: 'key-kept'; readonly key: Uint8Array }
  /** Copies move because the ring changed: how far that has come. */
  | { readonly type: 'progress'; readonly moves: MoveProgress }
  /** All keys in storage are known. */
  | { readonly type: 'indexed' }
  | { readonly type: 'storage-failed'; readonly code: string }
  | { readonly type: 'rolled-back' }
  /** This peer has left. Where `isHeard`, a member of the ring would remember that; otherwise some may wait for it until it is evicted. */
  | { readonly type: 'left'; readonly isHeard: boolean }
  | { readonly type: 'counted'; readonly name: string }

export type Effect =
  | { readonly kind: 'send'; readonly to: PeerId; readonly lane: 'request' | 'bulk'; readonly message: Message }
  /** Spread to every peer of the cluster, best effort. */
  | { readonly kind: 'broadcast'; readonly bytes: Uint8Array }
  /** Read rows; the machine's `loaded` gets the values under `token`. */
  | { readonly kind: 'read'; readonly keys: readonly Uint8Array[]; readonly token: number }
  /** Scan rows; the machine's `scanned` gets them under `token`. */
  | {
      readonly kind: 'scan'
      readonly prefix: Uint8Array
      readonly after: Uint8Array | undefined
      readonly limit: number
      readonly token: number
    }
  /** Write atomically. When durable: perform `then`, and call `written` with `token`. When it failed: call `failed`. */
  | { readonly kind: 'write'; readonly batch: readonly BatchOperation[]; readonly then: readonly Effect[]; readonly token: number }
  /** Answer a caller of this peer. */
  | { readonly kind: 'settle'; readonly call: number; readonly outcome: CallOutcome }
  /** Stay connected to these peers. */
  | { readonly kind: 'want'; readonly peers: readonly { readonly peer: PeerId; readonly addresses: readonly string[] }[] }
  | { readonly kind: 'report'; readonly event: ProtocolEvent }

/** What a caller, a quorum or the membership waits for. */
export function sendRequest(effects: Effect[], to: PeerId, message: Message): void {
  effects.push({ kind: 'send', to, lane: 'request', message })
}

/** What may take its time: the network lets requests pass it. */
export function sendBulk(effects: Effect[], to: PeerId, message: Message): void {
  effects.push({ kind: 'send', to, lane: 'bulk', message })
}

/** Why storage could not do what an effect asked. */
export type StorageFailure = 'full' | 'failed'

/** A protocol machine: synchronous, without clock, randomness or I/O of its own. */
export interface Machine {
  /** A message arrived. */
  receive(now: Instant, from: PeerId, message: Message, effects: Effect[]): void
  /** Time passed `deadline()`. */
  wake(now: Instant, effects: Effect[]): void
  /** When `wake` is wanted next, in `Instant.ms`; `Infinity` for never. */
  deadline(): number
}

/** The part of a machine that asked for storage. */
export interface StorageClient {
  loaded(now: Instant, token: number, values: readonly (Uint8Array | undefined)[], effects: Effect[]): void
  scanned(now: Instant, token: number, rows: readonly ScannedRow[], effects: Effect[]): void
  written(now: Instant, token: number, effects: Effect[]): void
  failed(now: Instant, token: number, failure: StorageFailure, effects: Effect[]): void
}
