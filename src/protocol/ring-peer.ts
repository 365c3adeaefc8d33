/**
 * One peer of the ring: composes the machines, hands each message to the one it is for, and tells them of each other's news.
 *
 * Synchronous, without clock, randomness or I/O of its own: the driver in `store/` and the simulator both run exactly this.
 */
import { isStoreError } from '../core/errors.ts'
import type { PeerId, ReplicaId } from '../core/identifiers.ts'
import type { MemberRecord, MemberStatus } from '../core/members/member-record.ts'
import type { MembershipView } from '../core/members/membership-view.ts'
import type { Ring } from '../core/ring/ring.ts'
import { AdmissionControl } from './admission-control.ts'
import { AntiEntropy } from './anti-entropy/anti-entropy.ts'
import { DamagedRows } from './damage/damaged-rows.ts'
import type { Effect, Machine, ScannedRow, StorageClient, StorageFailure } from './effect.ts'
import { Departure } from './moving/departure.ts'
import { dispatch, dispatchReachability, dispatchUnsent, type Receivers } from './dispatch.ts'
import { EpochLease } from './replica/epoch-lease.ts'
import { FailureDetector } from './membership/failure-detector.ts'
import { GetCoordinator, type GetCall } from './requests/get-coordinator.ts'
import { HintedHandoff } from './handoff/hinted-handoff.ts'
import type { Instant } from './instant.ts'
import { KeyIndex } from './key-index/key-index.ts'
import { Membership } from './membership/membership.ts'
import type { Message, PutCall } from './wire/message.ts'
import type { MoveProgress } from './moving/move-progress.ts'
import { Moving } from './moving/moving.ts'
import { Neighbourhood } from './membership/neighbourhood.ts'
import { PutCoordinator } from './requests/put-coordinator.ts'
import { PutRequests } from './requests/put-request.ts'
import { Refill } from './absence/refill.ts'
import { Rejoin } from './absence/rejoin.ts'
import { Replica } from './replica/replica.ts'
import { ReplicaOperations } from './replica/replica-operation.ts'
import { ReplicaServer } from './requests/replica-server.ts'
import type { RingPeerOptions } from './ring-peer-options.ts'
import type { Routing } from './requests/routing.ts'
import { Graveyard } from './tombstones/tombstone-graveyard.ts'
import { TombstoneReaper } from './tombstones/tombstone-reaper.ts'
import { Scrub } from './damage/scrub.ts'
import { Tokens } from './tokens.ts'
import { keepers } from './membership/wanted-peers.ts'

export class RingPeer implements Machine, StorageClient, Routing {
  readonly self: PeerId
  readonly background: AdmissionControl = new AdmissionControl()
  readonly #neighbourhood: Neighbourhood
  readonly #tokens: Tokens
  readonly #detector: FailureDetector
  readonly #replica: Replica
  readonly #receivers: Receivers
  readonly #hints: HintedHandoff
  readonly #puts: PutRequests
  readonly #putCoordinator: PutCoordinator
  readonly #gets: GetCoordinator
  readonly #membership: Membership
  readonly #moving: Moving
  readonly #antiEntropy: AntiEntropy
  readonly #reaper: TombstoneReaper
  readonly #rejoin: Rejoin
  readonly #departure: Departure
  readonly #index: KeyIndex
  readonly #lease: EpochLease
  readonly #scrub: Scrub
  readonly #damaged: DamagedRows
  readonly #damagedAtStart: readonly Uint8Array[]
  readonly #operations: ReplicaOperations
  #machines: readonly { deadline(): number; wake(now: Instant, effects: Effect[]): void }[] | undefined

  constructor(options: RingPeerOptions) {
    const { configuration, signer, own } = options
    this.self = signer.peerId
    this.#tokens = new Tokens(options.random.fork('tokens').uint32())
    this.#detector = new FailureDetector(this.#tokens, (now, peer, reachable, effects) => this.#reachability(now, peer, reachable, effects))
    this.#neighbourhood = new Neighbourhood(options, this.#detector)
    this.#index = new KeyIndex(configuration.partitions, this.#tokens, options.sums)
    this.#replica = new Replica(this.#tokens, this.#index, (key, isDurable) => this.#hints.written(key, isDurable))
    this.#lease = new EpochLease(this.#tokens, options.epochLease, (now, failure, effects) => this.#replica.resume(now, failure, effects))
    const graveyard = new Graveyard()
    this.#operations = new ReplicaOperations(this.#replica, this.#lease, options.mintingId ?? own.replica, graveyard, options.keysMax)
    const replicas = { replica: this.#replica, operations: this.#operations, admission: this.background }
    const parts = { routing: this, tokens: this.#tokens, ...replicas, detector: this.#detector }
    this.#hints = new HintedHandoff({ ...parts, isMoving: key => this.#moving.transfer.isMoving(key) })
    for (const { key, value } of options.hintRows) this.#hints.restore(key, value)
    this.#putCoordinator = new PutCoordinator({ ...parts, hints: this.#hints, displaced: () => this.#moving.displaced })
    this.#puts = new PutRequests({ ...parts, coordinator: this.#putCoordinator })
    this.#gets = new GetCoordinator({ ...parts, view: () => this.#membership.shared })
    const moved = { ...parts, hints: this.#hints, index: this.#index, neighbourhood: this.#neighbourhood }
    this.#moving = new Moving(
      {
        ...moved,
        knowsMembers: () => this.#membership.knowsMembers,
        complete: (now, effects) => this.#agreedByAll(now, effects),
        mayLetGo: member => this.view.get(member)?.status !== 'leaving' || this.#membership.isKept(member),
        refill: new Refill(moved),
        ownRefill: () => this.#rejoin.refill,
        isAlone: () => this.status === 'joining' && keepers(this.view, this.self).length === 0,
        hasUnmetMembers: () => this.#neighbourhood.concerned().some(peer => this.opinion(peer) === 'unknown'),
        isRefilled: (now, hasGiven) => this.#rejoin.isRefilled(now, hasGiven)
      },
      options.settledRing
    )
    const { transfer, completion, predecessors, taking } = this.#moving
    this.#antiEntropy = new AntiEntropy({
      ...parts,
      index: this.#index,
      random: options.random.fork('anti-entropy'),
      isBusy: peer => transfer.owes(peer) || this.#hints.has(peer)
    })
    this.#reaper = new TombstoneReaper({
      ...parts,
      hints: this.#hints,
      graveyard,
      graceMs: options.tombstoneGraceMs,
      mayReap: now => this.status === 'up' && !transfer.running && this.#rejoin.isSeasoned(now)
    })
    const rejoin = new Rejoin({
      ...parts,
      hints: this.#hints,
      graceMs: options.tombstoneGraceMs,
      rows: options.absenceRows,
      lease: this.#lease,
      puts: now => this.#putCoordinator.times(now),
      ringOf: members => this.#neighbourhood.ringOf(members),
      membership: () => this.#membership,
      transfer: () => transfer,
      completion: () => completion
    })
    this.#rejoin = rejoin
    this.#membership = new Membership({
      ...options,
      own: rejoin.isClosed ? { ...own, status: 'joining' } : own,
      cluster: configuration.cluster,
      tokens: this.#tokens,
      connectedPeers: () => this.#detector.connectedPeers(),
      neighbours: () => this.#neighbourhood.neighbours,
      met: (now, effects) => (rejoin.isClosed ? undefined : completion.await(now, effects)),
      changed: (now, peers, effects) => this.#membersChanged(now, peers, effects),
      heard: (from, effects) => this.#departure.heard(from, effects),
      rolledBack: (replica, effects) => this.#rolledBack(replica, effects)
    })
    const machines = { hints: this.#hints, coordinator: this.#putCoordinator, membership: this.#membership }
    this.#departure = new Departure({ ...parts, ...machines, transfer, completion })
    this.#receivers = {
      ...machines,
      moving: this.#moving,
      puts: this.#puts,
      gets: this.#gets,
      antiEntropy: this.#antiEntropy,
      reaper: this.#reaper,
      rejoin,
      server: new ReplicaServer({ ...moved, taking, predecessors, coordinator: this.#putCoordinator })
    }
    this.#scrub = new Scrub(this.#tokens)
    this.#damaged = new DamagedRows({
      ...parts,
      sums: this.#index.sums,
      hints: this.#hints,
      membership: this.#membership,
      lease: this.#lease,
      rejoin,
      transfer
    })
    this.#damagedAtStart = options.damagedRows ?? []
  }

  start(now: Instant, effects: Effect[]): void {
    this.#lease.renew(effects)
    this.#rejoin.start(now, effects)
    this.#membership.start(now, effects)
    this.#moving.transfer.start(now, effects)
    this.#index.loader.start(now, effects)
    this.#antiEntropy.start(now)
    this.#reaper.start(now)
    this.#scrub.start(now)
    this.damaged(now, this.#damagedAtStart, effects)
  }

  /** A caller's get; its outcome comes as a `settle` effect with the same number. */
  get(now: Instant, call: number, get: GetCall, effects: Effect[]): void {
    this.#gets.start(now, call, get, effects)
  }

  /** A caller's put; its outcome comes as a `settle` effect with the same number. */
  put(now: Instant, call: number, put: PutCall, effects: Effect[]): void {
    this.#puts.start(now, call, put, effects)
  }

  /** The caller does not wait any longer: no `settle` will come. A write under way goes on. */
  abandon(call: number): void {
    this.#gets.abandon(call)
    this.#puts.abandon(call)
  }

  receive(now: Instant, from: PeerId, message: Message, effects: Effect[]): void {
    if (from !== this.self) {
      this.#rejoin.met(now, effects)
      this.#detector.heard(now, from, effects)
    }
    try {
      dispatch(this.#receivers, now, from, message, effects)
    } catch (error) {
      if (!isStoreError(error) || error.code === 'ERR_INTERNAL') throw error
      effects.push({ kind: 'report', event: { type: 'counted', name: `refused.${error.code}` } })
    }
  }

  /** A message could not even be sent: whoever waits for its answer need not wait. */
  unsent(now: Instant, to: PeerId, message: Message, effects: Effect[]): void {
    dispatchUnsent(this.#receivers, now, to, message, effects)
  }

  /** A connection to an admitted peer opened; `member` is the record of its hello. */
  connected(now: Instant, peer: PeerId, member: MemberRecord | undefined, effects: Effect[]): void {
    this.#rejoin.met(now, effects)
    this.#membership.connected(now, peer, member, effects)
    this.#detector.connected(now, peer, effects)
  }

  disconnected(now: Instant, peer: PeerId, effects: Effect[]): void {
    this.#detector.disconnected(now, peer, effects)
  }

  /** A member that no connection is kept to could not be dialled. */
  unreachable(now: Instant, peer: PeerId, effects: Effect[]): void {
    this.#detector.unreachable(now, peer, effects)
  }

  gossip(now: Instant, bytes: Uint8Array, effects: Effect[]): 'accept' | 'ignore' | 'reject' {
    return this.#membership.gossip(now, bytes, effects)
  }

  setAddresses(now: Instant, addresses: readonly string[], effects: Effect[]): void {
    this.#membership.setAddresses(now, addresses, effects)
  }

  /** Begins to leave: reported as `left` once all reachable members know the ring without this peer and every copy has found its owners. */
  leave(now: Instant, effects: Effect[]): void {
    this.#departure.begin(now, effects)
  }

  /** A caller declares another member gone for good; ends with a `settle` effect of the same number. */
  evict(now: Instant, call: number, peer: PeerId, effects: Effect[]): void {
    this.#membership.evict(now, peer, effects, [{ kind: 'settle', call, outcome: { kind: 'evict' } }])
  }

  /** The peer is about to stop in good order: keeps what makes the next start fast. */
  rest(effects: Effect[]): void {
    this.#index.sums.rest(effects)
  }

  wake(now: Instant, effects: Effect[]): void {
    for (const machine of this.#timed()) if (machine.deadline() <= now.ms) machine.wake(now, effects)
    this.#departure.finish(now, effects)
  }

  deadline(): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const machine of this.#timed()) earliest = Math.min(earliest, machine.deadline())
    return earliest
  }

  loaded(now: Instant, token: number, values: readonly (Uint8Array | undefined)[], effects: Effect[]): void {
    this.#tokens.release(token).loaded(now, token, values, effects)
  }

  scanned(now: Instant, token: number, rows: readonly ScannedRow[], effects: Effect[]): void {
    this.#tokens.release(token).scanned(now, token, rows, effects)
    this.#hints.pump(now, effects)
  }

  written(now: Instant, token: number, effects: Effect[]): void {
    this.#tokens.release(token).written(now, token, effects)
    this.#hints.pumpNews(now, effects)
    this.#moving.completion.answerAskers(effects)
    this.#departure.finish(now, effects)
  }

  failed(now: Instant, token: number, failure: StorageFailure, effects: Effect[]): void {
    effects.push({ kind: 'report', event: { type: 'storage-failed', code: failure === 'full' ? 'ERR_QUOTA' : 'ERR_IO' } })
    this.#tokens.release(token).failed(now, token, failure, effects)
  }

  /** Rows at these storage keys were found damaged: they count as absent. Told before the answer of the read or scan that found them. */
  damaged(now: Instant, storageKeys: readonly Uint8Array[], effects: Effect[]): void {
    this.#damaged.found(now, storageKeys, effects)
  }

  ring(): Ring {
    return this.#neighbourhood.ring
  }

  isReachable(peer: PeerId): boolean {
    return peer === this.self || this.#detector.isReachable(peer)
  }

  /** True for a member that no connection is kept to: one is opened when something is for it. */
  isDistant(peer: PeerId): boolean {
    return this.#neighbourhood.isDistant(peer)
  }

  isJoining(peer: PeerId): boolean {
    return this.view.get(peer)?.status === 'joining'
  }

  isClosed(): boolean {
    return this.#rejoin.isClosed
  }

  opinion(peer: PeerId): 'self' | 'reachable' | 'suspect' | 'unknown' {
    return peer === this.self ? 'self' : this.#detector.opinion(peer)
  }

  get view(): MembershipView {
    return this.#membership.view
  }

  get status(): MemberStatus {
    return this.#membership.status
  }

  get member(): MemberRecord | undefined {
    return this.#membership.record
  }

  get keys(): number {
    return this.#replica.keys
  }

  /** How many keys are stored here of each partition. */
  get counts(): Pick<KeyIndex, 'sizeOf' | 'isComplete'> {
    return this.#index
  }

  get mintingId(): ReplicaId {
    return this.#operations.mintingId
  }

  /** How much of what is bounded is there, by name. */
  get load(): Readonly<Record<'storage' | 'puts' | 'calls' | 'gets' | 'remembered' | 'cached', number>> {
    const [put, calls, gets] = [this.#putCoordinator, this.#puts.active, this.#gets.active]
    return { storage: this.#tokens.waiting, puts: put.active, calls, gets, remembered: put.remembered, cached: this.#replica.cached }
  }

  hints(): readonly { readonly target: PeerId; readonly count: number; readonly bytes: number }[] {
    return this.#hints.waiting()
  }

  /** How far the last change of the ring has come here. */
  get moves(): MoveProgress {
    return this.#moving.tally.progress
  }

  /** True while the ring has not been worked through here. */
  get isMoving(): boolean {
    return this.#moving.transfer.running
  }

  #timed(): readonly { deadline(): number; wake(now: Instant, effects: Effect[]): void }[] {
    this.#machines ??= [
      ...[this.#gets, this.#receivers.server.wholeReads],
      ...[this.#putCoordinator, this.#puts],
      this.#detector,
      this.#hints,
      this.#membership,
      this.#moving,
      ...[this.#antiEntropy, this.#reaper, this.#rejoin, this.#departure],
      ...[this.#index.loader, this.#index.sums],
      this.#scrub
    ]
    return this.#machines
  }

  #reachability(now: Instant, peer: PeerId, reachable: boolean, effects: Effect[]): void {
    effects.push({ kind: 'report', event: { type: 'reachability', peer, reachable } })
    dispatchReachability(this.#receivers, now, peer, reachable, effects)
  }

  #membersChanged(now: Instant, peers: readonly PeerId[], effects: Effect[]): void {
    const { isOtherRing, hopeful } = this.#neighbourhood.update(this.view, peers, effects)
    if (isOtherRing) {
      this.#moving.ringChanged(now, effects)
      this.#hints.pump(now, effects)
      this.#putCoordinator.othersKnow(now, effects)
    }
    for (const peer of hopeful) this.#detector.trust(now, peer, effects)
  }

  #rolledBack(replica: ReplicaId, effects: Effect[]): void {
    this.#operations.reincarnate(replica)
    effects.push({ kind: 'report', event: { type: 'rolled-back' } })
  }

  /** All reachable members have the same ring as this peer, and have given it what it owns. */
  #agreedByAll(now: Instant, effects: Effect[]): void {
    if (this.#departure.isUnderWay) return this.#departure.dismissed(now, effects)
    if (this.status !== 'joining' || this.#rejoin.isClosed) return
    this.#membership.setStatus(now, 'up', effects)
    this.#rejoin.completed(effects)
  }
}
