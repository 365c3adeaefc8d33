/**
 * Finds owners for partitions that no peer with room would suit: by moving others (augmenting paths, as in bipartite matching).
 *
 * In tiny rings, or with few zones, a partition may have been rejected by every peer that it could still use. Then some peer y
 * that it can use hands one of its partitions to a peer x with room, perhaps over several such steps, and takes the starved partition
 * instead. The search is breadth first in a fixed order, so the shortest chain is found and every peer finds the same one.
 */
import type { Placement } from './placement.ts'
import type { Walk } from './preference-list.ts'

/** What a search must keep to. */
export interface Completion {
  /** Owners that a partition should have. */
  readonly owners: number
  /** Owners that a partition may have in one zone. */
  readonly perZone: number
  /** Whether a peer may be given partitions; one entry per peer. */
  readonly takesPart: readonly boolean[]
}

/** A step of a chain: `from` hands `partition` to the next peer of the chain. */
interface Step {
  readonly previous: Step | undefined
  readonly peer: number
  /** What the previous peer hands to `peer`. */
  readonly partition: number
}

/** Completes every partition that has too few owners, where a chain exists. */
export function completeByPaths(placement: Placement, walk: Walk, completion: Completion): void {
  const search = new Search(placement, walk, completion)
  for (let partition = 0; partition < placement.peers.partitions; partition++) {
    while (placement.count(partition) < completion.owners && search.complete(partition)) continue
  }
}

class Search {
  readonly #placement: Placement
  readonly #walk: Walk
  readonly #completion: Completion
  /** Peers from which no chain leads to room. */
  readonly #exhausted = new Set<number>()

  constructor(placement: Placement, walk: Walk, completion: Completion) {
    this.#placement = placement
    this.#walk = walk
    this.#completion = completion
  }

  /** Gives the partition one more owner; false when no chain was found. */
  complete(partition: number): boolean {
    if (!this.#completion.takesPart.some((_, peer) => this.#isCandidate(peer, partition, this.#exhausted))) return false
    const seen = new Set(this.#exhausted)
    const queue: Step[] = this.#candidates(partition, seen).map(peer => ({ previous: undefined, peer, partition }))
    for (const step of queue) {
      if (this.#placement.room(step.peer) > 0) return this.#apply(step)
      queue.push(...this.#handovers(step, seen))
    }
    for (const step of queue) this.#exhausted.add(step.peer)
    return false
  }

  /** Peers that the partition could use, in walk order; marks them as seen. */
  #candidates(partition: number, seen: Set<number>): number[] {
    const usable = [...this.#walk.order(partition)].filter(peer => this.#isCandidate(peer, partition, seen))
    for (const peer of usable) seen.add(peer)
    return usable
  }

  #isCandidate(peer: number, partition: number, seen: ReadonlySet<number>): boolean {
    const { takesPart, perZone } = this.#completion
    return takesPart[peer] === true && !seen.has(peer) && this.#placement.fits(peer, partition, perZone)
  }

  /** Peers that could take a partition over from `step.peer`, each with that partition. */
  #handovers(step: Step, seen: Set<number>): Step[] {
    const handovers: Step[] = []
    for (const partition of this.#placement.partitionsOf(step.peer)) {
      for (const [peer, takes] of this.#completion.takesPart.entries()) {
        if (!takes || seen.has(peer) || !this.#canTakeOver(partition, step.peer, peer)) continue
        seen.add(peer)
        handovers.push({ previous: step, peer, partition })
      }
    }
    return handovers
  }

  /** Whether the partition may have `taker` in place of `giver`. */
  #canTakeOver(partition: number, giver: number, taker: number): boolean {
    const { durable, zones, durableOwners } = this.#placement.peers
    if (durable[giver] === true && durable[taker] !== true && this.#placement.countDurable(partition) <= durableOwners) return false
    const sameZone = zones[giver] === zones[taker]
    return this.#placement.fits(taker, partition, this.#completion.perZone + (sameZone ? 1 : 0))
  }

  /** Moves partitions along the chain, from the peer with room back to the starved partition. */
  #apply(last: Step): boolean {
    for (let step: Step | undefined = last; step !== undefined; step = step.previous) {
      if (step.previous !== undefined) this.#placement.remove(step.previous.peer, step.partition)
      this.#placement.add(step.peer, step.partition)
    }
    return true
  }
}
