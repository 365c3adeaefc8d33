/**
 * A peer's key pair, and the check of other peers' signatures: Ed25519 in plain JavaScript, so that it is synchronous in browsers
 * and under Node.js alike.
 *
 * A peer id of this kind *is* the public key in another spelling (libp2p wraps the 32 bytes in a short header and writes them
 * in base58), so a signature can be checked with nothing but the id of who made it.
 */
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { ed25519 } from '@noble/curves/ed25519.js'
import { StoreError } from '../../core/errors.ts'
import { peerIdBytesMax, type PeerId } from '../../core/identifiers.ts'
import { membersMax } from '../../core/limits.ts'
import type { Identity, Verifier } from '../../ports/identity.ts'

const seedBytes = 32
const signatureBytes = 64

/** The identity whose key pair is derived from `seed` (32 secret bytes). The same seed is the same peer everywhere. */
export function ed25519Identity(seed: Uint8Array): Identity {
  if (seed.length !== seedBytes) {
    throw new StoreError('ERR_OPTIONS', `An identity is made from ${seedBytes} secret bytes, not ${seed.length}.`)
  }
  const secret = seed.slice()
  const peerId = peerIdFromPublicKey(publicKeyFromRaw(ed25519.getPublicKey(secret))).toString() as PeerId
  return { peerId, sign: bytes => ed25519.sign(bytes, secret) }
}

/** Public keys by peer id, in order of use; the one used longest ago is forgotten first. */
const decodedKeys = new Map<PeerId, Uint8Array>()

/** Checks Ed25519 signatures of peers by their id alone. */
export const ed25519Verifier: Verifier = {
  verify: (peerId, bytes, signature) => {
    const key = publicKeyOf(peerId)
    return key !== undefined && isSignedBy(key, bytes, signature)
  }
}

/** True when `signature` over `bytes` was made by the key, as RFC 8032 has it; a key of small order signs nothing. Never throws. */
export function isSignedBy(key: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== signatureBytes) return false
  try {
    return ed25519.verify(signature, bytes, key, { zip215: false })
  } catch {
    return false
  }
}

/** The key that a peer id contains, or `undefined` where it is not a canonical one of this kind. */
export function publicKeyOf(peerId: PeerId): Uint8Array | undefined {
  const known = decodedKeys.get(peerId)
  if (known !== undefined) return known
  const key = decodeKey(peerId)
  if (key === undefined) return undefined
  const oldest = decodedKeys.size >= membersMax ? decodedKeys.keys().next().value : undefined
  if (oldest !== undefined) decodedKeys.delete(oldest)
  decodedKeys.set(peerId, key)
  return key
}

/** The Ed25519 key of a canonically written peer id, or `undefined` for anything else. */
function decodeKey(text: string): Uint8Array | undefined {
  if (text.length > peerIdBytesMax) return undefined
  try {
    const peer = peerIdFromString(text)
    return peer.type === 'Ed25519' && peer.toString() === text ? peer.publicKey.raw : undefined
  } catch {
    return undefined
  }
}
