/** Riak's claim problems: the limits that the ring keeps to, for several sets of peer ids. `npm run bench -- claim` prints the figures. */
import { describe, expect, test } from 'vitest'
import { createRing } from '../../src/core/ring/ring.ts'
import { claimChanges, claimProblems, type ClaimChange, type RingFunction } from './claim-problems.ts'
import { options, partitionsOf } from './ring-fixtures.ts'

const seeds = ['red', 'green', 'blue', 'claim', 's5']
const owners: RingFunction = members => {
  const ring = createRing(members, options)
  return partitionsOf(ring).map(partition => ring.owners(partition))
}

/** The changes of all problems whose name has `text` in it, problem by problem. */
function changesOf(text: string): readonly (readonly ClaimChange[])[] {
  const chosen = seeds.flatMap(seed => claimProblems(seed).filter(({ name }) => name.includes(text)))
  return chosen.map(problem => claimChanges(problem, owners))
}

const worst = (changes: readonly ClaimChange[], of: (change: ClaimChange) => number): number => Math.max(...changes.map(of))
const ratio = (changes: readonly ClaimChange[]): number =>
  changes.reduce((sum, { moved }) => sum + moved, 0) / changes.reduce((sum, { minimum }) => sum + minimum, 0)

describe('peers that come and go one at a time', () => {
  test.each(['1 to 16', '3 to 15', '4 to 16'])('move at most 1.1 times the minimum while they come: %s', name => {
    for (const changes of changesOf(name)) {
      expect(ratio(changes)).toBeLessThanOrEqual(1.1)
      expect(worst(changes, ({ moved, minimum }) => moved / minimum)).toBeLessThanOrEqual(1.15)
    }
  })

  test.each(['16 to 4 equal', '15 to 3', '16 to 4 peers'])('move at most 1.15 times the minimum with each that goes: %s', name => {
    for (const changes of changesOf(name)) expect(worst(changes, ({ moved, minimum }) => moved / minimum)).toBeLessThanOrEqual(1.15)
  })

  test.each(['joins 12', 'leaves 12', 'joins 9', 'leaves 9'])(
    'move at most 1.15 times the minimum, whatever their weights: weight %s',
    name => {
      for (const changes of changesOf(name)) expect(ratio(changes)).toBeLessThanOrEqual(1.15)
    }
  )

  test.each(['equal', 'weight', '3 zones, ', '4 zones, '])('take the quorum of at most 0.5 % of the partitions: %s', name => {
    for (const changes of changesOf(name)) expect(worst(changes, change => change.quorumsLostPercent)).toBeLessThanOrEqual(0.5)
  })

  test('never leave a partition with two owners in one of three or four zones', () => {
    for (const changes of [...changesOf('3 zones, '), ...changesOf('4 zones, ')])
      expect(worst(changes, change => change.violations)).toBe(0)
  })

  test('are loaded with at most 1.07 times the mean where there are no zones, 1.67 in three and 1.35 in four', () => {
    for (const [name, limit] of [
      ['equal', 1.07],
      ['weight', 1.07],
      ['3 zones, ', 1.67],
      ['4 zones, ', 1.35]
    ] as const)
      for (const changes of changesOf(name)) expect(worst(changes, change => change.maxToMean)).toBeLessThanOrEqual(limit + 0.005)
  })
})

describe('a zone that is replaced', () => {
  test.each(['3 zones: one replaced', '4 zones: one replaced, joins first', '4 zones: one replaced, peer by peer'])(
    'moves at most 1.1 times the minimum, and no quorum: %s',
    name => {
      for (const changes of changesOf(name)) {
        expect(ratio(changes)).toBeLessThanOrEqual(1.1)
        expect(worst(changes, change => change.quorumsLostPercent)).toBeLessThanOrEqual(0.5)
        expect(worst(changes, change => change.violations)).toBe(0)
      }
    }
  )

  test('at once, of four, moves what its new peers choose otherwise too, yet less than peer by peer', () => {
    const moved = (name: string): number[] => changesOf(name).map(changes => changes.reduce((sum, change) => sum + change.moved, 0))
    const [atOnce, byPeer] = [moved('4 zones: one replaced at once'), moved('4 zones: one replaced, peer by peer')]
    for (const [index, copies] of atOnce.entries()) expect(copies).toBeLessThan(byPeer[index] as number)
    for (const changes of changesOf('4 zones: one replaced at once')) expect(ratio(changes)).toBeLessThanOrEqual(1.25)
  })
})
