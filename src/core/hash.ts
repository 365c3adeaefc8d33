/**
 * The two hash functions: MD5 places keys on the ring (the paper, section 4.2), SHA-256 does everything that must resist forgery.
 */
import { md5 as nobleMd5 } from '@noble/hashes/legacy.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'

/** MD5 of `bytes`: 16 bytes. */
export function md5(bytes: Uint8Array): Uint8Array {
  return nobleMd5(bytes)
}

/** SHA-256 of `bytes`: 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return nobleSha256(bytes)
}

/** HMAC-SHA-256 of `bytes` under `key`: 32 bytes. */
export function hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return hmac(nobleSha256, key, bytes)
}

/** HMAC-SHA-256 under a key that is used often: prepares the key once. */
export function hmacSha256With(key: Uint8Array): (bytes: Uint8Array) => Uint8Array {
  const prepared = hmac.create(nobleSha256, key)
  return bytes => prepared.clone().update(bytes).digest()
}
