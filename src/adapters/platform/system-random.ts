/**
 * Unpredictable bytes from the platform's cryptographic generator, in Node.js and in browsers.
 */
import type { Random } from '../../ports/random.ts'

/** Most bytes that the platform gives at once. */
const CHUNK_BYTES = 65_536

/** Randomness of this machine. */
export function systemRandom(): Random {
  return {
    bytes(length) {
      const bytes = new Uint8Array(length)
      for (let offset = 0; offset < length; offset += CHUNK_BYTES)
        globalThis.crypto.getRandomValues(bytes.subarray(offset, offset + CHUNK_BYTES))
      return bytes
    }
  }
}
