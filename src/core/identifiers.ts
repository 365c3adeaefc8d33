/**
 * Who is who. Identifiers are text in memory (cheap map keys, readable traces) and bytes on the wire.
 */

declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** A peer: the base58 text of its libp2p peer id, derived from its public key. */
export type PeerId = Branded<'PeerId'>
/** A storage incarnation: 8 random bytes as 16 hexadecimal digits. Losing, cloning or restoring the storage makes a new one. */
export type ReplicaId = Branded<'ReplicaId'>
/** A replica's copy of one key from birth to loss: replica id and epoch (32 bits), 12 bytes as 24 hexadecimal digits. */
export type Actor = Branded<'Actor'>
/** One write request, however often it is sent: the writer's replica id and 8 more bytes, 16 bytes as 32 hexadecimal digits. */
export type RequestId = Branded<'RequestId'>

/** Bytes of each identifier on the wire. */
export const identifierBytes = { replica: 8, actor: 12, request: 16 } as const
/** Longest peer id in bytes of its text form. */
export const peerIdBytesMax = 128
/** Largest epoch. */
export const epochMax = 0xffff_ffff

/** The actor of `replica` in `epoch`. */
export function actorOf(replica: ReplicaId, epoch: number): Actor {
  return `${replica}${epoch.toString(16).padStart(8, '0')}` as Actor
}

/** The storage incarnation that an actor belongs to. */
export function replicaOf(actor: Actor): ReplicaId {
  return actor.slice(0, 16) as ReplicaId
}

/** The epoch of an actor. */
export function epochOf(actor: Actor): number {
  return Number.parseInt(actor.slice(16), 16)
}

/** The replica id of the peer whose caller made a write. */
export function writerOf(request: RequestId): ReplicaId {
  return request.slice(0, 16) as ReplicaId
}
