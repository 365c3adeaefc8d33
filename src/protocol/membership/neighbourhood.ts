/**
 * The ring and the neighbours that follow from the newest view, kept up to date at little cost: most news of a large cluster change neither.
 */
import type { PeerId } from '../../core/identifiers.ts'
import { membersMax } from '../../core/limits.ts'
import { isGone } from '../../core/members/member-record.ts'
import { ringMembers, type MembershipView } from '../../core/members/membership-view.ts'
import { createRing, type Ring, type RingMember, type RingOptions } from '../../core/ring/ring.ts'
import type { Effect } from '../effect.ts'
import type { FailureDetector } from './failure-detector.ts'
import { byPartitionsShared, keepers, neighboursOf } from './wanted-peers.ts'

/** The ring function, or one that remembers what it computed. */
export type RingFunction = (members: readonly RingMember[], options: RingOptions) => Ring

export interface NeighbourhoodOptions {
  readonly signer: { readonly peerId: PeerId }
  readonly configuration: RingOptions
  readonly view: MembershipView
  /** Simulated peers share the rings that they have in common. @default the ring function itself */
  readonly ringOf?: RingFunction
  /** Members that a connection is kept to, at most; with fewer it is kept to all. @default all */
  readonly neighboursMax?: number
}

/** What a new view changed. */
export interface NeighbourhoodNews {
  readonly isOtherRing: boolean
  /** Distant members that may be there though nothing was sent to them: they were neighbours until now, or came back. */
  readonly hopeful: readonly PeerId[]
}

export class Neighbourhood {
  readonly #self: PeerId
  readonly #options: RingOptions
  readonly #neighboursMax: number
  readonly #ringOf: RingFunction
  readonly #detector: FailureDetector
  #view: MembershipView
  #ring: Ring
  #neighbours: ReadonlySet<PeerId>
  /** False until the neighbours that the storage knew of were asked for. */
  #isWanted = false
  #concerned: { readonly ring: Ring; readonly peers: readonly PeerId[] } | undefined

  constructor(options: NeighbourhoodOptions, detector: FailureDetector) {
    this.#self = options.signer.peerId
    this.#options = options.configuration
    this.#neighboursMax = options.neighboursMax ?? membersMax
    this.#ringOf = options.ringOf ?? createRing
    this.#detector = detector
    this.#view = options.view
    this.#ring = this.#ringOf(ringMembers(this.#view), this.#options)
    this.#neighbours = neighboursOf(this.#view, this.#ring, this.#self, this.#neighboursMax)
    detector.expect(peer => this.isDistant(peer))
  }

  get ring(): Ring {
    return this.#ring
  }

  /** The newest view. */
  get view(): MembershipView {
    return this.#view
  }

  /** The ring of other members than the present ones. */
  ringOf(members: readonly RingMember[]): Ring {
    return this.#ringOf(members, this.#options)
  }

  /** True for a peer that has heard of no other that is there. */
  get isAlone(): boolean {
    return this.#view.present.every(peer => peer === this.#self)
  }

  /** True for a member that left or was evicted. */
  isGone(peer: PeerId): boolean {
    return isGone(this.#view.get(peer)?.status ?? 'up')
  }

  /** Members that connections are kept to. */
  get neighbours(): ReadonlySet<PeerId> {
    return this.#neighbours
  }

  /** Takes the newest view, in which `peers` changed, and reports what follows. */
  update(view: MembershipView, peers: readonly PeerId[], effects: Effect[]): NeighbourhoodNews {
    const before = { view: this.#view, ring: this.#ring, neighbours: this.#neighbours }
    effects.push({ kind: 'report', event: { type: 'members-changed', peers } })
    this.#view = view
    if (ringMembers(view) !== ringMembers(before.view)) this.#ring = this.#ringOf(ringMembers(view), this.#options)
    const isOtherRing = this.#ring.digest !== before.ring.digest
    const mayBeOthers = isOtherRing || view.present !== before.view.present
    if ((mayBeOthers && this.#meet()) || !this.#isWanted || peers.some(peer => this.#neighbours.has(peer))) this.#want(effects)
    if (isOtherRing) effects.push({ kind: 'report', event: { type: 'ring-changed' } })
    const turned = this.#neighbours === before.neighbours ? [] : [...before.neighbours].filter(peer => this.isDistant(peer))
    return { isOtherRing, hopeful: [...turned, ...peers.filter(peer => this.#isBack(peer))] }
  }

  /**
   * Members that hold, or are to hold, what this peer owns while it is in the ring: everybody where everybody is a neighbour, else those that own the
   * same partitions in the ring with this peer or in the one without it. Some neighbours where it owns nothing.
   */
  concerned(): readonly PeerId[] {
    if (!this.#hasDistant) return keepers(this.#view, this.#self)
    if (this.#concerned?.ring !== this.#ring) this.#concerned = { ring: this.#ring, peers: this.#ownersWithAndWithout() }
    if (this.#concerned.peers.length > 0) return this.#concerned.peers
    // One that owns nothing has only to be known: by those that store something, or by whoever is near.
    const near = keepers(this.#view, this.#self).filter(peer => this.#neighbours.has(peer))
    return near.length > 0 ? near : [...this.#neighbours]
  }

  get #hasDistant(): boolean {
    return this.#view.present.length - 1 > this.#neighbours.size
  }

  #ownersWithAndWithout(): readonly PeerId[] {
    const others = this.#ring.members.filter(({ peerId }) => peerId !== this.#self)
    const isIn = others.length < this.#ring.members.length
    const own = this.#view.get(this.#self)
    const changed = this.#ringOf(isIn || own === undefined ? others : [...others, own], this.#options)
    const [withSelf, without] = isIn ? [this.#ring, changed] : [changed, this.#ring]
    const found = new Set(byPartitionsShared(withSelf, this.#self))
    for (const partition of withSelf.partitionsOf(this.#self)) for (const owner of without.owners(partition)) found.add(owner)
    return [...found]
  }

  /** True when the neighbours are others than before. */
  #meet(): boolean {
    const before = this.#neighbours
    const present = neighboursOf(this.#view, this.#ring, this.#self, this.#neighboursMax)
    if (before.size === present.size && [...before].every(peer => present.has(peer))) return false
    this.#neighbours = present
    return true
  }

  /** True for a member that no connection is kept to. */
  isDistant(peer: PeerId): boolean {
    if (!this.#hasDistant || this.#neighbours.has(peer) || peer === this.#self) return false
    const status = this.#view.get(peer)?.status
    return status !== undefined && !isGone(status)
  }

  /** True for a distant member that was taken for gone, and whose newest record is its own word. */
  #isBack(peer: PeerId): boolean {
    return this.#view.get(peer)?.issuer === peer && this.isDistant(peer) && !this.#detector.isReachable(peer)
  }

  #want(effects: Effect[]): void {
    const peers = [...this.#neighbours].map(peer => ({ peer, addresses: this.#view.get(peer)?.addresses ?? [] }))
    this.#isWanted = true
    effects.push({ kind: 'want', peers })
  }
}
