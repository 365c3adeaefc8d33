/**
 * What a ring is made of, checked before it is made: members that peers have published about themselves, and the cluster's fixed numbers.
 */
import { encodeUtf8 } from '../codec.ts'
import { StoreError } from '../errors.ts'
import { peerIdBytesMax, type PeerId } from '../identifiers.ts'
import { membersMax, nameBytesMax, partitionsMax, partitionsMin, replicasMax, weightMax } from '../limits.ts'
import { isPartitionCount } from './position.ts'

/** A peer as the ring sees it. */
export interface RingMember {
  readonly peerId: PeerId
  /** Share of the ring relative to other peers, an integer `0 .. 64`; 0 stores nothing. */
  readonly weight: number
  /** True for a peer that is meant to stay; see {@link RingOptions.durableOwners}. */
  readonly durable: boolean
  /** What may fail together with other peers of the same zone; `undefined` shares its zone with nobody. */
  readonly zone: string | undefined
}

/** The numbers that all peers of a cluster share for its whole life. */
export interface RingOptions {
  /** Name of the cluster; peers have other places in another cluster. */
  readonly cluster: string
  /** Number of partitions (Q), a power of two in `8 .. 65536`; with 40 or more for each peer the load is even and changes are cheap. */
  readonly partitions: number
  /** Owners of each partition (N), `1 .. 16`. */
  readonly replicas: number
  /** Durable owners of each partition while there are as many durable peers, `0 .. replicas`. @default 1 */
  readonly durableOwners?: number
}

/**
 * The members that store something, sorted by peer id.
 *
 * @throws `ERR_OPTIONS` for a weight that is not an integer in range, a malformed peer id or zone, or a peer given twice;
 * `ERR_MEMBERS_FULL` for more than 4,096 members.
 */
export function checkedMembers(members: Iterable<RingMember>): readonly RingMember[] {
  const sorted = [...members].sort((a, b) => (a.peerId < b.peerId ? -1 : a.peerId > b.peerId ? 1 : 0))
  if (sorted.length > membersMax) throw new StoreError('ERR_MEMBERS_FULL', `a ring has at most ${membersMax} members, got ${sorted.length}`)
  for (const [index, member] of sorted.entries()) {
    checkMember(member)
    if (sorted[index - 1]?.peerId === member.peerId) throw refused(`peer ${member.peerId} is given twice`)
  }
  return sorted.filter(member => member.weight > 0)
}

/**
 * The options with their defaults.
 *
 * @throws `ERR_OPTIONS` for a number out of range.
 */
export function checkedOptions(options: RingOptions): Required<RingOptions> {
  const { cluster, partitions, replicas } = options
  const durableOwners = options.durableOwners ?? 1
  if (!isName(cluster)) throw refused(`cluster must be a text of 1..${nameBytesMax} bytes of UTF-8`)
  if (!isPartitionCount(partitions) || partitions < partitionsMin) {
    throw refused(`partitions must be a power of two in ${partitionsMin}..${partitionsMax}, got ${partitions}`)
  }
  if (!isWithin(replicas, 1, replicasMax)) throw refused(`replicas must be an integer in 1..${replicasMax}, got ${replicas}`)
  if (!isWithin(durableOwners, 0, replicas))
    throw refused(`durableOwners must be an integer in 0..replicas (${replicas}), got ${durableOwners}`)
  return { cluster, partitions, replicas, durableOwners }
}

function checkMember(member: RingMember): void {
  const { peerId, weight, zone } = member
  if (typeof peerId !== 'string' || peerId.length === 0 || peerId.length > peerIdBytesMax)
    throw refused(`a peer id must be a text of 1..${peerIdBytesMax} characters`)
  if (!isWithin(weight, 0, weightMax)) throw refused(`the weight of ${peerId} must be an integer in 0..${weightMax}, got ${weight}`)
  if (zone !== undefined && !isName(zone)) throw refused(`the zone of ${peerId} must be a text of 1..${nameBytesMax} bytes of UTF-8`)
}

function isName(text: string): boolean {
  return (
    typeof text === 'string' &&
    text.length > 0 &&
    text.length <= nameBytesMax &&
    !/\p{Surrogate}/u.test(text) &&
    encodeUtf8(text).length <= nameBytesMax
  )
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most
}

function refused(message: string): StoreError {
  return new StoreError('ERR_OPTIONS', message)
}
