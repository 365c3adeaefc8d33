/**
 * How much nearer heavy peers are than their tokens alone would make them.
 *
 * A peer of weight 4 has four tokens, so it is the nearest of all four times as often as a peer of weight 1. But a partition wants N different
 * peers, and who was the first is not chosen again for the other places: among twelve peers of weight 1 it would be one of three owners only
 * three times as often. Whoever collects coupons, Q different ones, draws Q/Q + Q/(Q-1) + ... + Q/(Q-m+1) times until they have m: the
 * last ones are the dearest. So it is with partitions and tokens, in all places but the first. The distances of a heavy peer are
 * shortened accordingly, and its load follows its weight.
 *
 * The lightest peers have no head start: rings of equal peers know nothing of it. Nor has a peer that shares its zone, because it competes with
 * that zone for one place, where tokens alone are fair.
 */
import { proportionalShares } from './proportional-shares.ts'

/** What decides head starts; one entry per peer in each list. */
export interface HeadStartQuestion {
  readonly partitions: number
  /** Owners that each partition gets. */
  readonly owners: number
  readonly weights: readonly number[]
  /** Index of each peer's zone. */
  readonly zones: readonly number[]
}

/** Distances are shortened in steps of this part; with draws as precise as this all products stay exact integers. */
const PARTS = 2 ** 12
const PRECISION = 2 ** 26

/** What each peer's distances are multiplied by: 1, or less for a heavy peer; a whole number of 4,096ths. */
export function headStarts({ partitions, owners, weights, zones }: HeadStartQuestion): number[] {
  const lightest = Math.min(...weights)
  if (weights.every(weight => weight === lightest)) return weights.map(() => 1)
  const everything = weights.map(() => partitions)
  const shares = proportionalShares(partitions * owners, weights, everything)
  const needs = shares.map(share => draws(Math.max(1, share), partitions, owners))
  const usual = needs[weights.indexOf(lightest)] as number
  const isAlone = aloneInZone(zones)
  return weights.map((weight, peer) => {
    if (weight === lightest || !isAlone(peer)) return 1
    return Math.min(PARTS, Math.floor((PARTS * weight * usual) / (lightest * (needs[peer] as number)))) / PARTS
  })
}

/** In what proportion draws are needed for `share` partitions: one for each in the first place, ever more for each in the others. */
function draws(share: number, partitions: number, owners: number): number {
  let others = 0
  for (let left = partitions; left > partitions - share; left--) others += Math.floor(PRECISION / left)
  return share * (PRECISION / partitions) + (owners - 1) * others
}

/** Tells of a peer whether it shares its zone with nobody. */
function aloneInZone(zones: readonly number[]): (peer: number) => boolean {
  const sizes: number[] = []
  for (const zone of zones) sizes[zone] = (sizes[zone] ?? 0) + 1
  return peer => sizes[zones[peer] as number] === 1
}
