/**
 * The messages between peers, as plain data. `wire.proto` describes their bytes, `message-codec.ts` writes and reads them.
 *
 * `id` matches a reply to its request between two peers; it is never 0.
 */
import type { CausalContext } from '../../core/versions/causal-context.ts'
import type { Dot } from '../../core/versions/dot.ts'
import type { PeerId, RequestId } from '../../core/identifiers.ts'
import type { MemberRecord } from '../../core/members/member-record.ts'
import type { StoredRecord } from '../../core/versions/record.ts'
import type { TrieSum } from '../../core/merkle/trie-sum.ts'

/** How a replica answered a write. */
export type ReplicaStatus = 'ok' | 'overloaded' | 'full' | 'failed' | 'hints-full' | 'max-keys' | 'not-owner'

/** How a coordinator's put ended. */
export type PutStatus = ReplicaStatus | 'quorum' | 'too-many-siblings'

/** What a caller asks for when it writes. */
export interface PutCall {
  readonly key: Uint8Array
  readonly context: CausalContext
  /** `undefined` deletes. */
  readonly value: Uint8Array | undefined
  readonly request: RequestId
  readonly w: number
  readonly sloppy: boolean
  readonly timeoutMs: number
}

/** A put handed to a peer that stores the key; that peer mints the dot. */
export interface ForwardPut extends PutCall {
  readonly type: 'forward-put'
  readonly id: number
}

export interface PutResult {
  readonly type: 'put-result'
  readonly id: number
  readonly status: PutStatus
  readonly dot: Dot | undefined
  readonly acknowledged: readonly PeerId[]
  readonly hinted: readonly PeerId[]
  readonly siblings: number
  /** Owners that the key had for the coordinator. */
  readonly n: number
}

/** A record to be merged into the receiver's copy, and acknowledged when durable. */
export interface Replicate {
  readonly type: 'replicate'
  readonly id: number
  readonly key: Uint8Array
  readonly record: StoredRecord
  /** Owners that the receiver keeps the record for; empty when it is an owner itself. */
  readonly hintFor: readonly PeerId[]
}

export interface Replicated {
  readonly type: 'replicated'
  readonly id: number
  readonly status: ReplicaStatus
}

export interface Fetch {
  readonly type: 'fetch'
  readonly id: number
  readonly key: Uint8Array
  /** True for an owner that lacks copies of the key's partition: it is to ask those who have them before it answers. */
  readonly whole: boolean
}

/**
 * A replica's copy. Only an owner that lacks nobody's copies vouches for it; `not-owner` tells that the replica owns the key no more, or not yet, in the ring
 * that it knows.
 */
export interface Fetched {
  readonly type: 'fetched'
  readonly id: number
  readonly status: ReplicaStatus
  /** `undefined` when the replica holds nothing. */
  readonly record: StoredRecord | undefined
  /** Peers that have not given the replica their copies of the key's partition yet. */
  readonly lacking: readonly PeerId[]
}

/** A merged record for a replica that was found stale; not acknowledged. */
export interface Repair {
  readonly type: 'repair'
  readonly key: Uint8Array
  readonly record: StoredRecord
}

export interface HandoffEntry {
  readonly key: Uint8Array
  readonly record: StoredRecord
}

/** Hints going home. */
export interface Handoff {
  readonly type: 'handoff'
  readonly id: number
  readonly entries: readonly HandoffEntry[]
}

/** Answer to a handoff: which of its entries are durable, by number from 0, ascending. */
export interface HandedOff {
  readonly type: 'handed-off'
  readonly id: number
  readonly stored: readonly number[]
}

export interface Ping {
  readonly type: 'ping'
  readonly id: number
}

export interface Pong {
  readonly type: 'pong'
  readonly id: number
  /** The ring that its sender sees. */
  readonly ring: string
}

/** "How long were you in contact with the cluster?" A peer that was away asks before it trusts its copies. */
export interface ContactQuery {
  readonly type: 'contact-query'
  readonly id: number
}

export interface ContactAnswer {
  readonly type: 'contact-answer'
  readonly id: number
  /** Age of the time in contact that goes on. */
  readonly sinceAgeMs: number
  /** Age of the last contact before that; 0 when there was none. */
  readonly gapAgeMs: number
  /** True for a full member with all that it owns: it can vouch for what others held with it. */
  readonly isWhole: boolean
}

/** "My view of the members has this digest"; answered with a summary when it differs. */
export interface ViewDigest {
  readonly type: 'view-digest'
  readonly digest: string
}

/** What a peer knows of members, by version only; or of a large view no more than the digests of its branches. */
export interface ViewSummary {
  readonly type: 'view-summary'
  readonly entries: readonly { readonly peerId: PeerId; readonly incarnation: number; readonly sequence: number }[]
  /** Digests of branches; then there are no entries, and a summary of those that differ is the answer. Else empty. */
  readonly branches: Uint8Array
  /** Which branches the entries are all of: the binary logarithm of the number of branches, then a bit for each. Empty for all. */
  readonly covers: Uint8Array
}

export interface ViewRequest {
  readonly type: 'view-request'
  readonly peers: readonly PeerId[]
}

export interface ViewRecords {
  readonly type: 'view-records'
  readonly records: readonly MemberRecord[]
}

/** "Have you given me all that I am to own in this ring?" A joining peer asks every member. */
export interface TransferQuery {
  readonly type: 'transfer-query'
  readonly ring: string
  /** Names the discard after which the sender holds nothing of what it owns; 0 for a sender that discarded nothing. */
  readonly refill: number
}

/** "I have, for this ring." Sent when it is so, perhaps long after the query. */
export interface TransferDone {
  readonly type: 'transfer-done'
  readonly ring: string
  /** Peers that have not given the sender their copies of what the other owns: it could not pass them on. */
  readonly lacking: readonly PeerId[]
}

/** What a peer holds of a partition, by the sum over it. */
export interface OfferedPartition {
  readonly partition: number
  readonly sum: TrieSum
}

/** "You own these partitions, and I hold this of them: do you hold the same?" So that copies are sent only to those who lack them. */
export interface Offer {
  readonly type: 'offer'
  readonly id: number
  readonly partitions: readonly OfferedPartition[]
}

/** Answer to an offer: the partitions of which the sender owns and durably holds just that, by number in the offer from 0, ascending. */
export interface OfferAnswer {
  readonly type: 'offer-answer'
  readonly id: number
  readonly held: readonly number[]
}

/** "Which of these records of that partition do you lack?" The list is packed: `offer-codec.ts`. */
export interface OfferKeys {
  readonly type: 'offer-keys'
  readonly id: number
  readonly partition: number
  readonly entries: Uint8Array
  /** No further keys of this partition follow. */
  readonly isLast: boolean
}

/** Whether a partition is taken: `busy` when others are giving it, or too many are given at once; `refused` by a peer that does not own it. */
export type TakeStatus = 'taken' | 'busy' | 'refused'

/** Answer to offered keys: those to be sent, by number from 0, ascending. The others are held durably. */
export interface OfferWanted {
  readonly type: 'offer-wanted'
  readonly id: number
  readonly status: TakeStatus
  readonly wanted: readonly number[]
}

export type OfferMessage = Offer | OfferAnswer | OfferKeys | OfferWanted

/** "All that we both own has this digest in this ring." Answered with trie nodes when it differs, with nothing when it does not. */
export interface ExchangeOpen {
  readonly type: 'exchange-open'
  readonly id: number
  readonly ring: string
  readonly digest: string
}

/** A node of the sender's trie: either the digests of its children or, where it has few entries, these. Lists are packed: `exchange-layout.ts`. */
export interface ExchangeNode {
  /** Bits of the prefix. */
  readonly depth: number
  readonly prefix: number
  /** Empty in a node whose entries are listed. */
  readonly digests: Uint8Array
  readonly entries: Uint8Array
}

export interface ExchangeNodes {
  readonly type: 'exchange-nodes'
  readonly id: number
  readonly nodes: readonly ExchangeNode[]
}

/** Differences that were there a while ago and, at the sender, still are. Lists are packed: `exchange-layout.ts`. */
export interface ExchangeDifferences {
  readonly type: 'exchange-differences'
  readonly id: number
  /** Places of entries that the receiver lacks. */
  readonly yourGaps: Uint8Array
  /** Entries of the receiver that the sender lacks. */
  readonly myGaps: Uint8Array
  /** Entries of the receiver that the sender has otherwise. */
  readonly changed: Uint8Array
}

/** What a peer knows of a key, without values. */
export interface KeyVersion {
  readonly key: Uint8Array
  readonly context: CausalContext
  /** Dots of the siblings. */
  readonly dots: readonly Dot[]
}

/** What the sender knows of some keys: the receiver sends what it knows more, and asks where it knows less. */
export interface ExchangeVersions {
  readonly type: 'exchange-versions'
  readonly id: number
  readonly versions: readonly KeyVersion[]
}

/** Asks for the records at these places; they come as repairs. */
export interface ExchangeWanted {
  readonly type: 'exchange-wanted'
  readonly id: number
  readonly places: Uint8Array
}

export type ExchangeMessage = ExchangeOpen | ExchangeNodes | ExchangeDifferences | ExchangeVersions | ExchangeWanted

/** A tombstone, by the hash of its record. */
export interface ReapEntry {
  readonly key: Uint8Array
  readonly hash: string
}

/**
 * About tombstones that are older than the grace. The first owner asks the others whether they hold these very records, and when all agreed orders to
 * drop them. The answers have those entries to which the answer is yes.
 */
interface AboutTombstones<Type extends string> {
  readonly type: Type
  readonly id: number
  readonly ring: string
  readonly entries: readonly ReapEntry[]
}

export type ReapMessage =
  | AboutTombstones<'reap-ask'>
  | AboutTombstones<'reap-agreed'>
  | AboutTombstones<'reap-drop'>
  | AboutTombstones<'reap-dropped'>

export type Message =
  | ForwardPut
  | PutResult
  | Replicate
  | Replicated
  | Fetch
  | Fetched
  | Repair
  | Handoff
  | HandedOff
  | ContactQuery
  | ContactAnswer
  | Ping
  | Pong
  | ViewDigest
  | ViewSummary
  | ViewRequest
  | ViewRecords
  | TransferQuery
  | TransferDone
  | OfferMessage
  | ExchangeMessage
  | ReapMessage
