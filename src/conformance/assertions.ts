/**
 * The few assertions that the conformance suites need, so that they run under any test framework.
 */
import { isStoreError, type ErrorCode, type StoreError } from '../core/errors.ts'

/** Throws an error that says `what` unless `condition` holds. */
export function expectTrue(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`Expected ${what}.`)
}

/** Throws unless both values have the same text form. */
export function expectSame(actual: unknown, expected: unknown, what: string): void {
  const [actualText, expectedText] = [JSON.stringify(actual) ?? 'undefined', JSON.stringify(expected) ?? 'undefined']
  if (actualText !== expectedText) throw new Error(`Expected ${what} to be ${shortened(expectedText)}, but it is ${shortened(actualText)}.`)
}

/** Waits for `outcome` to reject with a `StoreError` of `code`, and returns the error. */
export async function expectError(outcome: Promise<unknown>, code: ErrorCode): Promise<StoreError> {
  const error: unknown = await outcome.then(
    () => undefined,
    (reason: unknown) => reason
  )
  if (isStoreError(error) && error.code === code) return error
  throw new Error(`Expected ${code}, but got ${error instanceof Error ? `${error.name}: ${error.message}` : 'a result'}.`, { cause: error })
}

function shortened(text: string): string {
  return text.length <= 400 ? text : `${text.slice(0, 400)}… (${text.length} characters)`
}
