/**
 * How a command reaches the ring: through the control socket of a peer that runs on this machine, or as a client peer of its own
 * that stores nothing. Both look the same to the command.
 */
import type {
  DeleteOptions,
  DeleteResult,
  GetOptions,
  GetResult,
  KeyInfo,
  KeyPlacement,
  PeerStatus,
  PutOptions,
  PutResult,
  RingInfo
} from '../../store/api.ts'
import type { ChangePlan, EvictOptions, EvictResult, MemberInfo, MembershipChange } from '../../store/member-api.ts'

/** Which keys to list. */
export interface KeyRange {
  readonly prefix?: Uint8Array
  readonly after?: Uint8Array
  readonly limit?: number
}

/** A peer from a command's point of view; see the methods of the same names in `Peer`. */
export interface Access {
  get(key: Uint8Array, options: GetOptions): Promise<GetResult>
  put(key: Uint8Array, context: Uint8Array | undefined, value: Uint8Array, options: PutOptions): Promise<PutResult>
  delete(key: Uint8Array, context: Uint8Array | undefined, options: DeleteOptions): Promise<DeleteResult>
  keys(range: KeyRange): AsyncIterable<KeyInfo>
  members(): Promise<readonly MemberInfo[]>
  ring(): Promise<RingInfo>
  place(key: Uint8Array): Promise<KeyPlacement>
  status(): Promise<PeerStatus>
  planChange(change: MembershipChange): Promise<ChangePlan>
  evict(peer: string, options: EvictOptions): Promise<EvictResult>
  close(): Promise<void>
}

/** How far a peer has come that leaves. */
export type LeaveProgress = Pick<PeerStatus, 'moves' | 'keys'>

/** A peer of this machine, which alone may be told to leave: nobody speaks for a peer that runs elsewhere. */
export interface LocalAccess extends Access {
  /** Resolves when the peer has left. The signal ends the wait, not the leaving. */
  leave(tell: (progress: LeaveProgress) => void, signal: AbortSignal): Promise<void>
}
