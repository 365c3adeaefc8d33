/**
 * What the process says when it ends. Numbers from 64 on are those of BSD's sysexits.h, so that scripts and service managers
 * can tell "you typed it wrong" from "try again later". They are part of the public interface and printed by `--help`.
 */
import { isStoreError, type ErrorClass, type ErrorCode } from '../../core/errors.ts'

/** Exit codes by name. */
export const exitCode = {
  ok: 0,
  notFound: 1,
  siblings: 2,
  usage: 64,
  unavailable: 69,
  internal: 70,
  io: 74,
  temporary: 75,
  config: 78,
  interrupted: 130,
  terminated: 143
} as const

/** One line for each exit code, for `--help`. */
export const exitCodeHelp: readonly (readonly [code: number, meaning: string])[] = [
  [exitCode.ok, 'done'],
  [exitCode.notFound, 'the key has no value'],
  [exitCode.siblings, 'the key has several concurrent values and the command needs to know what to do with them'],
  [exitCode.usage, 'wrong command, flag or argument; key, value or context not acceptable'],
  [exitCode.unavailable, 'no peer reachable, port or data folder in use'],
  [exitCode.internal, 'a mistake of dynamesh itself'],
  [exitCode.io, 'reading or writing a file or the data folder failed'],
  [exitCode.temporary, 'not enough peers answered in time, or too much load: try again'],
  [exitCode.config, 'configuration file, cluster configuration or Node.js version not acceptable'],
  [exitCode.interrupted, 'interrupted (SIGINT)'],
  [exitCode.terminated, 'terminated (SIGTERM)']
]

const BY_CODE: { readonly [Code in ErrorCode]?: number } = {
  ERR_NOT_FOUND: exitCode.notFound,
  ERR_CONFLICT: exitCode.siblings,
  ERR_TOO_MANY_SIBLINGS: exitCode.siblings,
  ERR_LISTEN: exitCode.unavailable,
  ERR_STORE_LOCKED: exitCode.unavailable,
  ERR_KEY_TOO_LARGE: exitCode.usage,
  ERR_VALUE_TOO_LARGE: exitCode.usage,
  ERR_VALUE_TOO_DEEP: exitCode.usage,
  ERR_MAX_KEYS: exitCode.io
}

const BY_CLASS: { readonly [Class in ErrorClass]: number } = {
  InvalidArgumentError: exitCode.usage,
  UsageError: exitCode.usage,
  ContextError: exitCode.usage,
  NotFoundError: exitCode.notFound,
  NetworkError: exitCode.unavailable,
  ClosedError: exitCode.unavailable,
  QuorumError: exitCode.temporary,
  LimitError: exitCode.temporary,
  AbortError: exitCode.temporary,
  StorageError: exitCode.io,
  QuotaError: exitCode.io,
  CorruptionError: exitCode.io,
  ConfigError: exitCode.config,
  NotAdmittedError: exitCode.config,
  ProtocolError: exitCode.internal,
  InternalError: exitCode.internal
}

/** The exit code after the signal that aborted `interrupted`. */
export function interruptedCode(interrupted: AbortSignal): number {
  return interrupted.reason === 'SIGINT' ? exitCode.interrupted : exitCode.terminated
}

/** The exit code that `error` ends the process with. */
export function exitCodeOf(error: unknown): number {
  if (isStoreError(error)) return BY_CODE[error.code] ?? BY_CLASS[error.class]
  return exitCode.internal
}
