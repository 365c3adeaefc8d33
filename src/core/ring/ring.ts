/**
 * The ring: which peers own which partition (the paper, sections 4.2, 4.3 and 6.2).
 *
 * It is a pure function of the member set. Peers that know the same members have the same ring without a word about it; peers
 * whose views differ by one member differ in few partitions. Nobody claims, assigns or remembers anything.
 *
 * How: each partition has the peers in a walk order of its own (`token.ts`, `head-start.ts`), each peer has a capacity (`capacity.ts`), and deferred
 * acceptance makes the match (`deferred-acceptance.ts`). First the reserved durable places are filled, then the others, with owners in
 * different zones; a partition that finds none looks for a swap (`augmenting-path.ts`), and only then gives up on zones, with a warning.
 *
 * What it does not know: whether a peer is alive, and how large partitions are. It balances partitions, not bytes.
 */
import { assignOwners, type Assignment } from './assignment.ts'
import { toHex } from '../bytes.ts'
import { Writer } from '../codec.ts'
import { StoreError } from '../errors.ts'
import { sha256 } from '../hash.ts'
import type { PeerId } from '../identifiers.ts'
import { walksCachedMax } from '../limits.ts'
import { checkedMembers, checkedOptions, type RingMember, type RingOptions } from './ring-options.ts'
import { ringWarnings } from './ring-warnings.ts'

export type { RingMember, RingOptions } from './ring-options.ts'

/** Changes whenever the function changes, so that peers with different functions never take their rings for the same. */
const RING_FUNCTION = 3
const DIGEST_BYTES = 8

/** Who owns what among a set of members. */
export interface Ring {
  /** Names the ring: 64 bits of a SHA-256 over configuration, members and owners, as 16 hexadecimal digits. */
  readonly digest: string
  /** Number of partitions (Q). */
  readonly partitions: number
  /** Owners that a partition has when there are enough members (N). */
  readonly replicas: number
  /** Members that own something, sorted by peer id; those of weight 0 are left out. */
  readonly members: readonly RingMember[]
  /** What the ring cannot do with these members, in plain sentences: too few members, zones or durable peers. */
  readonly warnings: readonly string[]
  /** Whether `peer` is one of {@link Ring.members}; costs the same however many they are. */
  isMember(peer: PeerId): boolean
  /** The owners of a partition, nearest first: min(N, members) distinct peers. */
  owners(partition: number): readonly PeerId[]
  /** The owners of a partition, then all other members in walk order. */
  preferenceList(partition: number): readonly PeerId[]
  /** Whether `peer` is one of the partition's owners. */
  isOwner(peer: PeerId, partition: number): boolean
  /** The partitions that `peer` owns, ascending; none for a peer that is no member. */
  partitionsOf(peer: PeerId): readonly number[]
}

/**
 * The ring of `members`, in whatever order they are given.
 *
 * @throws `ERR_OPTIONS` for options or members out of range or a peer given twice, `ERR_MEMBERS_FULL` for too many members. The
 * methods throw `ERR_OPTIONS` for a partition that does not exist.
 */
export function createRing(members: Iterable<RingMember>, options: RingOptions): Ring {
  return new ComputedRing(checkedMembers(members), checkedOptions(options))
}

class ComputedRing implements Ring {
  readonly digest: string
  readonly partitions: number
  readonly replicas: number
  readonly members: readonly RingMember[]
  readonly warnings: readonly string[]
  readonly #owners: readonly (readonly PeerId[])[]
  readonly #assignment: Assignment
  readonly #lists = new Map<number, readonly PeerId[]>()
  #partitionsOf: ReadonlyMap<PeerId, readonly number[]> | undefined
  #memberIds: ReadonlySet<PeerId> | undefined

  constructor(members: readonly RingMember[], options: Required<RingOptions>) {
    this.members = members
    this.partitions = options.partitions
    this.replicas = options.replicas
    this.#assignment = assignOwners(members, options)
    const indices = ownersInWalkOrder(this.#assignment)
    this.#owners = indices.map(owners => Object.freeze(owners.map(index => this.#peer(index))))
    this.digest = digestOf(members, options, indices)
    this.warnings = ringWarnings(members, options, this.#assignment.placement)
  }

  isMember(peer: PeerId): boolean {
    this.#memberIds ??= new Set(this.members.map(({ peerId }) => peerId))
    return this.#memberIds.has(peer)
  }

  owners(partition: number): readonly PeerId[] {
    const owners = this.#owners[partition]
    if (owners === undefined)
      throw new StoreError('ERR_OPTIONS', `partition must be an integer in 0..${this.partitions - 1}, got ${partition}`)
    return owners
  }

  isOwner(peer: PeerId, partition: number): boolean {
    return this.owners(partition).includes(peer)
  }

  preferenceList(partition: number): readonly PeerId[] {
    const known = this.#lists.get(partition)
    if (known !== undefined) return known
    const owners = this.owners(partition)
    const others = Array.from(this.#assignment.walk.order(partition), index => this.#peer(index)).filter(peer => !owners.includes(peer))
    const list = Object.freeze([...owners, ...others])
    if (this.#lists.size >= walksCachedMax) this.#lists.clear()
    this.#lists.set(partition, list)
    return list
  }

  partitionsOf(peer: PeerId): readonly number[] {
    this.#partitionsOf ??= partitionsByPeer(this.#owners)
    return this.#partitionsOf.get(peer) ?? []
  }

  #peer(index: number): PeerId {
    return (this.members[index] as RingMember).peerId
  }
}

function ownersInWalkOrder({ placement, walk }: Assignment): number[][] {
  return Array.from({ length: placement.peers.partitions }, (_, partition) =>
    [...placement.ownersOf(partition)].sort((a, b) => walk.distance(partition, a) - walk.distance(partition, b))
  )
}

function partitionsByPeer(owners: readonly (readonly PeerId[])[]): Map<PeerId, number[]> {
  const owned = new Map<PeerId, number[]>()
  for (const [partition, peers] of owners.entries()) {
    for (const peer of peers) {
      const partitions = owned.get(peer)
      if (partitions === undefined) owned.set(peer, [partition])
      else partitions.push(partition)
    }
  }
  return owned
}

function digestOf(members: readonly RingMember[], options: Required<RingOptions>, owners: readonly (readonly number[])[]): string {
  const out = new Writer(options.partitions * options.replicas * 2 + 4096)
  out.varint(RING_FUNCTION)
  out.string(1, options.cluster)
  for (const number of [options.partitions, options.replicas, options.durableOwners, members.length]) out.varint(number)
  for (const member of members) {
    out.string(2, member.peerId)
    out.varint(member.weight * 2 + (member.durable ? 1 : 0))
    out.string(3, member.zone ?? '', true)
  }
  for (const peers of owners) for (const peer of peers) out.varint(peer)
  return toHex(sha256(out.view()).subarray(0, DIGEST_BYTES))
}
