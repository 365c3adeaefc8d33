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
import { covers, emptyContext } from './causal-context.ts'
import { Reader, Writer } from './codec.ts'
import type { Dot } from './dot.ts'
import { compareDots } from './dot.ts'
import { StoreError } from './errors.ts'
import type { Actor, RequestId } from './identifiers.ts'
import { identifierBytes } from './identifiers.ts'
import { contextActorsMax, contextBytesMax, contextDotsMax, counterMax, recordSiblingsMax, valueBytesMax } from './limits.ts'
import type { Sibling, StoredRecord } from './record.ts'
import type { VersionVector } from './version-vector.ts'

const REPEATED_DOTS = [1, 2] as const
const REPEATED_SIBLINGS = [2] as const
const DOT_BYTES_MAX = 32
const SIBLING_BYTES_MAX = valueBytesMax + 128
const RECORD_BYTES_MIN = 128

/** Writes the fields of a dot into the current message. */
export function writeDot(out: Writer, dot: Dot): void {
  writeEvent(out, dot.actor, dot.counter)
}

/** Reads a dot to the end of its message. */
export function readDot(reader: Reader): Dot {
  let actor: Actor | undefined
  let counter = 0
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) actor = reader.hex(identifierBytes.actor) as Actor
    else if (field === 2) counter = reader.uint(counterMax)
    else reader.unknown(field)
  }
  if (actor === undefined || counter === 0) throw malformed('a dot lacks its actor or its counter')
  return { actor, counter }
}

/**
 * Writes the fields of a context into the current message.
 *
 * @throws `ERR_CONTEXT_TOO_LARGE` when it has more actors or loose dots than the limits allow
 */
export function writeContext(out: Writer, context: CausalContext): void {
  if (context.vector.size > contextActorsMax || context.loose.length > contextDotsMax) throw tooLarge()
  for (const [actor, counter] of context.vector) out.message(1, nested => writeEvent(nested, actor, counter))
  for (const dot of context.loose) out.message(2, nested => writeDot(nested, dot))
}

/**
 * Reads a context to the end of its message.
 *
 * @throws `ERR_CONTEXT_TOO_LARGE` past the limits, `ERR_WIRE_*` when it is not the canonical form of a context
 */
export function readContext(reader: Reader): CausalContext {
  if (reader.remaining === 0) return emptyContext
  const vector = new Map<Actor, number>()
  const loose: Dot[] = []
  let lastActor = ''
  for (let field = reader.field(REPEATED_DOTS); field !== 0; field = reader.field(REPEATED_DOTS)) {
    if (field > 2) reader.unknown(field)
    const dot = readDot(reader.message(DOT_BYTES_MAX))
    if (field === 2) appendLoose(loose, dot, vector)
    else if (dot.actor > lastActor) vector.set(dot.actor, dot.counter)
    else throw malformed('actors are out of order')
    if (vector.size > contextActorsMax || loose.length > contextDotsMax) throw tooLarge()
    lastActor = dot.actor
  }
  return { vector, loose: loose.length === 0 ? emptyContext.loose : loose }
}

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

function writeEvent(out: Writer, actor: Actor, counter: number): void {
  out.hex(1, actor)
  out.uint(2, counter)
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
    if (field === 1) dot = readDot(reader.message(DOT_BYTES_MAX))
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

/** Fields ascend, so the vector is complete when the first loose dot comes. */
function appendLoose(loose: Dot[], dot: Dot, vector: VersionVector): void {
  const last = loose[loose.length - 1]
  if (last !== undefined && compareDots(last, dot) >= 0) throw malformed('dots are out of order')
  if (dot.counter <= (vector.get(dot.actor) ?? 0) + 1) throw malformed('a loose dot belongs into the version vector')
  loose.push(dot)
}

function sizeGuess(record: StoredRecord): number {
  const dots = record.context.vector.size + record.context.loose.length
  return record.siblings.reduce((bytes, sibling) => bytes + (sibling.value?.length ?? 0) + RECORD_BYTES_MIN, RECORD_BYTES_MIN + dots * 26)
}

function malformed(what: string): StoreError {
  return new StoreError('ERR_WIRE_MALFORMED', `The bytes are not a valid record: ${what}.`)
}

function tooLarge(): StoreError {
  const limits = `${contextActorsMax} actors or ${contextDotsMax} loose dots`
  return new StoreError('ERR_CONTEXT_TOO_LARGE', `The context has more than ${limits}. Read the key again to get a fresh context.`)
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
