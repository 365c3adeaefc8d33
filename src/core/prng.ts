/**
 * Seeded pseudo-randomness in integers only, so that every engine draws the same numbers (sfc32).
 *
 * Not for secrets. Split one generator per subsystem with {@link Prng.fork}: then a further draw in one does not shift another.
 */

/** A source of reproducible numbers. */
export interface Prng {
  /** The next unsigned 32-bit integer. */
  uint32(): number
  /** A uniform integer in `0 .. bound - 1`; `bound` is at most 2^32. */
  below(bound: number): number
  /** A uniform fraction in `0 <= x < 1` with 32 bits. */
  fraction(): number
  /** A generator of its own for the subsystem `label`. */
  fork(label: string): Prng
}

/** A generator whose whole sequence is decided by `seed`. */
export function prng(seed: number | string): Prng {
  let a = fnv1a(`a${seed}`)
  let b = fnv1a(`b${seed}`)
  let c = fnv1a(`c${seed}`)
  let counter = 1
  const uint32 = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  for (let round = 0; round < 12; round++) uint32()
  return {
    uint32,
    below: bound => Math.floor((uint32() / 0x1_0000_0000) * bound),
    fraction: () => uint32() / 0x1_0000_0000,
    fork: label => prng(`${seed}/${label}`)
  }
}

/** FNV-1a over UTF-16 code units: a 32-bit integer. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash >>> 0
}
