/**
 * Reads of a key at an owner that has not got all copies of it yet: it asks those who have them, and answers with everything merged.
 *
 * Its own copy is read last. A predecessor that has nothing left has given it, so it is here by then.
 */
import type { PeerId } from '../../core/identifiers.ts'
import { wholeReadsMax } from '../../core/limits.ts'
import { emptyRecord, mergeRecords, type StoredRecord } from '../../core/versions/record.ts'
import { DeadlineQueue } from '../../core/deadline-queue.ts'
import { sendRequest, type Effect } from '../effect.ts'
import type { Instant } from '../instant.ts'
import type { Tokens } from '../tokens.ts'
import type { Fetched } from '../wire/message.ts'
import { waits, type Routing } from './routing.ts'

/** What the others hold, and whose copies are still lacking because they did not answer. */
export type WholeReadDone = (now: Instant, record: StoredRecord, lacking: readonly PeerId[], effects: Effect[]) => void

interface WholeRead {
  readonly key: Uint8Array
  readonly done: WholeReadDone
  readonly asked: Set<PeerId>
  /** Peers that have not answered, by the number of the message. */
  readonly open: Map<number, PeerId>
  readonly silent: PeerId[]
  record: StoredRecord
}

export interface WholeReadParts {
  readonly routing: Routing
  readonly tokens: Tokens
}

export class WholeReads {
  readonly #parts: WholeReadParts
  readonly #open = new Map<number, WholeRead>()
  readonly #due = new DeadlineQueue<number>()

  constructor(parts: WholeReadParts) {
    this.#parts = parts
  }

  /** Asks `lacking` for their copies of a key, and those whose copies these lack. */
  start(now: Instant, key: Uint8Array, lacking: readonly PeerId[], done: WholeReadDone, effects: Effect[]): void {
    if (this.#open.size >= wholeReadsMax) return done(now, emptyRecord, lacking, effects)
    const read: WholeRead = { key, done, asked: new Set([this.#parts.routing.self]), open: new Map(), silent: [], record: emptyRecord }
    for (const peer of lacking) this.#ask(now, read, peer, effects)
    this.#endIfDone(now, read, effects)
  }

  fetched(now: Instant, from: PeerId, { id, status, record, lacking }: Fetched, effects: Effect[]): void {
    const read = this.#open.get(id)
    if (read?.open.get(id) !== from) return
    const isAnswer = status === 'ok' || status === 'not-owner'
    if (record !== undefined) read.record = mergeRecords(read.record, record)
    if (isAnswer) for (const peer of lacking) this.#ask(now, read, peer, effects)
    this.#close(now, read, id, isAnswer, effects)
  }

  /** A fetch did not even leave. */
  unsent(now: Instant, id: number, effects: Effect[]): void {
    const read = this.#open.get(id)
    if (read !== undefined) this.#close(now, read, id, false, effects)
  }

  unreachable(now: Instant, peer: PeerId, effects: Effect[]): void {
    for (const [id, read] of this.#open) if (read.open.get(id) === peer) this.#close(now, read, id, false, effects)
  }

  deadline(): number {
    return this.#due.next()
  }

  wake(now: Instant, effects: Effect[]): void {
    for (let due = this.#due.takeDue(now.ms); due !== undefined; due = this.#due.takeDue(now.ms)) this.unsent(now, due, effects)
  }

  #ask(now: Instant, read: WholeRead, to: PeerId, effects: Effect[]): void {
    const { routing, tokens } = this.#parts
    if (read.asked.has(to)) return
    read.asked.add(to)
    if (!routing.isReachable(to)) {
      read.silent.push(to)
      return
    }
    const id = tokens.next()
    read.open.set(id, to)
    this.#open.set(id, read)
    this.#due.add(now.ms + waits.predecessorMs, id)
    sendRequest(effects, to, { type: 'fetch', id, key: read.key, whole: false })
  }

  #close(now: Instant, read: WholeRead, id: number, isAnswered: boolean, effects: Effect[]): void {
    const peer = read.open.get(id)
    read.open.delete(id)
    this.#open.delete(id)
    if (!isAnswered && peer !== undefined) read.silent.push(peer)
    this.#endIfDone(now, read, effects)
  }

  #endIfDone(now: Instant, { open, done, record, silent }: WholeRead, effects: Effect[]): void {
    if (open.size === 0) done(now, record, silent, effects)
  }
}
