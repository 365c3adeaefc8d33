/**
 * The primitives of Noise through OpenSSL, with each session's cipher key prepared once.
 *
 * Node.js derives a key object from raw bytes on every call otherwise, which costs more than encrypting a short message does. Key
 * agreement in JavaScript was the largest share of opening a connection.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  randomBytes,
  type KeyObject
} from 'node:crypto'
import { pureJsCrypto, type ICryptoInterface } from '@libp2p/noise'

type Bytes = Parameters<ICryptoInterface['chaCha20Poly1305Encrypt']>[0]

const algorithm = 'chacha20-poly1305'
const tagBytes = 16
const keyBytes = 32
/** What precedes the 32 bytes of an X25519 private key (PKCS #8) and public key (SPKI) in their DER form: RFC 8410. */
const privatePrefix = Buffer.from('302e020100300506032b656e04220420', 'hex')
const publicPrefix = Buffer.from('302a300506032b656e032100', 'hex')

/** Key objects live as long as the raw keys that libp2p holds. */
const prepared = new WeakMap<Uint8Array, { readonly key: KeyObject; readonly copy: Uint8Array }>()

/** Noise's primitives by the platform; what is cheap stays libp2p's own. */
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
  },
  generateX25519KeyPair: () => keyPair(randomBytes(keyBytes)),
  generateX25519KeyPairFromSeed: keyPair,
  generateX25519SharedKey: (privateKey, publicKey) =>
    diffieHellman({ privateKey: privateObject(whole(privateKey)), publicKey: publicObject(whole(publicKey)) })
}

function keyPair(privateKey: Uint8Array): { publicKey: Uint8Array; privateKey: Uint8Array } {
  const encoded = createPublicKey(privateObject(privateKey)).export({ type: 'spki', format: 'der' })
  return { publicKey: new Uint8Array(encoded.subarray(publicPrefix.length)), privateKey: privateKey.slice() }
}

function privateObject(raw: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([privatePrefix, raw]), type: 'pkcs8', format: 'der' })
}

function publicObject(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([publicPrefix, raw]), type: 'spki', format: 'der' })
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
