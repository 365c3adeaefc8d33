/** What the published experiments show, asserted; `npm run experiments` prints the numbers. */
import { describe, expect, test } from 'vitest'
import { joinsAndLeaves, updatesPerSecond } from './joins-and-leaves.ts'
import { oneKeySet } from './one-key-set.ts'
import { shoppingCart } from './shopping-cart.ts'
import { siblingsWithDots, siblingsWithVector } from './sibling-explosion.ts'
import { shareOf, versionDivergence } from './version-divergence.ts'

/** Virtual time costs little, but on a busy machine it takes its time. */
const timeout = 120_000

describe("Jepsen's one-key set", { timeout }, () => {
  test.each([
    { quorum: 1, partition: false },
    { quorum: 1, partition: true },
    { quorum: 2, partition: false },
    { quorum: 2, partition: true }
  ])('siblings joined by union lose none of 2,000 adds, R = W = $quorum, partition: $partition', setting => {
    const outcome = oneKeySet({ ...setting, merge: 'union', adds: 2000 })
    expect(outcome).toMatchObject({ acknowledged: 2000, lost: 0, bothSidesWrote: setting.partition })
    expect(outcome.siblingsMost).toBeGreaterThan(2)
  })

  test.each([
    { quorum: 1, partition: false },
    { quorum: 2, partition: false },
    { quorum: 2, partition: true }
  ])('last-write-wins loses more than a third of 500 adds, R = W = $quorum, partition: $partition', setting => {
    const { acknowledged, lost } = oneKeySet({ ...setting, merge: 'last-write-wins', adds: 500 })
    expect(acknowledged).toBe(500)
    expect(lost / acknowledged).toBeGreaterThan(1 / 3)
  })
})

describe('joins and leaves under causal read-modify-write load', { timeout }, () => {
  test.each([
    { rounds: 1, calmMs: 20_000, clients: 40 },
    { rounds: 10, calmMs: 300, clients: 40 }
  ])('lose no acknowledged update, $rounds times two joins and two leaves', setting => {
    const outcome = joinsAndLeaves(setting)
    expect(outcome).toMatchObject({ lost: 0, joined: setting.rounds * 2, left: setting.rounds * 2, divergences: [] })
    const updatesOfUnhindered = (setting.clients * updatesPerSecond * outcome.loadMs) / 1000
    expect(outcome.acknowledged).toBeGreaterThan(updatesOfUnhindered * 0.75)
    expect(outcome.keysMoved).toBeGreaterThan(setting.rounds * 5)
  })
})

describe('two clients that write in turn', { timeout }, () => {
  test('leave exactly two siblings after 100 writes, through one peer and through two', () => {
    expect(siblingsWithDots(100, 'one peer')).toBe(2)
    expect(siblingsWithDots(100, 'two peers')).toBe(2)
  })

  test('leave a sibling per write with one version vector for the record', () => {
    expect(siblingsWithVector(100)).toBe(100)
  })
})

describe('the shopping cart', { timeout }, () => {
  test.each([{ quorum: 1 }, { quorum: 2 }])(
    'loses no added item through partitions, and removed ones resurface, R = W = $quorum',
    setting => {
      const outcome = shoppingCart({ ...setting, carts: 20, changes: 40, partitions: true })
      expect(outcome).toMatchObject({ lost: 0, rejected: 0, divergences: [] })
      expect(outcome.adds).toBeGreaterThan(900)
      expect(outcome.cuts).toBeGreaterThan(1)
      expect(outcome.resurfaced).toBeGreaterThan(0)
    }
  )
})

describe('versions that a request sees', { timeout }, () => {
  const people = { people: 60, requests: 40 }

  test('are one where nobody else writes and nothing fails', () => {
    expect(shareOf(versionDivergence({ ...people, robotCarts: 0, failures: false }), 1)).toBe(1)
  })

  test('are at most two in failures, where each cart has one writer', () => {
    const versions = versionDivergence({ ...people, robotCarts: 0, failures: true })
    expect(shareOf(versions, 2)).toBeGreaterThan(0)
    expect(shareOf(versions, 3, Infinity)).toBe(0)
  })

  test('become three and more by robots, who write one cart at once', () => {
    const versions = versionDivergence({ ...people, robotCarts: 4, failures: false })
    expect(shareOf(versions, 3, Infinity)).toBeGreaterThan(0)
  })
})
