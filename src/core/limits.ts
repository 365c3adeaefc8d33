/**
 * Every bound of the system, by name. Each says what happens when it is reached.
 *
 * A bound that is part of the wire contract (marked *wire*) is the same for all peers of a cluster; the others may be
 * tightened by options where the option's documentation says so.
 */

/** Longest key in bytes; a longer one is refused with `ERR_KEY_TOO_LARGE`. (*wire*) */
export const keyBytesMax = 1024
/** Longest value in bytes; a larger one is refused with `ERR_VALUE_TOO_LARGE`. (*wire*) */
export const valueBytesMax: number = 1024 * 1024
/** Most siblings that a put may leave; at the bound the put is refused with `ERR_TOO_MANY_SIBLINGS`. Repair and handoff are not refused by it. */
export const siblingsMax = 64
/** Most siblings in a record that arrives from another peer or from disk; a larger record is malformed. (*wire*) */
export const recordSiblingsMax = 1024
/** Bytes of all values of a key that a put may leave; at the bound the put is refused with `ERR_TOO_MANY_SIBLINGS`. Repair and handoff are not refused by it. */
export const recordBytesMax: number = 8 * 1024 * 1024
/** Most actors in a version vector; a context with more is refused with `ERR_CONTEXT_TOO_LARGE`. (*wire*) */
export const contextActorsMax = 1024
/** Most loose dots in a context; a context with more is refused with `ERR_CONTEXT_TOO_LARGE`. (*wire*) */
export const contextDotsMax = 1024
/** Largest counter of a dot: what a double holds exactly. (*wire*) */
export const counterMax: number = Number.MAX_SAFE_INTEGER
/** Largest context in its binary form, in bytes: room for `contextActorsMax` entries and `contextDotsMax` dots. (*wire*) */
export const contextBytesMax: number = (contextActorsMax + contextDotsMax) * 26
/** Largest sealed context token in bytes; a longer one is refused with `ERR_CONTEXT_TOO_LARGE` before it is looked at. */
export const contextTokenBytesMax: number = contextBytesMax + 64
/** Furthest that another peer's clock may run ahead of ours, in milliseconds; times beyond it do not move our hybrid clock. */
export const clockDriftMsMax: number = 5 * 60_000
/** Largest frame of one message in bytes, its length prefix excluded; a longer one resets the stream. (*wire*) */
export const frameBytesMax: number = 32 * 1024 * 1024
/**
 * Most peers in a membership view. Those that have gone make room for newcomers; where nobody has, further newcomers are left out of it, and
 * counted as `refused.ERR_MEMBERS_FULL`. (*wire*)
 */
export const membersMax = 4096
/** Most peers in a membership view that have gone; past it the one that went first is forgotten, and any that is not durable before a durable one. (*wire*) */
export const goneMembersMax = 1024
/** Most addresses in a member record; a peer publishes its best ones up to this number. (*wire*) */
export const memberAddressesMax = 16
/** Longest address in a member record, in bytes of its text form. (*wire*) */
export const addressBytesMax = 512
/** Longest zone or cluster name in UTF-8 bytes. (*wire*) */
export const nameBytesMax = 64
/** Largest weight of a peer. (*wire*) */
export const weightMax = 64
/** Fewest and most partitions of a ring; the number is a power of two. (*wire*) */
export const partitionsMin = 8
/** See {@link partitionsMin}. (*wire*) */
export const partitionsMax = 65536
/** Most owners of a partition. (*wire*) */
export const replicasMax = 16
/** Partitions whose whole preference list a ring remembers; past it the remembered lists are dropped and computed again when asked for. */
export const walksCachedMax = 2048
/** Requests of this peer's own callers that may be in flight; past it a call fails at once with `ERR_OVERLOADED`. */
export const requestsInFlightMax = 4096
/** Bytes of keys and values that this peer's own callers may have in flight; past it a write fails at once with `ERR_OVERLOADED`. */
export const requestBytesInFlightMax: number = 64 * 1024 * 1024
/** Requests of one peer that may wait for this replica's storage, this peer's own included; past it they are answered `overloaded`. */
export const requestsInFlightPerPeerMax: number = requestsInFlightMax
/** Gets that were answered and still listen for the remaining replies; past it the oldest stops listening, and repairs by what came. */
export const listeningGetsMax = 8192
/** Operations that may wait for one key in a replica; past it they are answered `overloaded`. */
export const keyQueueMax = 1024
/** Reads at an owner that asks others for copies that it lacks; past it an owner answers with what it has, and says that it lacks some. */
export const wholeReadsMax = 4096
/** Peers whose copies of one partition an owner notes that it lacks; past it the one noted first is forgotten. (*wire*) */
export const predecessorsMax = 64
/**
 * Joining peers that are thought away, and leaving ones that are thought back, one by one and in all combinations, to find out who
 * may still take itself for an owner; more of them all at once. The same where the ring has more members: each of these rings takes up to 80 ms.
 */
export const joinersApartMax = 3
/** See {@link joinersApartMax}. */
export const membersApartMax = 64
/** Finished requests that a coordinator remembers so that a retry is answered, not repeated; the oldest is forgotten first. */
export const rememberedRequestsMax = 8192
/** Age of the replica id that a run of a peer left for the next one; an older one is not taken up, and the next run numbers its writes anew. */
export const mintingIdMsMax: number = 10 * 60_000
/** Epochs leased from storage at a time; a restart skips at most this many. */
export const epochLeaseSize = 1024
/** Keys that a storage incarnation may hold by default (`keysMax`); a new key past it is refused with `ERR_MAX_KEYS`. */
export const keysMaxDefault = 10_000_000
/** Bytes of storage used by default in a browser (`storageBytesMax`); past it writes are refused with `ERR_QUOTA`. */
export const browserStorageBytesMaxDefault: number = 256 * 1024 * 1024
/** Databases of one storage name in a browser, one for each tab that is open; a further tab is refused with `ERR_STORE_LOCKED`. */
export const browserTabsMax = 32
/** Bytes of hints kept for one peer; past it the fallback refuses further hints and does not count toward W. */
export const hintBytesPerTargetMax: number = 64 * 1024 * 1024
/** Hints in one delivery batch. */
export const hintBatchMax = 64
/** Longest wait for a request, in milliseconds (`timeoutMs`). */
export const timeoutMsMax = 600_000
/** Deepest nesting of a JSON value that the `json` codec takes; deeper is refused with `ERR_VALUE_TOO_DEEP`. */
export const jsonDepthMax = 64
/** Bytes of records in one handoff batch; a larger record travels alone. */
export const handoffBytesMax: number = 256 * 1024
/** Rows that a replica keeps decoded in memory; the least recently used is forgotten first. */
export const rowCacheMax = 4096
/** Bytes of values of the rows kept decoded in memory. */
export const rowCacheBytesMax: number = 32 * 1024 * 1024
/** Gossip messages a second that are looked at; further ones are ignored (the direct exchange makes up for them). */
export const gossipPerSecondMax = 200
/** Entries of one handoff or view message. (*wire*) */
export const messageEntriesMax = 4096
/** Branches in which large views are compared; with more members a branch has more of them. (*wire*) */
export const viewBranchesMax = 256
/** Addresses to join by, to listen on or to announce that are taken in one list; a longer list is refused with `ERR_OPTIONS`. */
export const joinAddressesMax = 1024
/** Keys read in one step while copies are given away, discarded or dropped. */
export const transferPageRows = 256
/** Copies owed to one peer that may wait while a ring change is worked through; past it that peer is offered no more while they are delivered. */
export const transferHintsMax = 512
/** Partitions that are compared in one message when the ring changed. (*wire*) */
export const offerPartitionsMax = 256
/** Keys in one message of an offer. (*wire*) */
export const offerKeysMax = 256
/** Peers that are given copies at the same time because the ring changed; the others wait for their turn. */
export const givesMax = 8
/** Rows dropped after which a storage is asked to give their space back; those of fewer are not worth the work. */
export const reclaimAfterRows = 4096
/** Rows that a storage looks at in one step while it gives space back. */
export const reclaimStretchRows = 16_384
/**
 * Wait of a request for this peer's copies that at most one in a hundred should exceed, in milliseconds; past it less background work (handoff, moves,
 * repair) is started.
 */
export const foregroundTargetMs = 50
/** Records of background work that a peer starts a second at least, however long requests wait: so that it ends. */
export const backgroundRecordsPerSecondMin = 400
/** The same at most; further work waits. */
export const backgroundRecordsPerSecondMax = 20_000
/** Partitions that a peer is given at the same time because the ring changed; whoever offers a further one is told to come again. */
export const takesMax = 8
/** Records of one of them that are waited for; past it the oldest are no longer. A giver names far fewer before it has sent them. */
export const takesWantedMax = 4096
/** Members that this peer has refilled and remembers; past it the one refilled first is forgotten, and refilled once more should it ask again. */
export const refillsKeptMax = 64
/** Trie nodes in one message of anti-entropy. (*wire*) */
export const exchangeNodesMax = 1024
/** Keys whose versions are in one message of anti-entropy. (*wire*) */
export const exchangeVersionsMax = 256
/** Bytes of one list in a message of anti-entropy. (*wire*) */
export const exchangeBytesMax: number = 64 * 1024
/** Trie nodes and entries that a peer may send in one exchange; past it the exchange ends with `ERR_AE_INVALID`. */
export const exchangeItemsMax = 262_144
/** Differences that one exchange looks at; further ones are found by the next, which follows at once. */
export const exchangeDifferencesMax = 16_384
/** Bytes of records that a peer sends in one exchange; what they leave is found by the next, which follows at once. */
export const exchangeRecordBytesMax: number = 4 * 1024 * 1024
/** Exchanges that a peer takes part in at the same time; past it a further one is not answered, and tried again later by the other peer. */
export const exchangesMax = 16
/** Index rows read in one step while the trie of a partition is loaded. */
export const indexPageRows = 1024
/** Most rows of one page of the scrub, which reads everything once in a long while to find rows that rotted. */
export const scrubPageRows = 32
/** Bytes that a page of the scrub should not exceed: fewer rows are read where they are large. */
export const scrubPageBytes: number = 1024 * 1024
/** Damaged rows that are mended at the same time; further ones are left as they are until they are found again. */
export const mendsMax = 256
/** Partitions whose index rows are read at the same time; further ones wait. */
export const partitionLoadsMax = 8
/** Entries of the Merkle trie that stay in memory; past it partitions that no exchange looks at are known by their sums alone. */
export const trieEntriesMax = 262_144
/** Entries of the partitions that exchanges look at together; past it an exchange leaves further partitions to the next, which follows at once. */
export const triePinnedEntriesMax = 1_048_576
/** Entries that an exchange waits for before it answers about those that it has. */
export const exchangeLoadEntries = 32_768
/** Parts of messages of one exchange that may wait for partitions to be loaded; further ones are left to the next exchange. */
export const exchangePendingMax = 256
/** Partition sums written in one batch. */
export const sumRowsMax = 1024
/** Rows that exchanges read from storage at the same time. */
export const exchangeReadsMax = 32
/** Bytes of messages that one end of a lane may have under way before the other end says that it took them. (*wire*) */
export const requestCreditBytes: number = 1024 * 1024
/** The same for bulk transfer. (*wire*) */
export const bulkCreditBytes: number = 4 * 1024 * 1024
/** Bytes that may wait to be sent to one peer in one lane; past it `send` answers false and the message is lost. */
export const laneQueueBytesMax: number = 8 * 1024 * 1024
/** Longest hello in bytes; a longer one is malformed. (*wire*) */
export const helloBytesMax: number = 64 * 1024
/** Longest message of a refusal in UTF-8 bytes. (*wire*) */
export const refusalBytesMax = 2048
/** Connections of a Node.js peer; past it newcomers are turned away and nobody is dialled. */
export const connectionsMaxNodejs = 256
/** Connections of a browser tab; past it newcomers are turned away and nobody is dialled. */
export const connectionsMaxBrowser = 32
/**
 * Peers that said hello and whose connection is not open yet, of which the member record is kept for the moment when it is. Past it the one that said hello
 * first is forgotten: it is known as a member by the next comparison of views.
 */
export const greetedPeersMax = 1024
/**
 * Members that a Node.js peer keeps a connection to; with fewer other members it keeps one to each. Others are dialled when something is for
 * them, and their connections end, the least recently used first, where room is needed for further ones.
 */
export const neighboursMaxNodejs = 96
/** The same for a browser tab. */
export const neighboursMaxBrowser = 24
/** Time after which a connection ends that nobody keeps and nothing is sent on, in milliseconds. */
export const distantIdleMs = 60_000
/** Messages that wait while a member is dialled for them; further ones are lost. */
export const parcelsMax = 256
/** Dials of one peer that run at the same time; further ones wait. */
export const dialsMax = 8
/** Relays that a peer without an address of its own asks to forward for it. */
export const relayReservationsMax = 3
/** Reservations that a relay grants; past it it refuses. */
export const relayGrantsMax = 1000
/** Longest gossip message in bytes; a longer one is not decoded. (*wire*) */
export const gossipBytesMax: number = 64 * 1024
/**
 * Connected peers outside of its mesh whom a peer tells each second which news it has: at least so many, and this share of them. Half of what gossipsub
 * does by default: who missed something hears of it when views are compared.
 */
export const gossipLazyMin = 3
export const gossipLazyShare = 0.1
/** Bytes of writes that share one commit to storage; the rest waits for the next commit. A larger batch is a commit of its own. */
export const commitBytesMax: number = 4 * 1024 * 1024
/** Batches that share one commit to storage; the rest waits for the next commit. */
export const commitBatchesMax = 4096
/** Bytes that may wait for a commit to storage; past it a write is refused with `ERR_OVERLOADED`. */
export const commitQueueBytesMax: number = 256 * 1024 * 1024
/** Writes retried on their own after a shared commit failed, before the others of that commit fail without a try of their own. */
export const commitRetryFailuresMax = 8
/** Bytes that a storage leaves free on its disk, so that deletes and recovery still work; growing writes get `ERR_QUOTA` (`reserveBytes`). */
export const diskReserveBytesDefault: number = 32 * 1024 * 1024
/** Rows and bytes that a scan reads from storage at a time. */
export const scanPageRows = 512
/** See {@link scanPageRows}. */
export const scanPageBytes: number = 1024 * 1024
/** Damaged rows that a storage remembers so as to set them aside when they are overwritten; further ones are overwritten without a copy. */
export const damagedRowsMax = 1024
/** Row sizes that a storage remembers for its accounting; the oldest is forgotten first and read again when needed. */
export const rowSizesMax = 16_384
/** Absence after which a member that is not durable is evicted by default (`evictAfterMs`), in milliseconds. */
export const evictAfterMsDefault = 600_000
/** Tombstones that owners agree about at a time; the rest waits for the next round. (*wire*) */
export const reapBatchMax = 256
/** How long an owner remembers what it reaped, in milliseconds. */
export const reapedRememberedMs = 600_000
/** Reaped keys that an owner remembers; the oldest is forgotten first, and an owner that has not reaped it yet may bring its tombstone back for a round. */
export const reapedRememberedMax = 16_384
/** Age at which a tombstone that all owners hold is reaped by default (`tombstoneGraceMs`), in milliseconds. */
export const tombstoneGraceMsDefault: number = 24 * 3_600_000
/** Least `tombstoneGraceMs`: what is under way must have arrived by then. */
export const tombstoneGraceMsMin = 60_000
