/**
 * Who a peer is: its key pair, and the check of what other peers signed. A peer id contains its public key, so nobody has to be asked
 * whose key it is. Which key type is used is the adapter's business.
 */
import type { PeerId } from '../core/identifiers.ts'

/** A peer's key pair, as far as the protocol needs it. Synchronous and deterministic. */
export interface Identity {
  readonly peerId: PeerId
  /** Signature of `bytes` by this peer's key. */
  sign(bytes: Uint8Array): Uint8Array
}

/** Checks other peers' signatures; a peer id contains its public key. */
export interface Verifier {
  /** True when `signature` over `bytes` was made by the key of `peerId`. Never throws. */
  verify(peerId: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean
}
