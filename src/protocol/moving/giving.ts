/**
 * Gives owners what they lack of some partitions, after the ring changed (the paper, section 4.9: the offer and the confirmation).
 *
 * Owner by owner: first the sums of many partitions are compared in one message, and those that are equal are confirmed by that alone. Of the
 * others the keys are listed with the hashes of their records, a page at a time; the owner says which it lacks, and for each of these a hint is kept, which is
 * durable and delivered like any other. So a partition is confirmed by an owner when it holds all of it, or a hint here makes sure that it will.
 *
 * Nothing of the offers is durable: after a crash, or a change of the ring meanwhile, all is compared again, which costs little. An owner that cannot be
 * asked, as it is away or sees another ring, is waited for, as what it lacks is not known before; after minutes it is owed a hint for everything, so that
 * whatever waits for the end of this need not wait for it.
 */
import type { PeerId } from '../../core/identifiers.ts'
import { givesMax, offerKeysMax, offerPartitionsMax, transferHintsMax } from '../../core/limits.ts'
import { noSum, type TrieSum } from '../../core/merkle/trie-sum.ts'
import type { AdmissionControl } from '../admission-control.ts'
import type { Effect, ScannedRow, StorageClient } from '../effect.ts'
import type { HintedHandoff } from '../handoff/hinted-handoff.ts'
import type { Instant } from '../instant.ts'
import { beforePartition, indexedKeys } from '../key-index/index-rows.ts'
import type { KeyIndex } from '../key-index/key-index.ts'
import type { Message, OfferAnswer, OfferWanted } from '../wire/message.ts'
import type { MoveTally } from './move-tally.ts'
import { packKeys } from '../wire/offer-codec.ts'
import type { Routing } from '../requests/routing.ts'
import { prefixes } from '../storage-layout.ts'
import type { Tokens } from '../tokens.ts'

/**
 * Silence after which an offer is made again; time without a useful answer after which an owner counts as one that cannot be asked; the pauses after it was
 * busy, refused or could not be reached, after the storage failed, and while hints for it wait; and how long these may not get fewer.
 */
const giveMs = {
  silence: 2000,
  patience: 300_000,
  busy: 50,
  busyMax: 400,
  refused: 300,
  away: 500,
  failed: 1000,
  pace: 20,
  stalled: 2000
} as const

/** Keys of a partition, from one on, that are being offered. */
interface Page {
  readonly partition: number
  /** What this peer held of it when it was compared. */
  readonly sum: TrieSum
  /** Where it begins in the index, and where the next page does. */
  after: Uint8Array
  next: Uint8Array
  keys: readonly Uint8Array[]
  isLast: boolean
}

/** What one owner is given. */
interface Gift {
  readonly target: PeerId
  /** Partitions to be compared, each with the time before which that makes no sense. */
  readonly rest: Map<number, number>
  /** Partitions that differ, and what this peer held of them. */
  readonly differing: Map<number, TrieSum>
  page: Page | undefined
  /** True while something is under way for it. */
  isBusy: boolean
  /** Number of the message whose answer is waited for, 0 for none. */
  awaited: number
  compared: readonly (readonly [partition: number, sum: TrieSum])[]
  wakeAtMs: number
  /** When the owner last answered, or was reached again. */
  heardAtMs: number
  /** How often in a row it was busy. */
  turnedAway: number
  /** It cannot be asked: it gets a hint for everything. */
  isAway: boolean
  /** Hints that waited for it when they were last fewer, and when that was. */
  waiting: number
  fewerAtMs: number
}

export interface GivingParts {
  readonly routing: Routing
  readonly tokens: Tokens
  readonly hints: HintedHandoff
  readonly admission: AdmissionControl
  readonly index: KeyIndex
  readonly tally: MoveTally
  /** An owner has confirmed all that it was owed. */
  gave(now: Instant, target: PeerId, effects: Effect[]): void
  /** All that was here of a partition when it had this sum is held by `target`, or will be by a hint. */
  confirmed(now: Instant, target: PeerId, partition: number, sum: TrieSum, effects: Effect[]): void
}

export class Giving implements StorageClient {
  readonly #parts: GivingParts
  readonly #gifts = new Map<PeerId, Gift>()
  readonly #scans = new Map<number, Gift>()

  constructor(parts: GivingParts) {
    this.#parts = parts
  }

  /** True while there is something that an owner has not confirmed. */
  isGivingTo(target: PeerId): boolean {
    return this.#gifts.has(target)
  }

  /** Ends all that is under way: the ring changed. */
  stop(): void {
    this.#gifts.clear()
    this.#scans.clear()
  }

  /** An owner is to get all that is here of a partition, from `notBeforeMs` on. {@link Giving.pump} starts it. */
  owe(now: Instant, target: PeerId, partition: number, notBeforeMs: number): void {
    const gift = this.#gifts.get(target) ?? newGift(now, target)
    this.#gifts.set(target, gift)
    gift.rest.set(partition, notBeforeMs)
    if (!gift.isBusy) gift.wakeAtMs = Math.min(gift.wakeAtMs, notBeforeMs)
  }

  /** Starts what may run. */
  pump(now: Instant, effects: Effect[]): void {
    let busy = this.#busy()
    for (const gift of [...this.#gifts.values()]) {
      if (busy >= givesMax) return
      if (gift.isBusy || gift.wakeAtMs > now.ms || this.#gifts.get(gift.target) !== gift) continue
      this.#goOn(now, gift, effects)
      if (gift.isBusy) busy += 1
    }
  }

  /** That peer answers again. */
  reachable(now: Instant, peer: PeerId, effects: Effect[]): void {
    const gift = this.#gifts.get(peer)
    if (gift === undefined) return
    gift.isAway = false
    gift.heardAtMs = now.ms
    if (!gift.isBusy) gift.wakeAtMs = now.ms
    this.pump(now, effects)
  }

  receive(now: Instant, from: PeerId, message: OfferAnswer | OfferWanted, effects: Effect[]): void {
    const gift = this.#gifts.get(from)
    if (gift === undefined || gift.awaited !== message.id) return
    gift.awaited = 0
    gift.heardAtMs = message.type === 'offer-wanted' && message.status === 'refused' ? gift.heardAtMs : now.ms
    if (message.type === 'offer-answer') this.#compared(now, gift, message.held, effects)
    else this.#answered(now, gift, message, effects)
  }

  deadline(): number {
    // Those that wait for their turn go on when another comes to rest.
    const isFull = this.#busy() >= givesMax
    let earliest = Number.POSITIVE_INFINITY
    for (const { isBusy, wakeAtMs } of this.#gifts.values()) if (isBusy || !isFull) earliest = Math.min(earliest, wakeAtMs)
    return earliest
  }

  wake(now: Instant, effects: Effect[]): void {
    for (const gift of this.#gifts.values())
      if (gift.awaited !== 0 && gift.wakeAtMs <= now.ms) {
        gift.awaited = 0
        this.#rest(gift, now.ms)
      }
    this.pump(now, effects)
  }

  scanned(now: Instant, token: number, rows: readonly ScannedRow[], effects: Effect[]): void {
    const gift = this.#scans.get(token)
    this.#scans.delete(token)
    const page = gift?.page
    if (gift === undefined || page === undefined || this.#gifts.get(gift.target) !== gift) return
    const { index, tokens } = this.#parts
    const found = indexedKeys(rows)
    const entries = found.filter(({ place }) => index.trie.partitionOf(place) === page.partition)
    page.keys = entries.map(({ key }) => key)
    page.isLast = entries.length < found.length || rows.length < rowsOf(page)
    page.next = rows.at(-1)?.key ?? page.after
    if (gift.isAway) return this.#keep(now, gift, page, page.keys, effects)
    const { partition, isLast } = page
    this.#ask(now, gift, { type: 'offer-keys', id: tokens.next(), partition, entries: packKeys(entries), isLast }, effects)
  }

  failed(now: Instant, token: number, _failure: string, effects: Effect[]): void {
    const gift = this.#scans.get(token)
    this.#scans.delete(token)
    if (gift !== undefined) this.#rest(gift, now.ms + giveMs.failed)
    this.pump(now, effects)
  }

  loaded(): void {
    // Rows are scanned.
  }

  written(): void {
    // Hints are written by the replica.
  }

  #busy(): number {
    let busy = 0
    for (const { isBusy } of this.#gifts.values()) if (isBusy) busy += 1
    return busy
  }

  #goOn(now: Instant, gift: Gift, effects: Effect[]): void {
    const { admission, hints, routing } = this.#parts
    const waiting = hints.count(gift.target)
    if (waiting < gift.waiting) gift.fewerAtMs = now.ms
    gift.waiting = waiting
    gift.isAway ||= now.ms - gift.heardAtMs > giveMs.patience
    // Where none are delivered it goes on: an owner that takes nothing does not hold up the others.
    const isAhead = waiting > transferHintsMax && now.ms - gift.fewerAtMs < giveMs.stalled
    if (isAhead) return this.#rest(gift, now.ms + giveMs.pace)
    if (gift.page === undefined && this.#isSpared(now, gift, effects)) return
    if (!gift.isAway && !routing.isReachable(gift.target)) return this.#rest(gift, now.ms + giveMs.away)
    if (!admission.mayStart(now)) return this.#rest(gift, now.ms + admission.waitMs(now))
    if (gift.page !== undefined) return this.#list(gift, gift.page, effects)
    const [next] = gift.differing
    if (next === undefined) return this.#compare(now, gift, effects)
    const [partition, sum] = next
    gift.differing.delete(partition)
    const after = beforePartition(partition, this.#parts.index.trie.partitionBits)
    gift.page = { partition, sum, after, next: after, keys: [], isLast: false }
    this.#list(gift, gift.page, effects)
  }

  #compare(now: Instant, gift: Gift, effects: Effect[]): void {
    const { index, tokens } = this.#parts
    const partitions = due(now, gift)
      .slice(0, offerPartitionsMax)
      .sort((a, b) => a - b)
    gift.compared = partitions.map(partition => [partition, index.sumOf(partition)] as const)
    if (gift.isAway) return this.#compared(now, gift, [], effects)
    const offered = gift.compared.map(([partition, sum]) => ({ partition, sum }))
    this.#ask(now, gift, { type: 'offer', id: tokens.next(), partitions: offered }, effects)
  }

  /**
   * True when the owner need not be asked now: nobody lacks anything of a partition that is empty here, so a peer without data opens no connections
   * because of a change.
   */
  #isSpared(now: Instant, gift: Gift, effects: Effect[]): boolean {
    const { index, confirmed } = this.#parts
    const chosen = gift.differing.size > 0 ? [] : due(now, gift)
    const unknown = chosen.find(partition => !index.trie.isKnown(partition))
    if (unknown !== undefined) this.#load(gift, unknown, effects)
    if (gift.differing.size > 0 || unknown !== undefined) return unknown !== undefined
    const empty = chosen.filter(partition => index.sumOf(partition).count === 0)
    for (const partition of empty) gift.rest.delete(partition)
    for (const partition of empty) confirmed(now, gift.target, partition, noSum, effects)
    if (empty.length < chosen.length) return false
    this.#waitForRest(now, gift, effects)
    return true
  }

  /** Nothing can be compared now: later, or all is done. */
  #waitForRest(now: Instant, gift: Gift, effects: Effect[]): void {
    if (gift.rest.size > 0) return this.#rest(gift, Math.min(...gift.rest.values()))
    this.#gifts.delete(gift.target)
    this.#parts.gave(now, gift.target, effects)
  }

  #load(gift: Gift, partition: number, effects: Effect[]): void {
    this.#work(gift)
    const loaded = (now: Instant, isLoaded: boolean, out: Effect[]): void => {
      this.#rest(gift, now.ms + (isLoaded ? 0 : giveMs.failed))
      this.pump(now, out)
    }
    this.#parts.index.loader.load(partition, loaded, effects)
  }

  #compared(now: Instant, gift: Gift, held: readonly number[], effects: Effect[]): void {
    const { compared } = gift
    const isHeld = new Set(held)
    gift.compared = []
    this.#rest(gift, now.ms)
    for (const [number, [partition, sum]] of compared.entries()) {
      gift.rest.delete(partition)
      if (sum.count > 0 && !isHeld.has(number)) gift.differing.set(partition, sum)
    }
    for (const [partition, sum] of compared)
      if (!gift.differing.has(partition)) this.#parts.confirmed(now, gift.target, partition, sum, effects)
    this.pump(now, effects)
  }

  #answered(now: Instant, gift: Gift, { status, wanted }: OfferWanted, effects: Effect[]): void {
    const { page } = gift
    gift.turnedAway = status === 'busy' ? gift.turnedAway + 1 : 0
    // Another partition may be taken at once; but asking for one after the other would cost more than giving them.
    this.#rest(gift, now.ms + (gift.turnedAway > 1 ? Math.min(giveMs.busy * 2 ** (gift.turnedAway - 2), giveMs.busyMax) : 0))
    if (page === undefined) return
    if (status === 'taken') {
      const keys = wanted.flatMap(number => page.keys[number] ?? [])
      return this.#keep(now, gift, page, keys, effects)
    }
    gift.page = undefined
    gift.rest.set(page.partition, now.ms + (status === 'busy' ? giveMs.busy : giveMs.refused))
    this.pump(now, effects)
  }

  #list(gift: Gift, page: Page, effects: Effect[]): void {
    this.#work(gift)
    const token = this.#parts.tokens.take(this)
    this.#scans.set(token, gift)
    effects.push({ kind: 'scan', prefix: prefixes.index, after: page.after, limit: rowsOf(page), token })
  }

  /** Keeps a hint for each of these keys; a page of which one could not be kept is offered again. */
  #keep(now: Instant, gift: Gift, page: Page, keys: readonly Uint8Array[], effects: Effect[]): void {
    let open = 1
    let allKept = true
    this.#work(gift)
    const done = (at: Instant, isKept: boolean, out: Effect[]): void => {
      open -= 1
      allKept &&= isKept
      if (open > 0) return
      this.#rest(gift, at.ms + (allKept ? 0 : giveMs.failed))
      if (allKept) this.#pageDone(at, gift, page, keys, out)
      this.pump(at, out)
    }
    for (const key of keys) {
      open += 1
      this.#parts.hints.keep(now, [gift.target], key, effects, done)
    }
    done(now, true, effects)
  }

  #pageDone(now: Instant, gift: Gift, page: Page, keys: readonly Uint8Array[], effects: Effect[]): void {
    const { hints, tally } = this.#parts
    tally.gives(
      keys.length,
      keys.reduce((bytes, key) => bytes + hints.sizeOf(gift.target, key), 0)
    )
    page.after = page.next
    if (!page.isLast || this.#gifts.get(gift.target) !== gift) return
    gift.page = undefined
    this.#parts.confirmed(now, gift.target, page.partition, page.sum, effects)
  }

  #ask(now: Instant, gift: Gift, message: Extract<Message, { type: 'offer' | 'offer-keys' }>, effects: Effect[]): void {
    gift.isBusy = true
    gift.awaited = message.id
    gift.wakeAtMs = now.ms + giveMs.silence
    effects.push({ kind: 'send', to: gift.target, lane: 'bulk', message })
  }

  /** Something is under way that will answer. */
  #work(gift: Gift): void {
    gift.isBusy = true
    gift.wakeAtMs = Number.POSITIVE_INFINITY
  }

  /** Nothing is under way until `untilMs`. */
  #rest(gift: Gift, untilMs: number): void {
    gift.isBusy = false
    gift.wakeAtMs = untilMs
  }
}

/** Partitions that may be compared now. */
function due(now: Instant, { rest }: Gift): number[] {
  return [...rest].flatMap(([partition, atMs]) => (atMs <= now.ms ? [partition] : []))
}

/** Rows to read for a page: those of the partition, and one by which its end is seen. */
function rowsOf({ sum }: Page): number {
  return Math.min(sum.count + 1, offerKeysMax)
}

function newGift({ ms }: Instant, target: PeerId): Gift {
  return {
    target,
    rest: new Map(),
    differing: new Map(),
    page: undefined,
    isBusy: false,
    awaited: 0,
    compared: [],
    wakeAtMs: ms,
    heardAtMs: ms,
    turnedAway: 0,
    isAway: false,
    waiting: 0,
    fewerAtMs: ms
  }
}
