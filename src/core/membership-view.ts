/**
 * Who is in the cluster, as one peer knows it: the newest member record of every peer it has heard of.
 *
 * A view only grows, record by record, and the newest record of a peer wins wherever it came from. That makes views a join
 * semilattice: peers that have merged the same records, in any order and any number of times, hold the same view and name it by the same
 * digest. Views never change in place; a merge gives the next view.
 *
 * A view does not say who can be reached: that is local and belongs to the failure detector.
 */
import { toHex } from './bytes.ts'
import { StoreError } from './errors.ts'
import { sha256 } from './hash.ts'
import type { PeerId, ReplicaId } from './identifiers.ts'
import { membersMax } from './limits.ts'
import type { MemberRecord, MemberStatus } from './member-record.ts'
import { compareMembers, isPassing, memberContentHash } from './member-record.ts'
import type { RingMember } from './ring-options.ts'

/**
 * The members that one peer knows of. Made from {@link emptyView} by {@link mergeMember}.
 *
 * Records are kept in one sorted list that the next view copies: in a cluster of a thousand peers a view follows from each change that any of them
 * tells, and copying a list of pointers costs next to nothing.
 */
export class MembershipView {
  readonly #sorted: readonly MemberRecord[]
  /** Index of each peer's record; views of the same peers share it. */
  #places: ReadonlyMap<PeerId, number> | undefined
  #digest: string | undefined
  #replicas: ReadonlyMap<ReplicaId, MemberRecord> | undefined
  #ringMembers: readonly RingMember[] | undefined
  #present: readonly PeerId[] | undefined

  /** @param sorted in ascending order of peer ids */
  constructor(sorted: readonly MemberRecord[]) {
    this.#sorted = sorted
  }

  /** Number of peers known, gone ones included. */
  get size(): number {
    return this.#sorted.length
  }

  /** Newest record of a peer. */
  get(peer: PeerId): MemberRecord | undefined {
    this.#places ??= new Map(this.#sorted.map(({ peerId }, place) => [peerId, place]))
    const place = this.#places.get(peer)
    return place === undefined ? undefined : this.#sorted[place]
  }

  /** All records, in ascending order of peer ids. */
  all(): readonly MemberRecord[] {
    return this.#sorted
  }

  /** The member that a storage incarnation belongs to, while its record still names it. */
  ofReplica(replica: ReplicaId): MemberRecord | undefined {
    this.#replicas ??= new Map(this.#sorted.map(record => [record.replica, record]))
    return this.#replicas.get(replica)
  }

  /** Name of the view: 64 bits as 16 hexadecimal digits, equal where all records say the same. That of a client that passes by is left out. */
  get digest(): string {
    this.#digest ??= digestOf(this.#sorted.filter(record => !isPassing(record)))
    return this.#digest
  }

  /** Members that have not gone, in ascending order. The same list as before while nobody came or went. */
  get present(): readonly PeerId[] {
    this.#present ??= this.#sorted.filter(({ status }) => !isGone(status)).map(({ peerId }) => peerId)
    return this.#present
  }

  /** See {@link ringMembers}. */
  get ringMembers(): readonly RingMember[] {
    this.#ringMembers ??= this.#sorted.filter(isInRing).map(({ peerId, weight, durable, zone }) => ({ peerId, weight, durable, zone }))
    return this.#ringMembers
  }

  /** The view with `record` in the place of what was known of its peer. */
  with(record: MemberRecord): MembershipView {
    const before = this.get(record.peerId)
    const sorted = this.#sorted.slice()
    const place = before === undefined ? this.#placeFor(record.peerId) : (this.#places?.get(record.peerId) ?? 0)
    sorted.splice(place, before === undefined ? 0 : 1, record)
    const view = new MembershipView(sorted)
    if (before !== undefined) view.#places = this.#places
    if (isSameInRing(before, record)) view.#ringMembers = this.#ringMembers
    if ((before === undefined || isGone(before.status)) === isGone(record.status)) view.#present = this.#present
    return view
  }

  /** The view of somebody who has never heard of `peer`. */
  without(peer: PeerId): MembershipView {
    return new MembershipView(this.#sorted.filter(({ peerId }) => peerId !== peer))
  }

  /** Where the record of a newcomer goes. */
  #placeFor(peer: PeerId): number {
    let [low, high] = [0, this.#sorted.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#sorted[middle] as MemberRecord).peerId < peer) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The view of a peer that has heard of nobody. */
export const emptyView: MembershipView = new MembershipView([])

/**
 * The view after hearing `record`, which must have passed `checkMember`. `changed` is false, and the view the same, when nothing
 * in it is news.
 *
 * @throws `ERR_MEMBERS_FULL` when a newcomer would exceed the limit
 */
export function mergeMember(view: MembershipView, record: MemberRecord): { readonly view: MembershipView; readonly changed: boolean } {
  const known = view.get(record.peerId)
  if (known === undefined && view.size >= membersMax) throw full()
  if (known !== undefined && compareMembers(record, known) <= 0) return { view, changed: false }
  return { view: view.with(record), changed: true }
}

/** True for a status that nobody waits for: the peer left, or was declared gone. */
export function isGone(status: MemberStatus): boolean {
  return status === 'left' || status === 'evicted'
}

const IN_RING: ReadonlySet<MemberStatus> = new Set(['joining', 'up'])

/**
 * The members that the ring is made of, in ascending order of peer ids: those that are `joining` or `up` and have a weight. The same list as before while
 * no change of the view concerns the ring.
 *
 * A joining peer is in, because it must receive the writes of its future partitions. A leaving one is out, so that its partitions get
 * their new owners; it keeps serving what it holds until they have it. `left`, `evicted` and weight 0 own nothing.
 */
export function ringMembers(view: MembershipView): readonly RingMember[] {
  return view.ringMembers
}

function isInRing({ status, weight }: MemberRecord): boolean {
  return weight > 0 && IN_RING.has(status)
}

function isSameInRing(before: MemberRecord | undefined, after: MemberRecord): boolean {
  const was = before !== undefined && isInRing(before)
  if (!was || !isInRing(after)) return was === isInRing(after)
  return before.weight === after.weight && before.durable === after.durable && before.zone === after.zone
}

function digestOf(records: readonly MemberRecord[]): string {
  const hashes = new Uint8Array(records.length * 8)
  records.forEach((record, index) => hashes.set(memberContentHash(record), index * 8))
  return toHex(sha256(hashes).subarray(0, 8))
}

function full(): StoreError {
  return new StoreError('ERR_MEMBERS_FULL', `The cluster already has ${membersMax} members, the most that a view can hold.`)
}
