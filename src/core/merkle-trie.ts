/**
 * A Merkle trie over ring positions (the paper, section 4.7): tells where two replicas differ without looking at what they share.
 *
 * It maps the first 64 bits of a key's position to the hash of its record. Below each partition the next 4 bits choose one of 16 children,
 * and so on; a node with few entries is a leaf. A node's sum is the sum modulo 2^64 of its entries' hashes, so that a write adds a difference
 * along one path and looks at no sibling, and so that the trie depends on its entries alone: equal sets have equal sums, in whatever order
 * they were written and deleted.
 *
 * What it does not guarantee: a sum resists chance, not an adversary. A member that chooses its dots for it can make a set of records whose sum
 * equals another set's, and hide that one replica lacks them from a comparison, until any of them changes or is read. That member could as well
 * not replicate them at all. Two keys whose positions agree in 64 bits (an attack on MD5; by chance, 1 in 10^7 stores of a million keys) share
 * one entry, and are exchanged in every round: it costs those who do it, and no other key.
 */
import { StoreError } from './errors.ts'
import { isPartitionCount } from './position.ts'

/** Sum over the entries below a prefix. */
export interface TrieSum {
  /** Upper and lower 32 bits of the sum of the entries' hashes. */
  readonly high: number
  readonly low: number
  readonly count: number
}

/** Takes an entry: the first 64 bits of its position and its hash, as 32-bit halves. Answers whether to go on. */
export type TrieVisitor = (positionHigh: number, positionLow: number, hashHigh: number, hashLow: number) => boolean

/** Most entries of a leaf; a node with more has children. */
const leafEntriesMax = 128
const wordsPerEntry = 4
const positionBits = 64

interface Node {
  high: number
  low: number
  count: number
  /** 16 children; `undefined` in a leaf. */
  children: (Node | undefined)[] | undefined
  /** Four words per entry: position, hash. */
  entries: Uint32Array
}

const NO_ENTRIES = new Uint32Array(0)
const NO_SUM: TrieSum = { high: 0, low: 0, count: 0 }

export class MerkleTrie {
  /** log2 of the number of partitions: where the trie below a partition begins. */
  readonly partitionBits: number
  readonly #roots: (Node | undefined)[]
  #size = 0

  /** @throws `ERR_OPTIONS` when `partitions` is not a power of two up to 65,536 */
  constructor(partitions: number) {
    if (!isPartitionCount(partitions)) throw new StoreError('ERR_OPTIONS', `partitions must be a power of two, got ${partitions}`)
    this.partitionBits = 31 - Math.clz32(partitions)
    this.#roots = Array.from({ length: partitions }, () => undefined)
  }

  /** Entries. */
  get size(): number {
    return this.#size
  }

  /** Sets the hash (8 bytes) of the entry at `position` (its first 8 bytes count). */
  set(position: Uint8Array, hash: Uint8Array): void {
    const high = word(position, 0)
    const low = word(position, 4)
    const node = (this.#roots[(high >>> 1) >>> (31 - this.partitionBits)] ??= leaf())
    this.#size += put(node, this.partitionBits, high, low, word(hash, 0), word(hash, 4))
  }

  /** Removes the entry at `position`, if there is one. */
  delete(position: Uint8Array): void {
    const [high, low] = [word(position, 0), word(position, 4)]
    const root = (high >>> 1) >>> (31 - this.partitionBits)
    const node = this.#roots[root]
    if (node === undefined || !remove(node, this.partitionBits, high, low)) return
    this.#size -= 1
    if (node.count === 0) this.#roots[root] = undefined
  }

  /** Sum over the entries whose positions begin with the `depth` bits of `prefix`; `depth` is a partition's or 4, 8, ... more. */
  sum(depth: number, prefix: number): TrieSum {
    const { node, depth: reached } = this.#descend(depth, prefix)
    if (node === undefined) return NO_SUM
    if (reached === depth) return node
    const sum = { high: 0, low: 0, count: 0 }
    for (let at = 0; at < node.count * wordsPerEntry; at += wordsPerEntry) {
      if (prefixOf(node.entries[at] as number, node.entries[at + 1] as number, depth) === prefix) addEntry(sum, node.entries, at)
    }
    return sum
  }

  /** Visits the entries whose positions begin with the `depth` bits of `prefix`, a partition's at least. False when the visitor stopped it. */
  visit(depth: number, prefix: number, visitor: TrieVisitor): boolean {
    const { node, depth: reached } = this.#descend(depth, prefix)
    return node === undefined || visitAll(node, reached === depth ? visitor : filtered(depth, prefix, visitor))
  }

  /** The deepest node that covers a prefix, and its depth. */
  #descend(depth: number, prefix: number): { readonly node: Node | undefined; readonly depth: number } {
    let reached = this.partitionBits
    let node = this.#roots[Math.floor(prefix / 2 ** (depth - reached))]
    while (node?.children !== undefined && reached + 4 <= depth) {
      reached += 4
      node = node.children[Math.floor(prefix / 2 ** (depth - reached)) % 16]
    }
    return { node, depth: reached }
  }
}

/** The first `depth` bits, 0..53, of a position given as two words. */
export function prefixOf(high: number, low: number, depth: number): number {
  if (depth < 32) return (high >>> 1) >>> (31 - depth)
  if (depth === 32) return high
  return high * 2 ** (depth - 32) + (low >>> (positionBits - depth))
}

/** Mixes four words well: every bit of them changes about half of the 64 bits of the answer, which is given to `take`. */
export function mixWords(a: number, b: number, c: number, d: number, take: (high: number, low: number) => void): void {
  mix(a, b, c, d)
  take(mixedHigh, mixedLow)
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

function leaf(): Node {
  return { high: 0, low: 0, count: 0, children: undefined, entries: NO_ENTRIES }
}

/** The nodes from a root to a leaf: deeper than any trie is. */
const path: Node[] = []

/** Adds or replaces an entry below `root`; answers by how many entries there are more. Allocates nothing but what the trie keeps. */
function put(root: Node, rootDepth: number, high: number, low: number, hashHigh: number, hashLow: number): number {
  let node = root
  let depth = rootDepth
  let length = 0
  while (node.children !== undefined) {
    path[length++] = node
    node = node.children[digitOf(high, low, depth)] ??= leaf()
    depth += 4
  }
  const { high: beforeHigh, low: beforeLow } = node
  const grown = putIntoLeaf(node, high, low, hashHigh, hashLow)
  for (let index = 0; index < length; index++) {
    const above = path[index] as Node
    above.count += grown
    subtractWords(above, beforeHigh, beforeLow)
    addWords(above, node.high, node.low)
  }
  if (node.count > leafEntriesMax && depth + 4 <= positionBits) split(node, depth)
  return grown
}

function putIntoLeaf(node: Node, high: number, low: number, hashHigh: number, hashLow: number): number {
  let at = find(node, high, low)
  const grown = at < 0 ? 1 : 0
  if (at < 0) {
    at = node.count * wordsPerEntry
    reserve(node, at + wordsPerEntry)
    node.count += 1
  } else subtractEntry(node, node.entries, at)
  const { entries } = node
  entries[at] = high
  entries[at + 1] = low
  entries[at + 2] = hashHigh
  entries[at + 3] = hashLow
  add(node, entries, at)
  return grown
}

/** Removes an entry below `node`; false when there is none. A node that few entries are left in is a leaf again. */
function remove(node: Node, depth: number, high: number, low: number): boolean {
  if (node.children === undefined) return removeFromLeaf(node, high, low)
  const digit = digitOf(high, low, depth)
  const child = node.children[digit]
  if (child === undefined) return false
  const { high: beforeHigh, low: beforeLow } = child
  if (!remove(child, depth + 4, high, low)) return false
  if (child.count === 0) node.children[digit] = undefined
  node.count -= 1
  subtractWords(node, beforeHigh, beforeLow)
  addWords(node, child.high, child.low)
  if (node.count <= leafEntriesMax) collapse(node)
  return true
}

function removeFromLeaf(node: Node, high: number, low: number): boolean {
  const at = find(node, high, low)
  if (at < 0) return false
  subtractEntry(node, node.entries, at)
  node.count -= 1
  node.entries.copyWithin(at, node.count * wordsPerEntry, (node.count + 1) * wordsPerEntry)
  return true
}

function split(node: Node, depth: number): void {
  const { entries, count } = node
  const children: (Node | undefined)[] = Array.from({ length: 16 }, () => undefined)
  for (let at = 0; at < count * wordsPerEntry; at += wordsPerEntry) {
    const high = entries[at] as number
    const low = entries[at + 1] as number
    const digit = digitOf(high, low, depth)
    put((children[digit] ??= leaf()), depth + 4, high, low, entries[at + 2] as number, entries[at + 3] as number)
  }
  node.children = children
  node.entries = NO_ENTRIES
}

function collapse(node: Node): void {
  const entries = new Uint32Array(node.count * wordsPerEntry)
  let at = 0
  visitAll(node, (high, low, hashHigh, hashLow) => {
    entries.set([high, low, hashHigh, hashLow], at)
    at += wordsPerEntry
    return true
  })
  node.entries = entries
  node.children = undefined
}

function visitAll(node: Node, visitor: TrieVisitor): boolean {
  const { children, entries, count } = node
  if (children !== undefined) return children.every(child => child === undefined || visitAll(child, visitor))
  for (let at = 0; at < count * wordsPerEntry; at += wordsPerEntry) {
    if (!visitor(entries[at] as number, entries[at + 1] as number, entries[at + 2] as number, entries[at + 3] as number)) return false
  }
  return true
}

function filtered(depth: number, prefix: number, visitor: TrieVisitor): TrieVisitor {
  return (high, low, hashHigh, hashLow) => prefixOf(high, low, depth) !== prefix || visitor(high, low, hashHigh, hashLow)
}

function find(node: Node, high: number, low: number): number {
  const { entries } = node
  for (let at = 0; at < node.count * wordsPerEntry; at += wordsPerEntry) if (entries[at] === high && entries[at + 1] === low) return at
  return -1
}

/** Leaves grow by four entries at a time: most of a large store is leaves that are half full. */
function reserve(node: Node, words: number): void {
  if (node.entries.length >= words) return
  const grown = new Uint32Array(words + 3 * wordsPerEntry)
  grown.set(node.entries)
  node.entries = grown
}

function addEntry(sum: { high: number; low: number; count: number }, entries: Uint32Array, at: number): void {
  add(sum, entries, at)
  sum.count += 1
}

function add(sum: { high: number; low: number }, entries: Uint32Array, at: number): void {
  mix(entries[at] as number, entries[at + 1] as number, entries[at + 2] as number, entries[at + 3] as number)
  addWords(sum, mixedHigh, mixedLow)
}

function subtractEntry(sum: { high: number; low: number }, entries: Uint32Array, at: number): void {
  mix(entries[at] as number, entries[at + 1] as number, entries[at + 2] as number, entries[at + 3] as number)
  subtractWords(sum, mixedHigh, mixedLow)
}

/** Adds modulo 2^64. */
export function addWords(sum: { high: number; low: number }, high: number, low: number): void {
  const total = sum.low + low
  sum.low = total >>> 0
  sum.high = (sum.high + high + (total > 0xffff_ffff ? 1 : 0)) >>> 0
}

function subtractWords(sum: { high: number; low: number }, high: number, low: number): void {
  const borrow = sum.low < low ? 1 : 0
  sum.low = (sum.low - low) >>> 0
  sum.high = (sum.high - high - borrow) >>> 0
}

/** The four bits of a position behind its first `depth` bits. */
function digitOf(high: number, low: number, depth: number): number {
  if (depth <= 28) return (high >>> (28 - depth)) & 15
  return depth >= 32 ? (low >>> (60 - depth)) & 15 : ((high << (depth - 28)) | (low >>> (60 - depth))) & 15
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0
  )
}
