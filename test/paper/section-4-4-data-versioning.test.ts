/** Dynamo (SOSP 2007), section 4.4 Data Versioning: one test per claim. */
import { describe, expect, test } from 'vitest'
import type { CausalContext } from '../../src/core/causal-context.ts'
import { divergences } from '../../src/simulation/convergence.ts'
import type { Cluster } from '../../src/simulation/cluster.ts'
import { ada, ben, clusterOf, cyd } from '../scenarios/cast.ts'

/** A shopping cart as the paper's application keeps it: merged by union. */
function addToCart(cluster: Cluster, peer: typeof ada, item: string, quorum: number): void {
  const { values, context } = cluster.get(peer, 'cart', { quorum })
  const items = new Set([...values.flatMap(value => value.split(',')), item])
  const written = cluster.put(peer, 'cart', [...items].sort().join(), { context, quorum })
  expect(written.status).toBe('ok')
}

describe('4.4 Data Versioning', () => {
  test('a put may return before the update has reached all replicas, and a get may then miss it', () => {
    const cluster = clusterOf(3)
    cluster.network.block(ada, cyd)
    expect(cluster.put(ada, 'k', 'v', { quorum: 2 }).status).toBe('ok')
    expect(cluster.copy(cyd, 'k')).toBeUndefined()
    expect(cluster.get(cyd, 'k', { quorum: 1 }).values).toEqual([])
    cluster.run(5000)
    cluster.heal()
    cluster.settle()
    expect(cluster.get(cyd, 'k', { quorum: 1 }).values).toEqual(['v'])
  })

  test('under failures an "add to cart" can neither be forgotten nor rejected', () => {
    const cluster = clusterOf(3)
    addToCart(cluster, ada, 'book', 2)
    cluster.partition([ada], [ben, cyd])
    cluster.run(20_000)
    addToCart(cluster, ada, 'pen', 1)
    addToCart(cluster, ben, 'lamp', 2)
    addToCart(cluster, ada, 'ink', 1)
    cluster.heal()
    cluster.settle()
    addToCart(cluster, cyd, 'desk', 3)
    expect(cluster.get(ben, 'cart', { quorum: 3 }).values).toEqual(['book,desk,ink,lamp,pen'])
  })

  test('deleted items can resurface when divergent carts are merged', () => {
    const cluster = clusterOf(2)
    cluster.put(ada, 'cart', 'book,pen', { quorum: 2 })
    const read = cluster.get(ada, 'cart')
    cluster.partition([ada], [ben])
    cluster.run(20_000)
    cluster.put(ada, 'cart', 'book', { context: read.context, quorum: 1 })
    cluster.put(ben, 'cart', 'book,ink,pen', { context: read.context, quorum: 1 })
    cluster.heal()
    cluster.settle()
    addToCart(cluster, ada, 'desk', 2)
    expect(cluster.get(ben, 'cart', { quorum: 2 }).values).toEqual(['book,desk,ink,pen'])
  })

  test('most of the time a new version subsumes the one before, and the system decides by itself (syntactic reconciliation)', () => {
    const cluster = clusterOf(3)
    let context: CausalContext | undefined
    for (let version = 1; version <= 20; version++)
      context = cluster.put(cluster.peers[version % 3] ?? ada, 'k', `v${version}`, context === undefined ? {} : { context }).context
    expect(cluster.get(ben, 'k', { quorum: 3 }).values).toEqual(['v20'])
  })

  test('versions branch by failures with concurrent updates; the client reconciles them, and its write collapses the branches', () => {
    const cluster = clusterOf(2)
    cluster.put(ada, 'k', 'trunk', { quorum: 2 })
    const { context } = cluster.get(ada, 'k')
    cluster.partition([ada], [ben])
    cluster.run(20_000)
    cluster.put(ada, 'k', 'left', { context, quorum: 1 })
    cluster.put(ben, 'k', 'right', { context, quorum: 1 })
    cluster.heal()
    cluster.settle()
    const branches = cluster.get(ada, 'k', { quorum: 2 })
    expect(branches.values).toEqual(['left', 'right'])
    cluster.put(ada, 'k', 'joined', { context: branches.context, quorum: 2 })
    expect(cluster.get(ben, 'k', { quorum: 2 }).values).toEqual(['joined'])
    expect(divergences(cluster, ['k'])).toEqual([])
  })

  test('Figure 3: D1 and D2 at Sx; D3 at Sy and D4 at Sz descend from D2 and conflict; D5 at Sx reconciles them', () => {
    const cluster = clusterOf(3)
    const [sx, sy, sz] = [ada, ben, cyd]
    const d1 = cluster.put(sx, 'k', 'D1', { quorum: 3 })
    const d2 = cluster.put(sx, 'k', 'D2', { quorum: 3, context: d1.context })
    expect([...d2.context.vector.values()]).toEqual([2])
    cluster.partition([sx], [sy], [sz])
    cluster.run(20_000)
    expect(cluster.put(sy, 'k', 'D3', { quorum: 1, context: d2.context }).coordinator).toBe(sy)
    expect(cluster.put(sz, 'k', 'D4', { quorum: 1, context: d2.context }).coordinator).toBe(sz)
    cluster.heal()
    cluster.settle()
    const conflict = cluster.get(sx, 'k', { quorum: 3 })
    expect(conflict.values).toEqual(['D3', 'D4'])
    expect([...conflict.context.vector.values()].toSorted()).toEqual([1, 1, 2])
    const d5 = cluster.put(sx, 'k', 'D5', { quorum: 3, context: conflict.context })
    expect([...d5.context.vector.values()].toSorted()).toEqual([1, 1, 3])
    expect(cluster.get(sy, 'k', { quorum: 3 }).values).toEqual(['D5'])
  })

  test('a client that wishes to update must say which version it updates: without a context a put is concurrent with all there is', () => {
    const cluster = clusterOf(3)
    cluster.put(ada, 'k', 'one')
    cluster.put(ada, 'k', 'two')
    expect(cluster.get(ben, 'k', { quorum: 3 }).values).toEqual(['one', 'two'])
  })

  test('a put with an old context keeps what came after it', () => {
    const cluster = clusterOf(3)
    const first = cluster.put(ada, 'k', 'one')
    cluster.put(ada, 'k', 'two', { context: first.context })
    cluster.put(ben, 'k', 'late', { context: first.context })
    expect(cluster.get(cyd, 'k', { quorum: 3 }).values).toEqual(['late', 'two'])
  })
})
