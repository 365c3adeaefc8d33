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
import { compareMembers, memberContentHash } from './member-record.ts'
import type { RingMember } from './ring-options.ts'

/** The members that one peer knows of. Made from {@link emptyView} by {@link mergeMember}. */
export class MembershipView {
  readonly #records: ReadonlyMap<PeerId, MemberRecord>
  #sorted: readonly MemberRecord[] | undefined
  #digest: string | undefined
  #replicas: ReadonlyMap<ReplicaId, MemberRecord> | undefined

  constructor(records: ReadonlyMap<PeerId, MemberRecord>) {
    this.#records = records
  }

  /** Number of peers known, gone ones included. */
  get size(): number {
    return this.#records.size
  }

  /** Newest record of a peer. */
  get(peer: PeerId): MemberRecord | undefined {
    return this.#records.get(peer)
  }

  /** All records, in ascending order of peer ids. */
  all(): readonly MemberRecord[] {
    this.#sorted ??= [...this.#records.values()].sort((a, b) => (a.peerId < b.peerId ? -1 : 1))
    return this.#sorted
  }

  /** The member that a storage incarnation belongs to, while its record still names it. */
  ofReplica(replica: ReplicaId): MemberRecord | undefined {
    this.#replicas ??= new Map(this.all().map(record => [record.replica, record]))
    return this.#replicas.get(replica)
  }

  /** Name of the view: 64 bits as 16 hexadecimal digits, equal where all records say the same. */
  get digest(): string {
    this.#digest ??= digestOf(this.all())
    return this.#digest
  }

  /** The view with `record` in the place of what was known of its peer. */
  with(record: MemberRecord): MembershipView {
    return new MembershipView(new Map(this.#records).set(record.peerId, record))
  }
}

/** The view of a peer that has heard of nobody. */
export const emptyView: MembershipView = new MembershipView(new Map())

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
 * The members that the ring is made of, in ascending order of peer ids: those that are `joining` or `up` and have a weight.
 *
 * A joining peer is in, because it must receive the writes of its future partitions. A leaving one is out, so that its partitions get
 * their new owners; it keeps serving what it holds until they have it. `left`, `evicted` and weight 0 own nothing.
 */
export function ringMembers(view: MembershipView): readonly RingMember[] {
  return view
    .all()
    .filter(({ status, weight }) => weight > 0 && IN_RING.has(status))
    .map(({ peerId, weight, durable, zone }) => ({ peerId, weight, durable, zone }))
}

/** What of the view decides the ring, as a text. */
export function ringKey(view: MembershipView): string {
  return JSON.stringify(ringMembers(view))
}

function digestOf(records: readonly MemberRecord[]): string {
  const hashes = new Uint8Array(records.length * 8)
  records.forEach((record, index) => hashes.set(memberContentHash(record), index * 8))
  return toHex(sha256(hashes).subarray(0, 8))
}

function full(): StoreError {
  return new StoreError('ERR_MEMBERS_FULL', `The cluster already has ${membersMax} members, the most that a view can hold.`)
}
