/** Writes for owners that are away: who stands in, what is kept for them, and how it goes home (the paper, section 4.6). */
import { describe, expect, test } from 'vitest'
import { emptyContext, withDots, type CausalContext } from '../../src/core/versions/causal-context.ts'
import type { Actor } from '../../src/core/identifiers.ts'
import { valueBytes } from '../../src/core/versions/record.ts'
import type { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { divergences } from '../../src/simulation/checks/convergence.ts'
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

describe('the stand-ins of owners that are away', () => {
  test('are the next peers in walk order, one for each owner, and the answer says who they are', () => {
    const cluster = clusterOf(6)
    const key = cluster.keyWhere(owners => owners.includes(ada))
    const away = cluster.owners(key).filter(owner => owner !== ada)
    const standIns = cluster.preferenceList(key).slice(3, 5)
    for (const owner of away) cluster.crash(owner)
    cluster.run(20_000)
    const written = cluster.put(ada, key, 'v', { quorum: 3 })
    expect(written).toMatchObject({ status: 'ok', coordinator: ada, w: 3, n: 3 })
    expect(written.acknowledged.toSorted()).toEqual([ada, ...standIns].toSorted())
    expect(written.hinted.toSorted()).toEqual(standIns.toSorted())
    expect(standIns.map(peer => cluster.hintCount(peer))).toEqual([1, 1])
    expect(holders(cluster, key)).toEqual([ada, ...standIns].toSorted())
    for (const owner of away) cluster.start(owner)
    expect(cluster.settle()).toBe(true)
    cluster.run(100)
    expect(holders(cluster, key)).toEqual([...cluster.owners(key)].toSorted())
  })

  test('are not asked by a strict write: it counts owners only, and its coordinator keeps the hint itself', () => {
    const cluster = clusterOf(5)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    cluster.crash(cyd)
    cluster.run(20_000)
    const written = cluster.put(ada, key, 'v', { quorum: 2, sloppy: false })
    expect(written).toMatchObject({ status: 'ok', hinted: [] })
    expect(written.acknowledged.toSorted()).toEqual([ada, ben])
    expect(holders(cluster, key)).toEqual([ada, ben])
    expect(cluster.hintCount(ada)).toBe(1)
    cluster.start(cyd)
    cluster.settle()
    cluster.run(100)
    expect(cluster.copyValues(cyd, key)).toEqual(['v'])
  })

  test('refuse what would exceed the bound of their hints: the next one takes it, and without a next one it does not count', () => {
    const cluster = clusterOf(5, { trace: false })
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    const [first, second] = cluster.preferenceList(key).slice(3)
    cluster.crash(cyd)
    cluster.run(20_000)
    const mebibyte = 'm'.repeat(1024 * 1024 - 200)
    const keys: string[] = []
    for (let number = 0; keys.length < 64; number++) {
      const candidate = `big${number}`
      const list = cluster.preferenceList(candidate)
      if (list.indexOf(cyd) < 3 && list.indexOf(ada) < 3 && list[3] === first) keys.push(candidate)
    }
    for (const big of keys) expect(cluster.put(ada, big, mebibyte, { quorum: 3 })).toMatchObject({ status: 'ok', hinted: [first] })
    expect(cluster.put(ada, key, mebibyte, { quorum: 3 })).toMatchObject({ status: 'ok', hinted: [second] })
    cluster.crash(second ?? eve)
    cluster.run(20_000)
    expect(cluster.put(ada, key, mebibyte, { quorum: 3, timeoutMs: 2000 })).toMatchObject({ status: 'quorum', mayHaveHappened: true })
    expect(cluster.put(ada, key, mebibyte, { quorum: 2 })).toMatchObject({ status: 'ok', hinted: [] })
    expect(cluster.hintCount(first ?? dee)).toBe(64)
  })
})

describe('hints going home', () => {
  function sentHandoffs(cluster: Cluster): { readonly entries: number; readonly bytes: number }[] {
    const sent: { readonly entries: number; readonly bytes: number }[] = []
    cluster.observer = {
      sent: (_from, _to, message) => {
        if (message.type !== 'handoff') return
        sent.push({ entries: message.entries.length, bytes: message.entries.reduce((sum, { record }) => sum + valueBytes(record), 0) })
      }
    }
    return sent
  }

  test('travel in batches of bounded number', () => {
    const cluster = clusterOf(3)
    cluster.crash(cyd)
    cluster.run(10_000)
    for (let index = 0; index < 150; index++) cluster.put(ada, `k${index}`, 'v')
    const sent = sentHandoffs(cluster)
    cluster.start(cyd)
    expect(cluster.settle()).toBe(true)
    cluster.run(100)
    expect(sent.map(({ entries }) => entries).reduce((sum, entries) => sum + entries, 0)).toBe(150)
    expect(Math.max(...sent.map(({ entries }) => entries))).toBe(64)
    expect(cluster.keys(cyd)).toHaveLength(150)
  })

  test('travel in batches of bounded bytes', () => {
    const cluster = clusterOf(3)
    cluster.crash(cyd)
    cluster.run(10_000)
    for (let index = 0; index < 20; index++) cluster.put(ada, `k${index}`, 'x'.repeat(60_000))
    const sent = sentHandoffs(cluster)
    cluster.start(cyd)
    expect(cluster.settle()).toBe(true)
    cluster.run(100)
    expect(Math.max(...sent.map(({ bytes }) => bytes))).toBeLessThanOrEqual(256 * 1024)
    expect(sent.length).toBeLessThanOrEqual(8)
    expect(cluster.keys(cyd)).toHaveLength(20)
  })

  test('are not held up by one that its target keeps refusing', () => {
    const cluster = clusterOf(3)
    // Two records that are too much together: no peer that has one takes the other.
    const forged = (from: number): CausalContext =>
      withDots(
        emptyContext,
        Array.from({ length: 1000 }, (_, index) => ({ actor: `ffff${(from + index).toString(16).padStart(20, '0')}` as Actor, counter: 1 }))
      )
    cluster.partition([ada, ben], [cyd])
    cluster.run(20_000)
    expect(cluster.put(cyd, 'refused', 'mine', { context: forged(0), quorum: 1 }).status).toBe('ok')
    expect(cluster.put(ada, 'refused', 'theirs', { context: forged(1000), quorum: 2 }).status).toBe('ok')
    const keys = Array.from({ length: 200 }, (_, index) => `k${index}`)
    for (const key of keys) cluster.put(ada, key, 'v')
    cluster.heal()
    cluster.run(10_000)
    for (const key of keys) expect(cluster.copyValues(cyd, key)).toEqual(['v'])
    expect(cluster.copyValues(cyd, 'refused')).toEqual(['mine'])
    expect(cluster.hintCount(cyd)).toBe(2)
  })

  test('are not held up by one whose copy cannot be read', () => {
    const cluster = clusterOf(3)
    cluster.crash(cyd)
    cluster.run(10_000)
    const keys = Array.from({ length: 130 }, (_, index) => `k${index}`)
    for (const key of keys) cluster.put(ada, key, 'v')
    cluster.restart(ada)
    cluster.peer(ada).storage.failuresLeft = 3
    cluster.start(cyd)
    expect(cluster.settle()).toBe(true)
    cluster.run(100)
    for (const key of keys) expect(cluster.copyValues(cyd, key)).toEqual(['v'])
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
