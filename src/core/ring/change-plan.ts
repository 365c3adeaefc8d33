/**
 * What a change of the members would do to a ring, told before it is done: which copies move, how few could move at least, and how safe and even the ring
 * is before and after.
 *
 * The ring is a pure function of its members, so this is exact for the members given: whoever makes the change gets this ring. It knows nothing of
 * sizes, of who can be reached, or of what happens meanwhile. (The paper, sections 4.9 and 6.2.)
 */
import type { PeerId } from '../identifiers.ts'
import type { Ring } from './ring.ts'

/** A partition that gets owners which it did not have. */
export interface PartitionMove {
  readonly partition: number
  /** The new owners. */
  readonly to: readonly PeerId[]
  /** Owners so far that are there to give them a copy, nearest first; none when all of them are gone for good. */
  readonly from: readonly PeerId[]
}

/** The smallest and the mean of a number over all partitions. */
export interface Spread {
  readonly least: number
  readonly mean: number
}

/** How safe and how even a ring is. */
export interface RingHealth {
  readonly digest: string
  /** Members that store something. */
  readonly members: number
  /** Owners of a partition. */
  readonly owners: Spread
  /** Durable owners of a partition. */
  readonly durableOwners: Spread
  /** Partitions with more owners in one zone than the number of zones asks for. */
  readonly zoneViolations: number
  /** Largest load of a member for its weight, divided by the mean: 1 is perfectly even. */
  readonly loadMaxToMean: number
  /** See {@link Ring.warnings}. */
  readonly warnings: readonly string[]
}

/** What lies between two rings. */
export interface RingChange {
  /** Partitions that get a new owner, ascending. */
  readonly moves: readonly PartitionMove[]
  /** Copies of partitions that move: one for each new owner. */
  readonly copies: number
  /** Fewest copies that any ring with these members would have to move: those of newcomers, and those that went with who is gone. */
  readonly copiesMin: number
  /** Partitions of which most owners are new at once. */
  readonly quorumsReplaced: number
  /** Partitions whose owners are all gone for good: there is nobody to give what was in them. */
  readonly orphans: number
  readonly before: RingHealth
  readonly after: RingHealth
}

/** The change from one ring to another. Peers in `lost` are gone for good and give nothing; others that go give what they have first. */
export function ringChange(before: Ring, after: Ring, lost: ReadonlySet<PeerId>): RingChange {
  const moves = movesBetween(before, after, lost)
  return {
    moves,
    copies: moves.reduce((copies, { to }) => copies + to.length, 0),
    copiesMin: fewestCopies(before, after),
    quorumsReplaced: moves.filter(({ partition, to }) => to.length * 2 > after.owners(partition).length).length,
    orphans: orphansOf(before, lost),
    before: healthOf(before),
    after: healthOf(after)
  }
}

function movesBetween(before: Ring, after: Ring, lost: ReadonlySet<PeerId>): readonly PartitionMove[] {
  const moves: PartitionMove[] = []
  for (let partition = 0; partition < after.partitions; partition++) {
    const to = after.owners(partition).filter(peer => !before.isOwner(peer, partition))
    if (to.length > 0) moves.push({ partition, to, from: before.owners(partition).filter(peer => !lost.has(peer)) })
  }
  return moves
}

function orphansOf(before: Ring, lost: ReadonlySet<PeerId>): number {
  if (before.members.length === 0) return 0
  return Array.from({ length: before.partitions }, (_, partition) => before.owners(partition)).filter(owners =>
    owners.every(peer => lost.has(peer))
  ).length
}

/** Each copy of a newcomer has to be made, and so has each that the members who stay do not have, however the ring is chosen. */
function fewestCopies(before: Ring, after: Ring): number {
  const loadIn = (ring: Ring, of: Ring): number => of.members.reduce((load, { peerId }) => load + ring.partitionsOf(peerId).length, 0)
  const newcomers = after.members.filter(({ peerId }) => before.partitionsOf(peerId).length === 0)
  const ofNewcomers = newcomers.reduce((load, { peerId }) => load + after.partitionsOf(peerId).length, 0)
  return Math.max(ofNewcomers, loadIn(after, after) - loadIn(before, after), 0)
}

function healthOf(ring: Ring): RingHealth {
  const members = new Map(ring.members.map(member => [member.peerId, member]))
  const partitions = Array.from({ length: ring.partitions }, (_, partition) => ring.owners(partition))
  return {
    digest: ring.digest,
    members: ring.members.length,
    owners: spreadOf(partitions.map(owners => owners.length)),
    durableOwners: spreadOf(partitions.map(owners => owners.filter(owner => members.get(owner)?.durable === true).length)),
    zoneViolations: zoneViolations(ring, partitions),
    loadMaxToMean: loadMaxToMean(ring),
    warnings: ring.warnings
  }
}

function zoneViolations(ring: Ring, partitions: readonly (readonly PeerId[])[]): number {
  // A peer without a zone has one of its own.
  const zones = new Map(ring.members.map(member => [member.peerId, member.zone ?? member]))
  const zoneCount = new Set(zones.values()).size
  const isCrowded = (owners: readonly PeerId[]): boolean => {
    const most = Math.ceil(owners.length / Math.max(zoneCount, 1))
    return owners.some(owner => owners.filter(other => zones.get(other) === zones.get(owner)).length > most)
  }
  return partitions.filter(isCrowded).length
}

function loadMaxToMean(ring: Ring): number {
  const loads = ring.members.map(({ peerId, weight }) => ({ load: ring.partitionsOf(peerId).length, weight }))
  const load = loads.reduce((sum, each) => sum + each.load, 0)
  const weight = loads.reduce((sum, each) => sum + each.weight, 0)
  return load === 0 ? 1 : Math.max(...loads.map(each => each.load / each.weight)) / (load / weight)
}

function spreadOf(numbers: readonly number[]): Spread {
  return { least: Math.min(...numbers), mean: numbers.reduce((sum, number) => sum + number, 0) / numbers.length }
}
