/**
 * Serves other peers' requests to this peer's copies: reads, replica writes, repairs, hints coming home, and puts to be coordinated here.
 */
import type { PeerId } from '../../core/identifiers.ts'
import { rememberedRequestsMax } from '../../core/limits.ts'
import type { AdmissionControl } from '../admission-control.ts'
import type { Effect, StorageFailure } from '../effect.ts'
import { hintStored, type HintedHandoff } from '../handoff/hinted-handoff.ts'
import type { Instant } from '../instant.ts'
import type { Fetch, Fetched, ForwardPut, Handoff, Message, Repair, Replicate, ReplicaStatus } from '../wire/message.ts'
import type { PutCoordinator } from './put-coordinator.ts'
import type { Replica, ReplicaFailure } from '../replica/replica.ts'
import type { ReplicaOperations } from '../replica/replica-operation.ts'
import { ownersOf, partitionOfKey, type Routing } from './routing.ts'
import type { Taking } from '../moving/taking.ts'
import type { Predecessors } from '../moving/predecessors.ts'
import type { Tokens } from '../tokens.ts'
import { emptyRecord, mergeRecords, valueBytes, type StoredRecord } from '../../core/versions/record.ts'
import { WholeReads } from './whole-reads.ts'

export interface ReplicaServerParts {
  readonly routing: Routing
  readonly tokens: Tokens
  readonly replica: Replica
  readonly operations: ReplicaOperations
  readonly hints: HintedHandoff
  readonly coordinator: PutCoordinator
  readonly taking: Taking
  readonly predecessors: Predecessors
  readonly admission: AdmissionControl
}

export class ReplicaServer {
  readonly #parts: ReplicaServerParts
  readonly wholeReads: WholeReads
  /** Forwards that were taken up, by sender and id. */
  readonly #forwards = new Set<string>()

  constructor(parts: ReplicaServerParts) {
    this.#parts = parts
    this.wholeReads = new WholeReads(parts)
  }

  receive(now: Instant, from: PeerId, message: Message, effects: Effect[]): void {
    if (message.type === 'fetch') this.#fetch(now, from, message, effects)
    else if (message.type === 'replicate') this.#replicate(now, from, message, effects)
    else if (message.type === 'repair') this.#repair(now, from, message, effects)
    else if (message.type === 'handoff') this.#handoff(now, from, message, effects)
    else if (message.type === 'forward-put') this.#coordinate(now, from, message, effects)
  }

  #fetch(now: Instant, from: PeerId, { id, key, whole }: Fetch, effects: Effect[]): void {
    const { routing, predecessors } = this.#parts
    const lacking = predecessors.of(partitionOfKey(routing.ring(), key))
    const answer = { type: 'fetched', id, status: this.#ownership(key), record: undefined, lacking } as const
    if (!whole || lacking.length === 0) return this.#read(now, from, key, answer, effects)
    const others = (at: Instant, record: StoredRecord, silent: readonly PeerId[], out: Effect[]): void =>
      this.#read(at, from, key, { ...answer, record: record === emptyRecord ? undefined : record, lacking: silent }, out)
    this.wholeReads.start(now, key, lacking, others, effects)
  }

  #ownership(key: Uint8Array): 'ok' | 'not-owner' {
    const { routing, predecessors } = this.#parts
    return predecessors.isOwner(partitionOfKey(routing.ring(), key)) ? 'ok' : 'not-owner'
  }

  /** Answers with the copy here, merged into the record of `answer`. Whoever became an owner meanwhile has not said what it lacks. */
  #read(now: Instant, from: PeerId, key: Uint8Array, answer: Fetched, effects: Effect[]): void {
    const { replica, admission } = this.#parts
    const done = (at: Instant, own: StoredRecord | undefined, out: Effect[]): void => {
      // One that is answered from memory waits for nothing, and says nothing.
      if (at !== now) admission.served(at, at.ms - now.ms)
      const status = answer.status === 'ok' ? this.#ownership(key) : answer.status
      const record = own === undefined ? answer.record : mergeRecords(answer.record ?? emptyRecord, own)
      reply(out, from, { ...answer, status, record })
    }
    const fail = (_now: Instant, failure: ReplicaFailure, out: Effect[]): void =>
      reply(out, from, { ...answer, status: failure, record: undefined })
    replica.read(now, key, { from, done: (at, row, out) => done(at, row?.record, out), fail }, effects)
  }

  #replicate(now: Instant, from: PeerId, message: Replicate, effects: Effect[]): void {
    const { id, key, record, hintFor } = message
    const refusal = this.#refusal(message)
    const answer = (status: ReplicaStatus): Message => ({ type: 'replicated', id, status })
    if (refusal !== undefined) return reply(effects, from, answer(refusal))
    const { replica, operations, hints } = this.#parts
    const merge = {
      from,
      key,
      record,
      hints: (merged: typeof record) => hints.store(hintFor, key, merged),
      then: [toReply(from, answer('ok')), ...hintFor.map(target => hintStored(target, key))],
      fail: (_now: Instant, failure: ReplicaFailure, out: Effect[]) => reply(out, from, answer(failure))
    }
    const settled = (at: Instant): void => this.#parts.admission.served(at, at.ms - now.ms)
    replica.change(now, key, { ...operations.merge(merge), settled }, effects)
  }

  /** Why a replica write is not taken. */
  #refusal({ key, record, hintFor }: Replicate): ReplicaStatus | undefined {
    const { routing, hints } = this.#parts
    const ring = routing.ring()
    if (!ring.isMember(routing.self)) return 'not-owner'
    if (hintFor.some(target => target === routing.self || !ring.isMember(target))) return 'not-owner'
    if (hintFor.length === 0 && !ownersOf(routing, key).includes(routing.self)) return 'not-owner'
    const bytes = key.length + valueBytes(record)
    return hintFor.some(target => hints.isFull(target, bytes)) ? 'hints-full' : undefined
  }

  #repair(now: Instant, from: PeerId, { key, record }: Repair, effects: Effect[]): void {
    const { routing, replica, operations } = this.#parts
    if (!ownersOf(routing, key).includes(routing.self)) return
    const merge = operations.merge({ from, key, record, hints: () => [], then: [], fail: () => undefined })
    replica.change(now, key, merge, effects)
  }

  /**
   * Stores each entry; acknowledges those that are durable. An entry that this peer does not own is refused: whoever gives a copy
   * away relies on an owner that keeps it. While two rings differ, two peers could otherwise rely on each other, and both drop it.
   */
  #handoff(now: Instant, from: PeerId, { id, entries }: Handoff, effects: Effect[]): void {
    const { replica, operations, routing, taking } = this.#parts
    const collector = new HandoffCollector(entries.length, (stored, out) => reply(out, from, { type: 'handed-off', id, stored }))
    for (const [index, { key, record }] of entries.entries()) {
      if (!ownersOf(routing, key).includes(routing.self)) {
        collector.done(index, false, effects)
        continue
      }
      const fail = (_now: Instant, _failure: StorageFailure, out: Effect[]): void => collector.done(index, false, out)
      const change = operations.merge({ from, key, record, hints: () => [], then: [], fail })
      const settled = (at: Instant, out: Effect[]): void => {
        taking.took(at, from, key, key.length + valueBytes(record))
        collector.done(index, true, out)
      }
      const counted = { ...change, settled }
      replica.change(now, key, counted, effects)
    }
  }

  /**
   * True for a forward that the network delivers once more. Carried out again, it could write what its sender was told had failed; a
   * retry of the sender has another id.
   */
  #isRepeated(from: PeerId, id: number): boolean {
    const name = `${from}/${id}`
    if (this.#forwards.has(name)) return true
    this.#forwards.add(name)
    for (const oldest of this.#forwards) {
      if (this.#forwards.size <= rememberedRequestsMax) break
      this.#forwards.delete(oldest)
    }
    return false
  }

  #coordinate(now: Instant, from: PeerId, message: ForwardPut, effects: Effect[]): void {
    const { routing, coordinator } = this.#parts
    const { id } = message
    if (this.#isRepeated(from, id)) return
    if (!routing.ring().isMember(routing.self))
      return reply(effects, from, {
        type: 'put-result',
        id,
        status: 'not-owner',
        dot: undefined,
        acknowledged: [],
        hinted: [],
        siblings: 0,
        n: 0
      })
    coordinator.start(
      now,
      { ...message, from, done: (_now, result, out) => reply(out, from, { type: 'put-result', id, ...result }) },
      effects
    )
  }
}

/** Waits for all entries of a handoff to be durable or refused. */
class HandoffCollector {
  readonly #stored: number[] = []
  readonly #answer: (stored: readonly number[], effects: Effect[]) => void
  #open: number

  constructor(entries: number, answer: (stored: readonly number[], effects: Effect[]) => void) {
    this.#open = entries
    this.#answer = answer
  }

  done(index: number, isStored: boolean, effects: Effect[]): void {
    if (isStored) this.#stored.push(index)
    this.#open -= 1
    if (this.#open > 0) return
    this.#answer(
      this.#stored.sort((a, b) => a - b),
      effects
    )
  }
}

function toReply(to: PeerId, message: Message): Effect {
  return { kind: 'send', to, lane: 'request', message }
}

function reply(effects: Effect[], to: PeerId, message: Message): void {
  effects.push(toReply(to, message))
}
