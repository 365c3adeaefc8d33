/**
 * A view in branches: members grouped by a hash of their ids, with a digest of each group. Two peers with large views that differ in a few members find out
 * in which branches, and compare only those.
 */
import { encodeUtf8 } from './codec.ts'
import { sha256 } from './hash.ts'
import { viewBranchesMax } from './limits.ts'
import { memberContentHash, type MemberRecord } from './member-record.ts'
import type { MembershipView } from './membership-view.ts'

/** Members per branch that are aimed at. */
const BRANCH_MEMBERS = 16
/** Bytes of a branch's digest. */
export const branchDigestBytes = 8

const places = new WeakMap<MemberRecord, number>()

/** Branches for a view of this size: a power of two, 1 for a small one. */
export function branchCount(members: number): number {
  let count = 1
  while (count < viewBranchesMax && count * BRANCH_MEMBERS < members) count *= 2
  return count
}

/** The branch of a member among `count`. */
export function branchOf(record: MemberRecord, count: number): number {
  const known = places.get(record) ?? sha256(encodeUtf8(record.peerId))[0] ?? 0
  places.set(record, known)
  return known & (count - 1)
}

/** The digests of all branches, one after the other. */
export function branchDigests(view: MembershipView, count: number): Uint8Array {
  const digests = new Uint8Array(count * branchDigestBytes)
  for (const record of view.all()) {
    const start = branchOf(record, count) * branchDigestBytes
    for (const [index, byte] of memberContentHash(record).entries()) digests[start + index] = (digests[start + index] as number) ^ byte
  }
  return digests
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
