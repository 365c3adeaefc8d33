/**
 * Who owns what while the ring is being computed, and the three rules of a good place: the owners of a partition are distinct,
 * no zone has too many of them, and no peer owns more than its capacity.
 */

/** The peers to place, in sorted order; one entry per peer in each list. */
export interface Placeable {
  readonly partitions: number
  /** Owners that each partition gets. */
  readonly owners: number
  readonly durableOwners: number
  readonly capacities: readonly number[]
  readonly durable: readonly boolean[]
  /** Index of each peer's zone. */
  readonly zones: readonly number[]
  /** Owners that a partition should have at most in one zone. */
  readonly ownersPerZone: number
}

const NOBODY = 0xffff

/** A table of owners being filled. */
export class Placement {
  readonly peers: Placeable
  readonly #table: Uint16Array
  readonly #counts: Uint8Array
  readonly #loads: Uint32Array

  constructor(peers: Placeable) {
    this.peers = peers
    this.#table = new Uint16Array(peers.partitions * peers.owners).fill(NOBODY)
    this.#counts = new Uint8Array(peers.partitions)
    this.#loads = new Uint32Array(peers.capacities.length)
  }

  /** Owners that the partition has so far. */
  count(partition: number): number {
    return this.#counts[partition] as number
  }

  /** Partitions that the peer may still take. */
  room(peer: number): number {
    return (this.peers.capacities[peer] as number) - (this.#loads[peer] as number)
  }

  /** The partition's owners so far, as a view. */
  ownersOf(partition: number): Uint16Array {
    const start = partition * this.peers.owners
    return this.#table.subarray(start, start + this.count(partition))
  }

  owns(peer: number, partition: number): boolean {
    const start = partition * this.peers.owners
    for (let place = start + this.count(partition) - 1; place >= start; place--) if (this.#table[place] === peer) return true
    return false
  }

  /** Owners that the partition has in `zone`. */
  countInZone(partition: number, zone: number): number {
    const start = partition * this.peers.owners
    let count = 0
    for (let place = start + this.count(partition) - 1; place >= start; place--) {
      if (this.peers.zones[this.#table[place] as number] === zone) count++
    }
    return count
  }

  /** Durable owners that the partition has. */
  countDurable(partition: number): number {
    return this.ownersOf(partition).reduce((count, owner) => count + (this.peers.durable[owner] === true ? 1 : 0), 0)
  }

  /** True when `peer` would be one more owner with at most `perZone` owners in its zone. */
  fits(peer: number, partition: number, perZone: number): boolean {
    return (
      !this.owns(peer, partition) &&
      (perZone >= this.peers.owners || this.countInZone(partition, this.peers.zones[peer] as number) < perZone)
    )
  }

  add(peer: number, partition: number): void {
    this.#table[partition * this.peers.owners + this.count(partition)] = peer
    this.#counts[partition] = this.count(partition) + 1
    this.#loads[peer] = (this.#loads[peer] as number) + 1
  }

  remove(peer: number, partition: number): void {
    const start = partition * this.peers.owners
    const last = start + this.count(partition) - 1
    this.#table[this.#table.indexOf(peer, start)] = this.#table[last] as number
    this.#table[last] = NOBODY
    this.#counts[partition] = this.count(partition) - 1
    this.#loads[peer] = (this.#loads[peer] as number) - 1
  }

  /** Partitions that `peer` owns, ascending. */
  partitionsOf(peer: number): number[] {
    const owned: number[] = []
    for (let partition = 0; partition < this.peers.partitions; partition++) if (this.owns(peer, partition)) owned.push(partition)
    return owned
  }

  /** Partitions with more owners in one zone than there should be. */
  crowded(): number {
    const { partitions, zones, ownersPerZone } = this.peers
    let crowded = 0
    for (let partition = 0; partition < partitions; partition++) {
      if (this.ownersOf(partition).some(owner => this.countInZone(partition, zones[owner] as number) > ownersPerZone)) crowded++
    }
    return crowded
  }
}
