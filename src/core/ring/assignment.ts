/**
 * Gives every partition its owners, in the order of what must not fail: distinct owners, then durable ones, then capacities, then zones.
 */
import { completeByPaths } from './augmenting-path.ts'
import { capacities, capacityBounds, type CapacityBounds } from './capacity.ts'
import { deferAcceptance, type Round } from './deferred-acceptance.ts'
import { headStarts } from './head-start.ts'
import { Placement, type Placeable } from './placement.ts'
import { Walk } from './preference-list.ts'
import type { RingMember, RingOptions } from './ring-options.ts'
import { tokenSeeds } from './token.ts'

/** The outcome: who owns what, and everybody's walk. */
export interface Assignment {
  readonly placement: Placement
  readonly walk: Walk
}

/** Places the owners of all partitions among `members`, which are sorted, distinct and of positive weight. */
export function assignOwners(
  members: readonly RingMember[],
  options: Required<RingOptions>,
  bounds: CapacityBounds = capacityBounds
): Assignment {
  const placement = new Placement(placeable(members, options, bounds))
  const walk = new Walk(
    members.map(member => tokenSeeds(options.cluster, member.peerId, member.weight)),
    options.partitions,
    headStarts({ ...placement.peers, weights: members.map(({ weight }) => weight) })
  )
  const { owners, durableOwners, durable } = placement.peers
  const everybody = durable.map(() => true)
  if (durableOwners > 0 && durable.includes(false)) fill(placement, walk, durableOwners, durable)
  fill(placement, walk, owners, everybody)
  return { placement, walk }
}

/** Names zones by index; a peer without a zone has one of its own. */
function zonesOf(members: readonly RingMember[]): number[] {
  const names = new Map<string | RingMember, number>()
  return members.map(member => {
    const name = member.zone ?? member
    const zone = names.get(name) ?? names.size
    names.set(name, zone)
    return zone
  })
}

function placeable(members: readonly RingMember[], options: Required<RingOptions>, bounds: CapacityBounds): Placeable {
  const { partitions } = options
  const owners = Math.min(options.replicas, members.length)
  const durable = members.map(member => member.durable)
  const durableOwners = Math.min(options.durableOwners, owners, durable.filter(Boolean).length)
  const zones = zonesOf(members)
  const ownersPerZone = Math.ceil(owners / Math.max(1, new Set(zones).size))
  const question = { partitions, owners, durableOwners, weights: members.map(member => member.weight), durable, zones, ownersPerZone }
  return { ...question, capacities: capacities(question, bounds) }
}

/** Brings every partition to `owners` owners: with zones if possible, else without, and if it must be over a capacity. */
function fill(placement: Placement, walk: Walk, owners: number, takesPart: readonly boolean[]): void {
  const { ownersPerZone, owners: anywhere } = placement.peers
  for (const perZone of new Set([ownersPerZone, anywhere])) {
    const round: Round = { owners, perZone, takesPart }
    deferAcceptance(placement, walk, round)
    if (isFilled(placement, owners)) return
    completeByPaths(placement, walk, round)
    if (isFilled(placement, owners)) return
  }
  for (let partition = 0; partition < placement.peers.partitions; partition++) {
    for (const peer of walk.order(partition)) {
      if (placement.count(partition) >= owners) break
      if (takesPart[peer] === true && placement.fits(peer, partition, anywhere)) placement.add(peer, partition)
    }
  }
}

function isFilled(placement: Placement, owners: number): boolean {
  for (let partition = 0; partition < placement.peers.partitions; partition++) if (placement.count(partition) < owners) return false
  return true
}
