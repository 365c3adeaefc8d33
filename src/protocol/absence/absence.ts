/**
 * Whether this peer was away for so long that deletes may have been forgotten without it.
 *
 * Tombstones are reaped by the owners of a key. A peer that was taken out of the ring meanwhile still holds what they deleted, and would bring it
 * back. So each peer keeps a note of when it was last in contact with any member, and when it meets one again after nearly the grace, it *doubts* its
 * copies: it tells nobody of them until it has asked the members it can reach. Those that were in contact with the cluster more than that time after
 * this peer was have lived on without it: what this peer owned together with one of them is there, or was deleted, and the copies here are discarded
 * (`discard.ts`). Other copies are kept. Without that question, a cluster that was switched off for a weekend would discard all it has.
 *
 * For this to hold, a peer takes part in reaping only after it was in contact for a whole grace since its last long absence. Not covered: peers that
 * were cut off together, and so were in contact all the time; and clocks that differ by more than an eighth of the grace less the two 24ths that a
 * note may lag.
 */
import type { PeerId } from '../../core/identifiers.ts'
import type { Ring } from '../../core/ring/ring.ts'
import type { RingMember } from '../../core/ring/ring-options.ts'
import { contactKey, decodeNote, encodeNote, type ContactNote } from './contact-note.ts'
import type { Effect, StorageClient } from '../effect.ts'
import type { Instant } from '../instant.ts'
import type { ContactAnswer, ContactQuery } from '../wire/message.ts'
import type { Routing } from '../requests/routing.ts'
import type { Tokens } from '../tokens.ts'

/** Times, in milliseconds. */
const absenceMs = {
  /** How often the note is looked at. */
  look: 5000,
  /** Time until a question is asked again, doubled each time up to the longest. */
  ask: 500,
  askLongest: 8000,
  /** Silence after which a contact is a new one. */
  lapse: 15_000,
  /** Wait, after the first answer, for members that have not answered. */
  patience: 10_000,
  /** Time for the hints of a put that ended to be durable. */
  margin: 2000
} as const

export interface AbsenceParts {
  readonly routing: Routing
  readonly tokens: Tokens
  readonly graceMs: number
  /** The note as read from {@link contactKey}. */
  readonly note: Uint8Array | undefined
  /** The ring that these members make. */
  ringOf(members: readonly RingMember[]): Ring
  /** True while this peer is a full member, with all that it owns. */
  isWhole(): boolean
  /** True where some that were members are so no more. */
  hasGone(): boolean
  /** True while the ring has been worked through. */
  isSettled(): boolean
  /** Wall times of the last put that was coordinated here, and of the oldest that may lack copies and hints. */
  puts(now: Instant): { readonly lastMs: number; readonly openSinceMs: number }
  /** This peer started after it was away for long, and is the whole cluster now: an operator has declared the others gone. */
  endedAlone(now: Instant, effects: Effect[]): void
  /** This peer was away for long, and has met a member. */
  doubted(now: Instant, effects: Effect[]): void
  /** The members were asked: these have lived on without this peer. `before` is the ring that it knew before it met anybody again. */
  decided(now: Instant, livedOn: ReadonlySet<PeerId>, before: Ring, effects: Effect[]): void
}

/** A question to the members, and who has answered it. */
interface Doubt {
  readonly id: number
  readonly sinceMs: number
  /** Age of the last contact when the doubt began. */
  readonly awayMs: number
  /** Members whose answer says enough. */
  readonly answered: Set<PeerId>
  readonly livedOn: Set<PeerId>
  firstAnswerMs: number
  askAfterMs: number
}

export class Absence implements StorageClient {
  readonly #parts: AbsenceParts
  #latestMs = 0
  #sinceMs = 0
  #gapMs = 0
  #confirmedMs = 0
  /** True once comparisons in the background had time to find what the last run did not get rid of. */
  #hasSettled = false
  /** Beginning and last message of the contact that goes on. */
  #contactSince: Instant = { ms: Number.NEGATIVE_INFINITY, wallMs: 0 }
  #heard: Instant = { ms: Number.NEGATIVE_INFINITY, wallMs: 0 }
  #noted: ContactNote | undefined
  #lookAtMs = Number.POSITIVE_INFINITY
  /** True from a start after a long absence until that ends. */
  #isOverdue = false
  #doubt: Doubt | undefined
  /** The ring before the doubt, also after a crash in the middle of it; or that of this peer alone, until it has given what it took then. */
  #before: Ring | undefined

  constructor(parts: AbsenceParts) {
    this.#parts = parts
  }

  start(now: Instant): void {
    this.#noted = decodeNote(this.#parts.note)
    const { latestMs, sinceMs, gapMs, confirmedMs } = this.#noted ?? {
      latestMs: now.wallMs,
      sinceMs: now.wallMs,
      gapMs: 0,
      confirmedMs: 0
    }
    const members = this.#noted?.membersBefore ?? []
    if (members.length > 0) this.#before = this.#parts.ringOf(members)
    this.#latestMs = latestMs
    this.#sinceMs = sinceMs
    this.#gapMs = gapMs
    this.#confirmedMs = confirmedMs
    this.#lookAtMs = now.ms
    this.#isOverdue = this.isAway(now)
  }

  /** True while this peer may tell nobody of its copies. */
  get isDoubtful(): boolean {
    return this.#doubt !== undefined
  }

  /** Everything that was coordinated here until this wall time has its copies or its hints. */
  get confirmedMs(): number {
    return this.#confirmedMs
  }

  /** True when the last contact is so long ago that the next one raises doubt. */
  isAway(now: Instant): boolean {
    return now.wallMs - this.#latestMs > this.#limitMs && !this.#isAlone
  }

  /** True when this peer knows enough of the last grace to take part in reaping. */
  isSeasoned(now: Instant): boolean {
    return this.#doubt === undefined && (this.#gapMs === 0 || now.wallMs - this.#sinceMs >= this.#parts.graceMs)
  }

  /** A member was heard of, or connected: called before anything is made of it. */
  met(now: Instant, effects: Effect[]): void {
    if (this.#doubt !== undefined) return
    this.#noteAlone(now, effects)
    const isNew = now.ms - this.#heard.ms > absenceMs.lapse || now.wallMs - this.#heard.wallMs > absenceMs.lapse
    this.#heard = now
    if (isNew) {
      this.#contactSince = now
      if (this.isAway(now)) return this.#doubtAll(now, effects)
    }
    if (now.ms - this.#contactSince.ms < this.#settleMs) return
    this.#hasSettled = true
    this.#latestMs = Math.max(this.#latestMs, now.wallMs - this.#settleMs)
  }

  receive(now: Instant, from: PeerId, message: ContactQuery | ContactAnswer, effects: Effect[]): void {
    if (message.type === 'contact-query') this.#answer(now, from, message, effects)
    else this.#take(now, from, message, effects)
  }

  deadline(): number {
    return this.#lookAtMs
  }

  wake(now: Instant, effects: Effect[]): void {
    if (this.#doubt !== undefined) {
      if (this.#noted === undefined) this.#keep(effects)
      return this.#ask(now, this.#doubt, effects)
    }
    this.#lookAtMs = now.ms + absenceMs.look
    this.#noteAlone(now, effects)
    if (!this.#isAlone && this.#parts.isSettled()) this.#owedSince(undefined)
    this.#note(now, effects)
  }

  written(): void {
    // Nothing waits for a note.
  }

  /** The note is written again in time. */
  failed(): void {
    this.noteAgain()
  }

  /** The note on the disk is damaged: the next look writes it again. */
  noteAgain(): void {
    this.#noted = undefined
  }

  loaded(): void {
    // Nothing is read.
  }

  scanned(): void {
    // Nothing is scanned.
  }

  /** Absence that raises doubt: less than the grace by what notes may lag and clocks may differ. */
  get #limitMs(): number {
    return Math.floor((this.#parts.graceMs * 7) / 8)
  }

  get #settleMs(): number {
    return Math.floor(this.#parts.graceMs / 24)
  }

  /** True where the ring has no other members: asked for with each message, so the list of the others is not made for it. */
  get #isAlone(): boolean {
    const { routing } = this.#parts
    const ring = routing.ring()
    return ring.members.length === (ring.isMember(routing.self) ? 1 : 0)
  }

  /** Other members of the ring. */
  #others(): readonly PeerId[] {
    const { routing } = this.#parts
    return routing.ring().members.flatMap(({ peerId }) => (peerId === routing.self ? [] : [peerId]))
  }

  /**
   * Who is the whole cluster is in contact with it. What it has taken alone has no hints, also when the others turn out to be there after all: it must not
   * doubt its copies because of the time before.
   */
  #noteAlone(now: Instant, effects: Effect[]): void {
    if (!this.#isAlone) return
    // Who joins the first of all is not whole before it was given everything, and vouches for nothing.
    if (this.#parts.hasGone()) this.#owedSince(this.#parts.routing.ring())
    this.#latestMs = Math.max(this.#latestMs, now.wallMs)
    if (!this.#isOverdue) return
    this.#isOverdue = false
    this.#parts.endedAlone(now, effects)
  }

  /** Others know of the copies here what they knew in this ring, until all was given to those of today's; `undefined` from then on. */
  #owedSince(ring: Ring | undefined): void {
    if (this.#before?.digest === ring?.digest) return
    this.#before = ring
    this.noteAgain()
  }

  #doubtAll(now: Instant, effects: Effect[]): void {
    const { tokens } = this.#parts
    this.#isOverdue = false
    this.#doubt = {
      id: tokens.next(),
      sinceMs: now.ms,
      awayMs: now.wallMs - this.#latestMs,
      answered: new Set(),
      livedOn: new Set(),
      firstAnswerMs: Number.POSITIVE_INFINITY,
      askAfterMs: absenceMs.ask
    }
    this.#gapMs = this.#latestMs
    this.#sinceMs = now.wallMs
    this.#lookAtMs = now.ms
    this.#before ??= this.#parts.routing.ring()
    this.#keep(effects)
    this.#parts.doubted(now, effects)
  }

  #ask(now: Instant, doubt: Doubt, effects: Effect[]): void {
    this.#lookAtMs = now.ms + doubt.askAfterMs
    doubt.askAfterMs = Math.min(doubt.askAfterMs * 2, absenceMs.askLongest)
    for (const peer of this.#others()) {
      if (doubt.answered.has(peer) || !this.#parts.routing.isReachable(peer)) continue
      effects.push({ kind: 'send', to: peer, lane: 'request', message: { type: 'contact-query', id: doubt.id } })
    }
    this.#judge(now, doubt, effects)
  }

  /** Answers in ages, so that clocks need not agree about the date. */
  #answer(now: Instant, to: PeerId, { id }: ContactQuery, effects: Effect[]): void {
    const sinceAgeMs = Math.max(Math.floor(now.wallMs - this.#sinceMs), 0)
    const gapAgeMs = this.#gapMs === 0 ? 0 : Math.max(Math.floor(now.wallMs - this.#gapMs), 1)
    effects.push({
      kind: 'send',
      to,
      lane: 'request',
      message: { type: 'contact-answer', id, sinceAgeMs, gapAgeMs, isWhole: this.#parts.isWhole() }
    })
  }

  #take(now: Instant, from: PeerId, { id, sinceAgeMs, gapAgeMs, isWhole }: ContactAnswer, effects: Effect[]): void {
    const doubt = this.#doubt
    if (doubt?.id !== id || !this.#others().includes(from)) return
    const backForMs = now.ms - doubt.sinceMs
    const livedOn = sinceAgeMs > backForMs + this.#limitMs || (gapAgeMs > 0 && gapAgeMs + this.#limitMs < backForMs + doubt.awayMs)
    // One that doubts its own copies, or lacks some, cannot vouch for them yet: it is asked again.
    if (!livedOn || isWhole) doubt.answered.add(from)
    if (livedOn && isWhole) doubt.livedOn.add(from)
    if (doubt.firstAnswerMs === Number.POSITIVE_INFINITY) this.#lookAtMs = Math.min(this.#lookAtMs, now.ms + absenceMs.patience)
    doubt.firstAnswerMs = Math.min(doubt.firstAnswerMs, now.ms)
    this.#judge(now, doubt, effects)
  }

  /** Decides when everybody has answered, or nobody else answers for a while. */
  #judge(now: Instant, doubt: Doubt, effects: Effect[]): void {
    const haveAll = this.#others().every(peer => doubt.answered.has(peer))
    if (haveAll || now.ms - doubt.firstAnswerMs >= absenceMs.patience) this.#decide(now, doubt, effects)
  }

  #decide(now: Instant, { livedOn }: Doubt, effects: Effect[]): void {
    this.#doubt = undefined
    this.#latestMs = now.wallMs
    this.#heard = now
    this.#contactSince = now
    this.#lookAtMs = now.ms + absenceMs.look
    // One that has gone again could not refill this peer.
    const there = new Set([...livedOn].filter(peer => this.#parts.routing.isReachable(peer)))
    const before = this.#before ?? this.#parts.routing.ring()
    this.#before = undefined
    this.noteAgain()
    this.#parts.decided(now, there, before, effects)
  }

  /** Keeps the note when it would tell much more than the last one. */
  #note(now: Instant, effects: Effect[]): void {
    const { lastMs, openSinceMs } = this.#parts.puts(now)
    const before = this.#noted
    const isStale = before === undefined || this.#latestMs - before.latestMs >= this.#settleMs || before.sinceMs !== this.#sinceMs
    if (!isStale && (lastMs < before.confirmedMs || !this.#hasSettled)) return
    if (this.#hasSettled) this.#confirmedMs = Math.max(openSinceMs - absenceMs.margin, this.#confirmedMs)
    this.#keep(effects)
  }

  #keep(effects: Effect[]): void {
    const membersBefore = this.#before?.members ?? []
    this.#noted = { latestMs: this.#latestMs, sinceMs: this.#sinceMs, gapMs: this.#gapMs, confirmedMs: this.#confirmedMs, membersBefore }
    effects.push({
      kind: 'write',
      batch: [{ type: 'put', key: contactKey, value: encodeNote(this.#noted) }],
      then: [],
      token: this.#parts.tokens.take(this)
    })
  }
}
