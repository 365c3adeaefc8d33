/**
 * Who is in the cluster (the paper, section 4.8): signed member records, merged into a view that ends up the same everywhere.
 *
 * Records spread by gossip when they change and at a slow heartbeat. Gossip may be lost, so each peer also compares the digest of its view
 * with a random peer every few seconds, and both pull what they lack. Nobody speaks for another; what others say about this peer is
 * answered with a higher incarnation.
 */
import { equalBytes } from '../../core/bytes.ts'
import { isStoreError } from '../../core/errors.ts'
import type { PeerId, ReplicaId } from '../../core/identifiers.ts'
import { goneMembersMax, gossipPerSecondMax } from '../../core/limits.ts'
import {
  checkMember,
  decodeMember,
  encodeMember,
  evictionOf,
  isFirstRun,
  isGone,
  isPassing,
  nextEnding,
  publishableAddresses,
  signMember,
  type MemberRecord,
  type MemberSigner,
  type MemberStatus,
  type MemberVerifier
} from '../../core/members/member-record.ts'
import { hasRoomFor, mergeMember, type MembershipView } from '../../core/members/membership-view.ts'
import type { Prng } from '../../core/prng.ts'
import { sendRequest, type BatchOperation, type Effect } from '../effect.ts'
import type { Instant } from '../instant.ts'
import { memberRow, MemberKeeper, noRow } from './member-keeper.ts'
import { isRemembered, Remembrance } from './remembrance.ts'
import type { Message, ViewSummary } from '../wire/message.ts'
import { freshReplicaId, takeMintingId } from '../replica/minting-id.ts'
import { memberKey, metaKey } from '../storage-layout.ts'
import type { Tokens } from '../tokens.ts'
import { answerOutdone, answerSummary, compareVersions, compareViews, isNews, summarize } from './view-exchange.ts'
import { encodeUtf8 } from '../../core/codec.ts'

/** How often views are compared with a random peer, and the own record is gossiped again: the latter at most once in ten seconds by all members together. */
export const membershipMs = { exchange: 3000, heartbeat: 30_000, heartbeatPerMember: 10_000 } as const

/** Meta row of this storage incarnation's replica id. */
export const replicaIdKey: Uint8Array = metaKey('replica')

/** What this peer says of itself when it starts. */
export interface OwnMember {
  /** Version of the first that it says; see `nextRun`. */
  readonly incarnation: number
  readonly sequence: number
  readonly status: MemberStatus
  readonly weight: number
  readonly durable: boolean
  readonly zone: string | undefined
  readonly replica: ReplicaId
}

export interface MembershipParts {
  readonly cluster: string
  readonly signer: MemberSigner
  readonly verifier: MemberVerifier
  readonly random: Prng
  readonly tokens: Tokens
  readonly own: OwnMember
  readonly view: MembershipView
  /** Absence after which a member that is not durable is evicted. */
  readonly evictAfterMs: number
  /** Reads a gossiped record; simulated peers share what they have in common. @default the codec itself */
  readonly recordOf?: (bytes: Uint8Array) => MemberRecord
  /** Peers with an open connection. */
  connectedPeers(): readonly PeerId[]
  /** Members that connections are kept to: this peer notices when they are gone. */
  neighbours(): ReadonlySet<PeerId>
  /** Views were exchanged with a member for the first time while this peer is joining: it knows the ring. */
  met(now: Instant, effects: Effect[]): void
  /** Called after the view changed. */
  changed(now: Instant, peers: readonly PeerId[], effects: Effect[]): void
  /** A member has shown this peer's newest record, and would remember it after a restart. */
  heard(from: PeerId, effects: Effect[]): void
  /** Another process used this storage's identity later than this one knew: its replica id is not safe any more. */
  rolledBack(replica: ReplicaId, effects: Effect[]): void
}

export class Membership {
  readonly #parts: MembershipParts
  #view: MembershipView
  #own: OwnMember
  #sequence: number
  #addresses: readonly string[] = []
  #exchangeAtMs = Number.POSITIVE_INFINITY
  #heartbeatAtMs = Number.POSITIVE_INFINITY
  /** Not before this time, however many heartbeats pass. */
  #broadcastAtMs = Number.NEGATIVE_INFINITY
  /** Members without a connection, and since when. */
  #absentSinceMs = new Map<PeerId, number>()
  readonly #keeper: MemberKeeper
  readonly #remembrance: Remembrance
  /** Until the first exchange with any member has ended: with whom one is under way. */
  #firstExchange: { readonly with: PeerId | undefined } | undefined = { with: undefined }
  #gossipSecond = 0
  #gossipCount = 0

  constructor(parts: MembershipParts) {
    this.#parts = parts
    this.#view = parts.view
    this.#own = parts.own
    this.#sequence = parts.own.sequence
    this.#keeper = new MemberKeeper(parts.tokens, (peer, effects) => this.#remembrance.kept(peer, effects))
    this.#remembrance = new Remembrance({ view: () => this.shared, isKept: peer => this.isKept(peer) })
  }

  get view(): MembershipView {
    return this.#view
  }

  /** What views are compared by. A client that passes by knows itself, and nobody else has to. */
  get shared(): MembershipView {
    const { record } = this
    return record !== undefined && isPassing(record) ? this.#view.without(record.peerId) : this.#view
  }

  get status(): MemberStatus {
    return this.#own.status
  }

  /** True once this peer knows all that another member knew. */
  get knowsMembers(): boolean {
    return this.#firstExchange === undefined
  }

  /** This peer's current record; present once started. */
  get record(): MemberRecord | undefined {
    return this.#view.get(this.#parts.signer.peerId)
  }

  start(now: Instant, effects: Effect[]): void {
    this.#publish(now, effects)
    this.#exchangeAtMs = now.ms + this.#jittered(membershipMs.exchange)
    this.#heartbeatAtMs = now.ms + this.#jittered(membershipMs.heartbeat)
  }

  /** True when a restart would not forget what this peer knows of that member. */
  isKept(peer: PeerId): boolean {
    return this.#keeper.isKept(peer)
  }

  /** The stored form of the member record at this storage key, if it is known. */
  rowAt(storageKey: Uint8Array): BatchOperation | undefined {
    const record = this.#view.all().find(({ peerId }) => equalBytes(memberKey(peerId), storageKey))
    return record === undefined ? undefined : memberRow(record)
  }

  /** The row of this storage incarnation's replica id. */
  identityRow(): BatchOperation {
    return { type: 'put', key: replicaIdKey, value: encodeUtf8(this.#own.replica) }
  }

  /** This peer's status changed; `told` are effects that follow once the others were told. */
  setStatus(now: Instant, status: MemberStatus, effects: Effect[], told: readonly Effect[] = []): void {
    if (this.#own.status === status) return
    this.#own = { ...this.#own, status }
    this.#publish(now, effects, told)
  }

  setAddresses(now: Instant, addresses: readonly string[], effects: Effect[]): void {
    const publishable = publishableAddresses(this.#parts.signer.peerId, addresses)
    if (publishable.join() === this.#addresses.join()) return
    this.#addresses = publishable
    this.#publish(now, effects)
  }

  /** A connection was admitted: its hello carried `record`; then views are compared at once. */
  connected(now: Instant, peer: PeerId, record: MemberRecord | undefined, effects: Effect[]): void {
    if (record !== undefined) {
      const isForgotten = this.#mayBeForgotten(record)
      this.#merge(now, [record], effects)
      if (isForgotten) this.evict(now, peer, effects, [])
    }
    compareViews(this.shared, peer, effects)
  }

  /** A gossip message: accepted ones are passed on by the network. */
  gossip(now: Instant, bytes: Uint8Array, effects: Effect[]): 'accept' | 'ignore' | 'reject' {
    const second = Math.floor(now.ms / 1000)
    this.#gossipCount = second === this.#gossipSecond ? this.#gossipCount + 1 : 1
    this.#gossipSecond = second
    if (this.#gossipCount > gossipPerSecondMax) return 'ignore'
    try {
      const record = (this.#parts.recordOf ?? decodeMember)(bytes)
      // Whoever passes on a newcomer that finds no room here did nothing wrong.
      if (isPassing(record) || !hasRoomFor(this.#view, record)) return 'ignore'
      const known = this.#view.get(record.peerId)
      // What was checked before is passed on, and what is outdated stops here, without another look at its signature.
      if (known === record || (known !== undefined && equalBytes(encodeMember(known), bytes))) return 'accept'
      if (compareVersions(record, known) < 0) return 'ignore'
      checkMember(record, this.#parts.cluster, this.#parts.verifier)
      this.#merge(now, [record], effects)
      return 'accept'
    } catch (error) {
      if (!isStoreError(error)) throw error
      return 'reject'
    }
  }

  receive(now: Instant, from: PeerId, message: Message, effects: Effect[]): void {
    if (message.type === 'view-digest') this.#digestArrived(now, from, message.digest, effects)
    else if (message.type === 'view-summary') this.#summaryArrived(from, message, effects)
    else if (message.type === 'view-request') this.#remembrance.wished(from, message.peers, effects)
    else if (message.type === 'view-records') this.#recordsArrived(now, from, message.records, effects)
  }

  deadline(): number {
    return Math.min(this.#exchangeAtMs, this.#heartbeatAtMs, this.#keeper.deadline())
  }

  wake(now: Instant, effects: Effect[]): void {
    this.#keeper.wake(now, effects)
    if (now.ms >= this.#exchangeAtMs) {
      this.#exchangeAtMs = now.ms + this.#jittered(membershipMs.exchange)
      const peers = this.#parts.connectedPeers().filter(each => this.#parts.neighbours().has(each))
      const peer = peers[this.#parts.random.below(Math.max(peers.length, 1))]
      if (peer !== undefined) compareViews(this.shared, peer, effects)
    }
    if (now.ms >= this.#heartbeatAtMs) {
      this.#evictAbsent(now, effects)
      this.#heartbeatAtMs = now.ms + this.#jittered(membershipMs.heartbeat)
      if (now.ms >= this.#broadcastAtMs) this.#broadcast(now, effects)
    }
  }

  /** Members that are not durable, such as tabs, do not say that they are gone for good. A peer that sees nobody evicts nobody. */
  #evictAbsent(now: Instant, effects: Effect[]): void {
    const connected = new Set(this.#parts.connectedPeers())
    const evicted: MemberRecord[] = []
    const before = this.#absentSinceMs
    this.#absentSinceMs = new Map()
    for (const peer of this.#parts.neighbours()) {
      const record = this.#view.get(peer)
      if (record === undefined || connected.has(peer)) continue
      const isMeantToStay = record.durable && record.status !== 'leaving'
      if (isMeantToStay || isGone(record.status)) continue
      const sinceMs = before.get(peer) ?? now.ms
      this.#absentSinceMs.set(peer, sinceMs)
      if (connected.size > 0 && now.ms - sinceMs >= this.#parts.evictAfterMs) evicted.push(this.#evictionOf(record))
    }
    this.#merge(now, evicted, effects)
    for (const record of evicted) effects.push({ kind: 'broadcast', bytes: encodeMember(record) })
  }

  /** An operator declares a member gone for good; `told` are effects that follow once this is kept, or the disk refused, and the others were told. */
  evict(now: Instant, peer: PeerId, effects: Effect[], told: readonly Effect[]): void {
    const record = this.#view.get(peer)
    if (record === undefined || isGone(record.status)) {
      effects.push(...told)
      return
    }
    const eviction = this.#evictionOf(record)
    this.#merge(now, [eviction], effects, [...this.#telling(eviction), ...told])
  }

  #evictionOf(record: MemberRecord): MemberRecord {
    return signMember(evictionOf(record, nextEnding(this.#view.lastEnding)), this.#parts.cluster, this.#parts.signer)
  }

  /**
   * True for a member of which this peer ought to know, and does not: it is up, not for the first time, and endings were forgotten. So it may have been
   * evicted, and miss what its partitions' owners took since.
   */
  #mayBeForgotten(record: MemberRecord): boolean {
    const isUp = this.#own.status === 'up' && record.status === 'up' && !isPassing(record)
    return isUp && !isFirstRun(record) && this.#view.goneCount >= goneMembersMax && this.#view.get(record.peerId) === undefined
  }

  /** To all that can be told at once, and to the others by whom those tell. */
  #telling(record: MemberRecord): readonly Effect[] {
    if (isPassing(record)) return []
    const told: Effect[] = [{ kind: 'broadcast', bytes: encodeMember(record) }]
    for (const peer of this.#parts.connectedPeers()) sendRequest(told, peer, { type: 'view-records', records: [record] })
    return told
  }

  #digestArrived(now: Instant, from: PeerId, digest: string, effects: Effect[]): void {
    if (digest === this.shared.digest) {
      // A client that passes by is a member to nobody, so nobody compares views with it again: it would wait for ever for an answer that was lost.
      if (this.shared === this.#view && this.#view.get(from) === undefined) compareViews(this.#view, from, effects)
      this.#knowsMembers(effects)
      return this.#agreed(now, effects)
    }
    if (this.#firstExchange !== undefined) this.#firstExchange = { with: from }
    summarize(this.shared, from, effects)
  }

  #summaryArrived(from: PeerId, summary: ViewSummary, effects: Effect[]): void {
    if (answerSummary(this.#remembrance.viewFor(from), from, summary, effects)) this.#knowsMembers(effects)
    else if (this.#firstExchange !== undefined) this.#firstExchange = { with: from }
  }

  #recordsArrived(now: Instant, from: PeerId, records: readonly MemberRecord[], effects: Effect[]): void {
    const news = records.filter(record => isNews(record, this.#view.get(record.peerId)))
    for (const record of news) checkMember(record, this.#parts.cluster, this.#parts.verifier)
    this.#merge(now, news, effects)
    answerOutdone(this.#remembrance.viewFor(from), from, news, effects)
    if (this.#firstExchange?.with === from) this.#knowsMembers(effects)
    this.#agreed(now, effects)
    if (isRemembered(this.record, records)) this.#parts.heard(from, effects)
  }

  /** All that another member knew is known here. */
  #knowsMembers(effects: Effect[]): void {
    if (this.#firstExchange === undefined) return
    this.#firstExchange = undefined
    effects.push({ kind: 'report', event: { type: 'members-known' } })
  }

  /** After the first exchange with any member a joining peer knows the ring. */
  #agreed(now: Instant, effects: Effect[]): void {
    if (this.#own.status === 'joining') this.#parts.met(now, effects)
  }

  /** Merges checked records, but no newcomer into a full view; `told` are effects that follow once they are kept, or the disk refused. */
  #merge(now: Instant, records: readonly MemberRecord[], effects: Effect[], told: readonly Effect[] = []): void {
    const changed: MemberRecord[] = []
    const forgotten: PeerId[] = []
    for (const record of records.filter(each => !isPassing(each))) {
      if (!hasRoomFor(this.#view, record)) {
        effects.push({ kind: 'report', event: { type: 'counted', name: 'refused.ERR_MEMBERS_FULL' } })
        continue
      }
      const merged = mergeMember(this.#view, record)
      if (!merged.changed) continue
      this.#view = merged.view
      changed.push(record)
      if (merged.forgotten !== undefined) forgotten.push(merged.forgotten)
    }
    if (changed.length === 0) return
    const about = changed.find(record => record.peerId === this.#parts.signer.peerId)
    // What others say of this peer is not kept, but the answer to it.
    const rows = changed.filter(record => record !== about).map(record => ({ peer: record.peerId, batch: [memberRow(record)] }))
    this.#keeper.keep([...rows, ...forgotten.map(noRow)], told, effects)
    if (about !== undefined) this.#refute(now, about, effects)
    const peers = changed.map(record => record.peerId)
    this.#parts.changed(now, peers, effects)
  }

  /**
   * Somebody knows a newer record of this peer than it made itself: an eviction, or its own words from a life that it has forgotten. One that was evicted
   * is no owner any more, and has missed what its partitions' owners took: it joins again. It goes on with the sequences of this run: others may hear
   * it before it is kept, and the next run must not say something else under the same version.
   */
  #refute(now: Instant, record: MemberRecord, effects: Effect[]): void {
    const forgotten = record.issuer === this.#parts.signer.peerId
    const replica = forgotten ? freshReplicaId(this.#parts.random) : this.#own.replica
    const status = this.#own.status === 'up' && !forgotten ? 'joining' : this.#own.status
    this.#own = { ...this.#own, incarnation: record.incarnation + 1, replica, status }
    this.#sequence = this.#parts.own.sequence
    if (forgotten) this.#parts.rolledBack(replica, effects)
    this.#publish(now, effects)
  }

  /** Signs the own record anew, keeps it, and tells the others once it is kept, or the disk refused. */
  #publish(now: Instant, effects: Effect[], after: readonly Effect[] = []): void {
    const { signer, cluster } = this.#parts
    const { incarnation, status, weight, durable, zone, replica } = this.#own
    const record = signMember(
      {
        peerId: signer.peerId,
        incarnation,
        sequence: this.#sequence,
        status,
        weight,
        durable,
        zone,
        replica,
        addresses: this.#addresses,
        ending: isGone(status) ? nextEnding(this.#view.lastEnding) : 0
      },
      cluster,
      signer
    )
    this.#sequence += 1
    this.#view = this.#view.with(record)
    const told = [...this.#telling(record), ...after]
    const batch = [this.identityRow(), memberRow(record), takeMintingId]
    this.#keeper.keep([{ peer: signer.peerId, batch }], told, effects)
    this.#parts.changed(now, [signer.peerId], effects)
  }

  #broadcast(now: Instant, effects: Effect[]): void {
    const { record } = this
    this.#broadcastAtMs =
      now.ms + (this.#view.present.length - membershipMs.heartbeat / membershipMs.heartbeatPerMember) * membershipMs.heartbeatPerMember
    if (record !== undefined && !isPassing(record)) effects.push({ kind: 'broadcast', bytes: encodeMember(record) })
  }

  /** Between 3/4 and 5/4 of `ms`, so that peers do not fall into step. */
  #jittered(ms: number): number {
    return Math.floor(ms * 0.75) + this.#parts.random.below(Math.floor(ms / 2))
  }
}
