import { describe, expect, test } from 'vitest'
import { emptyContext, withDot, withDots, type CausalContext } from '../../src/core/versions/causal-context.ts'
import type { Actor } from '../../src/core/identifiers.ts'
import { counterMax, siblingsMax } from '../../src/core/limits.ts'
import { divergences } from '../../src/simulation/checks/convergence.ts'
import { ada, ben, clusterOf, cyd, dee } from './cast.ts'

describe('two peers that wrote the same key apart', () => {
  test('show two siblings after they meet, and one after a merge with the context', () => {
    const cluster = clusterOf(2)
    cluster.put(ada, 'cart', 'milk')
    const before = cluster.get(ada, 'cart')
    cluster.partition([ada], [ben])
    cluster.run(20_000)
    expect(cluster.put(ada, 'cart', 'milk, bread', { quorum: 1, context: before.context }).status).toBe('ok')
    expect(cluster.put(ben, 'cart', 'milk, eggs', { quorum: 1, context: before.context }).status).toBe('ok')
    cluster.heal()
    cluster.settle()
    for (const peer of [ada, ben]) expect(cluster.get(peer, 'cart').values).toEqual(['milk, bread', 'milk, eggs'])
    cluster.put(ben, 'cart', 'milk, bread, eggs', { context: cluster.get(ben, 'cart').context })
    cluster.settle()
    cluster.run(100)
    for (const peer of [ada, ben]) expect(cluster.get(peer, 'cart').values).toEqual(['milk, bread, eggs'])
    expect(divergences(cluster, ['cart'])).toEqual([])
  })

  test('a delete on one side and an edit on the other leave the edit and the delete as siblings', () => {
    const cluster = clusterOf(3)
    cluster.put(ada, 'note', 'draft')
    const read = cluster.get(ada, 'note')
    cluster.partition([ada], [ben, cyd])
    cluster.run(20_000)
    cluster.delete(ada, 'note', read.context, { quorum: 1 })
    cluster.put(ben, 'note', 'draft, edited', { context: read.context })
    cluster.heal()
    cluster.settle()
    const met = cluster.get(cyd, 'note', { quorum: 3 })
    expect(met.values).toEqual(['draft, edited'])
    cluster.put(cyd, 'note', 'final', { context: met.context })
    expect(cluster.copyValues(cyd, 'note')).toEqual(['final'])
  })
})

describe('two clients that interleave', () => {
  test('100 writes, each with what its own client knows, leave exactly 2 siblings', () => {
    const cluster = clusterOf(3)
    let [left, right] = [cluster.put(ada, 'k', 'left 0').context, cluster.put(ben, 'k', 'right 0').context]
    for (let round = 1; round <= 50; round++) {
      left = cluster.put(ada, 'k', `left ${round}`, { context: left }).context
      right = cluster.put(ben, 'k', `right ${round}`, { context: right }).context
    }
    for (const peer of [ada, ben, cyd]) expect(cluster.get(peer, 'k', { quorum: 3 }).values).toEqual(['left 50', 'right 50'])
  })

  test('a client that always writes what it has read never sees a sibling, through whichever peer', () => {
    const cluster = clusterOf(5)
    for (let round = 0; round < 40; round++) {
      const { values, context } = cluster.get(cluster.peers[round % 5] ?? ada, 'k')
      expect(values.length).toBeLessThanOrEqual(1)
      cluster.put(cluster.peers[(round * 2) % 5] ?? ada, 'k', `v${round}`, { context })
    }
    cluster.run(100)
    expect(cluster.get(dee, 'k', { quorum: 3 }).values).toEqual(['v39'])
  })
})

describe('too many siblings', () => {
  test('are refused with nothing dropped, and a merge makes room again', () => {
    const cluster = clusterOf(3)
    for (let write = 0; write < siblingsMax; write++) expect(cluster.put(ada, 'k', `v${write}`).status).toBe('ok')
    const refused = cluster.put(ada, 'k', 'one too many')
    expect(refused).toMatchObject({ status: 'too-many-siblings', mayHaveHappened: false })
    const read = cluster.get(ben, 'k', { quorum: 3 })
    expect(read.values).toHaveLength(siblingsMax)
    expect(read.values).not.toContain('one too many')
    expect(cluster.put(ben, 'k', 'merged', { context: read.context }).status).toBe('ok')
    expect(cluster.get(cyd, 'k').values).toEqual(['merged'])
  })

  test('that come together by healing are kept, all of them', () => {
    const cluster = clusterOf(2)
    cluster.partition([ada], [ben])
    cluster.run(20_000)
    for (let write = 0; write < 50; write++) {
      cluster.put(ada, 'k', `ada ${write}`, { quorum: 1 })
      cluster.put(ben, 'k', `ben ${write}`, { quorum: 1 })
    }
    cluster.heal()
    cluster.settle()
    expect(cluster.get(ada, 'k', { quorum: 2 }).values).toHaveLength(100)
    expect(divergences(cluster, ['k'])).toEqual([])
  })
})

describe('a context that was made up', () => {
  const actor = (index: number): Actor => `ffff${index.toString(16).padStart(20, '0')}` as Actor
  const forged = (from: number, to: number): CausalContext =>
    withDots(
      emptyContext,
      Array.from({ length: to - from }, (_, index) => ({ actor: actor(from + index), counter: 1 }))
    )

  test('with more actors than a record can hold is refused, and the key goes on', () => {
    const cluster = clusterOf(3)
    cluster.put(ada, 'k', 'v1', { context: forged(0, 1000), quorum: 3 })
    const refused = cluster.put(ada, 'k', 'v2', { context: forged(1000, 2000), quorum: 2 })
    expect(refused.status).not.toBe('ok')
    const { values, context } = cluster.get(ben, 'k', { quorum: 3 })
    expect(values).toEqual(['v1'])
    expect(cluster.put(cyd, 'k', 'v3', { context }).status).toBe('ok')
  })

  test('that uses up the counter of an actor is refused, and the key goes on', () => {
    const cluster = clusterOf(1)
    const { dot } = cluster.put(ada, 'k', 'v1')
    const last = withDot(emptyContext, { actor: dot?.actor ?? actor(1), counter: counterMax })
    expect(cluster.put(ada, 'k', 'v2', { context: last }).status).not.toBe('ok')
    expect(cluster.put(ada, 'k', 'v3').status).toBe('ok')
    expect(cluster.get(ada, 'k').values).toEqual(['v1', 'v3'])
  })
})
