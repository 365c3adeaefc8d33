import { describe, expect, test } from 'vitest'
import { divergences } from '../../src/simulation/checks/convergence.ts'
import { ada, aRequest, ben, clusterOf, cyd, dee, eve, hintsLeft, holders, keyOwnedBy } from './cast.ts'

describe('three peers', () => {
  test('replicate a write to all of them, and any of them answers', () => {
    const cluster = clusterOf(3)
    const written = cluster.put(ada, 'cart', 'milk')
    expect(written).toMatchObject({ status: 'ok', w: 2, n: 3, hinted: [] })
    expect(written.acknowledged.length).toBeGreaterThanOrEqual(2)
    cluster.run(100)
    expect(holders(cluster, 'cart')).toEqual([ada, ben, cyd])
    for (const peer of cluster.peers) expect(cluster.get(peer, 'cart')).toMatchObject({ status: 'ok', values: ['milk'] })
  })

  test('hold byte-identical copies and no hint afterwards', () => {
    const cluster = clusterOf(3)
    for (const [index, peer] of [ada, ben, cyd, ada].entries()) cluster.put(peer, `key-${index}`, `value-${index}`)
    cluster.run(100)
    expect(divergences(cluster, ['key-0', 'key-1', 'key-2', 'key-3'])).toEqual([])
    expect(hintsLeft(cluster)).toBe(0)
  })

  test('answer nothing for a key that nobody wrote', () => {
    expect(clusterOf(3).get(ada, 'nothing')).toMatchObject({ status: 'ok', values: [] })
  })

  test('supersede a value by a write with the context of its read, and delete it by a delete', () => {
    const cluster = clusterOf(3)
    cluster.put(ada, 'cart', 'milk')
    const read = cluster.get(ben, 'cart')
    cluster.put(ben, 'cart', 'milk, bread', { context: read.context })
    expect(cluster.get(cyd, 'cart').values).toEqual(['milk, bread'])
    cluster.delete(cyd, 'cart', cluster.get(cyd, 'cart').context)
    expect(cluster.get(ada, 'cart', { quorum: 3 }).values).toEqual([])
  })

  test('a write that depends on nothing but the answer to the write before supersedes just that', () => {
    const cluster = clusterOf(3)
    const first = cluster.put(ada, 'cart', 'one')
    const other = cluster.put(ben, 'cart', 'other')
    expect(other.siblings).toBe(2)
    cluster.put(ada, 'cart', 'two', { context: first.context })
    expect(cluster.get(cyd, 'cart', { quorum: 3 }).values).toEqual(['other', 'two'])
  })
})

describe('five peers', () => {
  test('keep each key at its three owners only', () => {
    const cluster = clusterOf(5)
    const keys = Array.from({ length: 20 }, (_, index) => `key-${index}`)
    for (const [index, key] of keys.entries()) cluster.put(cluster.peers[index % 5] ?? ada, key, `value of ${key}`)
    cluster.settle()
    cluster.run(100)
    for (const key of keys) expect(holders(cluster, key)).toEqual([...cluster.owners(key)].sort())
  })

  test('a peer that owns nothing of a key forwards the write to one that does', () => {
    const cluster = clusterOf(5)
    const key = cluster.keyWhere(owners => !owners.includes(ada))
    const written = cluster.put(ada, key, 'v')
    expect(written.status).toBe('ok')
    expect(cluster.owners(key)).toContain(written.coordinator)
    expect(written.acknowledged).not.toContain(ada)
  })
})

describe('W and R', () => {
  test('shrink while fewer peers are known: one peer alone works from its first call', () => {
    const cluster = clusterOf(1)
    expect(cluster.put(ada, 'k', 'v', { quorum: 2 })).toMatchObject({ status: 'ok', w: 1, n: 1, acknowledged: [ada] })
    expect(cluster.get(ada, 'k', { quorum: 2 })).toMatchObject({ status: 'ok', r: 1, n: 1, values: ['v'] })
  })

  test('two peers: w=3 means both', () => {
    const cluster = clusterOf(2)
    const written = cluster.put(ada, 'k', 'v', { quorum: 3 })
    expect(written).toMatchObject({ status: 'ok', w: 2, n: 2 })
    expect([...written.acknowledged].sort()).toEqual([ada, ben])
  })

  test('do not shrink because a cluster that was larger cannot be reached', () => {
    const cluster = clusterOf(3)
    cluster.partition([ada], [ben, cyd])
    cluster.run(20_000)
    const written = cluster.put(ada, 'k', 'v', { quorum: 2 })
    expect(written).toMatchObject({ status: 'quorum', w: 2, n: 3, mayHaveHappened: true, acknowledged: [ada] })
    expect(cluster.get(ada, 'k', { quorum: 2 })).toMatchObject({ status: 'quorum', r: 2, n: 3 })
  })

  test('w=3 waits for all owners and r=1 for one reply', () => {
    const cluster = clusterOf(3)
    expect([...cluster.put(ada, 'k', 'v', { quorum: 3 }).acknowledged].sort()).toEqual([ada, ben, cyd])
    expect(cluster.get(ben, 'k', { quorum: 1 })).toMatchObject({ status: 'ok', values: ['v'], r: 1 })
  })
})

describe('the strict quorum (sloppy: false)', () => {
  test('counts owners only: with two owners away a write with w=2 fails though others are there', () => {
    const cluster = clusterOf(5)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    cluster.crash(ben)
    cluster.crash(cyd)
    cluster.run(10_000)
    expect(cluster.put(ada, key, 'strict', { quorum: 2, sloppy: false })).toMatchObject({ status: 'quorum', hinted: [] })
    const sloppy = cluster.put(ada, key, 'sloppy', { quorum: 2, sloppy: true })
    expect(sloppy.status).toBe('ok')
    expect(sloppy.hinted.every(peer => [dee, eve].includes(peer))).toBe(true)
  })

  test('reads its own writes with R + W > N, through any peer', () => {
    const cluster = clusterOf(5)
    for (let round = 0; round < 30; round++) {
      const [writer, reader] = [cluster.peers[round % 5] ?? ada, cluster.peers[(round * 3 + 1) % 5] ?? ada]
      const { context } = cluster.get(writer, 'k', { quorum: 2, sloppy: false })
      cluster.put(writer, 'k', `v${round}`, { quorum: 2, sloppy: false, context })
      expect(cluster.get(reader, 'k', { quorum: 2, sloppy: false }).values).toEqual([`v${round}`])
    }
  })
})

describe('a request id', () => {
  test('makes a retry of an acknowledged write the same write: one value, the same dot', () => {
    const cluster = clusterOf(3)
    const request = aRequest(1)
    const first = cluster.put(ada, 'k', 'once', { request })
    const again = cluster.put(ada, 'k', 'once', { request })
    const elsewhere = cluster.put(ben, 'k', 'once', { request })
    expect(again.dot).toEqual(first.dot)
    expect(elsewhere.status).toBe('ok')
    expect(cluster.get(cyd, 'k', { quorum: 3 }).values).toEqual(['once'])
    expect(cluster.put(cyd, 'k', 'more').siblings).toBe(2)
  })

  test('makes a retry that asks for more than the first got count anew: fewer owners do not make the first answer enough', () => {
    const cluster = clusterOf(2)
    const request = aRequest(2)
    cluster.partition([ada], [ben])
    expect(cluster.put(ada, 'k', 'once', { request, quorum: 1 })).toMatchObject({ acknowledged: [ada], n: 2 })
    cluster.peer(ada).evict(ben)
    expect(cluster.put(ada, 'k', 'once', { request, quorum: 2 })).toMatchObject({ acknowledged: [ada], n: 1, w: 1 })
  })
})
