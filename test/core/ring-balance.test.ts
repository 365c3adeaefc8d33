/** How even the ring is, and how little moves when it changes: the figures that FACTS and the README state, held for several sets of peer ids. */
import { describe, expect, test } from 'vitest'
import { createRing, type Ring, type RingMember } from '../../src/core/ring/ring.ts'
import { loads, moved, options, partitionsOf, peers } from './ring-fixtures.ts'

const seeds = ['red', 'green', 'blue']
const ringOf = (members: readonly RingMember[]): Ring => createRing(members, options)
const mean = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0) / numbers.length
const maxToMean = (ring: Ring): number => Math.max(...loads(ring)) / mean(loads(ring))

/** Percentage of partitions in which a quorum of the old owners is gone. */
function quorumsLost(before: Ring, after: Ring): number {
  const lost = partitionsOf(before).filter(
    partition => before.owners(partition).filter(peer => !after.isOwner(peer, partition)).length >= 2
  )
  return (lost.length / before.partitions) * 100
}

describe('load', () => {
  test.each(seeds)('is at most 1.07 times the mean for 3 to 64 equal peers (%s)', seed => {
    for (let count = 3; count <= 64; count++) expect(maxToMean(ringOf(peers(count, seed)))).toBeLessThanOrEqual(1.07)
  })

  test.each(seeds)('is in proportion to weight: four times the weight, four times the partitions (%s)', seed => {
    for (const count of [10, 20, 50]) {
      const ring = ringOf(peers(count, seed, index => ({ weight: index % 2 === 0 ? 4 : 1 })))
      const ofWeight = (weight: number): number =>
        mean(ring.members.filter(member => member.weight === weight).map(member => ring.partitionsOf(member.peerId).length))
      expect(ofWeight(4) / ofWeight(1)).toBeGreaterThan(3.6)
      expect(ofWeight(4) / ofWeight(1)).toBeLessThan(4.4)
    }
  })

  test('of a peer whose share would exceed all partitions goes to the others', () => {
    const ring = ringOf(peers(11, 'heavy', index => ({ weight: index === 0 ? 64 : 1 })))
    const [heaviest = 0, ...others] = loads(ring).sort((a, b) => b - a)
    expect(heaviest).toBeGreaterThan(1000)
    expect(Math.max(...others)).toBeLessThanOrEqual(1.07 * (2048 / 10))
  })

  test('of first owners, who coordinate, is spread over all peers', () => {
    const ring = ringOf(peers(10))
    const first = ring.members.map(member => partitionsOf(ring).filter(partition => ring.owners(partition)[0] === member.peerId).length)
    expect(Math.max(...first)).toBeLessThan(102.4 * 1.4)
    expect(Math.min(...first)).toBeGreaterThan(102.4 * 0.6)
  })
})

describe('a change', () => {
  test.each(Array.from({ length: 18 }, (_, index) => index + 4))(
    'to or from %i equal peers moves at most 1.15 times the minimum, and hardly any quorum',
    count => {
      for (const seed of seeds) {
        const [large, small] = [ringOf(peers(count, seed)), ringOf(peers(count - 1, seed))]
        const joinMinimum = (3 * 1024) / count
        const leaveMinimum = loads(large)[large.members.findIndex(member => small.partitionsOf(member.peerId).length === 0)] as number
        expect(moved(small, large) / joinMinimum).toBeLessThanOrEqual(1.15)
        expect(moved(large, small) / leaveMinimum).toBeLessThanOrEqual(1.15)
        expect(quorumsLost(small, large)).toBeLessThanOrEqual(0.5)
        expect(quorumsLost(large, small)).toBeLessThanOrEqual(0.5)
      }
    }
  )

  test('of a weight moves about the difference', () => {
    const light = ringOf(peers(12))
    const heavy = ringOf(peers(12, 'peer', index => ({ weight: index === 5 ? 2 : 1 })))
    const minimum = (2 / 13 - 1 / 12) * 3 * 1024
    expect(moved(light, heavy) / minimum).toBeLessThanOrEqual(1.15)
  })

  test('of a member with weight 0 moves nothing', () => {
    const ring = ringOf(peers(6))
    expect(moved(ring, ringOf([...peers(6), ...peers(1, 'client', () => ({ weight: 0 }))]))).toBe(0)
  })

  test.each([3, 4])('in one of %i zones moves at most 1.1 times the minimum on join and 1.15 times on leave', zones => {
    const ring = (count: number, seed: string): Ring => ringOf(peers(count, seed, index => ({ zone: `z${index % zones}` })))
    const ratios = { join: [] as number[], leave: [] as number[] }
    for (let count = zones + 1; count <= 16; count++) {
      for (const seed of seeds) {
        const [small, large] = [ring(count - 1, seed), ring(count, seed)]
        const newcomer = large.members.find(member => small.partitionsOf(member.peerId).length === 0)
        ratios.join.push(moved(small, large) / ((3 * 1024) / count))
        ratios.leave.push(moved(large, small) / large.partitionsOf((newcomer as RingMember).peerId).length)
      }
    }
    expect(Math.max(...ratios.join)).toBeLessThanOrEqual(1.1)
    expect(Math.max(...ratios.leave)).toBeLessThanOrEqual(1.15)
  })
})
