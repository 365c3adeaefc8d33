/**
 * What a ring cannot do with the members it has, told in plain sentences. A ring is never refused for it: a cluster of one
 * tab is a cluster.
 */
import type { Placement } from './placement.ts'
import type { RingMember, RingOptions } from './ring-options.ts'

/** The warnings about a computed ring, the gravest first; none for a ring that keeps all its promises. */
export function ringWarnings(members: readonly RingMember[], options: Required<RingOptions>, placement: Placement): readonly string[] {
  return Object.freeze([...memberWarnings(members, options), ...durableWarnings(members, options), ...zoneWarnings(members, placement)])
}

function memberWarnings(members: readonly RingMember[], options: Required<RingOptions>): string[] {
  if (members.length === 0) return ['No member stores data (all weights are 0 or there are no members), so no partition has an owner.']
  if (members.length >= options.replicas) return []
  return [
    `Only ${counted(members.length, 'member stores', 'members store')} data, so partitions have ${counted(members.length, 'owner', 'owners')} instead of ${options.replicas}.`
  ]
}

function durableWarnings(members: readonly RingMember[], options: Required<RingOptions>): string[] {
  const durable = members.filter(member => member.durable).length
  if (members.length === 0 || durable >= options.durableOwners) return []
  if (durable === 0) return ['No member is durable: when all tabs are closed, nobody keeps the data.']
  return [
    `Only ${counted(durable, 'member is', 'members are')} durable, so partitions have ${durable} durable owners at most instead of ${options.durableOwners}.`
  ]
}

function zoneWarnings(members: readonly RingMember[], placement: Placement): string[] {
  const { owners, ownersPerZone, partitions } = placement.peers
  if (members.every(member => member.zone === undefined)) return []
  const zones = new Set(placement.peers.zones).size
  if (zones < owners) {
    return [`Only ${counted(zones, 'zone', 'zones')} for ${owners} owners, so a partition may have ${ownersPerZone} owners in one zone.`]
  }
  const crowded = placement.crowded()
  if (crowded === 0) return []
  return [
    `${crowded} of ${partitions} partitions have several owners in one zone: the other zones have too little weight, or too few durable peers. ` +
      `The smallest is ${smallestZone(members)}.`
  ]
}

/** The named zone with the least weight. */
function smallestZone(members: readonly RingMember[]): string {
  const weights = new Map<string, number>()
  for (const { zone, weight } of members) if (zone !== undefined) weights.set(zone, (weights.get(zone) ?? 0) + weight)
  const [smallest] = [...weights].sort(([nameA, a], [nameB, b]) => a - b || (nameA < nameB ? -1 : 1))
  return `zone ${JSON.stringify(smallest?.[0])}`
}

function counted(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`
}
