/**
 * The check of signatures through OpenSSL, about fifteen times as fast as in JavaScript: a peer that starts checks a record of every member.
 *
 * All peers must agree on what is signed, or their views would differ for ever. So what OpenSSL refuses is asked of the JavaScript that browsers
 * use, and a key for which the two could differ (a point of small order, or one written in another than the shortest way) is left to it altogether.
 */
import { createPublicKey, verify, type KeyObject } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import type { PeerId } from '../../core/identifiers.ts'
import { membersMax } from '../../core/limits.ts'
import type { Verifier } from '../../ports/identity.ts'
import { isSignedBy, publicKeyOf } from './ed25519-identity.ts'

/** What precedes the 32 bytes of a public key in their DER form (SPKI): RFC 8410. */
const publicPrefix = Buffer.from('302a300506032b6570032100', 'hex')

interface PreparedKey {
  readonly raw: Uint8Array
  /** Missing for a key that is left to JavaScript. */
  readonly native: KeyObject | undefined
}

/** Keys by peer id, in order of use; the one used longest ago is forgotten first. */
const preparedKeys = new Map<PeerId, PreparedKey>()

/** Checks Ed25519 signatures of peers by their id alone; answers as `ed25519Verifier` does. */
export const nodejsVerifier: Verifier = {
  verify: (peerId, bytes, signature) => {
    const key = preparedKeyOf(peerId)
    if (key === undefined) return false
    const isNative = key.native !== undefined && verify(null, bytes, key.native, signature)
    return isNative || isSignedBy(key.raw, bytes, signature)
  }
}

function preparedKeyOf(peerId: PeerId): PreparedKey | undefined {
  const known = preparedKeys.get(peerId)
  if (known !== undefined) return known
  const raw = publicKeyOf(peerId)
  if (raw === undefined) return undefined
  const key = { raw, native: isSound(raw) ? nativeKey(raw) : undefined }
  const oldest = preparedKeys.size >= membersMax ? preparedKeys.keys().next().value : undefined
  if (oldest !== undefined) preparedKeys.delete(oldest)
  preparedKeys.set(peerId, key)
  return key
}

function isSound(raw: Uint8Array): boolean {
  try {
    return !ed25519.Point.fromBytes(raw, false).isSmallOrder()
  } catch {
    return false
  }
}

function nativeKey(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([publicPrefix, raw]), type: 'spki', format: 'der' })
}
