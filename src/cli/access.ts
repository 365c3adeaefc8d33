/**
 * How a command reaches the ring: through the control socket of a peer that runs on this machine, or as a client peer of its own
 * that stores nothing. Both look the same to the command.
 */
import { resolve } from 'node:path'
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
} from '../store/api.ts'
import type { ChangePlan, EvictOptions, EvictResult, MemberInfo, MembershipChange } from '../store/member-api.ts'
import { usageError } from './arguments.ts'
import type { Invocation } from './command.ts'
import { controlClient } from './control/client.ts'
import { dataFolderDefault } from './shared-flags.ts'
import type { Terminal } from './terminal.ts'

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

/** Gives `use` the peer that the flags name, and lets go of it afterwards. */
export async function withAccess<Result>(
  invocation: Invocation,
  terminal: Terminal,
  use: (access: Access) => Promise<Result>
): Promise<Result> {
  const access = await openAccess(invocation, terminal)
  try {
    return await use(access)
  } finally {
    await access.close()
  }
}

/** The peer that runs on the folder of --data. */
export function localAccess(invocation: Invocation, terminal: Terminal): Promise<LocalAccess> {
  return controlClient(resolve(terminal.folder, invocation.text('data') ?? dataFolderDefault))
}

async function openAccess(invocation: Invocation, terminal: Terminal): Promise<Access> {
  if (!invocation.has('join')) {
    const stray = ['cluster', 'partitions', 'replicas'].find(name => invocation.has(name))
    if (stray !== undefined)
      throw usageError(`--${stray} is for a client over the network; add --join ADDR, or leave it out to ask the peer of --data.`)
    return localAccess(invocation, terminal)
  }
  const cluster = invocation.text('cluster')
  if (invocation.has('data')) throw usageError('--data asks a peer on this machine and --join asks one over the network; give one of them.')
  if (cluster === undefined) throw usageError('--join needs --cluster NAME, the name of the cluster to join.')
  const { clientPeer } = await import('./client-peer.ts')
  return clientPeer(invocation, terminal, cluster)
}
