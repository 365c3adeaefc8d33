/**
 * The sum of a set of entries, as a node of a {@link MerkleTrie} has it: 64 bits, to which an entry is added and from which it is taken away without
 * looking at the others (an incremental multiset hash: Bellare & Micciancio 1997). `merkle-trie.ts` says what it does not resist.
 */

/** Sum over a set of entries. */
export interface TrieSum {
  /** Upper and lower 32 bits of the sum of the entries' hashes. */
  readonly high: number
  readonly low: number
  readonly count: number
}

/** The 64 bits of a sum, while it is being made. */
export interface SumWords {
  high: number
  low: number
}

export const noSum: TrieSum = { high: 0, low: 0, count: 0 }

/** Mixes four words well: every bit of them changes about half of the 64 bits of the answer, which is given to `take`. */
export function mixWords(a: number, b: number, c: number, d: number, take: (high: number, low: number) => void): void {
  mix(a, b, c, d)
  take(mixedHigh, mixedLow)
}

/** Adds an entry: two words of its position, two of its hash. */
export function addEntry(sum: SumWords, a: number, b: number, c: number, d: number): void {
  mix(a, b, c, d)
  addWords(sum, mixedHigh, mixedLow)
}

/** Takes an entry away. */
export function subtractEntry(sum: SumWords, a: number, b: number, c: number, d: number): void {
  mix(a, b, c, d)
  subtractWords(sum, mixedHigh, mixedLow)
}

/** Adds modulo 2^64. */
export function addWords(sum: SumWords, high: number, low: number): void {
  const total = sum.low + low
  sum.low = total >>> 0
  sum.high = (sum.high + high + (total > 0xffff_ffff ? 1 : 0)) >>> 0
}

/** Subtracts modulo 2^64. */
export function subtractWords(sum: SumWords, high: number, low: number): void {
  const borrow = sum.low < low ? 1 : 0
  sum.low = (sum.low - low) >>> 0
  sum.high = (sum.high - high - borrow) >>> 0
}

export function equalSums(a: TrieSum, b: TrieSum): boolean {
  return a.high === b.high && a.low === b.low && a.count === b.count
}

let mixedHigh = 0
let mixedLow = 0

/** Leaves its answer in `mixedHigh` and `mixedLow`: this runs for each entry of a trie, and allocates nothing. */
function mix(a: number, b: number, c: number, d: number): void {
  let high = scramble(a ^ 0x9e3779b9)
  let low = scramble(b ^ 0x7f4a7c15 ^ high)
  high = scramble(high + Math.imul(low, 0x2c1b3c6d) + c)
  low = scramble(low + Math.imul(high, 0x297a2d39) + d)
  high = scramble(high ^ Math.imul(low, 0x85ebca6b))
  mixedHigh = high
  mixedLow = scramble(low + high)
}

/** A bijection of 32-bit integers whose output bits each depend on all input bits. */
function scramble(value: number): number {
  let word = value | 0
  word = Math.imul(word ^ (word >>> 16), 0x21f0aaad)
  word = Math.imul(word ^ (word >>> 15), 0x735a2d97)
  return (word ^ (word >>> 15)) >>> 0
}
