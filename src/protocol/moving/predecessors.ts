/**
 * Whose copies of what this peer owns it has not got yet: its predecessors, by partition. Until they have given everything, what this peer holds of such a
 * partition does not tell what was acknowledged, and a read must not take its "nothing" for an answer.
 *
 * An owner stands for the owner whose place it took, so it lacks what that one holds. Where that one is gone without having given it, it lacks what the
 * owners hold that stayed. A joining peer lacks, besides, what the owners hold that there are for members who have not heard yet who joins and who leaves
 * (`earlier-rings.ts`). Whoever joins beside it may have everything sooner, in the same ring: that has then never got what this peer is to own there, so it
 * goes on being thought away.
 *
 * A predecessor says that it has given everything with the same answer that a joining peer waits for (`completion.ts`). One that cannot be reached goes on
 * being lacked until it is back, or gone for good.
 */
import type { PeerId } from '../../core/identifiers.ts'
import { predecessorsMax } from '../../core/limits.ts'
import type { Ring } from '../../core/ring/ring.ts'
import { sendRequest, type Effect } from '../effect.ts'
import type { Instant } from '../instant.ts'
import type { EarlierRings } from './earlier-rings.ts'
import type { FailureDetector } from '../membership/failure-detector.ts'
import type { Neighbourhood } from '../membership/neighbourhood.ts'
import type { Routing } from '../requests/routing.ts'
import type { TransferDone } from '../wire/message.ts'

/** Time after which a predecessor is asked again whether it has given everything. */
const askAgainMs = 1000

export interface PredecessorsParts {
  readonly routing: Routing
  /** True once this peer knows all that another member knew. */
  knowsMembers(): boolean
  readonly detector: Pick<FailureDetector, 'connectedPeers'>
  readonly earlier: EarlierRings
  readonly neighbourhood: Pick<Neighbourhood, 'view' | 'isGone' | 'isAlone' | 'concerned'>
}

export class Predecessors {
  readonly #parts: PredecessorsParts
  readonly #lacking = new Map<number, Set<PeerId>>()
  /** Who has given everything in which ring, since the ring changed. */
  readonly #givers = new Map<PeerId, string>()
  /** While this peer joins: who was joining, too, since it began, itself among them. */
  readonly #joiners = new Set<PeerId>()
  #before: Ring
  #askAtMs = Number.POSITIVE_INFINITY
  #isWorkedThrough = false

  constructor(parts: PredecessorsParts) {
    this.#parts = parts
    this.#before = parts.routing.ring()
  }

  /** True for an owner, as far as this peer can know: one that joins and has only heard of others, or met a client, does not know whose place it takes. */
  isOwner(partition: number): boolean {
    const { routing, neighbourhood, detector, knowsMembers } = this.#parts
    const hasMet = !neighbourhood.isAlone || detector.connectedPeers().length > 0
    const isNew = routing.isJoining(routing.self) && !knowsMembers() && hasMet
    return !isNew && routing.ring().isOwner(routing.self, partition)
  }

  /** Whose copies of a partition this peer lacks; nobody's where it has all that it needs to answer for it. */
  of(partition: number): readonly PeerId[] {
    const { routing } = this.#parts
    const owners = routing.ring().owners(partition)
    // One owner of several that stayed is not worth waiting for while it is away: each write of a quorum is at another, too.
    const isMissed = (peer: PeerId): boolean => this.#mayGive(peer) && (!owners.includes(peer) || routing.isReachable(peer))
    const lacking = [...(this.#lacking.get(partition) ?? [])].filter(isMissed)
    return routing.isJoining(routing.self) ? [...new Set([...lacking, ...this.#beforeJoining(partition)])] : lacking
  }

  /** True while a peer that leaves has not said that it gave everything: once it is gone, nobody could tell. */
  lacks(peer: PeerId): boolean {
    const { routing, neighbourhood } = this.#parts
    if (neighbourhood.view.get(peer)?.status !== 'leaving') return false
    const ring = routing.ring()
    for (const [partition, peers] of this.#lacking) if (peers.has(peer) && ring.isOwner(routing.self, partition)) return true
    return false
  }

  /** The ring changed. */
  ringChanged(now: Instant, effects: Effect[]): void {
    const { routing, earlier } = this.#parts
    const before = this.#before
    const ring = routing.ring()
    this.#before = ring
    this.#givers.clear()
    this.#forget(before)
    this.#noteJoiners()
    for (const partition of ring.partitionsOf(routing.self)) {
      const owners = before.owners(partition)
      if (owners.includes(routing.self)) continue
      this.#lack(partition, owners, ring.owners(partition))
      // The owner before may itself have had no time to become one, where several leave.
      const others = earlier.ownersWithLeaving(partition).filter(owner => owner !== routing.self)
      this.#lack(partition, others, ring.owners(partition))
    }
    if (this.#lacking.size > 0) this.wake(now, effects)
  }

  /** This peer is about to count as one that has joined: what it lacks from now on is what those hold that could not be reached. */
  joined(now: Instant): void {
    const { routing, neighbourhood } = this.#parts
    const ring = routing.ring()
    if (neighbourhood.concerned().every(peer => routing.isReachable(peer))) return
    for (const partition of ring.partitionsOf(routing.self)) {
      const owners = ring.owners(partition)
      for (const peer of this.#beforeJoining(partition)) if (!owners.includes(peer)) this.#add(partition, peer)
    }
    if (this.#lacking.size > 0) this.#askAtMs = now.ms
  }

  /** A peer has given this one everything that it is to own in a ring, but for what it never got itself: that is still lacking. */
  gave(now: Instant, from: PeerId, { ring, lacking }: TransferDone): void {
    this.#givers.set(from, ring)
    const { routing } = this.#parts
    const current = routing.ring()
    if (ring !== current.digest) return
    const others = lacking.filter(peer => peer !== routing.self && this.#givers.get(peer) !== ring)
    for (const partition of current.partitionsOf(routing.self)) {
      if (others.length > 0 && this.#isPredecessor(partition, from)) for (const peer of others) this.#add(partition, peer)
      const peers = this.#lacking.get(partition)
      peers?.delete(from)
      if (peers?.size === 0) this.#lacking.delete(partition)
    }
    if (this.#lacking.size > 0) this.#askAtMs = Math.min(this.#askAtMs, now.ms + askAgainMs)
  }

  /** Peers whose copies of what another peer owns never came here: it cannot have got them from this one. */
  lackedFor(peer: PeerId): readonly PeerId[] {
    const ring = this.#parts.routing.ring()
    const lacking = [...this.#lacking.keys()].filter(partition => ring.isOwner(peer, partition)).flatMap(partition => this.of(partition))
    return [...new Set(lacking)].filter(other => other !== peer).slice(0, predecessorsMax)
  }

  /** All that was here of what this peer does not own any more is with its owners. They are told what is lacking as long as the ring is the same. */
  workedThrough(): void {
    this.#isWorkedThrough = true
  }

  deadline(): number {
    return this.#askAtMs
  }

  wake(now: Instant, effects: Effect[]): void {
    const { routing } = this.#parts
    const ring = routing.ring()
    this.#askAtMs = this.#lacking.size > 0 ? now.ms + askAgainMs : Number.POSITIVE_INFINITY
    // One that is joining asks everybody anyway.
    if (routing.isJoining(routing.self)) return
    const asked = new Set<PeerId>()
    for (const partition of this.#lacking.keys())
      if (ring.isOwner(routing.self, partition)) for (const peer of this.of(partition)) if (routing.isReachable(peer)) asked.add(peer)
    const message = { type: 'transfer-query', ring: ring.digest, refill: 0 } as const
    for (const to of asked) sendRequest(effects, to, message)
  }

  #isPredecessor(partition: number, peer: PeerId): boolean {
    const { routing } = this.#parts
    if (this.#lacking.get(partition)?.has(peer) === true) return true
    return routing.isJoining(routing.self) && this.#ownersBefore(partition).includes(peer)
  }

  /** What is lacking of partitions that were given away is the business of their owners. */
  #forget(before: Ring): void {
    const { self } = this.#parts.routing
    if (this.#isWorkedThrough)
      for (const partition of this.#lacking.keys()) if (!before.isOwner(self, partition)) this.#lacking.delete(partition)
    this.#isWorkedThrough = false
  }

  #beforeJoining(partition: number): readonly PeerId[] {
    const { routing } = this.#parts
    const ring = routing.ring().digest
    return this.#ownersBefore(partition).filter(owner => owner !== routing.self && this.#givers.get(owner) !== ring)
  }

  /** While this peer joins: owners of a partition for somebody who goes by an earlier ring. */
  #ownersBefore(partition: number): readonly PeerId[] {
    const { earlier } = this.#parts
    const owners = earlier.owners(partition)
    const { joining } = earlier
    const joiners = [...this.#joiners]
    if (joiners.every(peer => joining.includes(peer))) return owners
    return [...new Set([...owners, ...earlier.ownersWithout(partition, joiners)])]
  }

  #noteJoiners(): void {
    const { routing, earlier } = this.#parts
    const ring = routing.ring()
    if (!routing.isJoining(routing.self)) return this.#joiners.clear()
    for (const peer of this.#joiners) if (!ring.isMember(peer)) this.#joiners.delete(peer)
    for (const peer of earlier.joining) this.#joiners.add(peer)
  }

  #lack(partition: number, before: readonly PeerId[], after: readonly PeerId[]): void {
    const replaced = before.filter(owner => !after.includes(owner))
    const present = replaced.filter(owner => this.#mayGive(owner))
    const stayed = present.length < replaced.length ? before.filter(owner => after.includes(owner)) : []
    for (const peer of [...present, ...stayed]) this.#add(partition, peer)
  }

  #add(partition: number, peer: PeerId): void {
    const peers = this.#lacking.get(partition) ?? new Set()
    peers.add(peer)
    for (const oldest of peers) {
      if (peers.size <= predecessorsMax) break
      peers.delete(oldest)
    }
    this.#lacking.set(partition, peers)
  }

  /** One that was evicted may be there all the same. */
  #mayGive(peer: PeerId): boolean {
    const { routing, neighbourhood } = this.#parts
    return !neighbourhood.isGone(peer) || routing.isReachable(peer)
  }
}
