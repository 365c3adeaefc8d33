/**
 * `dynamesh/core`: the values and algorithms under the store, as pure functions. No clock, no randomness, no I/O; the same answers in
 * every engine. Use it to compute who owns a key, to study the ring, or to merge records outside of a store.
 */
export { isPartitionCount, type Position, partitionOf, position, positionBytes } from '../core/ring/position.ts'
export { createRing, type Ring, type RingMember, type RingOptions } from '../core/ring/ring.ts'
export { type PartitionMove, ringChange, type RingChange, type RingHealth, type Spread } from '../core/ring/change-plan.ts'

export { compareDots, type Dot, formatDot } from '../core/versions/dot.ts'
export { type VersionVector } from '../core/versions/version-vector.ts'
export {
  type CausalContext,
  covers,
  descends,
  emptyContext,
  equalContexts,
  joinContexts,
  nextDot,
  withDot,
  withDots
} from '../core/versions/causal-context.ts'
export {
  compareRecords,
  emptyRecord,
  isDeleted,
  maximalSiblings,
  mergeRecords,
  putSibling,
  recordHash,
  type Sibling,
  type StoredRecord
} from '../core/versions/record.ts'

export { type Actor, actorOf, epochOf, type PeerId, type ReplicaId, replicaOf, type RequestId } from '../core/identifiers.ts'
export {
  type ErrorClass,
  type ErrorCode,
  errorCodes,
  isStoreError,
  StoreError,
  type StoreErrorOptions,
  type WriteOutcome
} from '../core/errors.ts'
export * as limits from '../core/limits.ts'
