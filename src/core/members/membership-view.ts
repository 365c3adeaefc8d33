/**
 * Who is in the cluster, as one peer knows it: the newest member record of every peer it has heard of.
 *
 * A view only grows, record by record, and the newest record of a peer wins wherever it came from. That makes views a join
 * semilattice: peers that have merged the same records, in any order and any number of times, hold the same view and name it by the same
 * digest. Views never change in place; a merge gives the next view.
 *
 * Of those that have gone a view remembers as many as {@link goneMembersMax}, those that went last: endings are counted, and each is numbered one
 * higher than all that its issuer knew of. Whoever holds others learns of these with the next comparison, and forgets the same ones. A peer that is forgotten
 * and still told of by somebody who was cut off for so long counts as a member again, until it is missed again.
 *
 * A view does not say who can be reached: that is local and belongs to the failure detector.
 */
import { StoreError } from '../errors.ts'
import type { PeerId, ReplicaId } from '../identifiers.ts'
import { goneMembersMax, membersMax } from '../limits.ts'
import type { MemberRecord, MemberStatus } from './member-record.ts'
import { compareMembers, isGone, isPassing } from './member-record.ts'
import type { RingMember } from '../ring/ring-options.ts'
import { branchOf, isBranchIn, ViewSums } from './view-branches.ts'

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
  /** Those of the ring while anybody stays. */
  #staying: readonly RingMember[] | undefined
  #present: readonly PeerId[] | undefined
  /** The branch of each record, in their order: the same in all views that know the same peers. */
  #branches: Uint8Array | undefined

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

  /** The records of the branches among `count` whose bits are set. */
  inBranches(bits: Uint8Array, count: number): readonly MemberRecord[] {
    const branches = (this.#branches ??= Uint8Array.from(this.#sorted, branchOf))
    return this.#sorted.filter((_, place) => isBranchIn(bits, (branches[place] as number) & (count - 1)))
  }

  /** Members that have not gone, in ascending order. The same list as before while nobody came or went. */
  get present(): readonly PeerId[] {
    this.#present ??= this.#sorted.filter(({ status }) => !isGone(status)).map(({ peerId }) => peerId)
    return this.#present
  }

  /** Number of members that have gone. */
  get goneCount(): number {
    return this.#sorted.length - this.present.length
  }

  /** The ending that is forgotten first; `undefined` while nobody has gone. */
  get firstEnding(): MemberRecord | undefined {
    let first: MemberRecord | undefined
    for (const record of this.#sorted)
      if (isGone(record.status) && (first === undefined || isForgottenBefore(record, first))) first = record
    return first
  }

  /** Highest number of an ending that is known, 0 for none. */
  get lastEnding(): number {
    return this.#sorted.reduce((last, { ending }) => Math.max(last, ending), 0)
  }

  /** See {@link ringMembers}. */
  get ringMembers(): readonly RingMember[] {
    this.#staying ??= this.#sorted.filter(isInRing).map(ringMemberOf)
    return this.#staying.length > 0 ? this.#staying : lastToLeave(this.#sorted)
  }

  /** The view with `record` in the place of what was known of its peer. */
  with(record: MemberRecord): MembershipView {
    const place = placeOf(this.#sorted, record.peerId)
    const before = this.get(record.peerId)
    const sorted = this.#sorted.slice()
    sorted.splice(place, before === undefined ? 0 : 1, record)
    const view = new MembershipView(sorted, this.#sums.changed(lasting([record]), lasting(before === undefined ? [] : [before])))
    view.#staying = this.#stayingWith(before, record)
    view.#present = this.#presentWith(before, record)
    if (before !== undefined) view.#branches = this.#branches
    return view
  }

  /** The view of somebody who has never heard of `peer`. */
  without(peer: PeerId): MembershipView {
    const place = placeOf(this.#sorted, peer)
    const record = this.get(peer)
    if (record === undefined) return this
    return new MembershipView(this.#sorted.toSpliced(place, 1), this.#sums.changed([], lasting([record])))
  }

  /** The view without a member that has gone. */
  forgetting(gone: MemberRecord): MembershipView {
    const sorted = this.#sorted.toSpliced(placeOf(this.#sorted, gone.peerId), 1)
    const view = new MembershipView(sorted, this.#sums.changed([], [gone]))
    view.#staying = this.#staying
    view.#present = this.#present
    return view
  }

  #stayingWith(before: MemberRecord | undefined, after: MemberRecord): readonly RingMember[] | undefined {
    const known = this.#staying
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

/** What a view is after hearing a record. */
export interface MergedView {
  readonly view: MembershipView
  /** False when nothing was news, and the view is the same. */
  readonly changed: boolean
  /** Whom the view had to forget for it. */
  readonly forgotten: PeerId | undefined
}

/**
 * The view after hearing `record`, which must have passed `checkMember`.
 *
 * @throws `ERR_MEMBERS_FULL` when a newcomer would exceed the limit, and nobody has gone
 */
export function mergeMember(view: MembershipView, record: MemberRecord): MergedView {
  if (!hasRoomFor(view, record)) throw full()
  const known = view.get(record.peerId)
  if (known !== undefined && compareMembers(record, known) <= 0) return { view, changed: false, forgotten: undefined }
  const after = view.with(record)
  const first = after.size > membersMax || after.goneCount > goneMembersMax ? after.firstEnding : undefined
  if (first === undefined) return { view: after, changed: true, forgotten: undefined }
  if (first === record && known === undefined) return { view, changed: false, forgotten: undefined }
  return { view: after.forgetting(first), changed: true, forgotten: first.peerId }
}

/** True unless `record` is of a newcomer, and the view is full of members that have not gone. */
export function hasRoomFor(view: MembershipView, record: MemberRecord): boolean {
  return view.size < membersMax || view.goneCount > 0 || view.get(record.peerId) !== undefined
}

/** The same order for everybody. What a peer that is meant to stay has said before comes back with somebody, and only an operator can end it again. */
function isForgottenBefore(a: MemberRecord, b: MemberRecord): boolean {
  if (a.durable !== b.durable) return b.durable
  return a.ending === b.ending ? a.peerId < b.peerId : a.ending < b.ending
}

const IN_RING: ReadonlySet<MemberStatus> = new Set(['joining', 'up'])

/**
 * The members that the ring is made of, in ascending order of peer ids: those that are `joining` or `up` and have a weight. The same list as before while
 * no change of the view concerns the ring.
 *
 * A joining peer is in, because it must receive the writes of its future partitions. A leaving one is out, so that its partitions get
 * their new owners; it keeps serving what it holds until they have it. `left`, `evicted` and weight 0 own nothing.
 *
 * Where all are leaving and nobody stays, one of them is the ring: the others give it what they have, and it goes last. Otherwise each would wait for ever
 * for somebody to take its copies, and nobody could take a write.
 */
export function ringMembers(view: MembershipView): readonly RingMember[] {
  return view.ringMembers
}

function isInRing({ status, weight }: MemberRecord): boolean {
  return weight > 0 && IN_RING.has(status)
}

/** Of those that leave, the one that most would have given their copies to: a durable one before a heavy one, then by its id. */
function lastToLeave(sorted: readonly MemberRecord[]): readonly RingMember[] {
  const leaving = sorted.filter(({ status, weight }) => status === 'leaving' && weight > 0)
  const [last] = leaving.toSorted((a, b) => Number(b.durable) - Number(a.durable) || b.weight - a.weight)
  return last === undefined ? [] : [ringMemberOf(last)]
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
