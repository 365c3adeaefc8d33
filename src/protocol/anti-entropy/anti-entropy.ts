/**
 * Anti-entropy (the paper, section 4.7): replicas that nobody reads are repaired too.
 *
 * In turn, and each about every ten seconds, a peer tells its co-owners the digest of all partitions that both own. Mostly it is the same there, and
 * that was all.
 * Where it differs, the two descend their Merkle tries in turns (`reconciliation.ts`) until they have the entries that differ. A write under way
 * looks just like a lost one, so each difference is compared again a little later: only where neither side changed, and both still differ, the
 * key is repaired. Records travel one way where one side has nothing, and after a comparison of versions where both have something, so
 * that nobody is sent what it knows.
 *
 * A peer that lies costs a bounded number of nodes, entries, bytes and milliseconds per exchange, and can make nobody accept anything: records are
 * merged like any repair.
 */
import { isStoreError } from '../../core/errors.ts'
import type { PeerId } from '../../core/identifiers.ts'
import { exchangesMax } from '../../core/limits.ts'
import { position, prefixOf } from '../../core/ring/position.ts'
import type { Prng } from '../../core/prng.ts'
import type { Ring } from '../../core/ring/ring.ts'
import type { AdmissionControl } from '../admission-control.ts'
import { sendBulk, type Effect } from '../effect.ts'
import { differencesMessage, exchangeMs, note, spend, spendOn, touch, type Exchange } from './exchange.ts'
import { ExchangeLoads } from './exchange-loads.ts'
import { ExchangeRepairs } from './exchange-repairs.ts'
import { entryBytes, packPlaces, unpackEntries, unpackPlaces } from './exchange-layout.ts'
import type { Instant } from '../instant.ts'
import type { KeyIndex } from '../key-index/key-index.ts'
import type {
  ExchangeDifferences,
  ExchangeMessage,
  ExchangeNode,
  ExchangeNodes,
  ExchangeOpen,
  ExchangeVersions,
  ExchangeWanted
} from '../wire/message.ts'
import { chunksOf, placeBits, SharedTrie } from './reconciliation.ts'
import type { Replica } from '../replica/replica.ts'
import type { Routing } from '../requests/routing.ts'
import type { Tokens } from '../tokens.ts'

/** Differences and places in one message. */
const listItemsMax = 4096

/** A difference as the other side told it. */
interface Told {
  readonly place: number
  /** Digest that it saw here, 0 for nothing. */
  readonly mine: number
  readonly theyLack: boolean
}

export interface AntiEntropyParts {
  readonly routing: Routing
  readonly tokens: Tokens
  readonly replica: Replica
  readonly index: KeyIndex
  readonly admission: AdmissionControl
  readonly random: Prng
  /** True while copies are on their way by other means: a transfer, or hints for `peer`. */
  isBusy(peer: PeerId): boolean
}

export class AntiEntropy {
  readonly #parts: AntiEntropyParts
  readonly #exchanges = new Map<PeerId, Exchange>()
  readonly #repairs: ExchangeRepairs
  readonly #loads: ExchangeLoads
  readonly #distrustedUntilMs = new Map<PeerId, number>()
  /** When each co-owner of the ring `#sharing` was compared with last. */
  readonly #comparedAtMs = new Map<PeerId, number>()
  /** Partitions shared with each peer in the ring `#sharing`. */
  #shared: ReadonlyMap<PeerId, readonly number[]> = new Map()
  #sharing: Ring | undefined
  #roundAtMs = Number.POSITIVE_INFINITY
  /** Whom the last exchange left something to do with. */
  #unfinished: PeerId | undefined

  constructor(parts: AntiEntropyParts) {
    this.#parts = parts
    const isCurrent = (exchange: Exchange): boolean => this.#exchanges.get(exchange.peer) === exchange
    this.#repairs = new ExchangeRepairs(parts, isCurrent)
    this.#loads = new ExchangeLoads(parts.index, isCurrent)
  }

  start(now: Instant): void {
    this.#roundAtMs = now.ms + this.#parts.random.below(exchangeMs.round)
  }

  receive(now: Instant, from: PeerId, message: ExchangeMessage, effects: Effect[]): void {
    if (message.type === 'exchange-open') return this.#opened(now, from, message, effects)
    const exchange = this.#exchanges.get(from)
    if (exchange?.id !== message.id) return count(effects, 'exchange.late')
    if (exchange.ring.digest !== this.#parts.routing.ring().digest) return this.#end(now, exchange, effects)
    exchange.isDifferent = true
    exchange.endsAtMs = now.ms + exchangeMs.silence
    this.#trusting(now, exchange, effects, () => this.#take(now, exchange, message, effects))
  }

  deadline(): number {
    let earliest = this.#roundAtMs
    for (const { againAtMs, endsAtMs } of this.#exchanges.values()) earliest = Math.min(earliest, againAtMs, endsAtMs)
    return earliest
  }

  wake(now: Instant, effects: Effect[]): void {
    for (const exchange of this.#exchanges.values()) {
      if (exchange.pending.length > 0) exchange.endsAtMs = Math.max(exchange.endsAtMs, now.ms + exchangeMs.silence)
      const isOver = exchange.endsAtMs <= now.ms || exchange.startedAtMs + exchangeMs.longest <= now.ms
      if (exchange.againAtMs <= now.ms) this.#compareAgain(now, exchange, effects)
      else if (isOver) this.#end(now, exchange, effects)
    }
    if (this.#roundAtMs > now.ms) return
    const meanMs = Math.max(exchangeMs.between, exchangeMs.round / Math.max(this.#sharedByPeer().size, 1))
    this.#roundAtMs = now.ms + meanMs / 2 + this.#parts.random.below(meanMs)
    this.#open(now, effects)
  }

  /** Ends the exchange when the other side turns out to have sent what no trie can have, and does not listen to it for a while. */
  #trusting(now: Instant, exchange: Exchange, effects: Effect[], act: () => void): void {
    try {
      act()
    } catch (error) {
      if (!isStoreError(error) || error.code === 'ERR_INTERNAL') throw error
      this.#distrustedUntilMs.set(exchange.peer, now.ms + exchangeMs.distrust)
      this.#end(now, exchange, effects)
      count(effects, `refused.${error.code}`)
    }
  }

  #open(now: Instant, effects: Effect[]): void {
    const { routing, tokens } = this.#parts
    const { admission } = this.#parts
    if (!admission.mayStart(now)) {
      this.#roundAtMs = now.ms + admission.waitMs(now)
      return
    }
    const peer = this.#next(now)
    this.#unfinished = undefined
    if (peer === undefined || this.#exchanges.size >= exchangesMax) return
    const exchange = this.#begin(now, peer, tokens.next(), true)
    count(effects, 'exchange.opened')
    sendBulk(effects, peer, { type: 'exchange-open', id: exchange.id, ring: routing.ring().digest, digest: exchange.trie.digest() })
  }

  /** Whom the last exchange left something to do with, else who was not compared with for longest. */
  #next(now: Instant): PeerId | undefined {
    const { routing, index } = this.#parts
    if (!index.isComplete || routing.isJoining(routing.self)) return undefined
    const shared = this.#sharedByPeer()
    if (this.#unfinished !== undefined && shared.has(this.#unfinished) && this.#isFree(now, this.#unfinished)) return this.#unfinished
    let next: PeerId | undefined
    let earliest = Number.POSITIVE_INFINITY
    for (const peer of shared.keys()) {
      const comparedAt = this.#comparedAtMs.get(peer) ?? Number.NEGATIVE_INFINITY
      if (comparedAt >= earliest || !this.#isFree(now, peer)) continue
      next = peer
      earliest = comparedAt
    }
    return next
  }

  #isFree(now: Instant, peer: PeerId): boolean {
    const { routing } = this.#parts
    if (this.#exchanges.has(peer) || !routing.isReachable(peer) || routing.isJoining(peer) || this.#parts.isBusy(peer)) return false
    return (this.#distrustedUntilMs.get(peer) ?? 0) <= now.ms
  }

  #opened(now: Instant, from: PeerId, { id, ring, digest }: ExchangeOpen, effects: Effect[]): void {
    const { routing, index } = this.#parts
    if (ring !== routing.ring().digest) return count(effects, 'exchange.other-ring')
    if (!index.isComplete) return count(effects, 'exchange.ignored')
    if (!this.#sharedByPeer().has(from) || (this.#distrustedUntilMs.get(from) ?? 0) > now.ms) return count(effects, 'exchange.ignored')
    const known = this.#exchanges.get(from)
    // When both open at once, the exchange of the lower peer id goes on.
    if (known !== undefined && (known.isDifferent || !known.isOpener || routing.self < from)) return count(effects, 'exchange.ignored')
    if (known === undefined && this.#exchanges.size >= exchangesMax) return count(effects, 'exchange.ignored')
    const exchange = this.#begin(now, from, id, false)
    if (exchange.trie.digest() === digest) {
      this.#exchanges.delete(from)
      return count(effects, 'exchange.equal')
    }
    exchange.isDifferent = true
    count(effects, 'exchange.different')
    this.#sendNodes(exchange, [exchange.trie.root()], effects)
  }

  #begin(now: Instant, peer: PeerId, id: number, isOpener: boolean): Exchange {
    const ring = this.#parts.routing.ring()
    const exchange: Exchange = {
      id,
      peer,
      ring,
      trie: new SharedTrie(this.#parts.index.trie, this.#sharedByPeer().get(peer) ?? [], id),
      isOpener,
      startedAtMs: now.ms,
      isDifferent: false,
      differences: new Map(),
      againAtMs: Number.POSITIVE_INFINITY,
      endsAtMs: now.ms + exchangeMs.silence,
      items: 0,
      recordBytes: 0,
      isCut: false,
      hasTold: false,
      repaired: new Map(),
      pending: [],
      pinned: new Set()
    }
    this.#exchanges.set(peer, exchange)
    this.#comparedAtMs.set(peer, now.ms)
    return exchange
  }

  #take(now: Instant, exchange: Exchange, message: Exclude<ExchangeMessage, ExchangeOpen>, effects: Effect[]): void {
    switch (message.type) {
      case 'exchange-nodes':
        return this.#compare(now, exchange, message, effects)
      case 'exchange-differences':
        return this.#confirm(now, exchange, message, effects)
      case 'exchange-versions':
        return this.#answerVersions(now, exchange, message, effects)
      case 'exchange-wanted':
        return this.#answerWanted(now, exchange, message, effects)
    }
  }

  #compare(now: Instant, exchange: Exchange, { nodes }: ExchangeNodes, effects: Effect[]): void {
    for (const { entries } of nodes) spend(exchange, 1 + entries.length / entryBytes)
    exchange.trie.check(nodes)
    for (const group of exchange.trie.groups(nodes)) {
      const go = (at: Instant, out: Effect[]): void => {
        const answer = exchange.trie.compare(group.nodes, difference => note(at, exchange, difference))
        exchange.isCut ||= exchange.trie.leftOut
        this.#sendNodes(exchange, answer, out)
      }
      this.#whenLoaded(now, exchange, group.partitions, go, effects)
    }
  }

  #whenLoaded(
    now: Instant,
    exchange: Exchange,
    partitions: readonly number[],
    go: (now: Instant, effects: Effect[]) => void,
    effects: Effect[]
  ): void {
    const trusting = (at: Instant, out: Effect[]): void => {
      exchange.endsAtMs = at.ms + exchangeMs.silence
      this.#trusting(at, exchange, out, () => go(at, out))
    }
    if (this.#exchanges.get(exchange.peer) === exchange) this.#loads.add(now, exchange, { partitions, go: trusting }, effects)
  }

  /** Tells the other side those differences that are as they were. */
  #compareAgain(now: Instant, exchange: Exchange, effects: Effect[]): void {
    const lasting = [...exchange.differences.values()].filter(({ place, mine }) => exchange.trie.entryAt(place) === mine)
    exchange.differences.clear()
    exchange.againAtMs = Number.POSITIVE_INFINITY
    exchange.endsAtMs = now.ms + exchangeMs.silence
    exchange.hasTold ||= lasting.length > 0
    for (const chunk of chunksOf(lasting, listItemsMax)) sendBulk(effects, exchange.peer, differencesMessage(exchange.id, chunk))
  }

  #confirm(now: Instant, exchange: Exchange, { yourGaps, myGaps, changed }: ExchangeDifferences, effects: Effect[]): void {
    const told: readonly Told[] = [
      ...unpackPlaces(yourGaps).map(place => ({ place, mine: 0, theyLack: false })),
      ...unpackEntries(myGaps).map(({ place, digest }) => ({ place, mine: digest, theyLack: true })),
      ...unpackEntries(changed).map(({ place, digest }) => ({ place, mine: digest, theyLack: false }))
    ]
    for (const { place } of told) spendOn(exchange, place)
    const partitions = new Set(told.map(({ place }) => exchange.trie.partitionOf(place)))
    this.#whenLoaded(now, exchange, [...partitions], (at, out) => this.#repair(at, exchange, told, out), effects)
  }

  /** The other side still has what it had; repairs where this side has, too. */
  #repair(now: Instant, exchange: Exchange, told: readonly Told[], effects: Effect[]): void {
    const wanted: number[] = []
    for (const { place, mine, theyLack } of told) {
      if (exchange.trie.entryAt(place) !== mine) continue
      touch(exchange, place, effects)
      if (mine === 0) wanted.push(place)
      else this.#repairs.add(exchange, place, theyLack ? 'record' : 'version')
    }
    if (wanted.length > 0) sendBulk(effects, exchange.peer, { type: 'exchange-wanted', id: exchange.id, places: packPlaces(wanted) })
    this.#repairs.pump(now, effects)
  }

  #answerWanted(now: Instant, exchange: Exchange, { places }: ExchangeWanted, effects: Effect[]): void {
    for (const place of unpackPlaces(places)) {
      spendOn(exchange, place)
      touch(exchange, place, effects)
      this.#repairs.add(exchange, place, 'record')
    }
    this.#repairs.pump(now, effects)
  }

  #answerVersions(now: Instant, exchange: Exchange, { versions }: ExchangeVersions, effects: Effect[]): void {
    const placed = versions.map(version => ({ place: placeOf(version.key), version }))
    for (const { place } of placed) {
      spendOn(exchange, place)
      touch(exchange, place, effects)
    }
    this.#repairs.answerVersions(now, exchange, placed, effects)
  }

  #sendNodes(exchange: Exchange, nodes: readonly ExchangeNode[], effects: Effect[]): void {
    for (const chunk of chunksOf(nodes)) sendBulk(effects, exchange.peer, { type: 'exchange-nodes', id: exchange.id, nodes: chunk })
  }

  #end(now: Instant, exchange: Exchange, effects: Effect[]): void {
    this.#exchanges.delete(exchange.peer)
    this.#loads.release(exchange)
    const { peer, repaired } = exchange
    for (const [partition, records] of repaired)
      effects.push({ kind: 'report', event: { type: 'exchange-finished', peer, partition, repaired: records } })
    if (repaired.size === 0 && !exchange.isCut && !exchange.hasTold) return
    this.#unfinished = peer
    this.#roundAtMs = Math.min(this.#roundAtMs, now.ms + exchangeMs.soon)
  }

  #sharedByPeer(): ReadonlyMap<PeerId, readonly number[]> {
    const { routing } = this.#parts
    const ring = routing.ring()
    if (this.#sharing?.digest === ring.digest) return this.#shared
    const shared = new Map<PeerId, number[]>()
    for (const partition of ring.partitionsOf(routing.self)) {
      for (const owner of ring.owners(partition)) {
        if (owner === routing.self) continue
        const partitions = shared.get(owner) ?? []
        partitions.push(partition)
        shared.set(owner, partitions)
      }
    }
    for (const peer of this.#comparedAtMs.keys()) if (!shared.has(peer)) this.#comparedAtMs.delete(peer)
    this.#sharing = ring
    this.#shared = shared
    return shared
  }
}

/** First 48 bits of a key's position. */
function placeOf(key: Uint8Array): number {
  const bytes = position(key)
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return prefixOf(view.getUint32(0), view.getUint32(4), placeBits)
}

function count(effects: Effect[], name: string): void {
  effects.push({ kind: 'report', event: { type: 'counted', name } })
}
