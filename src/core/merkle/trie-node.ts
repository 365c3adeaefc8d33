/**
 * A node of a Merkle trie (`merkle-trie.ts`) and what is done below it. A node with few entries is a leaf, which holds them side by side in one array, in no
 * order; one with more has 16 children. Each node knows the sum and the number of the entries below it.
 */
import { prefixOf } from '../ring/position.ts'
import { addEntry, addWords, subtractEntry, subtractWords, type TrieSum } from './trie-sum.ts'

/** Takes an entry: the first 64 bits of its position and its hash, as 32-bit halves. Answers whether to go on. */
export type TrieVisitor = (positionHigh: number, positionLow: number, hashHigh: number, hashLow: number) => boolean

/** Most entries of a leaf; a node with more has children. */
const leafEntriesMax = 128
const wordsPerEntry = 4
const positionBits = 64

export interface TrieNode {
  high: number
  low: number
  count: number
  /** 16 children; `undefined` in a leaf. */
  children: (TrieNode | undefined)[] | undefined
  /** Four words per entry: position, hash. */
  entries: Uint32Array
}

const NO_ENTRIES = new Uint32Array(0)

/** A node without entries. */
export function leaf(): TrieNode {
  return { high: 0, low: 0, count: 0, children: undefined, entries: NO_ENTRIES }
}

/** Sets or, without `hash`, removes the entry at a position below `root`; answers by how many entries there are more. */
export function change(root: TrieNode, rootDepth: number, position: Uint8Array, hash: Uint8Array | undefined): number {
  const [high, low] = [wordAt(position, 0), wordAt(position, 4)]
  if (hash === undefined) return remove(root, rootDepth, high, low) ? -1 : 0
  return put(root, rootDepth, high, low, wordAt(hash, 0), wordAt(hash, 4))
}

/** True when the entry at a position below `root` has this hash; without `hash`, when there is none. */
export function holds(root: TrieNode | undefined, rootDepth: number, position: Uint8Array, hash: Uint8Array | undefined): boolean {
  const [high, low] = [wordAt(position, 0), wordAt(position, 4)]
  let node = root
  for (let depth = rootDepth; node?.children !== undefined; depth += 4) node = node.children[digitOf(high, low, depth)]
  const at = node === undefined ? -1 : find(node, high, low)
  if (node === undefined || at < 0 || hash === undefined) return at < 0 && hash === undefined
  return node.entries[at + 2] === wordAt(hash, 0) && node.entries[at + 3] === wordAt(hash, 4)
}

/** Changes the sum of a partition whose entries are not in memory; answers by how many entries there are more. */
export function addDifference(root: TrieNode, position: Uint8Array, before: Uint8Array | undefined, after: Uint8Array | undefined): number {
  const [high, low] = [wordAt(position, 0), wordAt(position, 4)]
  if (before !== undefined) subtractEntry(root, high, low, wordAt(before, 0), wordAt(before, 4))
  if (after !== undefined) addEntry(root, high, low, wordAt(after, 0), wordAt(after, 4))
  const grown = (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1)
  root.count += grown
  return grown
}

/** The nodes from a root to a leaf: deeper than any trie is. */
const path: TrieNode[] = []

/** Adds or replaces an entry below `root`; answers by how many entries there are more. Allocates nothing but what the trie keeps. */
function put(root: TrieNode, rootDepth: number, high: number, low: number, hashHigh: number, hashLow: number): number {
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
    const above = path[index] as TrieNode
    above.count += grown
    subtractWords(above, beforeHigh, beforeLow)
    addWords(above, node.high, node.low)
  }
  if (node.count > leafEntriesMax && depth + 4 <= positionBits) split(node, depth)
  return grown
}

function putIntoLeaf(node: TrieNode, high: number, low: number, hashHigh: number, hashLow: number): number {
  let at = find(node, high, low)
  const grown = at < 0 ? 1 : 0
  if (at < 0) {
    at = node.count * wordsPerEntry
    reserve(node, at + wordsPerEntry)
    node.count += 1
  } else subtractAt(node, at)
  const { entries } = node
  entries[at] = high
  entries[at + 1] = low
  entries[at + 2] = hashHigh
  entries[at + 3] = hashLow
  addEntry(node, high, low, hashHigh, hashLow)
  return grown
}

/** Removes an entry below `node`; false when there is none. A node that few entries are left in is a leaf again. */
function remove(node: TrieNode, depth: number, high: number, low: number): boolean {
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

function removeFromLeaf(node: TrieNode, high: number, low: number): boolean {
  const at = find(node, high, low)
  if (at < 0) return false
  subtractAt(node, at)
  node.count -= 1
  node.entries.copyWithin(at, node.count * wordsPerEntry, (node.count + 1) * wordsPerEntry)
  return true
}

function split(node: TrieNode, depth: number): void {
  const { entries, count } = node
  const children: (TrieNode | undefined)[] = Array.from({ length: 16 }, () => undefined)
  for (let at = 0; at < count * wordsPerEntry; at += wordsPerEntry) {
    const high = entries[at] as number
    const low = entries[at + 1] as number
    const digit = digitOf(high, low, depth)
    put((children[digit] ??= leaf()), depth + 4, high, low, entries[at + 2] as number, entries[at + 3] as number)
  }
  node.children = children
  node.entries = NO_ENTRIES
}

function collapse(node: TrieNode): void {
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

function visitAll(node: TrieNode, visitor: TrieVisitor): boolean {
  const { children, entries, count } = node
  if (children !== undefined) return children.every(child => child === undefined || visitAll(child, visitor))
  for (let at = 0; at < count * wordsPerEntry; at += wordsPerEntry) {
    if (!visitor(entries[at] as number, entries[at + 1] as number, entries[at + 2] as number, entries[at + 3] as number)) return false
  }
  return true
}

/** Visits the entries below a node: all, or those below a prefix that is deeper than the node. False when the visitor stopped it. */
export function visitBelow(
  node: TrieNode,
  below: { readonly depth: number; readonly prefix: number } | undefined,
  visitor: TrieVisitor
): boolean {
  return visitAll(node, below === undefined ? visitor : filtered(below.depth, below.prefix, visitor))
}

/** Sum over those entries of a leaf that are below a prefix. */
export function sumBelow({ entries, count }: TrieNode, depth: number, prefix: number): TrieSum {
  const sum = { high: 0, low: 0, count: 0 }
  for (let at = 0; at < count * wordsPerEntry; at += wordsPerEntry) {
    const [high, low] = [entries[at] as number, entries[at + 1] as number]
    if (prefixOf(high, low, depth) !== prefix) continue
    addEntry(sum, high, low, entries[at + 2] as number, entries[at + 3] as number)
    sum.count += 1
  }
  return sum
}

function filtered(depth: number, prefix: number, visitor: TrieVisitor): TrieVisitor {
  return (high, low, hashHigh, hashLow) => prefixOf(high, low, depth) !== prefix || visitor(high, low, hashHigh, hashLow)
}

function find(node: TrieNode, high: number, low: number): number {
  const { entries } = node
  for (let at = 0; at < node.count * wordsPerEntry; at += wordsPerEntry) if (entries[at] === high && entries[at + 1] === low) return at
  return -1
}

/** Leaves grow by a quarter: most of a large store is leaves, which should not be half empty. */
function reserve(node: TrieNode, words: number): void {
  if (node.entries.length >= words) return
  const grown = new Uint32Array(words + (3 + (node.count >>> 2)) * wordsPerEntry)
  grown.set(node.entries)
  node.entries = grown
}

function subtractAt(node: TrieNode, at: number): void {
  const { entries } = node
  subtractEntry(node, entries[at] as number, entries[at + 1] as number, entries[at + 2] as number, entries[at + 3] as number)
}

/** The four bits of a position behind its first `depth` bits. */
function digitOf(high: number, low: number, depth: number): number {
  if (depth <= 28) return (high >>> (28 - depth)) & 15
  return depth >= 32 ? (low >>> (60 - depth)) & 15 : ((high << (depth - 28)) | (low >>> (60 - depth))) & 15
}

/** 32 bits of a byte string. */
export function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0
  )
}
