/**
 * Who is in the cluster, as one peer knows it: the newest member record of every peer it has heard of.
 *
 * A view only grows, record by record, and the newest record of a peer wins wherever it came from. That makes views a join
 * semilattice: peers that have merged the same records, in any order and any number of times, hold the same view and name it by the same
 * digest. Views never change in place; a merge gives the next view.
 *
 * A view does not say who can be reached: that is local and belongs to the failure detector.
 */
import { StoreError } from '../errors.ts'
import type { PeerId, ReplicaId } from '../identifiers.ts'
import { membersMax } from '../limits.ts'
import type { MemberRecord, MemberStatus } from './member-record.ts'
import { compareMembers, isPassing } from './member-record.ts'
import type { RingMember } from '../ring/ring-options.ts'
import { ViewSums } from './view-branches.ts'

/**
 * The members that one peer knows of. Made from {@link emptyView} by {@link mergeMember}.
 *
 * In a cluster of a thousand peers a view follows from each change that any of them tells. So records are kept in one sorted list that the next view
 * copies, which costs next to nothing, and what is derived of them follows from what was derived before.
 */
export class MembershipView {
  readonly #sorted: readonly MemberRecord[]
  /** Sums over the records of all but those that pass by. */
  readonly #sums: ViewSums
  #digest: string | undefined
  #replicas: ReadonlyMap<ReplicaId, MemberRecord> | undefined
  #ringMembers: readonly RingMember[] | undefined
  #present: readonly PeerId[] | undefined

  /** @param sorted in ascending order of peer ids */
  constructor(sorted: readonly MemberRecord[], sums: ViewSums = new ViewSums().changed(lasting(sorted))) {
    this.#sorted = sorted
    this.#sums = sums
  }

  /** Number of peers known, gone ones included. */
  get size(): number {
    return this.#sorted.length
  }

  /** Newest record of a peer. */
  get(peer: PeerId): MemberRecord | undefined {
    const record = this.#sorted[placeOf(this.#sorted, peer)]
    return record?.peerId === peer ? record : undefined
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
    this.#digest ??= this.#sums.digest()
    return this.#digest
  }

  /** Names of so many parts of the view, one after the other; see `view-branches.ts`. */
  branchDigests(count: number): Uint8Array {
    return this.#sums.branchDigests(count)
  }

  /** Members that have not gone, in ascending order. The same list as before while nobody came or went. */
  get present(): readonly PeerId[] {
    this.#present ??= this.#sorted.filter(({ status }) => !isGone(status)).map(({ peerId }) => peerId)
    return this.#present
  }

  /** See {@link ringMembers}. */
  get ringMembers(): readonly RingMember[] {
    this.#ringMembers ??= this.#sorted.filter(isInRing).map(ringMemberOf)
    return this.#ringMembers
  }

  /** The view with `record` in the place of what was known of its peer. */
  with(record: MemberRecord): MembershipView {
    const place = placeOf(this.#sorted, record.peerId)
    const before = this.get(record.peerId)
    const sorted = this.#sorted.slice()
    sorted.splice(place, before === undefined ? 0 : 1, record)
    const view = new MembershipView(sorted, this.#sums.changed(lasting([record]), lasting(before === undefined ? [] : [before])))
    view.#ringMembers = this.#ringMembersWith(before, record)
    view.#present = this.#presentWith(before, record)
    return view
  }

  /** The view of somebody who has never heard of `peer`. */
  without(peer: PeerId): MembershipView {
    const place = placeOf(this.#sorted, peer)
    const record = this.get(peer)
    if (record === undefined) return this
    return new MembershipView(this.#sorted.toSpliced(place, 1), this.#sums.changed([], lasting([record])))
  }

  #ringMembersWith(before: MemberRecord | undefined, after: MemberRecord): readonly RingMember[] | undefined {
    const known = this.#ringMembers
    if (known === undefined || isSameInRing(before, after)) return known
    const isIn = before !== undefined && isInRing(before)
    return known.toSpliced(placeOf(known, after.peerId), isIn ? 1 : 0, ...(isInRing(after) ? [ringMemberOf(after)] : []))
  }

  #presentWith(before: MemberRecord | undefined, { peerId, status }: MemberRecord): readonly PeerId[] | undefined {
    const known = this.#present
    const isIn = before !== undefined && !isGone(before.status)
    if (known === undefined || isIn === !isGone(status)) return known
    const place = firstPlace(known.length, index => (known[index] as PeerId) < peerId)
    return isIn ? known.toSpliced(place, 1) : known.toSpliced(place, 0, peerId)
  }
}

/** The view of a peer that has heard of nobody. */
export const emptyView: MembershipView = new MembershipView([])

/** The view of a peer that finds these records in its storage; of two that are of one peer the last counts. */
export function viewOf(records: readonly MemberRecord[]): MembershipView {
  const newest = new Map(records.map(record => [record.peerId, record]))
  return new MembershipView([...newest.values()].sort((a, b) => (a.peerId < b.peerId ? -1 : 1)))
}

/**
 * The view after hearing `record`, which must have passed `checkMember`. `changed` is false, and the view the same, when nothing
 * in it is news.
 *
 * @throws `ERR_MEMBERS_FULL` when a newcomer would exceed the limit
 */
export function mergeMember(view: MembershipView, record: MemberRecord): { readonly view: MembershipView; readonly changed: boolean } {
  if (!hasRoomFor(view, record)) throw full()
  const known = view.get(record.peerId)
  if (known !== undefined && compareMembers(record, known) <= 0) return { view, changed: false }
  return { view: view.with(record), changed: true }
}

/** True unless `record` is of a newcomer and the view is full: those that have gone count, too. */
export function hasRoomFor(view: MembershipView, record: MemberRecord): boolean {
  return view.size < membersMax || view.get(record.peerId) !== undefined
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

/** Records that others keep too. */
function lasting(records: readonly MemberRecord[]): readonly MemberRecord[] {
  return records.filter(record => !isPassing(record))
}

/** What the ring needs of a record, made once for all views that hold it. */
function ringMemberOf(record: MemberRecord): RingMember {
  const { peerId, weight, durable, zone } = record
  const member = inRing.get(record) ?? { peerId, weight, durable, zone }
  inRing.set(record, member)
  return member
}

const inRing = new WeakMap<MemberRecord, RingMember>()

/** Where the entry of `peer` is in a list in ascending order of peer ids, or would be. */
function placeOf(sorted: readonly { readonly peerId: PeerId }[], peer: PeerId): number {
  return firstPlace(sorted.length, index => (sorted[index] as { readonly peerId: PeerId }).peerId < peer)
}

/** The first place of `length` that is not before what is looked for. */
function firstPlace(length: number, isBefore: (place: number) => boolean): number {
  let [low, high] = [0, length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (isBefore(middle)) low = middle + 1
    else high = middle
  }
  return low
}

function full(): StoreError {
  return new StoreError('ERR_MEMBERS_FULL', `The cluster already has ${membersMax} members, the most that a view can hold.`)
}
