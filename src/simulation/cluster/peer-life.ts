/** One run of a simulated peer: what it is made of, and how the protocol is started on what the storage holds. */
import type { PeerId, RequestId } from '../../core/identifiers.ts'
import { nextRun, type MemberRecord } from '../../core/members/member-record.ts'
import { prng, type Prng } from '../../core/prng.ts'
import type { Effect, GetOutcome, ProtocolEvent, PutOutcome } from '../../protocol/effect.ts'
import type { ClusterConfiguration } from '../../protocol/membership/hello.ts'
import type { Instant } from '../../protocol/instant.ts'
import type { Message } from '../../protocol/wire/message.ts'
import { freshReplicaId, mintingIdOf } from '../../protocol/replica/minting-id.ts'
import { RingPeer } from '../../protocol/ring-peer.ts'
import type { SharedWork } from './shared-work.ts'
import { simulatedSigner } from './simulated-identity.ts'
import type { SimulatedNetwork } from './simulated-network.ts'
import type { SimulatedStorage } from './simulated-storage.ts'
import type { StoredState } from './stored-state.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What a peer says about itself. */
export interface PeerProfile {
  /** @default 1 */
  readonly weight?: number
  /** @default true */
  readonly durable?: boolean
  readonly zone?: string
  /** Error of its wall clock at the start. @default 0 */
  readonly wallSkewMs?: number
  /** True when its storage may be an older state of itself. @default false */
  readonly mayRollBack?: boolean
  /** @default the protocol's default */
  readonly keysMax?: number
}

/** Who watches a peer. */
export interface PeerObserver {
  sent(from: PeerId, to: PeerId, message: Message, lane: 'request' | 'bulk'): void
  framed(from: PeerId, message: Message, bytes: number): void
  reported(peer: PeerId, event: ProtocolEvent): void
  noted(peer: PeerId, what: string): void
  /** The protocol threw, or broke an invariant of its own. */
  broke(peer: PeerId, error: unknown): void
}

export interface SimulatedPeerParts {
  readonly peer: PeerId
  readonly profile: PeerProfile
  readonly configuration: ClusterConfiguration
  readonly time: VirtualTime
  readonly random: Prng
  readonly network: SimulatedNetwork
  readonly storage: SimulatedStorage
  readonly observer: PeerObserver
  /** True for a message that is lost on its way whatever the network is like. */
  withholds(effect: Extract<Effect, { kind: 'send' }>): boolean
  readonly evictAfterMs: number
  readonly tombstoneGraceMs: number
  readonly neighboursMax: number | undefined
  readonly shared: SharedWork
}

/** How a call ended; `undefined` when its peer ended first. */
export type CallOutcome = GetOutcome | PutOutcome | undefined

/** One run of the peer, from start to end. */
export interface Life {
  readonly ringPeer: RingPeer
  readonly calls: Map<number, (outcome: CallOutcome) => void>
  readonly admitted: Map<PeerId, MemberRecord>
  readonly following: ((now: Instant, effects: Effect[]) => void)[]
  /** What reached the peer while it was paused. */
  readonly deferred: (() => void)[]
  readonly session: string
  readonly startedAtMs: number
  stepping: boolean
  wakeAtMs: number
  lastCall: number
}

/** The protocol of a peer that starts; it joins when it is new and has somebody to join by. */
export function createRingPeer(
  parts: SimulatedPeerParts,
  state: StoredState,
  random: Prng,
  hasEntrance: boolean,
  wallMs: number
): RingPeer {
  const { peer, configuration, profile, evictAfterMs, tombstoneGraceMs, neighboursMax, shared } = parts
  const { weight = 1, durable = true, zone, keysMax, mayRollBack = false } = profile
  const status = state.own?.status !== 'up' && hasEntrance ? 'joining' : 'up'
  const fresh = freshReplicaId(random)
  return new RingPeer({
    configuration,
    signer: simulatedSigner(peer),
    random: prng(random.uint32()),
    own: { ...nextRun(state.own), status, weight, durable, zone, replica: state.replica },
    mintingId: mayRollBack ? mintingIdOf(state.mintingId, state.own, wallMs, fresh) : state.replica,
    view: state.view,
    evictAfterMs,
    tombstoneGraceMs,
    absenceRows: state.absenceRows,
    epochLease: state.epochLease,
    settledRing: state.settledRing,
    hintRows: state.hintRows,
    damagedRows: state.damagedRows,
    sums: state.sums,
    ...shared,
    ...(neighboursMax === undefined ? {} : { neighboursMax }),
    ...(keysMax === undefined ? {} : { keysMax })
  })
}

/** A request id that no other request of this or another run has. */
export function requestIdOf(life: Life | undefined, counter: number): RequestId {
  const replica = life?.ringPeer.member?.replica ?? '0'.repeat(16)
  return `${replica}${life?.session ?? '00000000'}${counter.toString(16).padStart(8, '0')}` as RequestId
}
