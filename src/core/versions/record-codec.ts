/**
 * Records and contexts as bytes: protobuf messages in their only form, on the wire and on disk alike. Equal records are equal bytes.
 *
 *     message Dot     { bytes actor = 1; uint64 counter = 2; }
 *     message Context { repeated Dot vector = 1; repeated Dot loose = 2; }
 *     message Sibling { Dot dot = 1; bytes request = 2; uint64 wall_time = 3; optional bytes value = 4; }
 *     message Record  { Context context = 1 (always there); repeated Sibling siblings = 2; }
 *
 * An absent value is a tombstone, an empty one is a value of no bytes. Values are read as views of the input: whoever keeps a
 * record longer than the frame it came in copies it first.
 */
import type { CausalContext } from './causal-context.ts'
import { covers } from './causal-context.ts'
import { Reader, Writer } from '../codec.ts'
import { dotBytesMax, readContext, readDot, writeContext, writeDot } from './context-codec.ts'
import type { Dot } from './dot.ts'
import { compareDots } from './dot.ts'
import { StoreError } from '../errors.ts'
import type { RequestId } from '../identifiers.ts'
import { identifierBytes } from '../identifiers.ts'
import { contextBytesMax, recordSiblingsMax, valueBytesMax } from '../limits.ts'
import type { Sibling, StoredRecord } from './record.ts'

const REPEATED_SIBLINGS = [2] as const
const SIBLING_BYTES_MAX = valueBytesMax + 128
const RECORD_BYTES_MIN = 128

/**
 * Writes the fields of a record into the current message.
 *
 * @throws `ERR_CONTEXT_TOO_LARGE`, `ERR_TOO_MANY_SIBLINGS`, `ERR_VALUE_TOO_LARGE`: what could not be read back is not written
 */
export function writeRecord(out: Writer, record: StoredRecord): void {
  const { context, siblings } = record
  if (siblings.length > recordSiblingsMax) throw tooManySiblings(siblings.length)
  out.message(1, nested => writeContext(nested, context))
  for (const sibling of siblings) out.message(2, nested => writeSibling(nested, sibling))
}

/** Reads a record to the end of its message. Values are views of the input. */
export function readRecord(reader: Reader): StoredRecord {
  let context: CausalContext | undefined
  const siblings: Sibling[] = []
  for (let field = reader.field(REPEATED_SIBLINGS); field !== 0; field = reader.field(REPEATED_SIBLINGS)) {
    if (field === 1) context = readContext(reader.message(contextBytesMax))
    else if (field === 2) siblings.push(readSibling(reader.message(SIBLING_BYTES_MAX)))
    else reader.unknown(field)
    if (siblings.length > recordSiblingsMax) throw malformed(`a record has more than ${recordSiblingsMax} siblings`)
  }
  if (context === undefined) throw malformed('a record lacks its context')
  checkSiblings(context, siblings)
  return { context, siblings }
}

/** The bytes of a record, as a copy of their own. */
export function encodeRecord(record: StoredRecord): Uint8Array {
  const out = new Writer(sizeGuess(record))
  writeRecord(out, record)
  return out.take(0)
}

/** The record in `bytes`. Values are views of `bytes`. */
export function decodeRecord(bytes: Uint8Array): StoredRecord {
  return readRecord(new Reader(bytes))
}

function writeSibling(out: Writer, sibling: Sibling): void {
  const { value } = sibling
  if (value !== undefined && value.length > valueBytesMax) throw valueTooLarge(value.length)
  out.message(1, nested => writeDot(nested, sibling.dot))
  out.hex(2, sibling.request)
  out.uint(3, sibling.wallTime)
  if (value !== undefined) out.bytes(4, value, true)
}

function readSibling(reader: Reader): Sibling {
  let dot: Dot | undefined
  let request: RequestId | undefined
  let wallTime = 0
  let value: Uint8Array | undefined
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) dot = readDot(reader.message(dotBytesMax))
    else if (field === 2) request = reader.hex(identifierBytes.request) as RequestId
    else if (field === 3) wallTime = reader.uint()
    else if (field === 4) value = reader.bytes(valueBytesMax)
    else reader.unknown(field)
  }
  if (dot === undefined || request === undefined) throw malformed('a sibling lacks its dot or its request')
  return { dot, request, wallTime, value }
}

function checkSiblings(context: CausalContext, siblings: readonly Sibling[]): void {
  let last: Dot | undefined
  for (const { dot } of siblings) {
    if (last !== undefined && compareDots(last, dot) >= 0) throw malformed('siblings are out of order')
    if (!covers(context, dot)) throw malformed('a sibling is not in the context of its record')
    last = dot
  }
}

function sizeGuess(record: StoredRecord): number {
  const dots = record.context.vector.size + record.context.loose.length
  return record.siblings.reduce((bytes, sibling) => bytes + (sibling.value?.length ?? 0) + RECORD_BYTES_MIN, RECORD_BYTES_MIN + dots * 26)
}

function malformed(what: string): StoreError {
  return new StoreError('ERR_WIRE_MALFORMED', `The bytes are not a valid record: ${what}.`)
}

function tooManySiblings(count: number): StoreError {
  return new StoreError(
    'ERR_TOO_MANY_SIBLINGS',
    `A record of ${count} siblings exceeds ${recordSiblingsMax}. Read the key, merge its values and put the result.`
  )
}

function valueTooLarge(bytes: number): StoreError {
  return new StoreError('ERR_VALUE_TOO_LARGE', `A value of ${bytes} bytes exceeds ${valueBytesMax}.`)
}
