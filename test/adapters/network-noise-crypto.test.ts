import { pureJsCrypto } from '@libp2p/noise'
import { describe, expect, test } from 'vitest'
import { nodejsNoiseCrypto } from '../../src/adapters/libp2p/noise-crypto.nodejs.ts'
import { fromHex, toHex } from '../../src/core/bytes.ts'
import { testRandom } from './network-peers.ts'

type Sealed = ReturnType<typeof nodejsNoiseCrypto.chaCha20Poly1305Encrypt>

const hex = (text: string): Uint8Array => fromHex(text) ?? new Uint8Array(0)
const bytes = (data: Sealed): Uint8Array => data.subarray()

const nonce = new Uint8Array(12).fill(1)
const additional = new Uint8Array([1, 2, 3])

describe('the native primitives of Noise', () => {
  test.each([0, 1, 15, 16, 1000, 65_519])('seal and open %i bytes as the portable ones do', length => {
    const [key, text] = [testRandom.bytes(32), testRandom.bytes(length)]
    const native = nodejsNoiseCrypto.chaCha20Poly1305Encrypt(text, nonce, additional, key)
    const portable = pureJsCrypto.chaCha20Poly1305Encrypt(text, nonce, additional, key)
    expect(toHex(bytes(native))).toBe(toHex(bytes(portable)))
    expect(toHex(bytes(nodejsNoiseCrypto.chaCha20Poly1305Decrypt(portable, nonce, additional, key)))).toBe(toHex(text))
  })

  test('refuse what was altered anywhere, and another nonce, key or context', () => {
    const key = testRandom.bytes(32)
    const sealed = bytes(nodejsNoiseCrypto.chaCha20Poly1305Encrypt(new Uint8Array(20), nonce, additional, key)).slice()
    const open = (text: Uint8Array, with_: Uint8Array, context: Uint8Array, by: Uint8Array): Sealed =>
      nodejsNoiseCrypto.chaCha20Poly1305Decrypt(text, with_, context, by)
    expect(open(sealed, nonce, additional, key).byteLength).toBe(20)
    for (let index = 0; index < sealed.length; index++) {
      const altered = sealed.map((byte, at) => (at === index ? byte ^ 1 : byte))
      expect(() => open(altered, nonce, additional, key)).toThrow('authenticate')
    }
    expect(() => open(sealed, new Uint8Array(12), additional, key)).toThrow('authenticate')
    expect(() => open(sealed, nonce, new Uint8Array(3), key)).toThrow('authenticate')
    expect(() => open(sealed, nonce, additional, testRandom.bytes(32))).toThrow('authenticate')
  })

  test('use the bytes of a key, also when its buffer was overwritten since', () => {
    const key = new Uint8Array(32).fill(1)
    const before = nodejsNoiseCrypto.chaCha20Poly1305Encrypt(new Uint8Array(5), nonce, additional, key)
    key.fill(2)
    const after = nodejsNoiseCrypto.chaCha20Poly1305Encrypt(new Uint8Array(5), nonce, additional, key)
    const expected = pureJsCrypto.chaCha20Poly1305Encrypt(new Uint8Array(5), nonce, additional, new Uint8Array(32).fill(2))
    expect(toHex(bytes(after))).toBe(toHex(bytes(expected)))
    expect(toHex(bytes(after))).not.toBe(toHex(bytes(before)))
  })

  test('agree on keys as RFC 7748 section 6.1 says', () => {
    const alice = nodejsNoiseCrypto.generateX25519KeyPairFromSeed(hex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'))
    expect(toHex(alice.publicKey)).toBe('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a')
    const bob = hex('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f')
    expect(toHex(bytes(nodejsNoiseCrypto.generateX25519SharedKey(alice.privateKey, bob)))).toBe(
      '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742'
    )
  })

  test('make key pairs that the portable ones agree with', () => {
    const [mine, theirs] = [nodejsNoiseCrypto.generateX25519KeyPair(), pureJsCrypto.generateX25519KeyPair()]
    const here = nodejsNoiseCrypto.generateX25519SharedKey(mine.privateKey, theirs.publicKey)
    expect(toHex(here)).toBe(toHex(pureJsCrypto.generateX25519SharedKey(theirs.privateKey, mine.publicKey)))
    expect(toHex(nodejsNoiseCrypto.generateX25519KeyPair().publicKey)).not.toBe(toHex(mine.publicKey))
  })

  test('hash as the portable ones do', () => {
    const data = testRandom.bytes(1000)
    expect(toHex(nodejsNoiseCrypto.hashSHA256(data))).toBe(toHex(pureJsCrypto.hashSHA256(data)))
  })
})
