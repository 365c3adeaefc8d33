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
/** Most actors in a version vector; a context with more is refused with `ERR_CONTEXT_TOO_LARGE`. (*wire*) */
export const contextActorsMax = 1024
/** Most loose dots in a context; a context with more is refused with `ERR_CONTEXT_TOO_LARGE`. (*wire*) */
export const contextDotsMax = 1024
/** Largest counter of a dot: what a double holds exactly. (*wire*) */
export const counterMax: number = Number.MAX_SAFE_INTEGER
/** Largest frame of one message in bytes, its length prefix excluded; a longer one resets the stream. (*wire*) */
export const frameBytesMax: number = 8 * 1024 * 1024
/** Most peers in a membership view; further newcomers are refused with `ERR_MEMBERS_FULL`. (*wire*) */
export const membersMax = 4096
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
/** Requests of this peer's own callers that may be in flight; past it a call fails at once with `ERR_OVERLOADED`. */
export const requestsInFlightMax = 4096
/** Requests that one other peer may have in flight here; past it they are answered `overloaded`. */
export const requestsInFlightPerPeerMax = 2048
/** Operations that may wait for one key in a replica; past it they are answered `overloaded`. */
export const keyQueueMax = 1024
/** Finished requests that a coordinator remembers so that a retry is answered, not repeated; the oldest is forgotten first. */
export const rememberedRequestsMax = 8192
/** Epochs leased from storage at a time; a restart skips at most this many. */
export const epochLeaseSize = 1024
/** Keys that a storage incarnation may hold by default (`keysMax`); a new key past it is refused with `ERR_MAX_KEYS`. */
export const keysMaxDefault = 10_000_000
/** Bytes of storage used by default in a browser (`storageBytesMax`); past it writes are refused with `ERR_QUOTA`. */
export const browserStorageBytesMaxDefault: number = 256 * 1024 * 1024
/** Bytes of hints kept for one peer; past it the fallback refuses further hints and does not count toward W. */
export const hintBytesPerTargetMax: number = 64 * 1024 * 1024
/** Hints in one delivery batch. */
export const hintBatchMax = 64
/** Longest wait for a request, in milliseconds (`timeoutMs`). */
export const timeoutMsMax = 600_000
/** Deepest nesting of a JSON value that the `json` codec takes; deeper is refused with `ERR_VALUE_TOO_DEEP`. */
export const jsonDepthMax = 64
/** Changes that a `watch` iterator holds for a slow reader; past it older changes of a key are replaced by its newest. */
export const watchQueueMax = 1024
