/**
 * Where things are in a peer's storage: one letter, then the rest of the key.
 *
 * `m` meta rows by name · `r` replica rows by key · `t` their hashes by position and key · `s` sums of these by partition · `h` hints by target and
 * key · `d` tombstones by time and key · `v` member records by peer id.
 */
import { concatBytes } from '../core/bytes.ts'
import { decodeUtf8, encodeUtf8, Reader, Writer } from '../core/codec.ts'
import { StoreError } from '../core/errors.ts'
import { epochMax, type PeerId } from '../core/identifiers.ts'
import { frameBytesMax } from '../core/limits.ts'
import { valueBytes, type StoredRecord } from '../core/versions/record.ts'
import { readRecord, writeRecord } from '../core/versions/record-codec.ts'

/** First bytes of the rows of each kind. */
export const prefixes: { readonly [Kind in 'meta' | 'row' | 'index' | 'sum' | 'hint' | 'tombstone' | 'member']: Uint8Array } = {
  meta: letter('m'),
  row: letter('r'),
  index: letter('t'),
  sum: letter('s'),
  hint: letter('h'),
  tombstone: letter('d'),
  member: letter('v')
}

/** What a replica stores for a key. The epoch names this copy's life and is never replicated. */
export interface LocalRow {
  readonly epoch: number
  readonly record: StoredRecord
}

export function metaKey(name: string): Uint8Array {
  return concatBytes(prefixes.meta, encodeUtf8(name))
}

/** Meta row of the first epoch that was never leased. */
export const epochLeaseKey: Uint8Array = metaKey('epoch-lease')

export function rowKey(key: Uint8Array): Uint8Array {
  return concatBytes(prefixes.row, key)
}

/** The key of a replica row's storage key. */
export function keyOfRow(storageKey: Uint8Array): Uint8Array {
  return storageKey.subarray(1)
}

export function memberKey(peer: PeerId): Uint8Array {
  return concatBytes(prefixes.member, encodeUtf8(peer))
}

export function hintKey(target: PeerId, key: Uint8Array): Uint8Array {
  return concatBytes(prefixes.hint, encodeUtf8(target), ZERO, key)
}

/** Target and key of a hint's storage key. Peer ids contain no zero byte. */
export function parseHintKey(storageKey: Uint8Array): { readonly target: PeerId; readonly key: Uint8Array } | undefined {
  const end = storageKey.indexOf(0)
  if (end < 0) return undefined
  const target = decodeUtf8(storageKey.subarray(1, end))
  return target === undefined ? undefined : { target: target as PeerId, key: storageKey.subarray(end + 1) }
}

export function encodeRow(row: LocalRow): Uint8Array {
  const out = valueBytes(row.record) > scratchBytesMax ? new Writer() : scratch
  out.reset()
  out.uint(1, row.epoch)
  out.message(2, body => writeRecord(body, row.record))
  return out.finish()
}

/** Reads a replica row strictly; throws `ERR_WIRE_*` when the bytes are not one. */
export function decodeRow(bytes: Uint8Array): LocalRow {
  const reader = new Reader(bytes)
  let epoch = 0
  let record: StoredRecord | undefined
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) epoch = reader.uint(epochMax)
    else if (field === 2) record = readRecord(reader.message(frameBytesMax))
    else reader.unknown(field)
  }
  if (epoch === 0 || record === undefined) throw new StoreError('ERR_RECORD_CORRUPT', 'A stored row lacks its epoch or record.')
  return { epoch, record }
}

export function encodeNumber(value: number): Uint8Array {
  const out = new Writer(16)
  out.uint(1, value)
  return out.take(0)
}

export function decodeNumber(bytes: Uint8Array): number {
  const reader = new Reader(bytes)
  const value = reader.field() === 1 ? reader.uint() : 0
  reader.finish()
  return value
}

function letter(text: string): Uint8Array {
  return Uint8Array.of(text.charCodeAt(0))
}

const ZERO = Uint8Array.of(0)
/** Rows are written one after the other; what leaves is a copy. */
const scratch = new Writer()
/** Larger rows get a buffer of their own, so that the shared one stays small. */
const scratchBytesMax = 64 * 1024
