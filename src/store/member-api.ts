/**
 * What a user of dynamesh sees of the members and of changes among them: the part of the public interface beside `api.ts`.
 */
import type { RingChange } from '../core/ring/change-plan.ts'
import type { ConnectionInfo } from '../ports/network.ts'

export type MemberStatus = 'joining' | 'up' | 'leaving' | 'left' | 'evicted'

export interface MemberInfo {
  readonly peerId: string
  readonly self: boolean
  readonly status: MemberStatus
  /** What this peer thinks of it right now. */
  readonly reachability: 'self' | 'reachable' | 'suspect' | 'unknown'
  readonly weight: number
  readonly durable: boolean
  readonly zone: string | undefined
  readonly replicaId: string
  readonly incarnation: number
  readonly addresses: readonly string[]
  readonly connection: ConnectionInfo | undefined
  /** Partitions it owns in the current ring. */
  readonly partitionsOwned: number
}

export interface EvictOptions {
  /** Evict a member that answers, too: it comes back at once if it is really there. @default false */
  readonly force?: boolean
  readonly signal?: AbortSignal
}

export interface EvictResult {
  /** The whole id of the member that was meant. */
  readonly peerId: string
  /** False when it had left or was evicted before; then nothing was done. */
  readonly changed: boolean
}

/** A peer that does not exist yet. */
export interface NewMember {
  /** Its peer id, when it is known; which partitions it would get depends on it, how many hardly does. @default a made-up one */
  readonly peerId?: string
  /** @default 4 */
  readonly weight?: number
  /** @default true */
  readonly durable?: boolean
  readonly zone?: string
}

/** Changes of who is in the cluster, all at once. Members are named as in {@link Peer.evict}. */
export interface MembershipChange {
  readonly join?: readonly NewMember[]
  readonly leave?: readonly string[]
  readonly evict?: readonly string[]
}

/** What would move, as far as this peer can tell. */
export interface MoveSize {
  readonly keys: number
  readonly bytes: number
  /** True when this peer owns everything that moves, and has counted it. Otherwise its own partitions stand for those that it does not know. */
  readonly keysAreExact: boolean
}

/** What a change of the members would do: see `peer.planChange`. */
export interface ChangePlan extends RingChange {
  /** Peer ids that would join, those that were made up included. */
  readonly joining: readonly string[]
  /** Members that would leave or be evicted, by their whole ids. */
  readonly leaving: readonly string[]
  readonly evicted: readonly string[]
  /** Size of all copies that move; bytes are always an estimate, by the mean of this peer's keys. None at a peer that stores nothing. */
  readonly size: MoveSize | undefined
  /** What would be worse than it is, in plain sentences. */
  readonly warnings: readonly string[]
}
