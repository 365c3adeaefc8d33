/**
 * How an error is told to a person: what happened, what is known about a write, and what to do next. A stack trace is for
 * `--verbose` only.
 */
import { isStoreError, StoreError, type ErrorCode, type WriteOutcome } from '../../core/errors.ts'
import { printable } from '../terminal/escape.ts'
import { exitCodeOf } from './exit-code.ts'

const OUTCOMES: { readonly [Outcome in WriteOutcome]: string | undefined } = {
  none: undefined,
  applied: 'applied: the write happened',
  indeterminate: 'indeterminate: the write may have happened or may still become visible'
}

const ADVICE: { readonly [Code in ErrorCode]?: string } = {
  ERR_WRITE_QUORUM: 'try again, wait longer with --timeout, or ask for fewer acknowledgements with --w',
  ERR_READ_QUORUM: 'try again, wait longer with --timeout, or ask for fewer replies with --r',
  ERR_OVERLOADED: 'try again in a moment',
  ERR_HINTS_FULL: 'try again when the owners of the key are back',
  ERR_STORE_LOCKED: 'talk to the running peer with --data, or start this one with a --data folder of its own',
  ERR_INTERNAL: 'run it again with --verbose and report what it prints'
}

/** Any thrown value as an error with a code. */
export function toStoreError(error: unknown): StoreError {
  if (isStoreError(error)) return error
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof Error && 'syscall' in error) return new StoreError('ERR_IO', message, { cause: error })
  return new StoreError('ERR_INTERNAL', `Unexpected: ${message}`, { cause: error })
}

/** Lines about `error` for standard error. */
export function failureText(command: string, error: StoreError, isVerbose: boolean): string {
  const lines = [`${command}: ${printable(error.message)} [${error.code}]`]
  const outcome = OUTCOMES[error.outcome]
  const { requestId, dot } = error.details
  if (outcome !== undefined) lines.push(`  outcome  ${outcome}`)
  if (typeof dot === 'string') lines.push(`  dot      ${printable(dot)}`)
  if (typeof requestId === 'string' && error.outcome !== 'none') {
    lines.push(
      `  request  ${printable(requestId)}: repeat the command with --request-id ${printable(requestId)}, so that it cannot count twice`
    )
  }
  const advice = ADVICE[error.code]
  if (advice !== undefined) lines.push(`  to do    ${advice}`)
  if (isVerbose) lines.push(...stackLines(error))
  return lines.join('\n')
}

/** The same as one JSON object. */
export function failureJson(error: StoreError): object {
  const { code, message, outcome, details, retryable } = error
  return { error: { code, message, outcome, retryable, details, exitCode: exitCodeOf(error) } }
}

function stackLines(error: Error): string[] {
  const stack = (error.stack ?? '').split('\n').map(line => `  ${printable(line.trimEnd())}`)
  const cause = error.cause instanceof Error ? ['  caused by', ...stackLines(error.cause)] : []
  return [...stack, ...cause]
}
