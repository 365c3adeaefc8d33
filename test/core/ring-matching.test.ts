import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { completeByPaths } from '../../src/core/ring/augmenting-path.ts'
import { capacities } from '../../src/core/ring/capacity.ts'
import { deferAcceptance } from '../../src/core/ring/deferred-acceptance.ts'
import { Placement } from '../../src/core/ring/placement.ts'
import { Walk } from '../../src/core/ring/preference-list.ts'
import { tokenSeeds } from '../../src/core/ring/token.ts'
import { peers } from './ring-fixtures.ts'

const PARTITIONS = 32
const everyPartition = Array.from({ length: PARTITIONS }, (_, partition) => partition)
const walkOf = (count: number): Walk =>
  new Walk(
    peers(count).map(peer => tokenSeeds('match', peer.peerId, 1)),
    PARTITIONS,
    peers(count).map(() => 1)
  )

/** Peers without zones, all durable, with the given capacities. */
function placementOf(limits: readonly number[], owners: number): Placement {
  return new Placement({
    partitions: PARTITIONS,
    owners,
    durableOwners: 1,
    capacities: limits,
    durable: limits.map(() => true),
    zones: limits.map((_, peer) => peer),
    ownersPerZone: 1
  })
}

/** Capacities, none over all partitions, that are enough for `owners` of each; the last peers make up for what the others lack. */
const enough = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.array(fc.integer({ min: 0, max: PARTITIONS }), { minLength: 4, maxLength: 8 }))
  .map(([owners, limits]) => {
    let missing = Math.max(0, owners * PARTITIONS - limits.reduce((sum, limit) => sum + limit, 0))
    const made = limits.map(limit => {
      const more = Math.min(missing, PARTITIONS - limit)
      missing -= more
      return limit + more
    })
    return { owners, limits: made }
  })

describe('deferred acceptance', () => {
  test('leaves no partition and peer that would both rather have each other', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: PARTITIONS }), { minLength: 2, maxLength: 20 }),
        fc.integer({ min: 1, max: 4 }),
        (limits, owners) => {
          const walk = walkOf(limits.length)
          const placement = placementOf(limits, Math.min(owners, limits.length))
          deferAcceptance(placement, walk, { owners: Math.min(owners, limits.length), perZone: 1, takesPart: limits.map(() => true) })
          for (const partition of everyPartition) {
            const farthestOwner = Math.max(...[...placement.ownersOf(partition)].map(peer => walk.distance(partition, peer)))
            const wantsMore = placement.count(partition) < Math.min(owners, limits.length)
            for (const peer of limits.keys()) {
              if (placement.owns(peer, partition)) continue
              const distance = walk.distance(partition, peer)
              const worstHeld = Math.max(...placement.partitionsOf(peer).map(held => walk.distance(held, peer)))
              expect((wantsMore || distance < farthestOwner) && (placement.room(peer) > 0 || distance < worstHeld)).toBe(false)
            }
          }
        }
      )
    )
  })
})

describe('augmenting paths', () => {
  test('complete every partition whenever the capacities allow it', () => {
    fc.assert(
      fc.property(enough, fc.boolean(), ({ owners, limits }, matchedFirst) => {
        const walk = walkOf(limits.length)
        const placement = placementOf(limits, owners)
        const round = { owners, perZone: 1, takesPart: limits.map(() => true) }
        if (matchedFirst) deferAcceptance(placement, walk, round)
        completeByPaths(placement, walk, round)
        for (const partition of everyPartition) expect(new Set(placement.ownersOf(partition)).size).toBe(owners)
        for (const peer of limits.keys()) expect(placement.room(peer)).toBeGreaterThanOrEqual(0)
      }),
      { numRuns: 300 }
    )
  })
})

describe('capacities', () => {
  const question = fc
    .array(fc.record({ weight: fc.integer({ min: 1, max: 64 }), durable: fc.boolean(), zone: fc.nat(5) }), { minLength: 1, maxLength: 30 })
    .chain(members =>
      fc.record({ members: fc.constant(members), replicas: fc.integer({ min: 1, max: 5 }), durableOwners: fc.integer({ min: 0, max: 3 }) })
    )
    .map(({ members, replicas, durableOwners }) => {
      const owners = Math.min(replicas, members.length)
      const names = [...new Set(members.map(member => member.zone))]
      return {
        partitions: 256,
        owners,
        durableOwners: Math.min(durableOwners, owners, members.filter(member => member.durable).length),
        weights: members.map(member => member.weight),
        durable: members.map(member => member.durable),
        zones: members.map(member => names.indexOf(member.zone)),
        ownersPerZone: Math.ceil(owners / names.length)
      }
    })

  test('are enough for all owners and for the durable ones, and nobody has more than every partition', () => {
    fc.assert(
      fc.property(question, asked => {
        const limits = capacities(asked)
        const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
        expect(sum(limits)).toBeGreaterThanOrEqual(asked.owners * asked.partitions)
        expect(sum(limits.filter((_, peer) => asked.durable[peer]))).toBeGreaterThanOrEqual(asked.durableOwners * asked.partitions)
        for (const limit of limits) {
          expect(Number.isInteger(limit)).toBe(true)
          expect(limit).toBeLessThanOrEqual(asked.partitions)
        }
      }),
      { numRuns: 1000 }
    )
  })
})
