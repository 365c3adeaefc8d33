/** Dots and contexts as bytes, in their only form; `record-codec.ts` has the messages. */
import { emptyContext, type CausalContext } from './causal-context.ts'
import type { Reader, Writer } from '../codec.ts'
import { compareDots, type Dot } from './dot.ts'
import { StoreError } from '../errors.ts'
import { identifierBytes, type Actor } from '../identifiers.ts'
import { contextActorsMax, contextDotsMax, counterMax } from '../limits.ts'
import type { VersionVector } from './version-vector.ts'

const REPEATED_DOTS = [1, 2] as const
/** Most bytes of a dot. */
export const dotBytesMax = 32

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
    const dot = readDot(reader.message(dotBytesMax))
    if (field === 2) appendLoose(loose, dot, vector)
    else if (dot.actor > lastActor) vector.set(dot.actor, dot.counter)
    else throw malformed('actors are out of order')
    if (vector.size > contextActorsMax || loose.length > contextDotsMax) throw tooLarge()
    lastActor = dot.actor
  }
  return { vector, loose: loose.length === 0 ? emptyContext.loose : loose }
}

function writeEvent(out: Writer, actor: Actor, counter: number): void {
  out.hex(1, actor)
  out.uint(2, counter)
}

/** Fields ascend, so the vector is complete when the first loose dot comes. */
function appendLoose(loose: Dot[], dot: Dot, vector: VersionVector): void {
  const last = loose[loose.length - 1]
  if (last !== undefined && compareDots(last, dot) >= 0) throw malformed('dots are out of order')
  if (dot.counter <= (vector.get(dot.actor) ?? 0) + 1) throw malformed('a loose dot belongs into the version vector')
  loose.push(dot)
}

function tooLarge(): StoreError {
  const limits = `${contextActorsMax} actors or ${contextDotsMax} loose dots`
  return new StoreError('ERR_CONTEXT_TOO_LARGE', `The context has more than ${limits}. Read the key again to get a fresh context.`)
}

function malformed(what: string): StoreError {
  return new StoreError('ERR_WIRE_MALFORMED', `The bytes are not a valid context: ${what}.`)
}
