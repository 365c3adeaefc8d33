/** A list of small numbers, ascending, as one bit each: the lowest bit of the first byte is number 0, and the last byte is not empty. */

/** Bits for these numbers, up to the last of them. */
export function packNumbers(numbers: readonly number[]): Uint8Array {
  const last = numbers.at(-1)
  const bits = new Uint8Array(last === undefined ? 0 : (last >> 3) + 1)
  for (const number of numbers) bits[number >> 3] = (bits[number >> 3] ?? 0) | (1 << (number & 7))
  return bits
}

/** The numbers whose bits are set. */
export function unpackNumbers(bits: Uint8Array): readonly number[] {
  const numbers = Array.from({ length: bits.length * 8 }, (_, number) => number)
  return numbers.filter(number => (((bits[number >> 3] ?? 0) >> (number & 7)) & 1) === 1)
}
