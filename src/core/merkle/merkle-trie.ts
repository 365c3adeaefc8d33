/**
 * A Merkle trie over ring positions (the paper, section 4.7): tells where two replicas differ without looking at what they share.
 *
 * It maps the first 64 bits of a key's position to the hash of its record. Below each partition the next 4 bits choose one of 16 children,
 * and so on; a node with few entries is a leaf. A node's sum is the sum modulo 2^64 of its entries' hashes, so that a write adds a difference
 * along one path and looks at no sibling, and so that the trie depends on its entries alone: equal sets have equal sums, in whatever order
 * they were written and deleted.
 *
 * Because sums add up, a partition may be known by its sum alone: a write changes it by the key's old and new hash, and the entries are loaded only
 * when somebody looks below the partition. So a large store neither reads nor keeps what no exchange asks for.
 *
 * What it does not guarantee: a sum resists chance, not an adversary. A member that chooses its dots for it can make a set of records whose sum
 * equals another set's, and hide that one replica lacks them from a comparison, until any of them changes or is read. That member could as well
 * not replicate them at all. Two keys whose positions agree in 64 bits (an attack on MD5; by chance, 1 in 10^7 stores of a million keys) share
 * one entry, and are exchanged in every round: it costs those who do it, and no other key.
 */
import { assert, StoreError } from '../errors.ts'
import { isPartitionCount } from '../ring/position.ts'
import { addDifference, change, holds, leaf, sumBelow, visitBelow, wordAt, type TrieNode, type TrieVisitor } from './trie-node.ts'
import { noSum, type TrieSum } from './trie-sum.ts'

/** What is known of a partition: all its entries, their sum alone, or nothing. */
type Knowledge = 'entries' | 'sum' | 'nothing'

export class MerkleTrie {
  /** log2 of the number of partitions: where the trie below a partition begins. */
  readonly partitionBits: number
  readonly #roots: (TrieNode | undefined)[]
  readonly #knowledge: Knowledge[]
  /** Partitions whose entries are being loaded: what was loaded so far, and what changed meanwhile. */
  readonly #loading = new Map<number, TrieNode>()
  #size = 0
  #entriesHeld = 0

  /** @throws `ERR_OPTIONS` when `partitions` is not a power of two up to 65,536 */
  constructor(partitions: number) {
    if (!isPartitionCount(partitions)) throw new StoreError('ERR_OPTIONS', `partitions must be a power of two, got ${partitions}`)
    this.partitionBits = 31 - Math.clz32(partitions)
    this.#roots = Array.from({ length: partitions }, () => undefined)
    this.#knowledge = Array.from({ length: partitions }, () => 'entries')
  }

  get partitions(): number {
    return this.#roots.length
  }

  /** Entries of all partitions of which the sum is known. */
  get size(): number {
    return this.#size
  }

  /** Entries in memory. */
  get entriesHeld(): number {
    return this.#entriesHeld
  }

  /** Sets the hash (8 bytes) of the entry at `position` (its first 8 bytes count), in a partition whose entries are in memory. */
  set(position: Uint8Array, hash: Uint8Array): void {
    assert(this.isHeld(this.partitionOf(position)), 'an entry was set in a partition that is known by its sum')
    this.replace(position, undefined, hash)
  }

  /** Removes the entry at `position`, if there is one, from a partition whose entries are in memory. */
  delete(position: Uint8Array): void {
    assert(this.isHeld(this.partitionOf(position)), 'an entry was deleted in a partition that is known by its sum')
    this.replace(position, undefined, undefined)
  }

  /** The hash of the entry at `position` becomes `after`, from `before`, which a partition that is known by its sum alone has to believe. */
  replace(position: Uint8Array, before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    const partition = this.partitionOf(position)
    const staged = this.#loading.get(partition)
    if (staged !== undefined) change(staged, this.partitionBits, position, after)
    if (this.#knowledge[partition] === 'nothing') return
    const root = (this.#roots[partition] ??= leaf())
    const isHeld = this.#knowledge[partition] === 'entries'
    const grown = isHeld ? change(root, this.partitionBits, position, after) : addDifference(root, position, before, after)
    this.#size += grown
    if (isHeld) this.#entriesHeld += grown
    if (isHeld && root.count === 0) this.#roots[partition] = undefined
  }

  partitionOf(position: Uint8Array): number {
    return (wordAt(position, 0) >>> 1) >>> (31 - this.partitionBits)
  }

  /** True when the entries of a partition are in memory. */
  isHeld(partition: number): boolean {
    return this.#knowledge[partition] === 'entries'
  }

  /** True when the entry at `position` has this hash, or is not there; in a partition whose entries are in memory. */
  has(position: Uint8Array, hash: Uint8Array | undefined): boolean {
    const partition = this.partitionOf(position)
    assert(this.isHeld(partition), 'an entry was asked for in a partition that is known by its sum')
    return holds(this.#roots[partition], this.partitionBits, position, hash)
  }

  /** True when the sum of a partition is known. */
  isKnown(partition: number): boolean {
    return this.#knowledge[partition] !== 'nothing'
  }

  /** Only the sum of the partition is known. Of an empty one that is all there is to know. */
  know(partition: number, { high, low, count }: TrieSum): void {
    this.#put(partition, count === 0 ? 'entries' : 'sum', count === 0 ? undefined : { ...leaf(), high, low, count })
  }

  /** Nothing is known of the partition until it is loaded. */
  forget(partition: number): void {
    this.#put(partition, 'nothing', undefined)
  }

  /** Keeps the sum of the partition alone. */
  release(partition: number): void {
    if (this.isHeld(partition)) this.know(partition, this.#roots[partition] ?? noSum)
  }

  /** The entries of a partition are about to be given to {@link MerkleTrie.load}. Changes meanwhile are taken into account. */
  beginLoad(partition: number): void {
    this.#loading.set(partition, leaf())
  }

  /** An entry of a partition that is being loaded. */
  load(position: Uint8Array, hash: Uint8Array): void {
    const root = this.#loading.get(this.partitionOf(position))
    assert(root !== undefined, 'an entry was loaded into a partition that is not being loaded')
    change(root, this.partitionBits, position, hash)
  }

  /** All entries of the partition were given: it is known by them from now on. */
  endLoad(partition: number): void {
    const root = this.#loading.get(partition)
    this.#loading.delete(partition)
    this.#put(partition, 'entries', root?.count === 0 ? undefined : root)
  }

  cancelLoad(partition: number): void {
    this.#loading.delete(partition)
  }

  /**
   * Sum over the entries whose positions begin with the `depth` bits of `prefix`; `depth` is a partition's or 4, 8, ... more, which takes a partition
   * whose entries are in memory.
   */
  sum(depth: number, prefix: number): TrieSum {
    const { node, depth: reached } = this.#descend(depth, prefix)
    if (node === undefined) return noSum
    return reached === depth ? node : sumBelow(node, depth, prefix)
  }

  /**
   * Visits the entries whose positions begin with the `depth` bits of `prefix`, a partition's at least, of a partition whose entries are in memory. False
   * when the visitor stopped it.
   */
  visit(depth: number, prefix: number, visitor: TrieVisitor): boolean {
    const { node, depth: reached, partition } = this.#descend(depth, prefix)
    assert(this.isHeld(partition), 'the entries of a partition were asked for that is known by its sum')
    return node === undefined || visitBelow(node, reached === depth ? undefined : { depth, prefix }, visitor)
  }

  /** The deepest node that covers a prefix, and its depth. */
  #descend(depth: number, prefix: number): { readonly node: TrieNode | undefined; readonly depth: number; readonly partition: number } {
    let reached = this.partitionBits
    const partition = Math.floor(prefix / 2 ** (depth - reached))
    assert(depth === reached || this.isHeld(partition), 'sums below a partition were asked for that is known by its sum')
    let node = this.#roots[partition]
    while (node?.children !== undefined && reached + 4 <= depth) {
      reached += 4
      node = node.children[Math.floor(prefix / 2 ** (depth - reached)) % 16]
    }
    return { node, depth: reached, partition }
  }

  #put(partition: number, knowledge: Knowledge, root: TrieNode | undefined): void {
    const before = this.#roots[partition]?.count ?? 0
    const count = root?.count ?? 0
    this.#size += count - before
    this.#entriesHeld += (knowledge === 'entries' ? count : 0) - (this.isHeld(partition) ? before : 0)
    this.#roots[partition] = root
    this.#knowledge[partition] = knowledge
  }
}
