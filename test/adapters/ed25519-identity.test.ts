import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { describe, expect, test } from 'vitest'
import { ed25519Identity, ed25519Verifier } from '../../src/adapters/ed25519-identity.ts'
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

describe('the verifier', () => {
  const { peerId, sign } = ed25519Identity(seed)

  test('accepts what the peer signed and nothing that differs in a bit', () => {
    const signature = sign(bytes)
    expect(ed25519Verifier.verify(peerId, bytes, signature)).toBe(true)
    expect(ed25519Verifier.verify(peerId, new Uint8Array([1, 2, 2]), signature)).toBe(false)
    for (const index of [0, 31, 32, 63]) {
      const altered = signature.map((byte, at) => (at === index ? byte ^ 1 : byte))
      expect(ed25519Verifier.verify(peerId, bytes, altered)).toBe(false)
    }
    const other = ed25519Identity(seed.map(byte => byte + 1)).peerId
    expect(ed25519Verifier.verify(other, bytes, signature)).toBe(false)
  })

  test.each(['', 'x', '12D3KooW', 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N', `${peerId}1`, ` ${peerId}`, 'z'.repeat(100_000)])(
    'answers false for the peer id %.20j and does not throw',
    text => {
      expect(ed25519Verifier.verify(text as PeerId, bytes, sign(bytes))).toBe(false)
    }
  )

  test.each([0, 63, 65, 1000])('answers false for a signature of %i bytes', length => {
    expect(ed25519Verifier.verify(peerId, bytes, new Uint8Array(length))).toBe(false)
  })
})
