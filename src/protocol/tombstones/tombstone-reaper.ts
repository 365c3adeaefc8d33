/**
 * Reaps tombstones: a delete is kept for `tombstoneGrace`, so that every copy of the value meets it, and is then forgotten by all owners together.
 *
 * The first owner of a partition finds what is due (`tombstone-index.ts`) and asks the other owners, many keys at a time, whether they hold the very
 * same record. Only when all N do, it tells them to drop it, and drops its own copy last: a round that is cut short anywhere leaves a tombstone
 * at the first owner, which asks again. Each owner drops the record only if it still is that one, so a write that comes in between stays.
 *
 * Nothing is reaped while an owner is away, while the ring is being worked through, or while a hint for the key is held by an owner. A hint elsewhere
 * that comes home after the grace may bring a deleted value back: an acknowledged write outranks a delete (the paper, section 4.4).
 */
import { toMapKey } from '../../core/bytes.ts'
import { reapBatchMax } from '../../core/limits.ts'
import { recordHash } from '../../core/versions/record.ts'
import { sendBulk, type Effect, type ScannedRow, type StorageClient } from '../effect.ts'
import type { HintedHandoff } from '../handoff/hinted-handoff.ts'
import type { Instant } from '../instant.ts'
import type { ReapEntry, ReapMessage } from '../wire/message.ts'
import type { PeerId } from '../../core/identifiers.ts'
import type { Replica, RowOperation } from '../replica/replica.ts'
import { ownersOf, type Routing } from '../requests/routing.ts'
import { prefixes, type LocalRow } from '../storage-layout.ts'
import type { Graveyard } from './tombstone-graveyard.ts'
import { deletedAtMs, parseTombstoneKey, tombstoneKey } from './tombstone-index.ts'
import type { Tokens } from '../tokens.ts'

/** Times of reaping, in milliseconds. */
const reapMs = {
  /** Most and least time between two looks at what is due: a 24th of the grace within these. */
  lookMost: 600_000,
  lookLeast: 1000,
  /** Pause before the next page of what is due. */
  page: 50,
  /** Wait for the answers to a question, and for those to an order, which is repeated meanwhile. */
  ask: 5000,
  drop: 10_000,
  again: 2000
} as const

export interface TombstoneReaperParts {
  readonly routing: Routing
  readonly tokens: Tokens
  readonly replica: Replica
  readonly hints: HintedHandoff
  readonly graveyard: Graveyard
  readonly graceMs: number
  /** True while this peer may take part: it is a full member and the ring is worked through. */
  mayReap(now: Instant): boolean
}

interface Reaping extends ReapEntry {
  /** Owners that have not agreed, or not dropped it, yet. */
  readonly open: Set<PeerId>
}

interface Round {
  readonly id: number
  readonly ring: string
  phase: 'ask' | 'drop'
  endsAtMs: number
  againAtMs: number
  /** Owners that have not answered the question. */
  readonly silent: Set<PeerId>
  entries: Map<string, Reaping>
}

export class TombstoneReaper implements StorageClient {
  readonly #parts: TombstoneReaperParts
  #lookAtMs = Number.POSITIVE_INFINITY
  /** Last row of what is due that was looked at; `undefined` to begin again. */
  #after: Uint8Array | undefined
  #isLooking = false
  #round: Round | undefined

  constructor(parts: TombstoneReaperParts) {
    this.#parts = parts
  }

  start(now: Instant): void {
    this.#lookAtMs = now.ms + this.#everyMs()
  }

  deadline(): number {
    if (this.#round === undefined) return this.#isLooking ? Number.POSITIVE_INFINITY : this.#lookAtMs
    return Math.min(this.#round.endsAtMs, this.#round.againAtMs)
  }

  wake(now: Instant, effects: Effect[]): void {
    const round = this.#round
    if (round === undefined) {
      if (!this.#isLooking && this.#lookAtMs <= now.ms) this.#look(now, effects)
    } else if (round.endsAtMs <= now.ms) this.#timeOut(now, round, effects)
    else if (round.againAtMs <= now.ms) this.#tell(now, round, effects)
  }

  receive(now: Instant, from: PeerId, message: ReapMessage, effects: Effect[]): void {
    switch (message.type) {
      case 'reap-ask':
        return this.#asked(now, from, message, effects)
      case 'reap-drop':
        return this.#told(now, from, message, effects)
      case 'reap-agreed':
        return this.#agreed(now, from, message, effects)
      case 'reap-dropped':
        return this.#dropped(now, from, message, effects)
    }
  }

  scanned(now: Instant, _token: number, rows: readonly ScannedRow[], effects: Effect[]): void {
    const due = rows.flatMap(({ key }) => parseTombstoneKey(key) ?? []).filter(({ atMs }) => this.#isOld(now, atMs))
    this.#after = rows.length === reapBatchMax && due.length === rows.length ? rows.at(-1)?.key : undefined
    const found: ReapEntry[] = this.#parts.graveyard.takeKnocks().filter(({ key }) => this.#isMine(key))
    let open = 1
    const done = (at: Instant, out: Effect[]): void => {
      open -= 1
      if (open === 0) this.#begin(at, found, out)
    }
    for (const { key, atMs } of due) {
      if (!this.#isMine(key)) continue
      open += 1
      const take = (at: Instant, row: LocalRow | undefined, out: Effect[]): void => {
        if (row !== undefined && deletedAtMs(row.record) === atMs) found.push({ key, hash: recordHash(row.record) })
        else this.#forget(at, key, atMs, out)
        done(at, out)
      }
      this.#parts.replica.read(now, key, { from: undefined, done: take, fail: (at, _failure, out) => done(at, out) }, effects)
    }
    done(now, effects)
  }

  failed(now: Instant): void {
    this.#isLooking = false
    this.#lookAtMs = now.ms + this.#everyMs()
  }

  loaded(): void {
    // Rows are read through the replica.
  }

  written(): void {
    // Rows are written by the replica.
  }

  #everyMs(): number {
    return Math.min(Math.max(Math.floor(this.#parts.graceMs / 24), reapMs.lookLeast), reapMs.lookMost)
  }

  #isOld(now: Instant, atMs: number): boolean {
    return atMs + this.#parts.graceMs <= now.wallMs
  }

  #look(now: Instant, effects: Effect[]): void {
    if (!this.#parts.mayReap(now)) {
      this.#lookAtMs = now.ms + this.#everyMs()
      return
    }
    this.#isLooking = true
    effects.push({
      kind: 'scan',
      prefix: prefixes.tombstone,
      after: this.#after,
      limit: reapBatchMax,
      token: this.#parts.tokens.take(this)
    })
  }

  /** True when this peer has to reap a key, and may. */
  #isMine(key: Uint8Array): boolean {
    const { routing } = this.#parts
    const [first, ...others] = ownersOf(routing, key)
    const areThere = others.every(owner => routing.isReachable(owner) && !routing.isJoining(owner))
    return first === routing.self && areThere && this.#isQuiet(key)
  }

  /** True while nothing is going on with a key here. */
  #isQuiet(key: Uint8Array): boolean {
    return !this.#parts.hints.holds(key) && !this.#parts.replica.isBusy(key)
  }

  /** A tombstone row whose record is another by now: left behind when a damaged record was lost. */
  #forget(now: Instant, key: Uint8Array, atMs: number, effects: Effect[]): void {
    const operation: RowOperation = {
      from: undefined,
      apply: (_now, row) => {
        const isRight = row !== undefined && deletedAtMs(row.record) === atMs
        return { row, operations: isRight ? [] : [{ type: 'delete', key: tombstoneKey(atMs, key) }], then: [] }
      },
      fail: () => undefined
    }
    this.#parts.replica.change(now, key, operation, effects)
  }

  #begin(now: Instant, found: readonly ReapEntry[], effects: Effect[]): void {
    const { routing, tokens } = this.#parts
    this.#isLooking = false
    this.#lookAtMs = now.ms + (this.#after === undefined ? this.#everyMs() : reapMs.page)
    const entries = new Map<string, Reaping>()
    const silent = new Set<PeerId>()
    for (const entry of found.slice(0, reapBatchMax)) {
      const others = ownersOf(routing, entry.key).filter(owner => owner !== routing.self)
      for (const owner of others) silent.add(owner)
      entries.set(toMapKey(entry.key), { ...entry, open: new Set(others) })
    }
    if (entries.size === 0) return
    this.#round = {
      id: tokens.next(),
      ring: routing.ring().digest,
      phase: 'ask',
      endsAtMs: now.ms + reapMs.ask,
      againAtMs: now.ms,
      silent,
      entries
    }
    if (silent.size === 0) this.#order(now, this.#round, effects)
    else this.#tell(now, this.#round, effects)
  }

  /** Sends each owner what it has not answered yet. */
  #tell(now: Instant, round: Round, effects: Effect[]): void {
    const { id, ring, phase, entries } = round
    round.againAtMs = now.ms + reapMs.again
    const byOwner = new Map<PeerId, ReapEntry[]>()
    for (const { key, hash, open } of entries.values()) {
      for (const owner of open) {
        const list = byOwner.get(owner) ?? []
        list.push({ key, hash })
        byOwner.set(owner, list)
      }
    }
    for (const [to, list] of byOwner) {
      if (phase === 'ask' && !round.silent.has(to)) continue
      sendBulk(effects, to, { type: phase === 'ask' ? 'reap-ask' : 'reap-drop', id, ring, entries: list })
    }
  }

  #timeOut(now: Instant, round: Round, effects: Effect[]): void {
    if (round.phase === 'ask') this.#order(now, round, effects)
    else this.#end(effects)
  }

  /** Orders to drop what all owners agreed about; the rest is asked about another time. */
  #order(now: Instant, round: Round, effects: Effect[]): void {
    const { routing } = this.#parts
    round.entries = new Map([...round.entries].filter(([, { open }]) => open.size === 0))
    round.phase = 'drop'
    round.endsAtMs = now.ms + reapMs.drop
    if (routing.ring().digest !== round.ring) round.entries.clear()
    for (const { key, hash, open } of round.entries.values()) {
      for (const owner of ownersOf(routing, key)) if (owner !== routing.self) open.add(owner)
      if (open.size === 0) this.#dropOwn(now, round, { key, hash }, effects)
    }
    if (round.entries.size === 0) this.#end(effects)
    else this.#tell(now, round, effects)
  }

  #end(effects: Effect[]): void {
    const left = this.#round?.entries.size ?? 0
    this.#round = undefined
    if (left > 0) effects.push({ kind: 'report', event: { type: 'counted', name: 'tombstone.interrupted' } })
  }

  #asked(now: Instant, from: PeerId, { id, ring, entries }: ReapMessage, effects: Effect[]): void {
    const { replica, graveyard } = this.#parts
    this.#answer(now, from, { id, ring, entries, type: 'reap-agreed' }, effects, (entry, done) => {
      const judge = (at: Instant, row: LocalRow | undefined, out: Effect[]): void => {
        const isGone = row === undefined && graveyard.holds(at, entry.key, entry.hash)
        done(isGone || (this.#isReapable(at, entry, row) && !replica.isBusy(entry.key)), out)
      }
      replica.read(now, entry.key, { from, done: judge, fail: (_at, _failure, out) => done(false, out) }, effects)
    })
  }

  #told(now: Instant, from: PeerId, { id, ring, entries }: ReapMessage, effects: Effect[]): void {
    this.#answer(now, from, { id, ring, entries, type: 'reap-dropped' }, effects, (entry, done) =>
      this.#parts.replica.change(now, entry.key, this.#drop(from, entry, done), effects)
    )
  }

  /** Answers with those entries that `judge` accepts, once all were judged; those that are not the sender's to reap are not looked at. */
  #answer(
    now: Instant,
    to: PeerId,
    message: ReapMessage,
    effects: Effect[],
    judge: (entry: ReapEntry, done: (accepted: boolean, effects: Effect[]) => void) => void
  ): void {
    const { routing } = this.#parts
    const accepted: ReapEntry[] = []
    let open = 1
    const finish = (out: Effect[]): void => {
      open -= 1
      if (open === 0) sendBulk(out, to, { ...message, entries: accepted })
    }
    const mayAnswer = message.ring === routing.ring().digest && this.#parts.mayReap(now)
    for (const entry of mayAnswer ? message.entries : []) {
      const owners = ownersOf(routing, entry.key)
      if (owners[0] !== to || !owners.includes(routing.self)) continue
      open += 1
      judge(entry, (isAccepted, out) => {
        if (isAccepted) accepted.push(entry)
        finish(out)
      })
    }
    finish(effects)
  }

  /** True for a row that is nothing but the tombstone with this hash, which is old enough, and that no hint stands for. */
  #isReapable(now: Instant, { key, hash }: ReapEntry, row: LocalRow | undefined): row is LocalRow {
    const atMs = row === undefined ? undefined : deletedAtMs(row.record)
    if (row === undefined || atMs === undefined || !this.#isOld(now, atMs)) return false
    return recordHash(row.record) === hash && !this.#parts.hints.holds(key)
  }

  /** Drops the record if it still is the one that all agreed about; `done` hears whether it is gone. */
  #drop(from: PeerId | undefined, entry: ReapEntry, done: (gone: boolean, effects: Effect[]) => void): RowOperation {
    const { graveyard } = this.#parts
    const { key } = entry
    let isGone = false
    let isBuried = false
    return {
      from,
      apply: (now, row) => {
        isGone = row === undefined
        if (!this.#isReapable(now, entry, row)) return { row, operations: [], then: [] }
        isGone = true
        isBuried = true
        graveyard.bury(now, key, row.record)
        return { row: undefined, operations: [], then: [{ kind: 'report', event: { type: 'tombstone-reaped', key, record: row.record } }] }
      },
      settled: (_now, effects) => done(isGone, effects),
      fail: (_now, _failure, effects) => {
        // A repeated order that is turned away says nothing of what an earlier one reaped.
        if (isBuried) graveyard.exhume(key)
        done(false, effects)
      }
    }
  }

  #agreed(now: Instant, from: PeerId, message: ReapMessage, effects: Effect[]): void {
    const round = this.#round
    if (round?.id !== message.id || round.phase !== 'ask' || !round.silent.delete(from)) return
    for (const { key, hash } of message.entries) {
      const entry = round.entries.get(toMapKey(key))
      if (entry?.hash === hash) entry.open.delete(from)
    }
    if (round.silent.size === 0) this.#order(now, round, effects)
  }

  #dropped(now: Instant, from: PeerId, message: ReapMessage, effects: Effect[]): void {
    const round = this.#round
    if (round?.id !== message.id || round.phase !== 'drop') return
    for (const { key, hash } of message.entries) {
      const entry = round.entries.get(toMapKey(key))
      if (entry?.hash === hash && entry.open.delete(from) && entry.open.size === 0) this.#dropOwn(now, round, entry, effects)
    }
  }

  #dropOwn(now: Instant, round: Round, { key, hash }: ReapEntry, effects: Effect[]): void {
    const done = (_isGone: boolean, out: Effect[]): void => {
      round.entries.delete(toMapKey(key))
      if (round.entries.size === 0 && this.#round === round) this.#end(out)
    }
    this.#parts.replica.change(now, key, this.#drop(undefined, { key, hash }, done), effects)
  }
}
