/**
 * How a peer comes back from a long absence: it doubts its copies (`absence.ts`), keeps or discards them (`discard.ts`), and is refilled (`refill.ts`).
 *
 * While it doubts or discards it is closed: it answers no read, takes no write of others and no part in exchanges, and says that it is overloaded, so
 * that whoever asks turns to the next. It counts as joining until it has got everything. Its own hints go home all the while, and its own callers'
 * writes are taken by others or, where nobody can be reached, kept with a hint for every owner. One that is leaving doubts and discards just so, and
 * gives away what is left.
 */
import type { PeerId } from '../../core/identifiers.ts'
import type { MemberStatus } from '../../core/members/member-record.ts'
import type { Ring } from '../../core/ring/ring.ts'
import { Absence, type AbsenceParts } from './absence.ts'
import type { Completion } from '../moving/completion.ts'
import { Discard, type DiscardParts } from './discard.ts'
import type { Effect } from '../effect.ts'
import type { EpochLease } from '../replica/epoch-lease.ts'
import type { Instant } from '../instant.ts'
import type { Membership } from '../membership/membership.ts'
import type { ContactAnswer, ContactQuery, Message } from '../wire/message.ts'
import type { Transfer } from '../moving/transfer.ts'

/** What a peer's last run left about its absences. */
export interface AbsenceRows {
  readonly contact: Uint8Array | undefined
  readonly discard: Uint8Array | undefined
}

export interface RejoinParts
  extends
    Omit<AbsenceParts, 'doubted' | 'decided' | 'endedAlone' | 'note' | 'isWhole' | 'isSettled' | 'hasGone'>,
    Omit<DiscardParts, 'confirmedMs' | 'done'> {
  readonly rows: AbsenceRows
  readonly lease: EpochLease
  membership(): Membership
  transfer(): Transfer
  completion(): Completion
}

export class Rejoin {
  readonly #parts: RejoinParts
  readonly #absence: Absence
  readonly #discard: Discard
  /** What this peer was when it began to doubt. */
  #statusBefore: MemberStatus = 'up'
  #keptFrom = 0
  #giveUpAtMs = Number.POSITIVE_INFINITY

  constructor(parts: RejoinParts) {
    this.#parts = parts
    const { rows } = parts
    this.#absence = new Absence({
      ...parts,
      note: rows.contact,
      isWhole: () => !this.isClosed && this.refill === 0 && parts.membership().status === 'up',
      hasGone: () => parts.membership().view.goneCount > 0,
      isSettled: () => !parts.transfer().running,
      endedAlone: (now, effects) => (this.isClosed ? undefined : parts.transfer().release(now, effects)),
      doubted: (now, effects) => this.#doubted(now, effects),
      decided: (now, livedOn, before, effects) => this.#decided(now, livedOn, before, effects)
    })
    const confirmedMs = (): number => this.#absence.confirmedMs
    this.#discard = new Discard({ ...parts, confirmedMs, done: (now, effects) => this.#discarded(now, effects) }, rows.discard)
  }

  /** True while this peer may tell nobody of its copies. */
  get isClosed(): boolean {
    return this.#absence.isDoubtful || this.#discard.isRunning
  }

  /** Names the discard after which this peer has to be refilled; 0 for none. */
  get refill(): number {
    return this.#discard.refill
  }

  start(now: Instant, effects: Effect[]): void {
    this.#absence.start(now)
    if (this.isClosed || this.#absence.isAway(now)) this.#parts.transfer().hold()
    this.#discard.resume(effects)
  }

  /** A member was heard of: called before anything is made of it. Whoever has left does not come back. */
  met(now: Instant, effects: Effect[]): void {
    if (this.#parts.membership().status !== 'left') this.#absence.met(now, effects)
  }

  /** True when this peer knows enough of the last grace to take part in reaping. */
  isSeasoned(now: Instant): boolean {
    return !this.isClosed && this.#absence.isSeasoned(now)
  }

  receive(now: Instant, from: PeerId, message: ContactQuery | ContactAnswer, effects: Effect[]): void {
    this.#absence.receive(now, from, message, effects)
  }

  /** True for what a closed peer, or one that has left and is about to go, does not serve: whoever waits for an answer has been told. */
  refuses(from: PeerId, message: Message, effects: Effect[]): boolean {
    const isServing = !this.isClosed && this.#parts.membership().status !== 'left'
    if (isServing || !SERVED.has(message.type)) return false
    const answer = refusal(message)
    if (answer !== undefined) effects.push({ kind: 'send', to: from, lane: 'request', message: answer })
    return true
  }

  deadline(): number {
    return Math.min(this.#absence.deadline(), this.#discard.deadline())
  }

  wake(now: Instant, effects: Effect[]): void {
    if (this.#absence.deadline() <= now.ms) this.#absence.wake(now, effects)
    if (this.#discard.deadline() <= now.ms) this.#discard.wake(now, effects)
  }

  /** The note of contacts on the disk is damaged. */
  noteAgain(): void {
    this.#absence.noteAgain()
  }

  /**
   * True when each partition that was discarded was given by another of its owners, as far as there are others. A peer that waits for one that is away
   * goes on without it after a grace.
   */
  isRefilled(now: Instant, hasGiven: (member: PeerId) => boolean): boolean {
    if (this.refill === 0 || now.ms >= this.#giveUpAtMs) return true
    const { routing } = this.#parts
    const ring = routing.ring()
    return [...this.#discard.partitions].every(partition => {
      const owners = ring.owners(partition)
      const others = owners.filter(owner => owner !== routing.self)
      if (others.length === owners.length || others.length === 0) return true
      return others.some(owner => hasGiven(owner) && routing.isReachable(owner) && !routing.isJoining(owner))
    })
  }

  /** Every member has given what it had. */
  completed(effects: Effect[]): void {
    this.#discard.refilled(effects)
  }

  #doubted(now: Instant, effects: Effect[]): void {
    const { membership, transfer, lease } = this.#parts
    this.#statusBefore = membership().status
    this.#keptFrom = lease.next
    transfer().hold()
    if (this.#statusBefore !== 'leaving') membership().setStatus(now, 'joining', effects)
    effects.push({ kind: 'report', event: { type: 'counted', name: 'absence.doubted' } })
  }

  #decided(now: Instant, livedOn: ReadonlySet<PeerId>, before: Ring, effects: Effect[]): void {
    const partitions = this.#vouchedFor(livedOn, before)
    effects.push({ kind: 'report', event: { type: 'counted', name: partitions.length === 0 ? 'absence.kept' : 'absence.discarded' } })
    if (partitions.length > 0) return this.#discard.begin(this.#keptFrom, partitions, effects)
    const { membership, transfer, completion } = this.#parts
    transfer().release(now, effects)
    if (membership().status === 'leaving') return
    if (this.#statusBefore === 'joining') completion().await(now, effects)
    else membership().setStatus(now, this.#statusBefore, effects)
  }

  /** Partitions that another owner of the ring before this absence knows about: it lived on, or left and gave away what it had. */
  #vouchedFor(livedOn: ReadonlySet<PeerId>, ring: Ring): readonly number[] {
    const { routing, membership } = this.#parts
    const { view } = membership()
    const vouches = (owner: PeerId): boolean => livedOn.has(owner) || (livedOn.size > 0 && view.get(owner)?.status === 'left')
    return Array.from({ length: ring.partitions }, (_, partition) => partition).filter(partition =>
      ring.owners(partition).some(owner => owner !== routing.self && vouches(owner))
    )
  }

  #discarded(now: Instant, effects: Effect[]): void {
    this.#giveUpAtMs = now.ms + this.#parts.graceMs
    const { transfer, completion } = this.#parts
    transfer().release(now, effects)
    completion().await(now, effects)
  }
}

/** What others ask of this peer's copies. */
const SERVED: ReadonlySet<Message['type']> = new Set<Message['type']>([
  'fetch',
  'replicate',
  'repair',
  'handoff',
  'forward-put',
  'transfer-query',
  'offer',
  'offer-keys',
  'exchange-open',
  'exchange-nodes',
  'exchange-differences',
  'exchange-versions',
  'exchange-wanted',
  'reap-ask',
  'reap-drop'
])

/** The answer to what is turned away, where somebody waits for one. */
function refusal(message: Message): Message | undefined {
  switch (message.type) {
    case 'fetch':
      return { type: 'fetched', id: message.id, status: 'overloaded', record: undefined, lacking: [] }
    case 'replicate':
      return { type: 'replicated', id: message.id, status: 'overloaded' }
    case 'handoff':
      return { type: 'handed-off', id: message.id, stored: [] }
    case 'forward-put':
      return {
        type: 'put-result',
        id: message.id,
        status: 'overloaded',
        dot: undefined,
        acknowledged: [],
        hinted: [],
        siblings: 0,
        n: 0
      }
    default:
      return undefined
  }
}
