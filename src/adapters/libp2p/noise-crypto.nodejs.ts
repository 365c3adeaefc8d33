/**
 * The ciphers of Noise through OpenSSL, with each session's key prepared once.
 *
 * Node.js derives a key object from raw bytes on every call otherwise, which costs more than encrypting a short message does.
 * Handshakes keep libp2p's portable code: they happen once per connection.
 */
import { createCipheriv, createDecipheriv, createHash, createSecretKey, type KeyObject } from 'node:crypto'
import { pureJsCrypto, type ICryptoInterface } from '@libp2p/noise'

type Bytes = Parameters<ICryptoInterface['chaCha20Poly1305Encrypt']>[0]

const algorithm = 'chacha20-poly1305'
const tagBytes = 16

/** Key objects live as long as the raw keys that libp2p holds. */
const prepared = new WeakMap<Uint8Array, { readonly key: KeyObject; readonly copy: Uint8Array }>()

/** Noise's primitives with native ciphers and hashes. */
export const nodejsNoiseCrypto: ICryptoInterface = {
  ...pureJsCrypto,
  hashSHA256: data => createHash('sha256').update(whole(data)).digest(),
  chaCha20Poly1305Encrypt: (plaintext, nonce, additional, key) => {
    const cipher = createCipheriv(algorithm, keyObject(key), nonce, { authTagLength: tagBytes })
    cipher.setAAD(additional, { plaintextLength: plaintext.byteLength })
    const encrypted = cipher.update(whole(plaintext))
    cipher.final()
    const sealed = new Uint8Array(encrypted.length + tagBytes)
    sealed.set(encrypted)
    sealed.set(cipher.getAuthTag(), encrypted.length)
    return sealed
  },
  chaCha20Poly1305Decrypt: (ciphertext, nonce, additional, key) => {
    const sealed = whole(ciphertext)
    const textBytes = sealed.length - tagBytes
    const decipher = createDecipheriv(algorithm, keyObject(key), nonce, { authTagLength: tagBytes })
    decipher.setAAD(additional, { plaintextLength: textBytes })
    decipher.setAuthTag(sealed.subarray(textBytes))
    const text = decipher.update(sealed.subarray(0, textBytes))
    decipher.final()
    return text
  }
}

/** The key object of a raw key, checked against its bytes: a buffer may be wiped or reused. */
function keyObject(raw: Uint8Array): KeyObject {
  const known = prepared.get(raw)
  if (known !== undefined && Buffer.compare(known.copy, raw) === 0) return known.key
  const key = createSecretKey(raw)
  prepared.set(raw, { key, copy: raw.slice() })
  return key
}

function whole(data: Bytes): Uint8Array {
  return data instanceof Uint8Array ? data : data.subarray()
}
