/** Unpredictable bytes from the platform's cryptographic generator. */
import type { Random } from '../ports/random.ts'

/** Most bytes that one call of the platform gives. */
const callBytesMax = 65_536

/** Randomness of `crypto.getRandomValues`, which browsers and Node.js share. */
export function systemRandom(): Random {
  return {
    bytes: length => {
      const bytes = new Uint8Array(length)
      for (let start = 0; start < length; start += callBytesMax) crypto.getRandomValues(bytes.subarray(start, start + callBytesMax))
      return bytes
    }
  }
}
