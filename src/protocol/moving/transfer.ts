/**
 * What a ring change means for the copies here (the paper, section 4.9): new owners get theirs, and a peer that stopped being an owner drops its own.
 *
 * A partition is worked through with each owner that this peer owes it to: `giving.ts` gives the owner what it lacks, until it has confirmed all of
 * it. **Only when every current owner has confirmed the very set of records that is still here are the copies of a partition dropped**
 * (`dropping.ts`); until then they are served. A partition that changed meanwhile is compared again.
 *
 * The digest of the last ring that was worked through is kept in storage. While it is not the current one, a start works through the ring anew: what had
 * been done is found done by comparing sums. An owner that cannot be asked for minutes is owed hints, which are durable, and counts as one
 * that confirmed: its copies stay here until the hints are delivered.
 */
import type { PeerId } from '../../core/identifiers.ts'
import { encodeUtf8 } from '../../core/codec.ts'
import type { Ring } from '../../core/ring/ring.ts'
import { equalSums, type TrieSum } from '../../core/merkle/trie-sum.ts'
import type { AdmissionControl } from '../admission-control.ts'
import { Dropping } from './dropping.ts'
import type { BatchOperation, Effect, StorageClient } from '../effect.ts'
import { Giving } from './giving.ts'
import type { HintedHandoff } from '../handoff/hinted-handoff.ts'
import type { Instant } from '../instant.ts'
import type { KeyIndex } from '../key-index/key-index.ts'
import type { MoveTally } from './move-tally.ts'
import type { OfferAnswer, OfferWanted } from '../wire/message.ts'
import type { Replica } from '../replica/replica.ts'
import { partitionOfKey, type Routing } from '../requests/routing.ts'
import { metaKey } from '../storage-layout.ts'
import type { Tokens } from '../tokens.ts'

/** Meta row with the digest of the last ring whose change was worked through. */
export const settledRingKey: Uint8Array = metaKey('settled-ring')

/** Pause after the storage failed, and before a partition is compared again that changed meanwhile. */
const retryAfterMs = { failed: 1000, changed: 100 } as const

export interface TransferParts {
  readonly routing: Routing
  readonly tokens: Tokens
  readonly hints: HintedHandoff
  readonly replica: Replica
  readonly index: KeyIndex
  readonly admission: AdmissionControl
  readonly tally: MoveTally
  /** The ring is worked through, or with one of the owners it is. */
  progressed(now: Instant, effects: Effect[]): void
}

/** A partition that is owed to some of its owners. */
interface Owed {
  readonly targets: readonly PeerId[]
  /** Owners that have not confirmed it. */
  readonly waiting: Set<PeerId>
  /** What was here when the others did. */
  sums: TrieSum[]
}

export class Transfer implements StorageClient {
  readonly #parts: TransferParts
  readonly #giving: Giving
  readonly #dropping: Dropping
  readonly #owed = new Map<number, Owed>()
  /** Last ring that was worked through; `undefined` while it is not known what it was. */
  #settled: Ring | undefined
  #settledDigest: string
  #pass = 0
  #running = false
  /** True once it is known which partitions are owed to whom. */
  #isPlanned = false
  /** True while this peer doubts its copies: nothing is made of them. */
  #isHeld = false
  #retryAtMs = Number.POSITIVE_INFINITY

  /** `settledDigest` as read from {@link settledRingKey}, empty in a new storage. */
  constructor(parts: TransferParts, settledDigest: string) {
    this.#parts = parts
    this.#settledDigest = settledDigest
    this.#giving = new Giving({
      ...parts,
      gave: (now, _target, effects) => parts.progressed(now, effects),
      confirmed: (...confirmation) => this.#confirmed(...confirmation)
    })
    this.#dropping = new Dropping({ ...parts, dropped: (now, partition, effects) => this.#done(now, partition, effects) })
  }

  /** True while the ring has not been worked through. */
  get running(): boolean {
    return this.#running
  }

  /** True while a key's partition is owed to some of its owners: none of its copies may go before they all have it. */
  isMoving(key: Uint8Array): boolean {
    if (!this.#running) return false
    return !this.#isPlanned || this.#owed.has(partitionOfKey(this.#parts.routing.ring(), key))
  }

  /** True while there may be something here that a peer owns and has not confirmed. */
  owes(peer: PeerId): boolean {
    return this.#running && (!this.#isPlanned || this.#giving.isGivingTo(peer))
  }

  /** This peer has just started: a pass that its last run did not end is done again. */
  start(now: Instant, effects: Effect[]): void {
    if (this.#pass === 0) this.ringChanged(now, effects)
  }

  /** Makes nothing of the copies here until {@link release}. */
  hold(): void {
    this.#isHeld = true
    this.#stop()
    this.#running = true
  }

  /** The copies that are left count again. Some may be right in no ring: a hint that went home meanwhile left the copy that it stood for. */
  release(now: Instant, effects: Effect[]): void {
    this.#isHeld = false
    this.#unsettle(effects)
    this.ringChanged(now, effects)
  }

  /** The ring changed. */
  ringChanged(now: Instant, effects: Effect[]): void {
    if (this.#isHeld) return
    const ring = this.#parts.routing.ring()
    this.#stop()
    this.#running = ring.digest !== this.#settledDigest
    if (this.#running) {
      this.#unsettle(effects)
      this.#begin(now, effects)
      return
    }
    this.#settled = ring
    this.#parts.progressed(now, effects)
  }

  /**
   * From now on copies may arrive that are right in no other ring. Should the one before come back meanwhile, it has to be worked through again, also
   * after a crash.
   */
  #unsettle(effects: Effect[]): void {
    if (this.#settledDigest === '') return
    this.#settledDigest = ''
    effects.push({ kind: 'write', batch: [{ type: 'delete', key: settledRingKey }], then: [], token: this.#parts.tokens.take(this) })
  }

  /** Works through the ring once more: a copy of which this peer is no owner may have lost its hints. */
  walkAgain(now: Instant, effects: Effect[]): void {
    if (this.#isHeld) return
    this.#stop()
    this.#running = true
    this.#begin(now, effects)
  }

  /** The row of the last ring that was worked through; none while that is under way. */
  settledRow(): BatchOperation | undefined {
    if (this.#running) return undefined
    return { type: 'put', key: settledRingKey, value: encodeUtf8(this.#settledDigest) }
  }

  receive(now: Instant, from: PeerId, message: OfferAnswer | OfferWanted, effects: Effect[]): void {
    this.#giving.receive(now, from, message, effects)
  }

  /** That peer answers again. */
  reachable(now: Instant, peer: PeerId, effects: Effect[]): void {
    this.#giving.reachable(now, peer, effects)
  }

  deadline(): number {
    return Math.min(this.#giving.deadline(), this.#dropping.deadline(), this.#retryAtMs)
  }

  wake(now: Instant, effects: Effect[]): void {
    if (this.#giving.deadline() <= now.ms) this.#giving.wake(now, effects)
    if (this.#dropping.deadline() <= now.ms) this.#dropping.wake(now, effects)
    if (this.#retryAtMs > now.ms) return
    this.#retryAtMs = Number.POSITIVE_INFINITY
    this.#begin(now, effects)
  }

  written(): void {
    // Settling is remembered for the next start; nothing waits for it.
  }

  failed(): void {
    // Then the next start works through the ring once more.
  }

  scanned(): void {
    // Rows are scanned by those who give and drop.
  }

  loaded(): void {
    // Nothing is read.
  }

  #stop(): void {
    this.#pass += 1
    this.#isPlanned = false
    this.#owed.clear()
    this.#giving.stop()
    this.#dropping.stop()
    this.#retryAtMs = Number.POSITIVE_INFINITY
  }

  /** Rows that are on their way to the disk might not be there when it is scanned, so hints for their keys come first. */
  #begin(now: Instant, effects: Effect[]): void {
    const pass = this.#pass
    let open = 1
    let allKept = true
    const done = (at: Instant, isKept: boolean, out: Effect[]): void => {
      open -= 1
      allKept &&= isKept
      if (open > 0 || pass !== this.#pass) return
      if (allKept) this.#offer(at, out)
      else this.#retryAtMs = at.ms + retryAfterMs.failed
    }
    for (const key of this.#parts.replica.keysUnderWay()) {
      open += 1
      this.#parts.hints.keep(now, this.#targets(partitionOfKey(this.#parts.routing.ring(), key)), key, effects, done)
    }
    done(now, true, effects)
  }

  #targets(partition: number): readonly PeerId[] {
    const { routing } = this.#parts
    const before = this.#settled?.owners(partition) ?? []
    return obligations(routing.self, routing.ring().owners(partition), before, peer => routing.isReachable(peer))
  }

  #offer(now: Instant, effects: Effect[]): void {
    const { partitions } = this.#parts.routing.ring()
    for (let partition = 0; partition < partitions; partition++) {
      const targets = this.#isEmpty(partition) ? [] : this.#targets(partition)
      if (targets.length > 0) this.#owe(now, partition, targets, now.ms)
    }
    this.#isPlanned = true
    this.#giving.pump(now, effects)
    this.#settle(now, effects)
  }

  #isEmpty(partition: number): boolean {
    const { trie } = this.#parts.index
    return trie.isKnown(partition) && trie.sum(trie.partitionBits, partition).count === 0
  }

  #owe(now: Instant, partition: number, targets: readonly PeerId[], notBeforeMs: number): void {
    this.#owed.set(partition, { targets, waiting: new Set(targets), sums: [] })
    const before = this.#settled?.owners(partition) ?? []
    for (const target of targets) {
      this.#giving.owe(now, target, partition, notBeforeMs)
      if (!before.includes(target)) this.#parts.tally.owes(target, partition, this.#parts.index.sumOf(partition).count)
    }
  }

  #confirmed(now: Instant, target: PeerId, partition: number, sum: TrieSum, effects: Effect[]): void {
    const owed = this.#owed.get(partition)
    if (owed === undefined || !owed.waiting.delete(target)) return
    this.#parts.tally.gave(target, partition)
    owed.sums.push(sum)
    if (owed.waiting.size > 0) return
    const { index, routing } = this.#parts
    const current = index.sumOf(partition)
    const isDone = routing.ring().owners(partition).includes(routing.self) || index.isSurelyEmpty(partition)
    if (isDone) this.#done(now, partition, effects)
    else if (!owed.sums.every(found => equalSums(found, current))) this.#owe(now, partition, owed.targets, now.ms + retryAfterMs.changed)
    else {
      this.#owed.delete(partition)
      this.#dropping.add(partition, effects)
    }
  }
  #done(now: Instant, partition: number, effects: Effect[]): void {
    this.#owed.delete(partition)
    this.#settle(now, effects)
  }

  /** All that was owed is done: the ring is worked through. */
  #settle(now: Instant, effects: Effect[]): void {
    if (!this.#running || !this.#isPlanned || this.#owed.size > 0 || !this.#dropping.isIdle) return
    const ring = this.#parts.routing.ring()
    this.#running = false
    this.#settled = ring
    this.#settledDigest = ring.digest
    const settled: BatchOperation = { type: 'put', key: settledRingKey, value: encodeUtf8(ring.digest) }
    effects.push({ kind: 'write', batch: [settled], then: [], token: this.#parts.tokens.take(this) })
    this.#parts.progressed(now, effects)
  }
}

/**
 * Owners that this peer must give its copies to after the owners changed from `before` to `after`: all of them when it stopped being one; the
 * newcomers when it is the first reachable owner that was one before.
 */
export function obligations(
  self: PeerId,
  after: readonly PeerId[],
  before: readonly PeerId[],
  isReachable: (peer: PeerId) => boolean
): readonly PeerId[] {
  if (!after.includes(self)) return after
  const newcomers = after.filter(owner => owner !== self && !before.includes(owner))
  const giver = after.find(owner => before.includes(owner) && (owner === self || isReachable(owner))) ?? self
  return giver === self ? newcomers : []
}
