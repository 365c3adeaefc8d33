/**
 * The three things that happen to a replica's row: a dot is minted for a write coordinated here, a record from elsewhere is merged in,
 * and a copy that others hold is dropped.
 */
import { covers, emptyContext, nextDot, type CausalContext } from '../../core/versions/causal-context.ts'
import type { Dot } from '../../core/versions/dot.ts'
import { nextHybridTime, observeHybridTime } from '../../core/versions/hybrid-clock.ts'
import { actorOf, type PeerId, type ReplicaId, type RequestId } from '../../core/identifiers.ts'
import { keysMaxDefault, recordBytesMax, siblingsMax } from '../../core/limits.ts'
import {
  emptyRecord,
  maximalSiblings,
  mergeRecords,
  putSibling,
  seenContext,
  siblingOf,
  valueBytes,
  type Sibling,
  type StoredRecord
} from '../../core/versions/record.ts'
import type { BatchOperation, Effect } from '../effect.ts'
import type { EpochLease } from './epoch-lease.ts'
import type { Instant } from '../instant.ts'
import type { Replica, ReplicaFailure, RowChange, RowOperation } from './replica.ts'
import type { LocalRow } from '../storage-layout.ts'
import type { Graveyard } from '../tombstones/tombstone-graveyard.ts'

/** What the operations of one peer share. */
export class ReplicaOperations {
  readonly #replica: Replica
  readonly #lease: EpochLease
  #replicaId: ReplicaId
  readonly #graveyard: Graveyard
  readonly #keysMax: number
  #hybridTime = 0

  constructor(replica: Replica, lease: EpochLease, replicaId: ReplicaId, graveyard: Graveyard, keysMax: number = keysMaxDefault) {
    this.#replica = replica
    this.#lease = lease
    this.#replicaId = replicaId
    this.#graveyard = graveyard
    this.#keysMax = keysMax
  }

  /** The replica id that writes are numbered under. */
  get mintingId(): ReplicaId {
    return this.#replicaId
  }

  /** Mints under a new replica id from now on: what was minted under the old one is not known any more. */
  reincarnate(replicaId: ReplicaId): void {
    this.#replicaId = replicaId
  }

  /** Mints a dot for a write and stores it. */
  mint(write: Mint): RowOperation {
    return {
      from: write.from,
      apply: (now, row, effects) => this.#mint(now, row, write, effects),
      fail: write.fail
    }
  }

  /** Merges `record` into the copy. */
  merge(merge: Merge): RowOperation {
    return {
      from: merge.from,
      apply: (now, row, effects) => this.#merge(now, row, merge, effects),
      fail: merge.fail
    }
  }

  #mint(now: Instant, row: LocalRow | undefined, write: Mint, effects: Effect[]): RowChange | 'wait' {
    const record = row?.record ?? this.#graveyard.remains(now, write.key) ?? emptyRecord
    const earlier = siblingOf(record, write.request)
    if (row !== undefined && earlier !== undefined) {
      const known = covers(write.context, earlier.dot)
      return {
        row,
        operations: write.hints(record),
        then: write.minted(earlier.dot, record, deltaOf(known ? emptyContext : write.context, earlier))
      }
    }
    if (row === undefined && this.#replica.keys >= this.#keysMax) return refuse(row, now, 'max-keys', write, effects)
    const epoch = row?.epoch ?? this.#lease.take(effects)
    if (epoch === undefined) return 'wait'
    const dot = nextDot(actorOf(this.#replicaId, epoch), record.context, write.context)
    this.#hybridTime = nextHybridTime(this.#hybridTime, now.wallMs)
    const sibling: Sibling = { dot, request: write.request, wallTime: this.#hybridTime, value: write.value }
    const seen = seenContext(record, write.context)
    const merged = putSibling(record, seen, sibling)
    if (crowded(merged, record)) return refuse(row, now, 'too-many-siblings', write, effects)
    return {
      row: { epoch, record: merged },
      operations: write.hints(merged),
      then: write.minted(dot, merged, deltaOf(seen, sibling))
    }
  }

  #merge(now: Instant, row: LocalRow | undefined, merge: Merge, effects: Effect[]): RowChange | 'wait' {
    const known = row?.record ?? this.#graveyard.remains(now, merge.key)
    const record = known === undefined ? merge.record : mergeRecords(known, merge.record)
    if (row !== undefined && record === row.record) return { row, operations: merge.hints(record), then: merge.then }
    // All that it tells was deleted, and the tombstone reaped.
    if (row === undefined && record.siblings.length === 0) {
      this.#graveyard.knock(now, merge.key, merge.record)
      return { row, operations: [], then: merge.then }
    }
    const epoch = row?.epoch ?? this.#lease.take(effects)
    if (epoch === undefined) return 'wait'
    for (const { wallTime } of merge.record.siblings) this.#hybridTime = observeHybridTime(this.#hybridTime, wallTime, now.wallMs)
    return { row: { epoch, record }, operations: merge.hints(record), then: merge.then }
  }
}

/** A write to be given a dot. */
export interface Mint {
  readonly from: PeerId
  readonly key: Uint8Array
  readonly request: RequestId
  readonly context: CausalContext
  /** `undefined` deletes. */
  readonly value: Uint8Array | undefined
  /** Hint rows to be written with the record. */
  hints(record: StoredRecord): readonly BatchOperation[]
  /** The dot is decided; answers with the effects that wait for durability. `delta` is the write alone. */
  minted(dot: Dot, record: StoredRecord, delta: StoredRecord): readonly Effect[]
  /** The write was refused; nothing was or will be stored. */
  refused(now: Instant, reason: 'too-many-siblings' | 'max-keys', effects: Effect[]): void
  fail(now: Instant, failure: ReplicaFailure, effects: Effect[]): void
}

/** A record that arrived from another peer. */
export interface Merge {
  readonly from: PeerId
  readonly key: Uint8Array
  readonly record: StoredRecord
  /** Hint rows to be written with the record. */
  hints(record: StoredRecord): readonly BatchOperation[]
  readonly then: readonly Effect[]
  fail(now: Instant, failure: ReplicaFailure, effects: Effect[]): void
}

/** One write as a record of its own: what a replica needs to know of it, and nothing that the caller had not seen. */
function deltaOf(context: CausalContext, sibling: Sibling): StoredRecord {
  return putSibling(emptyRecord, context, sibling)
}

/** True when a put would leave more than the limits allow and is not itself a reduction. */
function crowded(after: StoredRecord, before: StoredRecord): boolean {
  const siblings = maximalSiblings(after)
  if (siblings.length > siblingsMax && siblings.length > maximalSiblings(before).length) return true
  return siblings.length > 1 && valueBytes(after) > recordBytesMax && valueBytes(after) > valueBytes(before)
}

function refuse(
  row: LocalRow | undefined,
  now: Instant,
  reason: 'too-many-siblings' | 'max-keys',
  write: Mint,
  effects: Effect[]
): RowChange {
  write.refused(now, reason, effects)
  return { row, operations: [], then: [] }
}
