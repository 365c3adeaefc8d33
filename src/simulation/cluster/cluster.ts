/**
 * A whole cluster in one process, under virtual time and decided by one seed: for scenarios, and for the page. Calls return when the
 * cluster has answered, and virtual time has passed meanwhile.
 *
 *     const cluster = new Cluster({ seed: 1, peers: 3 })
 *     const [ada, ben] = cluster.peers
 *     cluster.put(ada, 'cart', 'milk')
 *     cluster.crash(ada)
 *     cluster.get(ben, 'cart').values      // ['milk']
 */
import { emptyContext, type CausalContext } from '../../core/versions/causal-context.ts'
import { decodeUtf8, encodeUtf8 } from '../../core/codec.ts'
import { assert } from '../../core/errors.ts'
import type { PeerId, RequestId } from '../../core/identifiers.ts'
import { tombstoneGraceMsDefault } from '../../core/limits.ts'
import { prng, type Prng } from '../../core/prng.ts'
import { isPassing } from '../../core/members/member-record.ts'
import type { StoredRecord } from '../../core/versions/record.ts'
import type { BatchOperation, Effect, ProtocolEvent } from '../../protocol/effect.ts'
import type { ClusterConfiguration } from '../../protocol/membership/hello.ts'
import type { Message } from '../../protocol/wire/message.ts'
import type { RingPeer } from '../../protocol/ring-peer.ts'
import { partitionOfKey } from '../../protocol/requests/routing.ts'
import { decodeRow, keyOfRow, prefixes, rowKey } from '../../protocol/storage-layout.ts'
import {
  getAnswer,
  putAnswer,
  valuesOf,
  type AskedCall,
  type CallOptions,
  type GetAnswer,
  type PutAnswer,
  type PutInput
} from '../run/client-call.ts'
import { sharedWork } from './shared-work.ts'
import { peerName } from './simulated-identity.ts'
import { goodNetwork, SimulatedNetwork, type NetworkQuality } from './simulated-network.ts'
import type { PeerObserver, PeerProfile, SimulatedPeerParts } from './peer-life.ts'
import { SimulatedPeer } from './simulated-peer.ts'
import { SimulatedStorage, type AskedOperation, type DiskDelays, type Unsynced } from './simulated-storage.ts'
import { describeEvent, describeMessage, Trace } from '../run/trace.ts'
import { VirtualTime } from './virtual-time.ts'

export interface ClusterOptions {
  /** @default 1 */
  readonly seed?: number | string
  /** Peers to start with, and wait for. @default 3 */
  readonly peers?: number
  /** N. @default 3 */
  readonly replicas?: number
  /** Q. @default 16 */
  readonly partitions?: number
  readonly network?: Partial<NetworkQuality>
  readonly disks?: Partial<DiskDelays>
  /** Absence after which a member that is not durable is evicted. @default 600,000 */
  readonly evictAfterMs?: number
  /** Age at which a tombstone that all owners hold is reaped. @default 86,400,000 */
  readonly tombstoneGraceMs?: number
  /** Wait until they are all up; otherwise {@link Cluster.comeUp} does that later. @default true */
  readonly comesUp?: boolean
  /** Members that a peer keeps connections to. @default the protocol's default */
  readonly neighboursMax?: number
  /** Keep a trace. @default true */
  readonly trace?: boolean
  /** What the peers say about themselves, by number. @default weight 1, durable */
  profile?(index: number): PeerProfile
}

/** Watches everything that happens. */
export interface ClusterObserver {
  sent?(from: PeerId, to: PeerId, message: Message, lane: 'request' | 'bulk'): void
  /** A message left for another peer, in so many bytes. */
  framed?(from: PeerId, message: Message, bytes: number): void
  reported?(peer: PeerId, event: ProtocolEvent): void
  /** A peer asks its disk for something. */
  asked?(peer: PeerId, operation: AskedOperation): void
  /** A batch became durable at a peer. */
  becameDurable?(peer: PeerId, batch: readonly BatchOperation[]): void
  got?(call: AskedCall, answer: GetAnswer, record: StoredRecord | undefined): void
  wrote?(call: AskedCall, answer: PutAnswer): void
  broke?(peer: PeerId, error: unknown): void
}

export class Cluster {
  readonly time: VirtualTime = new VirtualTime()
  readonly trace: Trace = new Trace()
  readonly random: Prng
  readonly network: SimulatedNetwork
  readonly configuration: ClusterConfiguration
  /** Set it to see what happens. */
  observer: ClusterObserver = {}
  /** Peers of another configuration, which must not get in. */
  readonly strangers: SimulatedPeer[] = []
  /** Peers that have left for good. */
  readonly departed: Set<PeerId> = new Set()
  /** Those of them that nobody has heard. */
  readonly unheard: Set<PeerId> = new Set()
  /** Those of them that went without a word. */
  readonly vanished: Set<PeerId> = new Set()
  /** Set it to lose messages of certain kinds. */
  withholds: (effect: Extract<Effect, { kind: 'send' }>) => boolean = () => false
  readonly #options: ClusterOptions
  readonly #members = new Map<PeerId, SimulatedPeer>()
  readonly #shared = sharedWork()
  #requests = 0

  constructor(options: ClusterOptions = {}) {
    const { seed = 1, peers = 3, replicas = 3, partitions = 16 } = options
    this.#options = options
    this.random = prng(seed)
    this.trace.isOn = options.trace ?? true
    this.network = new SimulatedNetwork(this.time, this.random.fork('network'), { ...goodNetwork, ...options.network })
    this.configuration = { cluster: 'simulation', partitions, replicas }
    for (let index = 0; index < peers; index++) this.add()
    if (options.comesUp ?? true) this.comeUp()
  }

  /** Waits for the peers to start with. */
  comeUp(): void {
    assert(this.settle(), 'a simulated cluster did not come up')
  }

  /** All peers that ever were, in order. */
  get peers(): readonly PeerId[] {
    return [...this.#members.keys()]
  }

  peer(peer: PeerId): SimulatedPeer {
    const found = this.#members.get(peer)
    assert(found !== undefined, `there is no peer ${peer}`)
    return found
  }

  /** Peers that run at the moment. */
  running(): readonly SimulatedPeer[] {
    return [...this.#members.values()].filter(({ isRunning }) => isRunning)
  }

  /** Adds a peer with an empty storage, which joins by the first peers, and starts it. With `prepare` its storage is not empty. */
  add(
    profile: PeerProfile = this.#options.profile?.(this.#members.size) ?? {},
    prepare: (storage: SimulatedStorage) => void = () => undefined,
    name: PeerId = peerName(this.#members.size)
  ): PeerId {
    const member = this.#create(name, profile, this.configuration)
    prepare(member.storage)
    const { peer } = member
    member.storage.onAsked = operation => this.observer.asked?.(peer, operation)
    member.storage.onDurable = batch => this.observer.becameDurable?.(peer, batch)
    this.#members.set(peer, member)
    member.start()
    return peer
  }

  /** Starts a peer of another configuration, which tries to join. It is not among the {@link Cluster.peers}. */
  addStranger(configuration: Pick<ClusterConfiguration, 'partitions' | 'replicas'>): SimulatedPeer {
    const name = `stranger${peerName(this.strangers.length)}` as PeerId
    const stranger = this.#create(name, {}, { ...this.configuration, ...configuration })
    this.strangers.push(stranger)
    stranger.start()
    return stranger
  }

  /** Absence after which a member that is not durable is evicted. */
  get evictAfterMs(): number {
    return this.#options.evictAfterMs ?? 600_000
  }

  #create(peer: PeerId, profile: PeerProfile, configuration: ClusterConfiguration): SimulatedPeer {
    const { time, network, evictAfterMs } = this
    const storage = new SimulatedStorage(time, this.random.fork(`disk of ${peer}`), { readMs: 1, writeMs: 3, ...this.#options.disks })
    const random = this.random.fork(peer)
    const { tombstoneGraceMs = tombstoneGraceMsDefault, neighboursMax } = this.#options
    const entrances = (): readonly PeerId[] => this.#entrancesOf(peer)
    const observer = this.#watch(configuration === this.configuration)
    const withholds: SimulatedPeerParts['withholds'] = effect => this.withholds(effect)
    const limits = { evictAfterMs, tombstoneGraceMs, neighboursMax }
    const parts = { peer, profile, configuration, time, random, network, storage, observer, withholds, shared: this.#shared, ...limits }
    return new SimulatedPeer(parts, entrances)
  }

  /** The first two peers that have not left, but for `peer` itself. */
  #entrancesOf(peer: PeerId): readonly PeerId[] {
    const entrances: PeerId[] = []
    for (const other of this.#members.keys()) {
      if (entrances.length === 2) break
      if (other !== peer && !this.departed.has(other)) entrances.push(other)
    }
    return entrances
  }

  start(peer: PeerId): void {
    this.peer(peer).start()
  }

  crash(peer: PeerId, unsynced: Unsynced = 'some'): void {
    this.peer(peer).crash(unsynced)
  }

  /** Crashes and starts again at once. */
  restart(peer: PeerId): void {
    this.crash(peer)
    this.start(peer)
  }

  stop(peer: PeerId): void {
    this.peer(peer).stop()
  }

  /** Cuts all links between peers of different groups. Peers that are not named stay connected to all. */
  partition(...groups: readonly (readonly PeerId[])[]): void {
    this.trace.add(this.time.nowMs, '', `partition ${groups.map(group => group.join()).join(' | ')}`)
    for (const group of groups) {
      const others = groups.filter(other => other !== group).flat()
      for (const from of group) for (const to of others) this.network.block(from, to)
    }
  }

  heal(): void {
    this.trace.add(this.time.nowMs, '', 'the network heals')
    this.network.heal()
  }

  /** Lets `ms` of virtual time pass. */
  run(ms: number): void {
    this.time.run(ms)
  }

  /** Lets time pass until `condition` holds, for `withinMs` at most. True when it came to hold. */
  runUntil(condition: () => boolean, withinMs = 120_000): boolean {
    return this.time.runUntil(condition, withinMs)
  }

  /** Waits until all running peers are connected, agree on the members and have nothing to hand on. */
  settle(withinMs = 120_000): boolean {
    return this.runUntil(() => this.isSettled(), withinMs)
  }

  isSettled(): boolean {
    const running = this.running()
      .map(({ ringPeer }) => ringPeer)
      .filter(peer => peer !== undefined)
    const active = running.filter(({ status }) => status !== 'left')
    const digest = active[0]?.view.digest
    return (
      active.every(peer => peer.view.digest === digest && peer.status === 'up' && !peer.isMoving && peer.hints().length === 0) &&
      active.every(a => active.every(b => !mustBeConnected(a, b) || (this.network.isConnected(a.self, b.self) && a.isReachable(b.self))))
    )
  }

  get(peer: PeerId, key: string, options: CallOptions = {}): GetAnswer {
    return this.#await(done => this.startGet(peer, key, options, done))
  }

  put(peer: PeerId, key: string, value: string | undefined, input: PutInput = {}): PutAnswer {
    return this.#await(done => this.startPut(peer, key, value, input, done))
  }

  delete(peer: PeerId, key: string, context: CausalContext, options: CallOptions = {}): PutAnswer {
    return this.put(peer, key, undefined, { ...options, context })
  }

  startGet(peer: PeerId, key: string, options: CallOptions, done: (answer: GetAnswer, record: StoredRecord | undefined) => void): void {
    const { quorum = 2, sloppy = true, timeoutMs = 5000 } = options
    const call = { key: encodeUtf8(key), r: quorum, sloppy, timeoutMs }
    const asked: AskedCall = { kind: 'get', peer, key, quorum, sloppy, askedAtMs: this.time.nowMs }
    this.peer(peer).get(call, outcome => {
      const answer = getAnswer(outcome)
      const record = outcome?.kind === 'get' ? outcome.record : undefined
      this.observer.got?.(asked, answer, record)
      done(answer, record)
    })
  }

  startPut(peer: PeerId, key: string, value: string | undefined, input: PutInput, done: (answer: PutAnswer) => void): void {
    const { quorum = 2, sloppy = true, timeoutMs = 5000, context = emptyContext } = input
    const request = input.request ?? this.nextRequest(peer)
    const bytes = value === undefined ? undefined : encodeUtf8(value)
    const call = { key: encodeUtf8(key), context, value: bytes, request, w: quorum, sloppy, timeoutMs }
    const asked: AskedCall = { kind: 'put', peer, key, quorum, sloppy, askedAtMs: this.time.nowMs }
    this.peer(peer).put(call, outcome => {
      const answer = putAnswer(outcome, context, request)
      this.observer.wrote?.(asked, answer)
      done(answer)
    })
  }

  nextRequest(peer: PeerId): RequestId {
    this.#requests += 1
    return this.peer(peer).nextRequest(this.#requests)
  }

  /** Owners of a key as `asked` (by default the first running peer) sees the ring, then all other members in walk order. */
  preferenceList(key: string, asked?: PeerId): readonly PeerId[] {
    const ring = this.#anyPeer(asked).ring()
    return ring.preferenceList(partitionOfKey(ring, encodeUtf8(key)))
  }

  owners(key: string, asked?: PeerId): readonly PeerId[] {
    const ring = this.#anyPeer(asked).ring()
    return ring.owners(partitionOfKey(ring, encodeUtf8(key)))
  }

  /** A key whose preference list begins with owners and fallbacks that satisfy `condition`. */
  keyWhere(condition: (owners: readonly PeerId[], others: readonly PeerId[]) => boolean): string {
    for (let number = 0; number < 10_000; number++) {
      const key = `key${number}`
      const owners = this.owners(key)
      if (condition(owners, this.preferenceList(key).slice(owners.length))) return key
    }
    assert(false, 'no key has such owners')
  }

  /** The durable copy of a key at a peer, running or not. */
  copy(peer: PeerId, key: string): StoredRecord | undefined {
    const row = this.peer(peer).storage.get(rowKey(encodeUtf8(key)))
    return row === undefined ? undefined : decodeRow(row).record
  }

  /** Values of the durable copy of a key at a peer, sorted. */
  copyValues(peer: PeerId, key: string): readonly string[] {
    const record = this.copy(peer, key)
    return record === undefined ? [] : valuesOf(record)
  }

  /** Keys that a peer holds durably. */
  keys(peer: PeerId): readonly string[] {
    return this.peer(peer)
      .storage.rows(prefixes.row)
      .map(({ key }) => decodeUtf8(keyOfRow(key)) ?? '')
  }

  /** Hints that a peer holds durably. */
  hintCount(peer: PeerId): number {
    return this.peer(peer).storage.rows(prefixes.hint).length
  }

  /** A peer that has left stops, as `leave()` of the store does. */
  #depart(peer: PeerId, isHeard: boolean): void {
    this.departed.add(peer)
    if (!isHeard) this.unheard.add(peer)
    this.time.after(0, () => {
      this.stop(peer)
      // One that knows of nobody else may have been about to join by the one that left.
      for (const other of this.running())
        if (other.ringPeer?.view.present.length === 1) this.network.want(other.peer, this.#entrancesOf(other.peer))
    })
  }

  #anyPeer(asked: PeerId | undefined): NonNullable<SimulatedPeer['ringPeer']> {
    const peer = asked === undefined ? this.running()[0]?.ringPeer : this.peer(asked).ringPeer
    assert(peer !== undefined, 'the peer that is asked does not run')
    return peer
  }

  #await<Answer>(begin: (done: (answer: Answer) => void) => void): Answer {
    let answer: Answer | undefined
    begin(given => {
      answer = given
    })
    this.runUntil(() => answer !== undefined, 1_000_000)
    assert(answer !== undefined, 'a simulated call was never answered')
    return answer
  }

  #watch(isMember: boolean): PeerObserver {
    const note = (who: string, what: string): void => this.trace.add(this.time.nowMs, who, what)
    return {
      sent: (from, to, message, lane) => {
        if (this.trace.isOn) note(from, `-> ${to} ${describeMessage(message)}`)
        this.observer.sent?.(from, to, message, lane)
      },
      framed: (from, message, bytes) => this.observer.framed?.(from, message, bytes),
      reported: (peer, event) => {
        const line = this.trace.isOn ? describeEvent(event) : undefined
        if (line !== undefined) note(peer, line)
        if (!isMember) return
        if (event.type === 'left') this.#depart(peer, event.isHeard)
        this.observer.reported?.(peer, event)
      },
      noted: note,
      broke: (peer, error) => {
        note(peer, `BROKE: ${error instanceof Error ? (error.stack ?? error.message) : 'unknown'}`)
        assert(this.observer.broke !== undefined, `peer ${peer} broke: ${error instanceof Error ? error.message : 'unknown'}`)
        this.observer.broke(peer, error)
      }
    }
  }
}

/** A client that passes by is known to nobody: it alone keeps connections, and not to another such client. */
function mustBeConnected(a: RingPeer, b: RingPeer): boolean {
  const passes = (peer: RingPeer): boolean => peer.member !== undefined && isPassing(peer.member)
  if (a === b || (passes(a) && passes(b))) return false
  return passes(b) ? !b.isDistant(a.self) : !a.isDistant(b.self)
}
