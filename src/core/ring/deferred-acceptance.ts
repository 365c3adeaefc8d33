/**
 * Deferred acceptance (Gale and Shapley 1962): how partitions and peers agree on who owns what.
 *
 * Each partition proposes to the peers of its walk, nearest first, until it has enough owners. A peer that has more proposals than
 * capacity keeps the nearest partitions and rejects the farthest, which then propose further along their walk. In the end no partition
 * and peer would both rather have each other: a stable matching. It is the same matching in whatever order the proposals are
 * made, which is why the ring is a function of the member set, and why a small change of the members is a small change of the ring.
 *
 * It does not promise that every partition finds enough owners; `augmenting-path.ts` places the few that do not.
 */
import type { Placement } from './placement.ts'
import type { Walk } from './preference-list.ts'

/** Who may propose to whom in one round. Owners from earlier rounds stay. */
export interface Round {
  /** Owners that a partition wants to have after the round. */
  readonly owners: number
  /** Owners that a partition may have in one zone. */
  readonly perZone: number
  /** Whether a peer takes part; one entry per peer. */
  readonly takesPart: readonly boolean[]
}

/** Runs one round to its stable end. */
export function deferAcceptance(placement: Placement, walk: Walk, round: Round): void {
  const books = placement.peers.capacities.map((_, peer) => new ProposalBook(placement.room(peer)))
  const rejections = new Rejections(placement.peers.partitions, books.length)
  const waiting = Array.from({ length: placement.peers.partitions }, (_, partition) => partition)
  for (let partition = waiting.pop(); partition !== undefined; partition = waiting.pop()) {
    while (placement.count(partition) < round.owners) {
      const peer = nearestWilling(partition, placement, walk, round, rejections)
      if (peer === undefined) break
      const rejected = (books[peer] as ProposalBook).propose(partition, walk.distance(partition, peer))
      if (rejected !== undefined) rejections.add(peer, rejected)
      if (rejected === partition) continue
      placement.add(peer, partition)
      if (rejected === undefined) continue
      placement.remove(peer, rejected)
      waiting.push(rejected)
    }
  }
}

function nearestWilling(partition: number, placement: Placement, walk: Walk, round: Round, rejections: Rejections): number | undefined {
  const peers = round.takesPart.length
  for (let place = 0; place < peers; place++) {
    const peer = walk.peerAt(partition, place)
    if (round.takesPart[peer] !== true || rejections.has(peer, partition)) continue
    if (placement.fits(peer, partition, round.perZone)) return peer
  }
  return undefined
}

/** Who has rejected whom: one bit for each pair. */
class Rejections {
  readonly #words: number
  readonly #bits: Uint32Array

  constructor(partitions: number, peers: number) {
    this.#words = Math.ceil(peers / 32)
    this.#bits = new Uint32Array(partitions * this.#words)
  }

  has(peer: number, partition: number): boolean {
    return (((this.#bits[partition * this.#words + (peer >>> 5)] as number) >>> (peer & 31)) & 1) === 1
  }

  add(peer: number, partition: number): void {
    const word = partition * this.#words + (peer >>> 5)
    this.#bits[word] = (this.#bits[word] as number) | (1 << (peer & 31))
  }
}

/** The proposals that a peer holds: a binary heap with the farthest on top. */
class ProposalBook {
  readonly #room: number
  readonly #partitions: number[] = []
  readonly #distances: number[] = []

  constructor(room: number) {
    this.#room = room
  }

  /** Holds a proposal. Returns the partition that is rejected for it, possibly the one proposing, or `undefined`. */
  propose(partition: number, distance: number): number | undefined {
    if (this.#partitions.length < this.#room) {
      this.#raise(this.#partitions.length, partition, distance)
      return undefined
    }
    if (this.#room <= 0 || this.#isNearer(0, partition, distance)) return partition
    const farthest = this.#partitions[0]
    this.#sink(partition, distance)
    return farthest
  }

  /** True when the proposal at `slot` is nearer than the given one. */
  #isNearer(slot: number, partition: number, distance: number): boolean {
    const held = this.#distances[slot] as number
    return held < distance || (held === distance && (this.#partitions[slot] as number) < partition)
  }

  #raise(from: number, partition: number, distance: number): void {
    let slot = from
    while (slot > 0) {
      const parent = (slot - 1) >> 1
      if (!this.#isNearer(parent, partition, distance)) break
      this.#move(parent, slot)
      slot = parent
    }
    this.#set(slot, partition, distance)
  }

  #sink(partition: number, distance: number): void {
    let slot = 0
    for (;;) {
      let child = slot * 2 + 1
      if (child >= this.#partitions.length) break
      if (
        child + 1 < this.#partitions.length &&
        this.#isNearer(child, this.#partitions[child + 1] as number, this.#distances[child + 1] as number)
      )
        child++
      if (this.#isNearer(child, partition, distance)) break
      this.#move(child, slot)
      slot = child
    }
    this.#set(slot, partition, distance)
  }

  #move(from: number, to: number): void {
    this.#set(to, this.#partitions[from] as number, this.#distances[from] as number)
  }

  #set(slot: number, partition: number, distance: number): void {
    this.#partitions[slot] = partition
    this.#distances[slot] = distance
  }
}
