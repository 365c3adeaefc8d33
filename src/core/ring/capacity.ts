/**
 * How many partitions each peer may own: its share of all replicas, and a little more.
 *
 * A peer's share is in proportion to its weight; nobody can own more than every partition, so what a heavy peer cannot take
 * goes to the others. Two wishes bend the shares: durable peers together must be able to hold a durable copy of everything, and
 * a zone gets no more than it can use without holding two copies of one partition; the other zones take the rest.
 *
 * The little more is what makes changes cheap. At exact shares any change pushes replicas around among peers that have nothing to do
 * with it; with some room nearly all moves of a change go to or from the peer that came or went.
 */

import { proportionalShares } from './proportional-shares.ts'

/** Shares are counted in 16ths of a replica, so that all products stay exact integers. */
const UNIT = 16
/** However small the share, a peer has room for this many replicas more. */
const SLACK_LEAST = 3

/** How far a peer's capacity may exceed its share, in thousandths. `npm run bench -- claim` shows what other choices would cost. */
export interface CapacityBounds {
  /** Room above the share. With 48 or more replicas a peer stays within 1.07 times its share. */
  readonly slackPerMille: number
  /**
   * Room where there are more zones than a partition needs and zones are large. Who is nearest then depends on the sizes of all zones; a
   * stricter balance works against that order, and a newcomer in one of four zones would move up to 1.5 times the minimum instead of 1.1.
   */
  readonly zoneSlackPerMille: number
  /** The same where there are fewer zones than owners, so that a zone of one peer gives it no copy of everything. */
  readonly fewZonesSlackPerMille: number
  /** Most that a peer's share is stretched for the wish for different zones, where that keeps the owners of all partitions apart. */
  readonly zoneStretchPerMille: number
  /**
   * The same where some partitions have two owners in one zone whatever is done, because one peer alone in its zone must not become a
   * replica of everything. Where zones are too few to keep owners apart, such a peer is not stretched at all.
   */
  readonly vainStretchPerMille: number
}

/** The bounds of every ring. Changing one changes rings: see `RING_FUNCTION` in `ring.ts`. */
export const capacityBounds: CapacityBounds = {
  slackPerMille: 65,
  zoneSlackPerMille: 350,
  fewZonesSlackPerMille: 300,
  zoneStretchPerMille: 1670,
  vainStretchPerMille: 1500
}

/** What decides capacities; one entry per peer in each list. */
export interface CapacityQuestion {
  readonly partitions: number
  /** Owners that each partition gets: N, or all peers where they are fewer. */
  readonly owners: number
  /** Durable owners that each partition gets: as wished, or all durable peers where they are fewer. */
  readonly durableOwners: number
  readonly weights: readonly number[]
  readonly durable: readonly boolean[]
  /** Index of each peer's zone. */
  readonly zones: readonly number[]
  /** Owners that a partition may have in one zone. */
  readonly ownersPerZone: number
}

/** The most partitions that each peer may own; in sum enough for every partition's owners. */
export function capacities(question: CapacityQuestion, bounds: CapacityBounds = capacityBounds): number[] {
  const durably = durableShares(question)
  const zoned = zonedShares(question, durably, bounds)
  const enough = sumWhere(zoned, question.durable) >= question.durableOwners * question.partitions * UNIT
  const shares = zoned.map((share, peer) => (enough || question.durable[peer] !== true ? share : Math.max(share, at(durably, peer))))
  const slack = slackPerMille(question, shares, bounds)
  return shares.map(share => {
    const room = Math.max(Math.floor((share * slack) / 1000), SLACK_LEAST * UNIT)
    return Math.min(Math.floor((share + room) / UNIT), question.partitions)
  })
}

/** Grows from the usual slack to the one for zones while the largest shared zone grows from a quarter to three quarters of all partitions. */
function slackPerMille(question: CapacityQuestion, shares: readonly number[], bounds: CapacityBounds): number {
  const { zones, partitions, owners, ownersPerZone } = question
  const sizes = zoneSizes(zones)
  if (sizes.length * ownersPerZone <= owners) return bounds.slackPerMille
  const largest = Math.max(0, ...zoneTotals(zones, shares).filter((_, zone) => at(sizes, zone) > 1))
  const usable = ownersPerZone * partitions * UNIT
  const most = (sizes.length < owners ? bounds.fewZonesSlackPerMille : bounds.zoneSlackPerMille) - bounds.slackPerMille
  const extra = Math.floor((most * (4 * largest - usable)) / (2 * usable))
  return bounds.slackPerMille + Math.min(most, Math.max(0, extra))
}

/** Shares in proportion to weights, but durable peers have at least what their reserved places need. */
function durableShares(question: CapacityQuestion): number[] {
  const { partitions, owners, durableOwners, weights, durable } = question
  const everything = weights.map(() => partitions * UNIT)
  const fair = proportionalShares(partitions * owners * UNIT, weights, everything)
  const needed = durableOwners * partitions * UNIT
  if (sumWhere(fair, durable) >= needed) return fair
  const lasting = proportionalShares(
    needed,
    weights,
    everything.map((most, peer) => (durable[peer] === true ? most : 0))
  )
  const others = proportionalShares(
    partitions * owners * UNIT - needed,
    weights,
    everything.map((most, peer) => (durable[peer] === true ? 0 : most))
  )
  return lasting.map((share, peer) => share + at(others, peer))
}

/** Shares in which no zone has more than it can use, as far as the stretch of the other zones' peers allows. */
function zonedShares(question: CapacityQuestion, shares: readonly number[], bounds: CapacityBounds): number[] {
  const apart = stretchedShares(question, shares, bounds.zoneStretchPerMille)
  const roundedOff = shares.length
  return apart.untaken <= roundedOff ? apart.shares : stretchedShares(question, shares, bounds.vainStretchPerMille).shares
}

/** The outcome of stretching shares. */
interface Stretched {
  readonly shares: number[]
  /** What the zones that are not full could not take from those that are. */
  readonly untaken: number
}

function stretchedShares(question: CapacityQuestion, shares: readonly number[], perMille: number): Stretched {
  const { zones, partitions, owners, ownersPerZone } = question
  const usable = ownersPerZone * partitions * UNIT
  const sizes = zoneSizes(zones)
  const most = shares.map(share => Math.min(Math.floor((share * perMille) / 1000), partitions * UNIT))
  const stretches = (peer: number): boolean => sizes.length >= owners || at(sizes, at(zones, peer)) > 1
  const total = sum(shares)
  const full = new Set<number>()
  for (;;) {
    const room = shares.map((share, peer) => (full.has(at(zones, peer)) ? 0 : stretches(peer) ? at(most, peer) : share))
    const poured = proportionalShares(total - full.size * usable, shares, room)
    const overfull = zoneTotals(zones, poured).findIndex(share => share > usable)
    if (overfull < 0)
      return full.size === 0 ? { shares: [...shares], untaken: 0 } : withFullZones({ shares, zones, poured, full, usable, most })
    full.add(overfull)
  }
}

/** Shares before and after (`poured`) the zones in `full` were held to what they can use, and the most that each peer may have. */
interface FullZones {
  readonly shares: readonly number[]
  readonly zones: readonly number[]
  readonly poured: readonly number[]
  readonly full: ReadonlySet<number>
  readonly usable: number
  readonly most: readonly number[]
}

/** Adds to `poured` the peers of full zones: what their zone can use, and what nobody else could take after all. */
function withFullZones({ shares, zones, poured, full, usable, most }: FullZones): Stretched {
  const before = zoneTotals(zones, shares)
  const excessOf = (zone: number): number => Math.max(0, at(before, zone) - usable)
  const excess = sum([...full].map(excessOf))
  const untaken = Math.max(0, sum(shares) - full.size * usable - sum(poured))
  const stretched = shares.map((share, peer) => {
    const zone = at(zones, peer)
    if (!full.has(zone)) return at(poured, peer)
    const zoneShare = usable + (excess > 0 ? Math.ceil((untaken * excessOf(zone)) / excess) : 0)
    return Math.min(at(most, peer), Math.ceil((share * zoneShare) / at(before, zone)))
  })
  return { shares: stretched, untaken }
}

function zoneSizes(zones: readonly number[]): number[] {
  return zoneTotals(
    zones,
    zones.map(() => 1)
  )
}

function zoneTotals(zones: readonly number[], shares: readonly number[]): number[] {
  const totals: number[] = []
  for (const [peer, zone] of zones.entries()) totals[zone] = (totals[zone] ?? 0) + at(shares, peer)
  return totals
}

function sumWhere(numbers: readonly number[], chosen: readonly boolean[]): number {
  return numbers.reduce((total, number, index) => (chosen[index] === true ? total + number : total), 0)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

function at(numbers: readonly number[], index: number): number {
  return numbers[index] as number
}
