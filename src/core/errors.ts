/**
 * The one error type that callers see, and the table of its codes.
 *
 * Codes are stable: programs may compare them. Messages are for people and may change. An error never carries a secret
 * or a stored value in its message; `details` holds plain data.
 */

/** What is known about a write when its call failed: it did not happen, it happened, or nobody can tell yet. */
export type WriteOutcome = 'none' | 'applied' | 'indeterminate'

/** The stable codes. */
export type ErrorCode = keyof ErrorTable

/** The class of a code, for handling several codes alike. */
export type ErrorClass = ErrorTable[ErrorCode]

/** Which class each code belongs to. */
interface ErrorTable {
  ERR_KEY_EMPTY: 'InvalidArgumentError'
  ERR_KEY_TYPE: 'InvalidArgumentError'
  ERR_KEY_NOT_UTF8: 'InvalidArgumentError'
  ERR_KEY_TOO_LARGE: 'LimitError'
  ERR_VALUE_TYPE: 'InvalidArgumentError'
  ERR_VALUE_TOO_LARGE: 'LimitError'
  ERR_VALUE_NOT_SERIALIZABLE: 'InvalidArgumentError'
  ERR_VALUE_TOO_DEEP: 'LimitError'
  ERR_VALUE_MALFORMED: 'CorruptionError'
  ERR_OPTIONS: 'InvalidArgumentError'
  ERR_QUORUM_RANGE: 'InvalidArgumentError'
  ERR_TIMEOUT_RANGE: 'InvalidArgumentError'
  ERR_MAX_KEYS: 'LimitError'
  ERR_TOO_MANY_SIBLINGS: 'LimitError'
  ERR_CONTEXT_MALFORMED: 'ContextError'
  ERR_CONTEXT_FOREIGN: 'ContextError'
  ERR_CONTEXT_TOO_LARGE: 'ContextError'
  ERR_CONTEXT_REQUIRED: 'ContextError'
  ERR_WRITE_QUORUM: 'QuorumError'
  ERR_READ_QUORUM: 'QuorumError'
  ERR_CONFLICT: 'QuorumError'
  ERR_ABORTED: 'AbortError'
  ERR_OVERLOADED: 'LimitError'
  ERR_CLOSED: 'ClosedError'
  ERR_QUOTA: 'QuotaError'
  ERR_HINTS_FULL: 'LimitError'
  ERR_IO: 'StorageError'
  ERR_STORE_LOCKED: 'StorageError'
  ERR_STORE_VERSION: 'StorageError'
  ERR_STORE_CLUSTER: 'StorageError'
  ERR_STORE_EVICTED: 'StorageError'
  ERR_STORE_ROLLED_BACK: 'CorruptionError'
  ERR_RECORD_CORRUPT: 'CorruptionError'
  ERR_IDB_UNAVAILABLE: 'StorageError'
  ERR_IDB_CONNECTION_LOST: 'StorageError'
  ERR_WIRE_FRAME_TOO_LARGE: 'ProtocolError'
  ERR_WIRE_BAD_VARINT: 'ProtocolError'
  ERR_WIRE_IDLE: 'ProtocolError'
  ERR_WIRE_TRAILING_BYTES: 'ProtocolError'
  ERR_WIRE_UNSUPPORTED: 'ProtocolError'
  ERR_WIRE_MALFORMED: 'ProtocolError'
  ERR_WIRE_UNEXPECTED: 'ProtocolError'
  ERR_AE_INVALID: 'ProtocolError'
  ERR_NOT_OWNER: 'ProtocolError'
  ERR_MEMBER_RECORD_INVALID: 'ProtocolError'
  ERR_MEMBERS_FULL: 'LimitError'
  ERR_MEMBER_UNKNOWN: 'InvalidArgumentError'
  ERR_MEMBER_AMBIGUOUS: 'InvalidArgumentError'
  ERR_MEMBER_SELF: 'InvalidArgumentError'
  ERR_MEMBER_REACHABLE: 'InvalidArgumentError'
  ERR_DUPLICATE_IDENTITY: 'ProtocolError'
  ERR_NOT_ADMITTED: 'NotAdmittedError'
  ERR_CLUSTER_CONFIG_MISMATCH: 'ConfigError'
  ERR_CONFIG: 'ConfigError'
  ERR_BOOTSTRAP_ADDR: 'ConfigError'
  ERR_LISTEN: 'ConfigError'
  ERR_NODE_VERSION: 'ConfigError'
  ERR_INSECURE_CONTEXT: 'ConfigError'
  ERR_NETWORK: 'NetworkError'
  ERR_USAGE: 'UsageError'
  ERR_NOT_FOUND: 'NotFoundError'
  ERR_INTERNAL: 'InternalError'
}

/** What every code means for a program: its class, and whether trying the same call again can help. */
const CODES: { readonly [Code in ErrorCode]: readonly [errorClass: ErrorTable[Code], retryable: boolean] } = {
  ERR_KEY_EMPTY: ['InvalidArgumentError', false],
  ERR_KEY_TYPE: ['InvalidArgumentError', false],
  ERR_KEY_NOT_UTF8: ['InvalidArgumentError', false],
  ERR_KEY_TOO_LARGE: ['LimitError', false],
  ERR_VALUE_TYPE: ['InvalidArgumentError', false],
  ERR_VALUE_TOO_LARGE: ['LimitError', false],
  ERR_VALUE_NOT_SERIALIZABLE: ['InvalidArgumentError', false],
  ERR_VALUE_TOO_DEEP: ['LimitError', false],
  ERR_VALUE_MALFORMED: ['CorruptionError', false],
  ERR_OPTIONS: ['InvalidArgumentError', false],
  ERR_QUORUM_RANGE: ['InvalidArgumentError', false],
  ERR_TIMEOUT_RANGE: ['InvalidArgumentError', false],
  ERR_MAX_KEYS: ['LimitError', false],
  ERR_TOO_MANY_SIBLINGS: ['LimitError', false],
  ERR_CONTEXT_MALFORMED: ['ContextError', false],
  ERR_CONTEXT_FOREIGN: ['ContextError', false],
  ERR_CONTEXT_TOO_LARGE: ['ContextError', false],
  ERR_CONTEXT_REQUIRED: ['ContextError', false],
  ERR_WRITE_QUORUM: ['QuorumError', true],
  ERR_READ_QUORUM: ['QuorumError', true],
  ERR_CONFLICT: ['QuorumError', true],
  ERR_ABORTED: ['AbortError', true],
  ERR_OVERLOADED: ['LimitError', true],
  ERR_CLOSED: ['ClosedError', false],
  ERR_QUOTA: ['QuotaError', true],
  ERR_HINTS_FULL: ['LimitError', true],
  ERR_IO: ['StorageError', true],
  ERR_STORE_LOCKED: ['StorageError', true],
  ERR_STORE_VERSION: ['StorageError', false],
  ERR_STORE_CLUSTER: ['StorageError', false],
  ERR_STORE_EVICTED: ['StorageError', true],
  ERR_STORE_ROLLED_BACK: ['CorruptionError', false],
  ERR_RECORD_CORRUPT: ['CorruptionError', false],
  ERR_IDB_UNAVAILABLE: ['StorageError', false],
  ERR_IDB_CONNECTION_LOST: ['StorageError', true],
  ERR_WIRE_FRAME_TOO_LARGE: ['ProtocolError', false],
  ERR_WIRE_BAD_VARINT: ['ProtocolError', false],
  ERR_WIRE_IDLE: ['ProtocolError', true],
  ERR_WIRE_TRAILING_BYTES: ['ProtocolError', false],
  ERR_WIRE_UNSUPPORTED: ['ProtocolError', false],
  ERR_WIRE_MALFORMED: ['ProtocolError', false],
  ERR_WIRE_UNEXPECTED: ['ProtocolError', false],
  ERR_AE_INVALID: ['ProtocolError', false],
  ERR_NOT_OWNER: ['ProtocolError', true],
  ERR_MEMBER_RECORD_INVALID: ['ProtocolError', false],
  ERR_MEMBERS_FULL: ['LimitError', false],
  ERR_MEMBER_UNKNOWN: ['InvalidArgumentError', false],
  ERR_MEMBER_AMBIGUOUS: ['InvalidArgumentError', false],
  ERR_MEMBER_SELF: ['InvalidArgumentError', false],
  ERR_MEMBER_REACHABLE: ['InvalidArgumentError', false],
  ERR_DUPLICATE_IDENTITY: ['ProtocolError', false],
  ERR_NOT_ADMITTED: ['NotAdmittedError', false],
  ERR_CLUSTER_CONFIG_MISMATCH: ['ConfigError', false],
  ERR_CONFIG: ['ConfigError', false],
  ERR_BOOTSTRAP_ADDR: ['ConfigError', false],
  ERR_LISTEN: ['ConfigError', true],
  ERR_NODE_VERSION: ['ConfigError', false],
  ERR_INSECURE_CONTEXT: ['ConfigError', false],
  ERR_NETWORK: ['NetworkError', true],
  ERR_USAGE: ['UsageError', false],
  ERR_NOT_FOUND: ['NotFoundError', false],
  ERR_INTERNAL: ['InternalError', false]
}

/** Optional parts of a {@link StoreError}. */
export interface StoreErrorOptions {
  /** What is known about the write. @default 'none' */
  readonly outcome?: WriteOutcome
  /** Plain data about the error: numbers and names, never values or secrets. */
  readonly details?: Readonly<Record<string, unknown>>
  /** The error that led to this one. */
  readonly cause?: unknown
}

/**
 * The error of every rejected call. Compare `code`, not the message, and not with `instanceof` across packages.
 */
export class StoreError extends Error {
  override readonly name: ErrorClass
  /** Stable identifier of what went wrong. */
  readonly code: ErrorCode
  /** The family of the code, the same text as `name`. */
  readonly class: ErrorClass
  /** True when the same call may succeed later. */
  readonly retryable: boolean
  /** For writes: whether the write happened. `indeterminate` means that it may still become visible. */
  readonly outcome: WriteOutcome
  /** Plain data about the error. */
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: StoreErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    const [errorClass, retryable] = CODES[code]
    this.code = code
    this.name = errorClass
    this.class = errorClass
    this.retryable = retryable
    this.outcome = options.outcome ?? 'none'
    this.details = options.details ?? {}
  }
}

/** True for an error of this library, whichever copy of the package made it. */
export function isStoreError(error: unknown): error is StoreError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && Object.hasOwn(CODES, error.code)
}

/** Every code with its class, for documentation and tests. */
export function errorCodes(): readonly { readonly code: ErrorCode; readonly class: ErrorClass; readonly retryable: boolean }[] {
  return (Object.keys(CODES) as ErrorCode[]).map(code => ({ code, class: CODES[code][0], retryable: CODES[code][1] }))
}

/** Stops on a broken invariant: a mistake of ours, never of the caller. Kept on in production. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition)
    throw new StoreError('ERR_INTERNAL', `An invariant of dynamesh is broken: ${what}. Please report this.`, { outcome: 'indeterminate' })
}
