/** Bytes of keys with their records, and of the messages that carry hints home, as `wire.proto` describes them. */
import type { Reader, Writer } from '../../core/codec.ts'
import { frameBytesMax, keyBytesMax, messageEntriesMax } from '../../core/limits.ts'
import { emptyRecord } from '../../core/versions/record.ts'
import { readRecord, writeRecord } from '../../core/versions/record-codec.ts'
import { packNumbers, unpackNumbers } from './bit-list.ts'
import type { HandedOff, Handoff, HandoffEntry } from './message.ts'
import { need } from './wire-check.ts'

const NO_BYTES: Uint8Array = new Uint8Array(0)
const REPEATED_TWO: readonly number[] = [2]

/** Key and record in the fields `first` and `first + 1`. */
export function writeEntry(out: Writer, first: number, entry: HandoffEntry): void {
  out.bytes(first, entry.key)
  out.message(first + 1, body => writeRecord(body, entry.record))
}

/** Reads what {@link writeEntry} wrote from field 1. */
export function readEntry(reader: Reader): HandoffEntry {
  let key: Uint8Array = NO_BYTES
  let record = emptyRecord
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) key = reader.bytes(keyBytesMax)
    else if (field === 2) record = readRecord(reader.message(frameBytesMax))
    else reader.unknown(field)
  }
  need(key.length > 0 && record !== emptyRecord, 'a record with its key')
  return { key, record }
}

export function readHandoff(reader: Reader): Handoff {
  let id = 0
  const entries: HandoffEntry[] = []
  for (let field = reader.field(); field !== 0; field = reader.field(REPEATED_TWO)) {
    if (field === 1) id = reader.uint()
    else if (field === 2) entries.push(readEntry(reader.message(frameBytesMax)))
    else reader.unknown(field)
    need(entries.length <= messageEntriesMax, 'a handoff of bounded size')
  }
  need(id > 0 && entries.length > 0, 'a handoff')
  return { type: 'handoff', id, entries }
}

/** One bit for each entry up to the last that is stored. */
export function writeHandedOff(out: Writer, { id, stored }: HandedOff): void {
  out.uint(1, id)
  out.bytes(2, packNumbers(stored))
}

export function readHandedOff(reader: Reader): HandedOff {
  let id = 0
  let bits = NO_BYTES
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) id = reader.uint()
    else if (field === 2) bits = reader.bytes(messageEntriesMax / 8)
    else reader.unknown(field)
  }
  need(id > 0 && bits.at(-1) !== 0, 'a handoff result')
  return { type: 'handed-off', id, stored: unpackNumbers(bits) }
}
