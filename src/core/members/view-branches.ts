/**
 * What the members of a view say, summed up: one sum names the view, and sums by branch, which are members grouped by a hash of their ids, tell two peers
 * with large views that differ in a few members which of them to compare.
 *
 * A record is added to a sum, or taken away, without looking at the others (`trie-sum.ts`): a view follows from the one before at a cost that does not
 * grow with the number of members.
 */
import { encodeUtf8 } from '../codec.ts'
import { sha256 } from '../hash.ts'
import { viewBranchesMax } from '../limits.ts'
import { memberContentHash, type MemberRecord } from './member-record.ts'
import { addWords, subtractWords, type SumWords } from '../merkle/trie-sum.ts'

/** Members per branch that are aimed at. */
const BRANCH_MEMBERS = 16
/** Bytes of a branch's digest. */
export const branchDigestBytes = 8

/** A record as the sums see it. */
interface Summand extends Readonly<SumWords> {
  /** Its branch among the most that there can be. */
  readonly branch: number
}

const summands = new WeakMap<MemberRecord, Summand>()

/** What sums follow from: those before, with some records more and some less. */
interface Derivation {
  readonly before: ViewSums
  readonly added: readonly MemberRecord[]
  readonly removed: readonly MemberRecord[]
  /** How many derivations lie between here and sums that were added up by branch. */
  readonly length: number
}

/** Changes after which the sums of the branches are made, asked for or not: what has changed since is kept until then. */
const DERIVATIONS_MAX = 64

/**
 * Sums over member records. They never change in place. The sum of all follows at once from the one before, those of the branches when somebody asks for
 * them: most views are replaced by the next before that.
 */
export class ViewSums {
  readonly #total: Readonly<SumWords>
  /** Two words for each of the most branches that there can be; where fewer are asked for, they are added up. */
  #words: Uint32Array | undefined
  #derivation: Derivation | undefined

  constructor(total: Readonly<SumWords> = { high: 0, low: 0 }, derivation?: Derivation) {
    this.#total = total
    this.#derivation = derivation
    if (derivation === undefined || derivation.length > DERIVATIONS_MAX) this.#branchWords()
  }

  /** The sums with some records more, and some less. */
  changed(added: readonly MemberRecord[], removed: readonly MemberRecord[] = []): ViewSums {
    const total = { ...this.#total }
    for (const { high, low } of added.map(summandOf)) addWords(total, high, low)
    for (const { high, low } of removed.map(summandOf)) subtractWords(total, high, low)
    return new ViewSums(total, { before: this, added, removed, length: 1 + (this.#derivation?.length ?? 0) })
  }

  /** Name of all records together: 64 bits as 16 hexadecimal digits. */
  digest(): string {
    const { high, low } = this.#total
    return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0')
  }

  /** The digests of `count` branches, one after the other. */
  branchDigests(count: number): Uint8Array {
    const words = this.#branchWords()
    const sums = new Uint32Array(count * 2)
    for (let branch = 0; branch < viewBranchesMax; branch++) {
      const [high = 0, low = 0] = [words[branch * 2], words[branch * 2 + 1]]
      if (high !== 0 || low !== 0) change(sums, { branch: branch & (count - 1), high, low }, addWords)
    }
    const digests = new Uint8Array(count * branchDigestBytes)
    const out = new DataView(digests.buffer)
    for (const [index, word] of sums.entries()) out.setUint32(index * 4, word)
    return digests
  }

  #branchWords(): Uint32Array {
    if (this.#words !== undefined) return this.#words
    const steps: Derivation[] = []
    let known: Uint32Array | undefined
    for (let step = this.#derivation; step !== undefined; step = step.before.#derivation) {
      steps.push(step)
      known = step.before.#words
    }
    const words = known === undefined ? new Uint32Array(viewBranchesMax * 2) : known.slice()
    for (const { added, removed } of steps) {
      for (const record of added) change(words, summandOf(record), addWords)
      for (const record of removed) change(words, summandOf(record), subtractWords)
    }
    this.#words = words
    this.#derivation = undefined
    return words
  }
}

/** Branches for a view of this size: a power of two, 1 for a small one. */
export function branchCount(members: number): number {
  let count = 1
  while (count < viewBranchesMax && count * BRANCH_MEMBERS < members) count *= 2
  return count
}

/** The branch of a member among the most that there can be; among fewer, a power of two, it is the remainder. */
export function branchOf(record: MemberRecord): number {
  return summandOf(record).branch
}

/** The branches whose digests differ, one bit for each, the lowest first; as many of both are compared. */
export function differingBranches(a: Uint8Array, b: Uint8Array): Uint8Array {
  const count = Math.min(a.length, b.length) / branchDigestBytes
  const differing = new Uint8Array(Math.ceil(count / 8))
  for (let index = 0; index < count * branchDigestBytes; index++) {
    if (a[index] === b[index]) continue
    const branch = Math.floor(index / branchDigestBytes)
    differing[branch >> 3] = (differing[branch >> 3] as number) | (1 << (branch & 7))
  }
  return differing
}

/** Whether the bit of `branch` is set. */
export function isBranchIn(bits: Uint8Array, branch: number): boolean {
  return (((bits[branch >> 3] ?? 0) >> (branch & 7)) & 1) === 1
}

function summandOf(record: MemberRecord): Summand {
  const known = summands.get(record)
  if (known !== undefined) return known
  const hash = memberContentHash(record)
  const words = new DataView(hash.buffer, hash.byteOffset)
  const branch = (sha256(encodeUtf8(record.peerId))[0] ?? 0) & (viewBranchesMax - 1)
  const summand = { branch, high: words.getUint32(0), low: words.getUint32(4) }
  summands.set(record, summand)
  return summand
}

function change(words: Uint32Array, { branch, high, low }: Summand, by: typeof addWords): void {
  const sum = { high: words[branch * 2] as number, low: words[branch * 2 + 1] as number }
  by(sum, high, low)
  words[branch * 2] = sum.high
  words[branch * 2 + 1] = sum.low
}
