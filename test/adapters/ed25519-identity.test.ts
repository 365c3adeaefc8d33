import { generateKeyPairFromSeed, publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey, peerIdFromPublicKey } from '@libp2p/peer-id'
import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { describe, expect, test } from 'vitest'
import { ed25519Identity, ed25519Verifier } from '../../src/adapters/identity/ed25519-identity.ts'
import { nodejsVerifier } from '../../src/adapters/identity/ed25519-verifier.nodejs.ts'
import type { PeerId } from '../../src/core/identifiers.ts'

const seed = Uint8Array.from({ length: 32 }, (_, index) => index)
const bytes = new Uint8Array([1, 2, 3])

describe('an Ed25519 identity', () => {
  test('has the peer id that libp2p gives to the same seed', async () => {
    const key = await generateKeyPairFromSeed('Ed25519', seed)
    expect(ed25519Identity(seed).peerId).toBe(peerIdFromPrivateKey(key).toString())
  })

  test('signs as libp2p does, the same bytes the same way each time', async () => {
    const key = await generateKeyPairFromSeed('Ed25519', seed)
    const identity = ed25519Identity(seed)
    expect(identity.sign(bytes)).toEqual(identity.sign(bytes))
    expect(identity.sign(bytes)).toEqual(new Uint8Array(await key.sign(bytes)))
  })

  test('does not change when the seed is wiped afterwards', () => {
    const wiped = seed.slice()
    const identity = ed25519Identity(wiped)
    wiped.fill(0)
    expect(ed25519Verifier.verify(identity.peerId, bytes, identity.sign(bytes))).toBe(true)
  })

  test.each([0, 31, 33, 64])('is not made from %i bytes', length => {
    expect(() => ed25519Identity(new Uint8Array(length))).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }))
  })
})

describe.each([
  ['in JavaScript', ed25519Verifier],
  ['through OpenSSL', nodejsVerifier]
])('the verifier %s', (_name, verifier) => {
  const { peerId, sign } = ed25519Identity(seed)

  test('accepts what the peer signed and nothing that differs in a bit', () => {
    const signature = sign(bytes)
    expect(verifier.verify(peerId, bytes, signature)).toBe(true)
    expect(verifier.verify(peerId, new Uint8Array([1, 2, 2]), signature)).toBe(false)
    for (const index of [0, 31, 32, 63]) {
      const altered = signature.map((byte, at) => (at === index ? byte ^ 1 : byte))
      expect(verifier.verify(peerId, bytes, altered)).toBe(false)
    }
    const other = ed25519Identity(seed.map(byte => byte + 1)).peerId
    expect(verifier.verify(other, bytes, signature)).toBe(false)
  })

  test.each(['', 'x', '12D3KooW', 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N', `${peerId}1`, ` ${peerId}`, 'z'.repeat(100_000)])(
    'answers false for the peer id %.20j and does not throw',
    text => {
      expect(verifier.verify(text as PeerId, bytes, sign(bytes))).toBe(false)
    }
  )

  test.each([0, 63, 65, 1000])('answers false for a signature of %i bytes', length => {
    expect(verifier.verify(peerId, bytes, new Uint8Array(length))).toBe(false)
  })

  test('accepts nothing from a key of small order, which fits any signature with a matching point', () => {
    const identityPoint = Uint8Array.from({ length: 32 }, (_, index) => (index === 0 ? 1 : 0))
    const weak = peerIdFromPublicKey(publicKeyFromRaw(identityPoint)).toString() as PeerId
    const signature = new Uint8Array(64)
    signature.set(identityPoint)
    expect(verifier.verify(weak, bytes, signature)).toBe(false)
  })

  test('accepts a signature that is right but for a point of small order, as all peers must or none', () => {
    const torsion = ed25519.Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a')
    const secret = seed
    const { scalar, prefix, pointBytes } = ed25519.utils.getExtendedPublicKey(secret)
    const nonce = ed25519.Point.Fn.create(wide(sha512(concat(prefix, bytes))))
    const point = ed25519.Point.BASE.multiply(nonce).add(torsion).toBytes()
    const challenge = ed25519.Point.Fn.create(wide(sha512(concat(point, pointBytes, bytes))))
    const answer = ed25519.Point.Fn.create(nonce + challenge * scalar)
    const signature = concat(point, ed25519.Point.Fn.toBytes(answer))
    expect(verifier.verify(peerId, bytes, signature)).toBe(ed25519.verify(signature, bytes, pointBytes, { zip215: false }))
    expect(verifier.verify(peerId, bytes, signature)).toBe(true)
  })
})

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

function wide(hash: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(hash.toReversed()).toString('hex')}`)
}
