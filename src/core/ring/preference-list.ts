/**
 * In which order a partition would like to have the peers (the paper, section 4.3): nearest token first.
 *
 * The ring takes its owners from the front of this walk, within the peers' capacities; the preference list of a partition is its owners
 * followed by everybody else in walk order. A request that cannot reach an owner goes to the next in the list, so that all
 * coordinators with the same view pick the same fallback.
 *
 * The first few places of every walk are kept, the rest is computed when asked for: a ring of 1,000 peers looks at about
 * N places of each.
 */
import { membersMax, walksCachedMax } from '../limits.ts'
import { tokenDistance, type TokenSeeds } from './token.ts'

const PLACES_KEPT = 12

/** The walks of all partitions over the peers `0 .. peers - 1`. */
export class Walk {
  readonly #seeds: readonly TokenSeeds[]
  readonly #headStarts: readonly number[]
  readonly #kept: number
  readonly #front: Uint16Array
  readonly #distances: Float64Array
  readonly #whole = new Map<number, Uint16Array>()

  constructor(seeds: readonly TokenSeeds[], partitions: number, headStarts: readonly number[]) {
    this.#seeds = seeds
    this.#headStarts = headStarts
    this.#kept = Math.min(seeds.length, PLACES_KEPT)
    this.#front = new Uint16Array(partitions * this.#kept)
    this.#distances = new Float64Array(seeds.length)
    const nearest = new Float64Array(this.#kept)
    for (let partition = 0; partition < partitions; partition++) this.#keepFront(partition, nearest)
  }

  /** The peer at `place` (0 is the nearest) of the partition's walk. */
  peerAt(partition: number, place: number): number {
    if (place < this.#kept) return this.#front[partition * this.#kept + place] as number
    return this.order(partition)[place] as number
  }

  /** Distance of `peer` from `partition`; equal distances are told apart by the peer's index. */
  distance(partition: number, peer: number): number {
    const distance = tokenDistance(partition, this.#seeds[peer] as TokenSeeds) * (this.#headStarts[peer] as number)
    return Math.floor(distance) * membersMax + peer
  }

  /** All peers in the partition's walk order. */
  order(partition: number): Uint16Array {
    const known = this.#whole.get(partition)
    if (known !== undefined) return known
    const order = this.#sort(partition)
    if (this.#whole.size >= walksCachedMax) this.#whole.clear()
    this.#whole.set(partition, order)
    return order
  }

  #sort(partition: number): Uint16Array {
    const distances = this.#distances
    for (let peer = 0; peer < distances.length; peer++) distances[peer] = this.distance(partition, peer)
    return Uint16Array.from(distances.sort(), distance => distance % membersMax)
  }

  /** Keeps the nearest peers of one partition, sorted by insertion: most peers are farther than all kept ones. */
  #keepFront(partition: number, nearest: Float64Array): void {
    nearest.fill(Number.MAX_SAFE_INTEGER)
    const last = nearest.length - 1
    for (let peer = 0; peer < this.#seeds.length; peer++) {
      const distance = this.distance(partition, peer)
      if (distance >= (nearest[last] as number)) continue
      let place = last
      for (; place > 0 && (nearest[place - 1] as number) > distance; place--) nearest[place] = nearest[place - 1] as number
      nearest[place] = distance
    }
    for (let place = 0; place <= last; place++) this.#front[partition * this.#kept + place] = (nearest[place] as number) % membersMax
  }
}
