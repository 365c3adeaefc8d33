/**
 * What a user of dynamesh touches: the types of the public interface. `peer.ts` implements them.
 */
import type { ErrorCode, WriteOutcome } from '../core/errors.ts'
import type { Logger } from '../ports/logger.ts'
import type { ConnectionInfo } from '../ports/network.ts'
import type { Storage, StorageStatus } from '../ports/storage.ts'
import type { MoveProgress } from '../protocol/moving/move-progress.ts'
import type { ChangePlan, EvictOptions, EvictResult, MemberInfo, MembershipChange } from './member-api.ts'

/** Keys and values are bytes; a text stands for its UTF-8 bytes and must be well formed. No normalisation takes place. */
export type KeyInput = string | Uint8Array
/** See {@link KeyInput}. */
export type ValueInput = string | Uint8Array
/** The opaque token of what a caller has read: bytes, or their base64url text. `undefined` and `null` mean "I have read nothing". */
export type ContextInput = Uint8Array | string | undefined | null

/** Options of {@link createPeer}. */
export interface PeerOptions {
  /** Name of the cluster, 1..64 UTF-8 bytes. Peers of another name refuse each other. */
  readonly cluster: string
  /** Addresses of peers to join by (multiaddrs, e.g. `/ip4/127.0.0.1/tcp/4001/ws/p2p/12D3Koo…`). @default [] */
  readonly join?: readonly string[]
  /** A folder under Node.js, a name for the databases of this origin's tabs in a browser, `'memory'`, or a {@link Storage} of your own. */
  readonly storage: string | Storage
  /** Partitions of the ring (Q), a power of two; the same on all peers for the cluster's life. @default 1024 */
  readonly partitions?: number
  /** Owners of each partition (N); the same on all peers. @default 3 */
  readonly replicas?: number
  /** Replies that a `get` waits for (R). @default 2, or N where N is less */
  readonly r?: number
  /** Durable acknowledgements that a `put` waits for (W). @default 2, or N where N is less */
  readonly w?: number
  /** Longest wait of a request in milliseconds. @default 5000 */
  readonly timeoutMs?: number
  /** Share of the ring relative to other peers; 0 stores nothing. @default 4 under Node.js, 1 in a browser */
  readonly weight?: number
  /** True for a peer that is expected to keep its disk and come back. @default true under Node.js, false in a browser */
  readonly durable?: boolean
  /** Failure zone: owners of a partition are in different zones while there are enough. @default none */
  readonly zone?: string
  /** Addresses to listen on. @default TCP and WebSocket on free ports of all interfaces under Node.js; relays and WebRTC in a browser */
  readonly listen?: readonly string[]
  /** Addresses to publish instead of the ones observed, e.g. behind a proxy. @default [] */
  readonly announce?: readonly string[]
  /** Forward connections for others. @default true under Node.js, false in a browser */
  readonly relay?: boolean
  /** Absence in milliseconds after which this peer evicts a member that is not durable (a tab that was closed). @default 600,000 */
  readonly evictAfterMs?: number
  /** Time in milliseconds after which a delete is forgotten, once all owners hold it. At least 60,000; best the same on all peers. @default 86,400,000 (24 hours) */
  readonly tombstoneGraceMs?: number
  /** Most bytes to store. @default unlimited under Node.js, 256 MiB in a browser */
  readonly storageBytesMax?: number
  /** Most keys to store. @default 10,000,000 */
  readonly keysMax?: number
  /** Where diagnostics go. @default nowhere */
  readonly logger?: Logger
}

/** Options that every request takes. */
export interface RequestOptions {
  /** Longest wait in milliseconds, 1..600,000. @default the peer's `timeoutMs` */
  readonly timeoutMs?: number
  /** Ends the wait early. */
  readonly signal?: AbortSignal
  /** False asks for a strict quorum of owners; true also counts fallbacks. @default true */
  readonly sloppy?: boolean
}

export interface GetOptions extends RequestOptions {
  /** Replies to wait for, 1..N. @default the peer's `r` */
  readonly r?: number
}

export interface PutOptions extends RequestOptions {
  /** Durable acknowledgements to wait for, 1..N. @default the peer's `w` */
  readonly w?: number
  /** Identifies the write over retries (32 hexadecimal digits, from an error's `details.requestId`). @default a new one */
  readonly requestId?: string
}

export interface DeleteOptions extends PutOptions {
  /** Delete what this peer can see, without a context. @default false */
  readonly force?: boolean
}

export interface UpdateOptions extends GetOptions, PutOptions {}

/** Makes the new value of a key of its concurrent values; `siblings` says who wrote each and when, deletes included. */
export type UpdateChange = (values: readonly Uint8Array[], siblings: readonly SiblingInfo[]) => ValueInput | undefined

/** One of the concurrent values of a key. */
export interface SiblingInfo {
  /** The value, or `undefined` for a delete that is concurrent with a value. */
  readonly value: Uint8Array | undefined
  /** The value as text when it is valid UTF-8. */
  readonly text: string | undefined
  /** Peer whose caller wrote it, when it is still known as a member. */
  readonly writer: string | undefined
  /** Storage incarnation of the writer. */
  readonly writerReplica: string
  /** When it was written by the coordinator's clock: milliseconds since 1970. For people; it decides nothing. */
  readonly wallTimeMs: number
  /** The same as a hybrid logical time, in 1/1024 ms: what `'last-write-wins'` compares. */
  readonly hybridTime: number
  /** The write event, `actor:counter`. */
  readonly dot: string
}

export interface GetResult {
  /** 0, 1 or several values. */
  readonly values: readonly Uint8Array[]
  /** The same values as text; `undefined` where one is not valid UTF-8. */
  readonly texts: readonly (string | undefined)[]
  /** The values with who wrote each and when, deletes that are concurrent with a value included. */
  readonly siblings: readonly SiblingInfo[]
  /** To be given back to `put` or `delete`. */
  readonly context: Uint8Array
  /** Peers that answered before the result was given. */
  readonly replied: readonly string[]
  /** R that was asked for, after shrinking to the peers that exist. */
  readonly r: number
  /** N at the moment: less than configured while fewer peers are known. */
  readonly n: number
}

export interface PutResult {
  /** Covers what the caller had read and this write; never more. */
  readonly context: Uint8Array
  /** Peers that stored the write durably. */
  readonly acknowledged: readonly string[]
  /** Those of them that hold it only as a hint for an owner. */
  readonly hinted: readonly string[]
  /** Peer that coordinated the write. */
  readonly coordinator: string
  readonly requestId: string
  /** The write event, `actor:counter`. */
  readonly dot: string
  /** Siblings that the coordinator held after the write: more than 1 means that somebody wrote concurrently. */
  readonly siblings: number
  readonly w: number
  readonly n: number
}

export interface DeleteResult {
  /** False when there was nothing to delete; then nothing was written. */
  readonly existed: boolean
  readonly context: Uint8Array
}

export interface RingInfo {
  /** 64-bit name of the ring, 16 hexadecimal digits: equal on peers with the same view. */
  readonly digest: string
  readonly partitions: number
  readonly replicas: number
  /** Owners by partition, by peer id. */
  readonly owners: readonly (readonly string[])[]
  /** Plain sentences about what the ring cannot do, e.g. too few zones. */
  readonly warnings: readonly string[]
}

/** Where a key lives. */
export interface KeyPlacement {
  readonly key: Uint8Array
  /** MD5 of the key, 32 hexadecimal digits. */
  readonly position: string
  readonly partition: number
  readonly owners: readonly string[]
  /** Owners first, then the fallbacks. */
  readonly preferenceList: readonly string[]
}

/** A row of {@link Peer.keys}: a key that this peer stores. */
export interface KeyInfo {
  readonly key: Uint8Array
  /** The key as text when it is valid UTF-8. */
  readonly text: string | undefined
  readonly siblings: number
  readonly bytes: number
  /** True when this peer is an owner of it. */
  readonly owned: boolean
  /** True when every sibling is a delete. */
  readonly deleted: boolean
  /** Name of what is stored, 16 hexadecimal digits: equal on peers whose copies agree. */
  readonly hash: string
}

export interface HintInfo {
  readonly target: string
  readonly count: number
  readonly bytes: number
}

export interface PeerStatus {
  readonly peerId: string
  readonly replicaId: string
  readonly cluster: string
  /** `isolated` while no other member can be reached though some are known or `join` was given. */
  readonly state: 'starting' | 'joining' | 'up' | 'isolated' | 'leaving' | 'left' | 'stopped'
  readonly addresses: readonly string[]
  readonly connections: readonly ConnectionInfo[]
  readonly storage: StorageStatus
  /** Keys stored; about so many until all are counted, which takes a moment after a start, and seconds where there are a million. */
  readonly keys: number
  readonly hints: readonly HintInfo[]
  readonly ringDigest: string
  /** What the ring cannot do with its members, in plain sentences: too few members, durable ones or zones. */
  readonly warnings: readonly string[]
  readonly members: number
  /** How far the last change of the ring has come at this peer. */
  readonly moves: MoveProgress
  /** Records of handoff, moves and repair that this peer starts a second at most: fewer while requests have to wait for its disk. */
  readonly backgroundRecordsPerSecond: number
  readonly networkCut: boolean
}

/** Changes of one key. */
export interface WatchChange {
  readonly key: Uint8Array
  readonly values: readonly Uint8Array[]
  readonly siblings: readonly SiblingInfo[]
  readonly context: Uint8Array
}

/** Events by name; each is a `CustomEvent` whose `detail` has the type given here. */
export interface PeerEvents {
  'member:joining': MemberInfo
  'member:up': MemberInfo
  'member:leaving': MemberInfo
  'member:left': MemberInfo
  'member:evicted': MemberInfo
  'member:suspect': MemberInfo
  'member:reachable': MemberInfo
  /** Views were exchanged with another member for the first time since the start: `members()` and `ring()` are what that one knows. */
  'members:known': { readonly members: number }
  'ring:changed': RingInfo
  /** Copies move because the ring changed: how far that has come. A few times a second at most, and once at the end. */
  'moves:progress': MoveProgress
  'key:changed': { readonly key: Uint8Array }
  'hint:stored': { readonly target: string; readonly key: Uint8Array }
  'hint:delivered': { readonly target: string; readonly key: Uint8Array }
  'repair:sent': { readonly target: string; readonly key: Uint8Array }
  'exchange:started': { readonly peer: string; readonly partition: number }
  'exchange:finished': { readonly peer: string; readonly partition: number; readonly repaired: number }
  'connection:opened': ConnectionInfo
  'connection:closed': { readonly peer: string }
  'peer:refused': { readonly peer: string | undefined; readonly code: string; readonly message: string }
  'storage:full': { readonly message: string }
  'storage:corrupt': { readonly message: string }
  'network:cut': { readonly cut: boolean }
  error: { readonly code: ErrorCode; readonly message: string; readonly outcome: WriteOutcome }
}

/** Turns application values into bytes and back. See `json()`. */
export interface Codec<Value> {
  encode(value: Value): Uint8Array
  decode(bytes: Uint8Array): Value
}

export interface CollectionOptions<Value> {
  readonly codec: Codec<Value>
  /**
   * Makes one value of several siblings: must not depend on their order. `'last-write-wins'` takes the one with the latest hybrid time, and
   * loses what was written at the same time: of five clients' adds to one set 6 or 7 in 10 (`npm run experiments -- one-key-set`).
   */
  readonly merge: ((values: readonly Value[]) => Value) | 'last-write-wins'
}

/** Typed access to the keys `name:id`. */
export interface Collection<Value> {
  get(
    id: string,
    options?: GetOptions
  ): Promise<{ readonly value: Value | undefined; readonly values: readonly Value[]; readonly context: Uint8Array }>
  put(id: string, context: ContextInput, value: Value, options?: PutOptions): Promise<PutResult>
  /** Reads, merges siblings, applies `change` once, writes. When another write came in between, the siblings are read and merged again. */
  update(id: string, change: (value: Value | undefined) => Value, options?: UpdateOptions): Promise<PutResult>
  delete(id: string, context: ContextInput, options?: DeleteOptions): Promise<DeleteResult>
  watch(
    id: string,
    options?: { readonly signal?: AbortSignal }
  ): AsyncIterable<{ readonly value: Value | undefined; readonly values: readonly Value[]; readonly context: Uint8Array }>
}

/** A member of the ring: a running store with its own identity, storage and network. */
export interface Peer {
  readonly peerId: string
  readonly replicaId: string
  readonly cluster: string
  get(key: KeyInput, options?: GetOptions): Promise<GetResult>
  put(key: KeyInput, context: ContextInput, value: ValueInput, options?: PutOptions): Promise<PutResult>
  /**
   * Reads, gives the values to `change`, writes its answer; an answer of `undefined` deletes. Repeated, with the answer among the values, while
   * another write comes in between: `change` must be able to take its own answer (add to a set, not to a number).
   */
  update(key: KeyInput, change: UpdateChange, options?: UpdateOptions): Promise<PutResult>
  delete(key: KeyInput, context: ContextInput, options?: DeleteOptions): Promise<DeleteResult>
  /** The key's siblings now and after every change that this peer learns of. */
  watch(key: KeyInput, options?: { readonly signal?: AbortSignal }): AsyncIterable<WatchChange>
  collection<Value>(name: string, options: CollectionOptions<Value>): Collection<Value>
  /** Keys that this peer stores, in byte order. */
  keys(options?: { readonly prefix?: KeyInput; readonly limit?: number; readonly after?: KeyInput }): AsyncIterable<KeyInfo>
  members(): readonly MemberInfo[]
  ring(): RingInfo
  place(key: KeyInput): KeyPlacement
  status(): PeerStatus
  metrics(): Readonly<Record<string, number>>
  /** Adds addresses to join by. */
  join(addresses: readonly string[]): void
  /** Cuts or restores this peer's network: for demonstrations and tests. */
  cutNetwork(isCut: boolean): void
  /** What a change of the members would do. Nothing is done. */
  planChange(change: MembershipChange): ChangePlan
  /**
   * Leaves the ring for good, then stops. It serves until the other members that can be reached have everything. A second call waits for the same.
   * The signal ends the wait, not the leaving.
   */
  leave(options?: { readonly signal?: AbortSignal }): Promise<void>
  /**
   * Declares another member gone for good: a durable one whose disk will not come back, which nobody else takes out of the ring. `peer` is its peer id, or a
   * beginning or an end of it (6 characters or more) that no other member has. Others take over its partitions at once. Should it come back after all, it
   * becomes a member again. Resolves when this is durable here and the others were told.
   */
  evict(peer: string, options?: EvictOptions): Promise<EvictResult>
  /** Stops; the data and the place in the ring stay. Calls in flight settle first. Stopping twice is fine. */
  stop(): Promise<void>
  addEventListener<Name extends keyof PeerEvents>(
    name: Name,
    listener: (event: CustomEvent<PeerEvents[Name]>) => void,
    options?: { readonly signal?: AbortSignal; readonly once?: boolean }
  ): void
  removeEventListener<Name extends keyof PeerEvents>(name: Name, listener: (event: CustomEvent<PeerEvents[Name]>) => void): void
}
