/**
 * The dumb model of versions, and a system of real replicas that is driven beside it.
 *
 * The model keeps what no real system could: for every write event, the whole set of events that its writer had seen. A replica is the
 * set of events that it knows, merging is union, and what must be shown are the events that no other known event has seen.
 */
import * as fc from 'fast-check'
import type { CausalContext } from '../../src/core/versions/causal-context.ts'
import { emptyContext, nextDot, withDot } from '../../src/core/versions/causal-context.ts'
import type { ReplicaId, RequestId } from '../../src/core/identifiers.ts'
import { actorOf } from '../../src/core/identifiers.ts'
import type { StoredRecord } from '../../src/core/versions/record.ts'
import { emptyRecord, maximalSiblings, mergeRecords, putSibling } from '../../src/core/versions/record.ts'

/** A write event: its place in the order in which the test made them. */
export type Event = number
export type History = ReadonlySet<Event>

/** True causal histories, and nothing clever. */
export class CausalHistories {
  readonly #seenBy: History[] = []
  readonly #requests: number[] = []

  /** A write by someone who had seen `seen`. */
  write(seen: History, request: number): Event {
    this.#requests.push(request)
    return this.#seenBy.push(seen) - 1
  }

  /** The events of `known` that no other event of `known` has seen. */
  maximal(known: History): Set<Event> {
    const maximal = new Set(known)
    for (const event of known) for (const seen of this.#seenBy[event] as History) maximal.delete(seen)
    return maximal
  }

  requestOf(event: Event): number {
    return this.#requests[event] as number
  }

  /** Other events of `held` by which the writes in `seen` were coordinated once more. */
  repetitions(held: History, seen: History): readonly Event[] {
    const requests = new Set([...held].filter(event => seen.has(event)).map(event => this.requestOf(event)))
    return [...held].filter(event => !seen.has(event) && requests.has(this.requestOf(event)))
  }
}

/** One step of a history. Numbers are taken modulo what there is. */
export type Operation =
  | { readonly type: 'get'; readonly replica: number }
  | { readonly type: 'put'; readonly replica: number; readonly context: number; readonly isDelete: boolean }
  | { readonly type: 'retry'; readonly replica: number; readonly request: number }
  | { readonly type: 'merge'; readonly from: number; readonly into: number }
  | { readonly type: 'lose'; readonly replica: number }

const index = fc.nat({ max: 99 })

/** Any interleaving of reads, writes with any context read before (0: none), retries, merges and lost copies. */
export const operations: fc.Arbitrary<readonly Operation[]> = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: fc.record({ type: fc.constant('get' as const), replica: index }) },
    { weight: 6, arbitrary: fc.record({ type: fc.constant('put' as const), replica: index, context: index, isDelete: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('retry' as const), replica: index, request: index }) },
    { weight: 4, arbitrary: fc.record({ type: fc.constant('merge' as const), from: index, into: index }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('lose' as const), replica: index }) }
  ),
  { maxLength: 50, size: 'max' }
)

/** A replica's copy of the one key of the test, and beside it what the model says. */
interface Copy {
  record: StoredRecord
  known: History
  /** Repetitions of writes that a later writer saw under another dot, here or at a replica that this one learnt from. */
  retired: History
  epoch: number
}

interface ReadContext {
  readonly real: CausalContext
  readonly seen: History
}

interface Request {
  readonly context: ReadContext
  readonly isDelete: boolean
}

export interface SystemOptions {
  /** @default 3 */
  readonly replicas?: number
  /** Plants the mistake of numbering on from one after a copy was lost, as the same actor. @default false */
  readonly reusesEpochs?: boolean
}

/** Real records on several replicas, each step done in the model too. */
export class ReplicatedKey {
  readonly histories: CausalHistories = new CausalHistories()
  readonly copies: Copy[]
  readonly #contexts: ReadContext[] = [{ real: emptyContext, seen: new Set() }]
  readonly #requests: Request[] = []
  readonly #reusesEpochs: boolean

  constructor({ replicas = 3, reusesEpochs = false }: SystemOptions = {}) {
    this.copies = Array.from({ length: replicas }, () => ({ record: emptyRecord, known: new Set(), retired: new Set(), epoch: 1 }))
    this.#reusesEpochs = reusesEpochs
  }

  /** Performs one step and returns the number of the replica that it touched. */
  perform(operation: Operation): number {
    if (operation.type === 'merge') return this.merge(operation.from, operation.into)
    if (operation.type === 'lose') return this.lose(operation.replica)
    if (operation.type === 'retry') return this.retry(operation.request, operation.replica)
    if (operation.type === 'get') this.get(operation.replica)
    else this.put(operation.replica, operation.context, operation.isDelete)
    return this.#number(operation.replica)
  }

  /** Reads a replica; returns the number of the context. */
  get(replica: number): number {
    const { record, known } = this.#copy(replica)
    return this.#contexts.push({ real: record.context, seen: known }) - 1
  }

  /** Writes with a context by its number; returns the number of the context that the writer gets back. */
  put(replica: number, context: number, isDelete = false): number {
    const read = this.#contexts[context % this.#contexts.length] as ReadContext
    return this.#coordinate(replica, this.#requests.push({ context: read, isDelete }) - 1)
  }

  retry(request: number, replica: number): number {
    if (this.#requests.length > 0) this.#coordinate(replica, request % this.#requests.length)
    return this.#number(replica)
  }

  merge(from: number, into: number): number {
    const source = this.#copy(from)
    const target = this.#copy(into)
    target.record = mergeRecords(target.record, source.record)
    target.known = new Set([...target.known, ...source.known])
    target.retired = new Set([...target.retired, ...source.retired])
    return this.#number(into)
  }

  /** Forgets a replica's copy behind its back: the next one is another actor's. */
  lose(replica: number): number {
    const copy = this.#copy(replica)
    copy.record = emptyRecord
    copy.known = new Set()
    copy.retired = new Set()
    if (!this.#reusesEpochs) copy.epoch++
    return this.#number(replica)
  }

  /** The events that the real record of a replica holds, in order. */
  held(replica: number): readonly Event[] {
    return this.#copy(replica)
      .record.siblings.map(({ wallTime }) => wallTime)
      .sort((a, b) => a - b)
  }

  /** The events that the replica should hold by the model, in order. */
  expected(replica: number): readonly Event[] {
    return [...this.#current(this.#copy(replica))].sort((a, b) => a - b)
  }

  /** The writes that the real record shows, each once, in order. */
  shown(replica: number): readonly number[] {
    return maximalSiblings(this.#copy(replica).record)
      .map(({ wallTime }) => this.histories.requestOf(wallTime))
      .sort((a, b) => a - b)
  }

  /** The writes that should be shown by the model, in order. */
  expectedShown(replica: number): readonly number[] {
    return [...new Set(this.expected(replica).map(event => this.histories.requestOf(event)))].sort((a, b) => a - b)
  }

  /** Lets every replica learn from every other. */
  converge(): void {
    for (let from = 0; from < this.copies.length; from++) this.merge(from, 0)
    for (let into = 1; into < this.copies.length; into++) this.merge(0, into)
  }

  #coordinate(replica: number, request: number): number {
    const { context, isDelete } = this.#requests[request] as Request
    const copy = this.#copy(replica)
    const event = this.histories.write(context.seen, request)
    copy.retired = new Set([...copy.retired, ...this.histories.repetitions(this.#current(copy), context.seen)])
    const actor = actorOf(`${this.#number(replica)}`.padStart(16, '0') as ReplicaId, copy.epoch)
    const dot = nextDot(actor, copy.record.context, context.real)
    const value = isDelete ? undefined : Uint8Array.of(event)
    copy.record = putSibling(copy.record, context.real, { dot, request: requestId(request), wallTime: event, value })
    copy.known = new Set([...copy.known, ...context.seen, event])
    return this.#contexts.push({ real: withDot(context.real, dot), seen: new Set([...context.seen, event]) }) - 1
  }

  #current(copy: Copy): Set<Event> {
    return new Set([...this.histories.maximal(copy.known)].filter(event => !copy.retired.has(event)))
  }

  #number(replica: number): number {
    return replica % this.copies.length
  }

  #copy(replica: number): Copy {
    return this.copies[this.#number(replica)] as Copy
  }
}

/** Request id of a number. */
export function requestId(number: number): RequestId {
  return number.toString(16).padStart(32, '0') as RequestId
}
