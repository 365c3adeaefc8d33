/**
 * Riak's claim problems: sequences of memberships that its ring functions moved too much in, and what each change costs here.
 *
 * The least that a change must move: what the peers that left held, and what the newcomers are due of the largest share that zones allow. For the
 * test of the ring and for `npm run bench -- claim`.
 */
import type { PeerId } from '../../src/core/identifiers.ts'
import type { RingMember } from '../../src/core/ring/ring.ts'

const PARTITIONS = 1024
const REPLICAS = 3

/** Owners of each partition. */
export type Owners = readonly (readonly PeerId[])[]
/** A ring function with Q = 1024 and N = 3. */
export type RingFunction = (members: readonly RingMember[]) => Owners

/** Memberships, each of which follows from the one before. */
export interface ClaimProblem {
  readonly name: string
  readonly steps: readonly (readonly RingMember[])[]
}

/** What one change cost. */
export interface ClaimChange {
  /** Partition copies that had to be made. */
  readonly moved: number
  readonly minimum: number
  /** Percentage of partitions that kept fewer than a quorum of their owners. */
  readonly quorumsLostPercent: number
  /** The largest load for its weight, by the mean for that weight. */
  readonly maxToMean: number
  /** Partitions with two owners in one zone; none are counted where there are fewer zones than owners. */
  readonly violations: number
}

/** Riak's problems, with peers named after `seed`. */
export function claimProblems(seed: string): readonly ClaimProblem[] {
  return [
    ...bothWays('1 to 16 equal peers', '16 to 4 equal peers', growing(seed, 1, 16, 0), growing(seed, 4, 16, 0)),
    ...bothWays('3 zones, 3 to 15 peers', '3 zones, 15 to 3 peers', growing(seed, 3, 15, 3), growing(seed, 3, 15, 3)),
    ...bothWays('4 zones, 4 to 16 peers', '4 zones, 16 to 4 peers', growing(seed, 4, 16, 4), growing(seed, 4, 16, 4)),
    ...[3, 4].flatMap(zones => replacements(seed, zones)),
    ...bothWays('weight 4 joins 12 of weight 1', 'weight 4 leaves 12 of weight 1', beside(seed, 12, 4), beside(seed, 12, 4)),
    ...bothWays('weight 1 joins 9 of weights 4 and 1', 'weight 1 leaves 9 of weights 4 and 1', mixed(seed), mixed(seed))
  ]
}

/** Each change of a problem, under a ring function. */
export function claimChanges(problem: ClaimProblem, owners: RingFunction): readonly ClaimChange[] {
  const tables = problem.steps.map(owners)
  return problem.steps.slice(1).map((members, index) => {
    const [before, after] = [tables[index] as Owners, tables[index + 1] as Owners]
    const loads = loadsOf(after)
    const mean = after.flat().length / weightOf(members)
    return {
      moved: count(after, (owner, partition) => before[partition]?.includes(owner) !== true),
      minimum: minimum(problem.steps[index] as readonly RingMember[], members, before),
      quorumsLostPercent: quorumsLostPercent(before, after),
      maxToMean: Math.max(...members.map(({ peerId, weight }) => (loads.get(peerId) ?? 0) / (weight * mean))),
      violations: violations(members, after)
    }
  })
}

function bothWays(
  up: string,
  down: string,
  growth: readonly (readonly RingMember[])[],
  shrinkage: readonly (readonly RingMember[])[]
): ClaimProblem[] {
  return [
    { name: up, steps: growth },
    { name: down, steps: shrinkage.toReversed() }
  ]
}

function peer(seed: string, index: number, zones: number): RingMember {
  return { peerId: `${seed}.${index}` as PeerId, weight: 1, durable: true, zone: zones === 0 ? undefined : `zone ${index % zones}` }
}

function growing(seed: string, from: number, to: number, zones: number): RingMember[][] {
  return Array.from({ length: to - from + 1 }, (_, step) => Array.from({ length: from + step }, (_, index) => peer(seed, index, zones)))
}

/** `count` equal peers, and then one of another weight. */
function beside(seed: string, count: number, weight: number): RingMember[][] {
  const equal = Array.from({ length: count }, (_, index) => peer(seed, index, 0))
  return [equal, [...equal, { ...peer(seed, count, 0), weight }]]
}

/** Three peers of weight 4 and six of weight 1, and then one more of weight 1. */
function mixed(seed: string): RingMember[][] {
  const all = Array.from({ length: 10 }, (_, index) => ({ ...peer(seed, index, 0), weight: index < 3 ? 4 : 1 }))
  return [all.slice(0, -1), all]
}

/** A zone of three peers gives way to three others. */
function replacements(seed: string, zones: number): ClaimProblem[] {
  const all = Array.from({ length: zones * 3 }, (_, index) => peer(seed, index, zones))
  const [old, rest] = [all.filter(({ zone }) => zone === 'zone 0'), all.filter(({ zone }) => zone !== 'zone 0')]
  const young = old.map((_, index) => ({ ...peer(`${seed}'s successor`, index, zones), zone: 'zone 0' }))
  const state = (kept: number, came: number): RingMember[] => [...rest, ...old.slice(3 - kept), ...young.slice(0, came)]
  return [
    { name: `${zones} zones: one replaced at once`, steps: [state(3, 0), state(0, 3)] },
    { name: `${zones} zones: one replaced, joins first`, steps: [state(3, 0), state(3, 3), state(0, 3)] },
    {
      name: `${zones} zones: one replaced, peer by peer`,
      steps: [state(3, 0), ...[1, 2, 3].flatMap(came => [state(4 - came, came), state(3 - came, came)])]
    },
    {
      name: `${zones} zones: one emptied, then filled`,
      steps: [3, 2, 1, 0, 1, 2, 3].map((size, step) => (step < 4 ? state(size, 0) : state(0, size)))
    }
  ]
}

function minimum(earlier: readonly RingMember[], members: readonly RingMember[], before: Owners): number {
  const [were, are] = [earlier, members].map(list => new Set(list.map(({ peerId }) => peerId))) as [Set<PeerId>, Set<PeerId>]
  const due = dueOf(members)
  const came = members.filter(({ peerId }) => !were.has(peerId)).reduce((sum, { peerId }) => sum + (due.get(peerId) ?? 0), 0)
  const left = count(before, owner => !are.has(owner))
  return Math.max(came, left + PARTITIONS * (ownersAmong(members) - ownersAmong(earlier)))
}

/** What each peer is due for its weight: but no zone more than one copy of everything while zones suffice. */
export function dueOf(members: readonly RingMember[]): Map<PeerId, number> {
  const zones = zonesOf(members)
  const usable = PARTITIONS * Math.ceil(ownersAmong(members) / zones.size)
  const due = new Map<PeerId, number>()
  let rest = PARTITIONS * ownersAmong(members)
  let sharers = weightOf(members)
  for (const zone of [...zones.values()].toSorted((a, b) => weightOf(b) - weightOf(a))) {
    const share = Math.min(usable, (rest * weightOf(zone)) / sharers)
    for (const { peerId, weight } of zone) due.set(peerId, (share * weight) / weightOf(zone))
    rest -= share
    sharers -= weightOf(zone)
  }
  return due
}

/** The members of each zone; a peer without a zone is one of its own. */
export function zonesOf(members: readonly RingMember[]): Map<string, RingMember[]> {
  const zones = new Map<string, RingMember[]>()
  for (const member of members) zones.set(member.zone ?? member.peerId, [...(zones.get(member.zone ?? member.peerId) ?? []), member])
  return zones
}

function weightOf(members: readonly RingMember[]): number {
  return members.reduce((sum, { weight }) => sum + weight, 0)
}

/** Owners that a partition has among these. */
export function ownersAmong(members: readonly RingMember[]): number {
  return Math.min(REPLICAS, members.length)
}

function count(owners: Owners, counts: (owner: PeerId, partition: number) => boolean): number {
  return owners.reduce((sum, list, partition) => sum + list.filter(owner => counts(owner, partition)).length, 0)
}

function quorumsLostPercent(before: Owners, after: Owners): number {
  const lost = before.filter((owners, partition) => {
    const kept = owners.filter(owner => after[partition]?.includes(owner) === true).length
    return kept < Math.floor(owners.length / 2) + 1
  })
  return (lost.length / before.length) * 100
}

function loadsOf(owners: Owners): Map<PeerId, number> {
  const loads = new Map<PeerId, number>()
  for (const owner of owners.flat()) loads.set(owner, (loads.get(owner) ?? 0) + 1)
  return loads
}

function violations(members: readonly RingMember[], owners: Owners): number {
  const zoneOf = new Map(members.map(({ peerId, zone }) => [peerId, zone]))
  if (new Set(members.map(({ peerId, zone }) => zone ?? peerId)).size < ownersAmong(members)) return 0
  return owners.filter(list => {
    const zones = list.map(owner => zoneOf.get(owner)).filter(zone => zone !== undefined)
    return new Set(zones).size < zones.length
  }).length
}
