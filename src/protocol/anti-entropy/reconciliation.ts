/**
 * How two peers find where their tries differ: the set reconciliation of the paper's section 4.7, without timers, sessions or storage.
 *
 * Each message carries digests of the children of nodes that differed one level above; whoever gets it answers, for each child that differs from
 * its own, with the digests of that child's children, or with its entries when it has few. So the two descend in turns, one level per
 * message, and only where something differs: the bytes grow with the differences, and the turns with the logarithm of the size.
 *
 * Only partitions that both own are looked at. Above the partitions a node's sum is the sum over those of them that are shared, so that one small
 * message compares all of them at once. The shapes of the two tries need not agree.
 */
import { toHex } from '../../core/bytes.ts'
import { StoreError } from '../../core/errors.ts'
import { exchangeDifferencesMax, exchangeLoadEntries, exchangeNodesMax } from '../../core/limits.ts'
import type { MerkleTrie } from '../../core/merkle/merkle-trie.ts'
import { prefixOf } from '../../core/ring/position.ts'
import type { TrieVisitor } from '../../core/merkle/trie-node.ts'
import { addWords, mixWords, type TrieSum } from '../../core/merkle/trie-sum.ts'
import {
  digestBytes,
  entryBytes,
  packDigests,
  packEntries,
  unpackDigest,
  unpackEntries,
  type Difference,
  type ListedEntry
} from './exchange-layout.ts'
import type { ExchangeNode } from '../wire/message.ts'

/** Entries that are listed rather than told apart by a further level. */
const listedMax = 12
/** Depth at which entries are listed however many there are: it takes an attack on MD5 to have many there. */
const depthMax = 44
/** Entries of one list; further ones look as if they were not there, which the second comparison finds out. */
const listMax = 1024
/** Bits of an entry's place. */
export const placeBits = 48

const NO_BYTES = new Uint8Array(0)

/** Nodes to be compared together. */
export interface NodeGroup {
  readonly nodes: readonly ExchangeNode[]
  /** Partitions that have to be in memory for it. */
  readonly partitions: readonly number[]
}

/** A child of another peer's node, beside the own one. */
interface Child {
  readonly depth: number
  readonly prefix: number
  readonly theirs: number
  readonly sum: TrieSum
}

/** What two peers have in common: this peer's trie, seen through the partitions that both own, with the salt of an exchange. */
export class SharedTrie {
  readonly #trie: MerkleTrie
  readonly #shared: readonly number[]
  readonly #isShared: ReadonlySet<number>
  readonly #saltHigh: number
  readonly #saltLow: number
  #leftOut = false

  /** `shared` are the partitions, ascending; `exchange` is the number of the exchange. */
  constructor(trie: MerkleTrie, shared: readonly number[], exchange: number) {
    this.#trie = trie
    this.#shared = shared
    this.#isShared = new Set(shared)
    this.#saltHigh = Math.floor(exchange / 2 ** 32)
    this.#saltLow = exchange >>> 0
  }

  /** True once something was left out of a comparison because it was not in memory. */
  get leftOut(): boolean {
    return this.#leftOut
  }

  /** Digest of all shared partitions: 64 bits as 16 hexadecimal digits. */
  digest(): string {
    const bytes = new Uint8Array(2 * digestBytes)
    const { high, low, count } = this.#sum(0, 0)
    mixWords(high, low, count ^ this.#saltHigh, this.#saltLow, (first, second) => bytes.set(packDigests([first, second])))
    return toHex(bytes)
  }

  /** The first node that answers an opening whose digest differs. */
  root(): ExchangeNode {
    return this.#node(0, 0)
  }

  /**
   * Compares another peer's nodes with the own ones: gives every difference to `found` until that answers false, and answers the nodes to send back.
   *
   * Looks only at what is in memory; {@link SharedTrie.groups} says what that should be.
   *
   * @throws `ERR_AE_INVALID` for nodes that the other cannot have, or that are not of one depth and in order
   */
  compare(nodes: readonly ExchangeNode[], found: (difference: Difference) => boolean): readonly ExchangeNode[] {
    this.check(nodes)
    const answer: ExchangeNode[] = []
    for (const node of nodes) {
      if (node.depth >= this.#trie.partitionBits && !this.#isInMemory(node.depth, node.prefix)) continue
      const goOn = node.digests.length > 0 ? this.#compareChildren(node, found, answer) : this.#compareEntries(node, found)
      if (!goOn) break
    }
    return answer
  }

  /** @throws `ERR_AE_INVALID` as {@link SharedTrie.compare} does */
  check(nodes: readonly ExchangeNode[]): void {
    for (const [index, node] of nodes.entries()) this.#check(node, nodes[index - 1])
  }

  /** Cuts nodes into groups to be compared one after the other, each with the partitions that have to be in memory for it. */
  groups(nodes: readonly ExchangeNode[]): readonly NodeGroup[] {
    const groups: { nodes: ExchangeNode[]; partitions: Set<number> }[] = []
    let entries = Number.POSITIVE_INFINITY
    for (const node of nodes) {
      if (entries >= exchangeLoadEntries) {
        groups.push({ nodes: [], partitions: new Set() })
        entries = 0
      }
      const group = groups.at(-1)
      group?.nodes.push(node)
      for (const partition of this.#needs(node)) {
        if (group === undefined || group.partitions.has(partition)) continue
        group.partitions.add(partition)
        if (!this.#trie.isHeld(partition)) entries += this.#trie.sum(this.#trie.partitionBits, partition).count
      }
    }
    return groups.map(group => ({ nodes: group.nodes, partitions: [...group.partitions] }))
  }

  /** Digest of the entry at a place, 0 when there is none here, `undefined` when that is not known because its partition is not in memory. */
  entryAt(place: number): number | undefined {
    if (!this.#trie.isHeld(this.partitionOf(place))) return undefined
    let digest = 0
    this.#trie.visit(placeBits, place, (...entry) => {
      digest = this.#entryDigest(...entry)
      return true
    })
    return digest
  }

  /** True when a place lies in a shared partition. */
  shares(place: number): boolean {
    return this.#isShared.has(this.partitionOf(place))
  }

  partitionOf(place: number): number {
    return Math.floor(place / 2 ** (placeBits - this.#trie.partitionBits))
  }

  /** Partitions whose entries, and not only their sums, a node is compared with. */
  #needs({ depth, prefix, digests }: ExchangeNode): readonly number[] {
    if (depth >= this.#trie.partitionBits) return [this.#partitionAbove(depth, prefix)]
    if (digests.length === 0) return this.#filledBelow(depth, prefix)
    const needed: number[] = []
    let missing = 0
    for (const child of this.#differing({ depth, prefix, digests })) {
      if (!this.#looksCloser(child) || missing > exchangeDifferencesMax) continue
      needed.push(...this.#filledBelow(child.depth, child.prefix))
      if (child.theirs === 0) missing += child.sum.count
    }
    return needed
  }

  /** True when answering a child takes more than the sums of partitions. */
  #looksCloser({ depth, theirs, sum }: Child): boolean {
    return theirs === 0 || sum.count <= listedMax || depth >= this.#trie.partitionBits
  }

  #filledBelow(depth: number, prefix: number): readonly number[] {
    if (depth >= this.#trie.partitionBits) return [this.#partitionAbove(depth, prefix)]
    return this.#partitionsBelow(depth, prefix).filter(partition => this.#trie.sum(this.#trie.partitionBits, partition).count > 0)
  }

  /** False, and noted, when entries below a prefix are not in memory. */
  #isInMemory(depth: number, prefix: number): boolean {
    const isHeld = this.#filledBelow(depth, prefix).every(partition => this.#trie.isHeld(partition))
    this.#leftOut ||= !isHeld
    return isHeld
  }

  /** The children of a node that differ from the own ones. */
  *#differing({ depth, prefix, digests }: Pick<ExchangeNode, 'depth' | 'prefix' | 'digests'>): Generator<Child> {
    const below = this.#depthBelow(depth)
    const children = 2 ** (below - depth)
    for (let child = 0; child < children; child++) {
      const theirs = unpackDigest(digests, child)
      const sum = this.#sum(below, prefix * children + child)
      if (this.#nodeDigest(sum) !== theirs) yield { depth: below, prefix: prefix * children + child, theirs, sum }
    }
  }

  #compareChildren(node: ExchangeNode, found: (difference: Difference) => boolean, answer: ExchangeNode[]): boolean {
    for (const child of this.#differing(node)) {
      const { depth, prefix, theirs, sum } = child
      if (theirs === 0) {
        if (!this.#visit(depth, prefix, (place, digest) => found({ place, mine: digest, theirs: 0 }))) return false
      } else if (!this.#looksCloser(child) || this.#isInMemory(depth, prefix))
        answer.push(sum.count <= listedMax || depth >= depthMax ? this.#list(depth, prefix) : this.#node(depth, prefix))
    }
    return true
  }

  #compareEntries({ depth, prefix, entries }: ExchangeNode, found: (difference: Difference) => boolean): boolean {
    const theirs = new Map<number, number>()
    for (const { place, digest } of unpackEntries(entries)) if (this.#isBelow(place, depth, prefix)) theirs.set(place, digest)
    const goOn = this.#visit(depth, prefix, (place, digest) => {
      const other = theirs.get(place) ?? 0
      theirs.delete(place)
      return other === digest || found({ place, mine: digest, theirs: other })
    })
    return goOn && [...theirs].every(([place, digest]) => found({ place, mine: 0, theirs: digest }))
  }

  #node(depth: number, prefix: number): ExchangeNode {
    const below = this.#depthBelow(depth)
    const children = 2 ** (below - depth)
    const digests = Array.from({ length: children }, (_, child) => this.#nodeDigest(this.#sum(below, prefix * children + child)))
    return { depth, prefix, digests: packDigests(digests), entries: NO_BYTES }
  }

  #list(depth: number, prefix: number): ExchangeNode {
    const entries: ListedEntry[] = []
    this.#visit(depth, prefix, (place, digest) => {
      entries.push({ place, digest })
      return entries.length < listMax
    })
    return { depth, prefix, digests: NO_BYTES, entries: packEntries(entries) }
  }

  #visit(depth: number, prefix: number, visitor: (place: number, digest: number) => boolean): boolean {
    const take = (high: number, low: number, hashHigh: number, hashLow: number): boolean =>
      visitor(prefixOf(high, low, placeBits), this.#entryDigest(high, low, hashHigh, hashLow))
    if (depth >= this.#trie.partitionBits) return this.#visitPartition(this.#partitionAbove(depth, prefix), depth, prefix, take)
    return this.#partitionsBelow(depth, prefix).every(partition =>
      this.#visitPartition(partition, this.#trie.partitionBits, partition, take)
    )
  }

  #visitPartition(partition: number, depth: number, prefix: number, take: TrieVisitor): boolean {
    if (this.#trie.isHeld(partition)) return this.#trie.visit(depth, prefix, take)
    this.#leftOut = true
    return true
  }

  #sum(depth: number, prefix: number): TrieSum {
    const { partitionBits } = this.#trie
    if (depth > partitionBits || (depth === partitionBits && this.#isShared.has(prefix))) return this.#trie.sum(depth, prefix)
    const total = { high: 0, low: 0, count: 0 }
    for (const partition of this.#partitionsBelow(depth, prefix)) {
      const { high, low, count } = this.#trie.sum(partitionBits, partition)
      addWords(total, high, low)
      total.count += count
    }
    return total
  }

  #partitionAbove(depth: number, prefix: number): number {
    return Math.floor(prefix / 2 ** (depth - this.#trie.partitionBits))
  }

  #partitionsBelow(depth: number, prefix: number): readonly number[] {
    const partitions = 2 ** (this.#trie.partitionBits - depth)
    return this.#shared.slice(lowerBound(this.#shared, prefix * partitions), lowerBound(this.#shared, (prefix + 1) * partitions))
  }

  #nodeDigest({ high, low, count }: TrieSum): number {
    if (count === 0) return 0
    let digest = 0
    mixWords(high, low, count ^ this.#saltHigh, this.#saltLow, first => {
      digest = first
    })
    return Math.max(digest, 1)
  }

  #entryDigest(high: number, low: number, hashHigh: number, hashLow: number): number {
    let digest = 0
    mixWords(hashHigh ^ this.#saltHigh, hashLow, high ^ this.#saltLow, low, first => {
      digest = first
    })
    return Math.max(digest, 1)
  }

  /** Depth of the children of a node: levels meet at the partitions, and go on by 4 bits. */
  #depthBelow(depth: number): number {
    const first = this.#trie.partitionBits % 4
    return depth === 0 && first > 0 ? first : depth + 4
  }

  #check({ depth, prefix, digests, entries }: ExchangeNode, before: ExchangeNode | undefined): void {
    const { partitionBits } = this.#trie
    const isLevel = depth === 0 || (depth < placeBits && depth % 4 === partitionBits % 4)
    const isOurs = depth < partitionBits || this.#isShared.has(this.#partitionAbove(depth, prefix))
    const isWhole =
      digests.length === 0
        ? entries.length % entryBytes === 0
        : entries.length === 0 && digests.length === digestBytes * 2 ** (this.#depthBelow(depth) - depth)
    const isInOrder = before === undefined || (before.depth === depth && before.prefix < prefix)
    const mayDescend = digests.length === 0 || depth < depthMax
    if (isLevel && prefix < 2 ** depth && isOurs && isWhole && isInOrder && mayDescend) return
    throw new StoreError('ERR_AE_INVALID', 'The other peer sent a node that its trie cannot have.')
  }

  #isBelow(place: number, depth: number, prefix: number): boolean {
    return Math.floor(place / 2 ** (placeBits - depth)) === prefix && this.shares(place) && this.#trie.isHeld(this.partitionOf(place))
  }
}

/** Cuts a list of nodes into lists that fit into messages. */
export function chunksOf<Item>(items: readonly Item[], itemsMax: number = exchangeNodesMax): readonly (readonly Item[])[] {
  return Array.from({ length: Math.ceil(items.length / itemsMax) }, (_, chunk) => items.slice(chunk * itemsMax, (chunk + 1) * itemsMax))
}

/** Index of the first of ascending `numbers` that is not below `bound`. */
function lowerBound(numbers: readonly number[], bound: number): number {
  let [from, to] = [0, numbers.length]
  while (from < to) {
    const middle = (from + to) >>> 1
    if ((numbers[middle] as number) < bound) from = middle + 1
    else to = middle
  }
  return from
}
