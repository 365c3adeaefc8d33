/**
 * What a replica stores for a key: the values that nobody has superseded yet, and the set of all write events it knows of
 * (dotted version vector sets: Preguiça et al. 2012, Almeida et al. 2014; the paper, section 4.4).
 *
 * The whole conflict logic is two rules. A **put** with a context drops the siblings that the context covers and adds one sibling
 * under a new dot. A **merge** keeps a sibling that both sides have, or that the other side has never heard of: an event that
 * a side knows but no longer holds was superseded there. Merging is commutative, associative and idempotent, so replicas
 * agree whatever reached them in which order.
 *
 * Not promised: that one write is one sibling. A retry coordinated twice leaves two dots of one request; they are shown as one
 * ({@link maximalSiblings}) and superseded as one where both are held ({@link putSibling}). A replica that holds only one of them cannot
 * supersede the other, which then comes back as a sibling when replicas meet. Nothing is lost by it; remembering requests makes it rare.
 */
import { toHex } from '../bytes.ts'
import type { CausalContext } from './causal-context.ts'
import { covers, descends, emptyContext, equalContexts, joinContexts, withDot, withDots } from './causal-context.ts'
import { Writer } from '../codec.ts'
import { writeContext, writeDot } from './context-codec.ts'
import type { Dot } from './dot.ts'
import { compareDots } from './dot.ts'
import { assert } from '../errors.ts'
import { sha256 } from '../hash.ts'
import type { RequestId } from '../identifiers.ts'

/** One of the concurrent values of a key. */
export interface Sibling {
  /** The event that wrote it. */
  readonly dot: Dot
  /** The request that wrote it, the same over all retries. */
  readonly request: RequestId
  /** Hybrid time of the write (`hybrid-clock.ts`); it decides nothing. */
  readonly wallTime: number
  /** The value, or `undefined` for a tombstone: a delete. */
  readonly value: Uint8Array | undefined
}

/** Everything known about a key. Never changed in place. */
export interface StoredRecord {
  /** All events known: covers the dot of every sibling. */
  readonly context: CausalContext
  /** In ascending order of dots. */
  readonly siblings: readonly Sibling[]
}

const HASHED_BYTES = 256

/** The record of a key that nobody has written. */
export const emptyRecord: StoredRecord = { context: emptyContext, siblings: [] }

/**
 * The record after a write by someone who had seen `context`.
 *
 * Siblings that the context covers are dropped, and with them other dots of the same requests: the writer saw that value. The
 * new sibling's dot must be new to the record and to the context: see `nextDot`.
 */
export function putSibling(record: StoredRecord, context: CausalContext, sibling: Sibling): StoredRecord {
  assert(!covers(record.context, sibling.dot) && !covers(context, sibling.dot), 'a write event was minted twice')
  const superseded = supersededBy(record.siblings, context)
  const kept = record.siblings.filter(held => !superseded.includes(held))
  return { context: withDot(joinContexts(record.context, context), sibling.dot), siblings: inOrder(kept, sibling) }
}

/**
 * What a writer with `context` has seen of a record: besides what the context covers, other dots of the same requests. A write must go out with
 * this context, or replicas that hold those dots keep what its coordinator has dropped.
 */
export function seenContext(record: StoredRecord, context: CausalContext): CausalContext {
  return withDots(
    context,
    supersededBy(record.siblings, context).map(({ dot }) => dot)
  )
}

/** The record of all that both replicas know: `a` or `b` itself, when one of them already knows it all. */
export function mergeRecords(a: StoredRecord, b: StoredRecord): StoredRecord {
  const order = compareRecords(a, b)
  if (order === 'equal' || order === 'newer') return a
  if (order === 'older') return b
  return { context: joinContexts(a.context, b.context), siblings: mergeSiblings(a, b) }
}

/** How the knowledge in `a` relates to that in `b`; `newer` means that merging `b` into `a` changes nothing. Values are not looked at. */
export function compareRecords(a: StoredRecord, b: StoredRecord): 'equal' | 'newer' | 'older' | 'concurrent' {
  if (a === b) return 'equal'
  if (equalContexts(a.context, b.context) && equalDots(a.siblings, b.siblings)) return 'equal'
  if (absorbs(a, b)) return 'newer'
  return absorbs(b, a) ? 'older' : 'concurrent'
}

/** The siblings as callers see them, one per request: of a write that was coordinated twice, the one with the lowest dot. */
export function maximalSiblings(record: StoredRecord): readonly Sibling[] {
  const { siblings } = record
  if (siblings.length < 2) return siblings
  const shown = new Map<RequestId, Sibling>()
  for (const sibling of siblings) if (!shown.has(sibling.request)) shown.set(sibling.request, sibling)
  return shown.size === siblings.length ? siblings : [...shown.values()]
}

/** The sibling that `request` left here, if it is still current: a retry is answered with it instead of being written again. */
export function siblingOf(record: StoredRecord, request: RequestId): Sibling | undefined {
  return record.siblings.find(sibling => sibling.request === request)
}

/** True when something was written and everything that is current is a delete. */
export function isDeleted(record: StoredRecord): boolean {
  return record.siblings.length > 0 && record.siblings.every(sibling => sibling.value === undefined)
}

/** Bytes of all values of a record. */
export function valueBytes(record: StoredRecord): number {
  let bytes = 0
  for (const { value } of record.siblings) bytes += value?.length ?? 0
  return bytes
}

const hashes = new WeakMap<StoredRecord, Uint8Array>()

/** Name of what a record knows: 64 bits as 16 hexadecimal digits, over its dots and context, never over values. */
export function recordHash(record: StoredRecord): string {
  return toHex(recordHashBytes(record))
}

/** The same as 8 bytes. Computed once per record. */
export function recordHashBytes(record: StoredRecord): Uint8Array {
  const known = hashes.get(record)
  if (known !== undefined) return known
  const out = new Writer(HASHED_BYTES)
  out.message(1, nested => writeContext(nested, record.context))
  for (const { dot } of record.siblings) out.message(2, nested => writeDot(nested, dot))
  const hash = sha256(out.view()).slice(0, 8)
  hashes.set(record, hash)
  return hash
}

function supersededBy(siblings: readonly Sibling[], context: CausalContext): readonly Sibling[] {
  const seen = siblings.filter(held => covers(context, held.dot))
  if (seen.length === 0 || seen.length === siblings.length) return seen
  const requests = new Set(seen.map(held => held.request))
  return siblings.filter(held => requests.has(held.request))
}

function inOrder(siblings: readonly Sibling[], added: Sibling): readonly Sibling[] {
  if (siblings.length === 0) return [added]
  return [...siblings, added].sort((a, b) => compareDots(a.dot, b.dot))
}

/** True when merging `b` into `a` would change nothing. */
function absorbs(a: StoredRecord, b: StoredRecord): boolean {
  if (!descends(a.context, b.context)) return false
  return a.siblings.every(({ dot }) => !covers(b.context, dot) || b.siblings.some(held => compareDots(held.dot, dot) === 0))
}

function mergeSiblings(a: StoredRecord, b: StoredRecord): readonly Sibling[] {
  const merged: Sibling[] = []
  let left = 0
  let right = 0
  while (left < a.siblings.length || right < b.siblings.length) {
    const mine = a.siblings[left]
    const theirs = b.siblings[right]
    const order = mine === undefined ? 1 : theirs === undefined ? -1 : compareDots(mine.dot, theirs.dot)
    if (order <= 0) left++
    if (order >= 0) right++
    if (mine !== undefined && (order === 0 || (order < 0 && !covers(b.context, mine.dot)))) merged.push(mine)
    else if (theirs !== undefined && order > 0 && !covers(a.context, theirs.dot)) merged.push(theirs)
  }
  return merged
}

function equalDots(a: readonly Sibling[], b: readonly Sibling[]): boolean {
  return a.length === b.length && a.every(({ dot }, index) => compareDots(dot, (b[index] as Sibling).dot) === 0)
}
