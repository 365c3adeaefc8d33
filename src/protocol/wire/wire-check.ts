/** The check that all codecs of messages share. */
import { StoreError } from '../../core/errors.ts'

/** Refuses bytes that are not the canonical encoding of `what`. Throws `ERR_WIRE_MALFORMED`. */
export function need(condition: boolean, what: string): asserts condition {
  if (!condition) throw new StoreError('ERR_WIRE_MALFORMED', `The bytes are not ${what}: a field is missing or out of bounds.`)
}
