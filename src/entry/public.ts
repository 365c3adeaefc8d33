/** What both entry points export beside `createPeer`. */
export type {
  Codec,
  Collection,
  CollectionOptions,
  ContextInput,
  DeleteOptions,
  DeleteResult,
  GetOptions,
  GetResult,
  HintInfo,
  KeyInfo,
  KeyInput,
  KeyPlacement,
  Peer,
  PeerEvents,
  PeerOptions,
  PeerStatus,
  PutOptions,
  PutResult,
  RequestOptions,
  RingInfo,
  SiblingInfo,
  UpdateChange,
  UpdateOptions,
  ValueInput,
  WatchChange
} from '../store/api.ts'
export type {
  ChangePlan,
  EvictOptions,
  EvictResult,
  MemberInfo,
  MemberStatus,
  MembershipChange,
  MoveSize,
  NewMember
} from '../store/member-api.ts'
export type { MoveCount, MoveProgress } from '../protocol/moving/move-progress.ts'
export type { PartitionMove, RingChange, RingHealth, Spread } from '../core/ring/change-plan.ts'
export type { Logger } from '../ports/logger.ts'
export type { ConnectionInfo } from '../ports/network.ts'
export type { ScanRange, Storage, StorageOperation, StorageRow, StorageStatus } from '../ports/storage.ts'
export { type ErrorClass, type ErrorCode, isStoreError, StoreError, type WriteOutcome } from '../core/errors.ts'
export { json } from '../store/json-codec.ts'
export { memoryStorage } from '../adapters/memory/memory-storage.ts'
