import { describe, expect, test } from 'vitest'
import { divergences } from '../../src/simulation/convergence.ts'
import { ada, ben, clusterOf, cyd, dee, eve, hintsLeft, holders, keyOwnedBy } from './cast.ts'

describe('a peer that is cut off from everyone', () => {
  test('still writes with w=1, and its writes reach the owners when the network returns', () => {
    const cluster = clusterOf(5)
    const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
    cluster.partition([eve], [ada, ben, cyd, dee])
    cluster.run(20_000)
    for (const key of keys)
      expect(cluster.put(eve, key, `${key} offline`, { quorum: 1 })).toMatchObject({ status: 'ok', acknowledged: [eve] })
    for (const key of keys) expect(cluster.get(eve, key, { quorum: 1 }).values).toEqual([`${key} offline`])
    expect(cluster.hintCount(eve)).toBeGreaterThan(0)
    cluster.heal()
    expect(cluster.settle()).toBe(true)
    for (const key of keys) {
      expect(cluster.get(ada, key).values).toEqual([`${key} offline`])
      expect(holders(cluster, key)).toEqual([...cluster.owners(key)].sort())
    }
    expect(divergences(cluster, keys)).toEqual([])
  })

  test('keeps them over a crash and a restart before the network returns', () => {
    const cluster = clusterOf(4)
    cluster.partition([dee], [ada, ben, cyd])
    cluster.run(20_000)
    cluster.put(dee, 'k', 'written offline', { quorum: 1 })
    cluster.restart(dee)
    cluster.run(5000)
    cluster.heal()
    cluster.settle()
    expect(cluster.get(ada, 'k').values).toEqual(['written offline'])
    expect(divergences(cluster, ['k'])).toEqual([])
  })
})

describe('an owner that is down', () => {
  test('gets its write by a hint: kept by a fallback, delivered after the return, and then gone from the fallback', () => {
    const cluster = clusterOf(5)
    const key = cluster.keyWhere(owners => owners.includes(cyd) && owners.includes(ada))
    cluster.crash(cyd)
    cluster.run(10_000)
    const written = cluster.put(ada, key, 'v', { quorum: 3 })
    const fallback = cluster.preferenceList(key).find(peer => !cluster.owners(key).includes(peer))
    expect(written).toMatchObject({ status: 'ok', hinted: [fallback] })
    expect(cluster.copyValues(fallback ?? ada, key)).toEqual(['v'])
    expect(cluster.hintCount(fallback ?? ada)).toBe(1)
    cluster.start(cyd)
    expect(cluster.settle()).toBe(true)
    cluster.run(100)
    expect(cluster.copyValues(cyd, key)).toEqual(['v'])
    expect(cluster.copy(fallback ?? ada, key)).toBeUndefined()
    expect(hintsLeft(cluster)).toBe(0)
  })

  test('gets it within seconds also when the first delivery is lost on the way', () => {
    const cluster = clusterOf(3)
    cluster.crash(cyd)
    cluster.run(10_000)
    expect(cluster.put(ada, 'k', 'v')).toMatchObject({ status: 'ok' })
    expect(hintsLeft(cluster)).toBe(1)
    const { quality } = cluster.network
    cluster.network.quality = { ...quality, lossPerMille: 1000 }
    cluster.start(cyd)
    cluster.run(1500)
    expect(hintsLeft(cluster)).toBe(1)
    cluster.network.quality = quality
    cluster.run(6000)
    expect(hintsLeft(cluster)).toBe(0)
    expect(cluster.copyValues(cyd, 'k')).toEqual(['v'])
  })

  test('the fallback keeps its hint over its own restart', () => {
    const cluster = clusterOf(4)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    cluster.crash(cyd)
    cluster.run(10_000)
    expect(cluster.put(ada, key, 'v', { quorum: 3 }).hinted).toEqual([dee])
    cluster.restart(dee)
    cluster.run(2000)
    expect(cluster.hintCount(dee)).toBe(1)
    cluster.start(cyd)
    cluster.settle()
    expect(cluster.copyValues(cyd, key)).toEqual(['v'])
    expect(holders(cluster, key)).toEqual([ada, ben, cyd])
  })

  test('a hint that reaches a target while the fallback learns more of the key is kept until the target knows that too', () => {
    const cluster = clusterOf(4)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    cluster.crash(cyd)
    cluster.run(10_000)
    for (let write = 0; write < 10; write++) cluster.put(ada, key, `v${write}`, { quorum: 3 })
    cluster.start(cyd)
    for (let write = 10; write < 20; write++) cluster.put(ada, key, `v${write}`, { quorum: 1 })
    cluster.settle()
    cluster.run(100)
    expect(cluster.get(ben, key, { quorum: 3 }).values).toHaveLength(20)
    expect(divergences(cluster, [key])).toEqual([])
  })

  test('a hint that is stored after its target came back is delivered all the same', () => {
    const cluster = clusterOf(4, { disks: { writeMs: 3 } })
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    cluster.crash(cyd)
    cluster.run(10_000)
    cluster.peer(dee).storage.slowness = 500
    cluster.put(ada, key, 'v', { quorum: 2 })
    cluster.start(cyd)
    cluster.run(5000)
    cluster.peer(dee).storage.slowness = 1
    expect(cluster.settle()).toBe(true)
    expect(divergences(cluster, [key])).toEqual([])
  })

  test('a hint that the disk refused holds no copy at the fallback', () => {
    const cluster = clusterOf(4)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    cluster.crash(ben)
    cluster.run(10_000)
    expect(cluster.put(ada, key, 'for ben', { quorum: 3 }).hinted).toEqual([dee])
    cluster.network.block(dee, ben)
    cluster.start(ben)
    cluster.crash(cyd)
    cluster.run(10_000)
    cluster.peer(dee).storage.isFull = true
    expect(cluster.put(ada, key, 'for cyd', { quorum: 2 })).toMatchObject({ status: 'ok', hinted: [] })
    cluster.run(1000)
    cluster.peer(dee).storage.isFull = false
    cluster.heal()
    expect(cluster.runUntil(() => cluster.hintCount(dee) === 0)).toBe(true)
    expect(cluster.copy(dee, key)).toBeUndefined()
    cluster.start(cyd)
    cluster.settle()
    cluster.run(1000)
    expect(divergences(cluster, [key])).toEqual([])
  })

  test('a hint whose deletion the disk refuses is tried again, and the copy goes with it', () => {
    const cluster = clusterOf(4)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    cluster.crash(cyd)
    cluster.run(10_000)
    cluster.put(ada, key, 'v', { quorum: 3 })
    expect(cluster.hintCount(dee)).toBe(1)
    cluster.start(cyd)
    cluster.runUntil(() => cluster.copy(cyd, key) !== undefined)
    cluster.peer(dee).storage.failuresLeft = 1
    expect(cluster.settle()).toBe(true)
    cluster.run(10_000)
    expect(cluster.hintCount(dee)).toBe(0)
    expect(cluster.copy(dee, key)).toBeUndefined()
  })
})

describe('a read', () => {
  test('repairs an owner that missed a write', () => {
    const cluster = clusterOf(3)
    cluster.put(ada, 'k', 'old', { quorum: 3 })
    const { context } = cluster.get(ada, 'k')
    cluster.network.block(ada, cyd)
    cluster.network.block(ben, cyd)
    const written = cluster.put(ada, 'k', 'new', { context })
    expect(written.status).toBe('ok')
    cluster.crash(ada, 'kept')
    cluster.peer(ada).storage.restore(new Map([...cluster.peer(ada).storage.snapshot()].filter(([key]) => !key.startsWith('h'))))
    cluster.heal()
    cluster.start(ada)
    cluster.settle()
    if (cluster.copyValues(cyd, 'k').includes('old')) {
      expect(cluster.get(cyd, 'k', { quorum: 3 }).values).toEqual(['new'])
      cluster.run(100)
    }
    expect(cluster.copyValues(cyd, 'k')).toEqual(['new'])
    expect(divergences(cluster, ['k'])).toEqual([])
  })

  test('repairs an owner that lost its copy', () => {
    const cluster = clusterOf(3)
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    cluster.stop(cyd)
    cluster.peer(cyd).storage.restore(new Map([...cluster.peer(cyd).storage.snapshot()].filter(([key]) => !key.startsWith('r'))))
    cluster.start(cyd)
    cluster.settle()
    expect(cluster.copy(cyd, 'k')).toBeUndefined()
    expect(cluster.get(ada, 'k', { quorum: 3 }).values).toEqual(['v'])
    cluster.run(100)
    expect(cluster.copyValues(cyd, 'k')).toEqual(['v'])
  })

  test('does not repair fallbacks: they would only have to give the copy back', () => {
    const cluster = clusterOf(5)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    cluster.put(ada, key, 'v', { quorum: 3 })
    cluster.crash(ben)
    cluster.crash(cyd)
    cluster.run(10_000)
    expect(cluster.get(ada, key, { quorum: 3 }).values).toEqual(['v'])
    cluster.run(1000)
    expect([dee, eve].some(peer => cluster.copy(peer, key) !== undefined)).toBe(false)
  })

  test('is never answered "not found" by empty fallbacks alone', () => {
    const cluster = clusterOf(5)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    cluster.put(ada, key, 'v', { quorum: 3 })
    for (const owner of [ada, ben, cyd]) cluster.crash(owner)
    cluster.run(20_000)
    expect(cluster.get(dee, key, { quorum: 1, timeoutMs: 2000 })).toMatchObject({ status: 'quorum', values: [] })
    cluster.start(ada)
    cluster.settle()
    expect(cluster.get(dee, key, { quorum: 1 })).toMatchObject({ status: 'ok', values: ['v'] })
  })

  test('finds what only a fallback holds', () => {
    const cluster = clusterOf(5)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    for (const owner of [ada, ben, cyd]) cluster.crash(owner)
    cluster.run(20_000)
    expect(cluster.put(dee, key, 'v', { quorum: 2 }).status).toBe('ok')
    expect(cluster.get(eve, key, { quorum: 2 })).toMatchObject({ status: 'ok', values: ['v'] })
  })
})
