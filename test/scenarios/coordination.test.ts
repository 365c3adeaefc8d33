import { describe, expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import { divergences } from '../../src/simulation/checks/convergence.ts'
import { ada, aRequest, ben, clusterOf, cyd, dee, eve, hintsLeft, keyOwnedBy } from './cast.ts'

describe('a put that is forwarded twice', () => {
  test('because the reply of the first coordinator was lost counts once and shows one value', () => {
    const cluster = clusterOf(5, { profile: index => ({ weight: index === 0 ? 0 : 1 }) })
    const key = 'k'
    const coordinators: string[] = []
    cluster.observer = {
      sent: (from, to, message) => {
        if (message.type === 'forward-put') coordinators.push(to)
        if (message.type === 'put-result' && coordinators.length === 1) cluster.network.block(from, to)
      }
    }
    const written = cluster.put(ada, key, 'once', { quorum: 2, timeoutMs: 10_000 })
    expect(written.status).toBe('ok')
    expect(new Set(coordinators).size).toBe(2)
    expect(written.coordinator).toBe(coordinators[1])
    cluster.heal()
    cluster.settle()
    for (const peer of cluster.peers) expect(cluster.get(peer, key, { quorum: 3 }).values).toEqual(['once'])
    expect(divergences(cluster, [key])).toEqual([])
  })

  test('because the first coordinator is slow is answered once, and the late answer changes nothing', () => {
    const cluster = clusterOf(5)
    const key = cluster.keyWhere(owners => !owners.includes(ada))
    const [first = ben] = cluster.owners(key)
    cluster.peer(first).storage.slowness = 1500
    expect(cluster.put(ada, key, 'once', { quorum: 2, timeoutMs: 10_000 }).status).toBe('ok')
    cluster.run(20_000)
    cluster.peer(first).storage.slowness = 1
    cluster.settle()
    expect(cluster.get(ada, key, { quorum: 3 }).values).toEqual(['once'])
  })

  test('is told to be uncertain when all coordinators stay silent, and a retry makes it certain', () => {
    const cluster = clusterOf(4)
    const key = cluster.keyWhere(owners => !owners.includes(dee))
    const request = aRequest(7)
    for (const peer of [ada, ben, cyd]) cluster.network.block(peer, dee)
    const lost = cluster.put(dee, key, 'v', { quorum: 2, timeoutMs: 3000, request })
    expect(lost).toMatchObject({ status: 'quorum', mayHaveHappened: true })
    cluster.heal()
    cluster.settle()
    expect(cluster.put(dee, key, 'v', { quorum: 2, request }).status).toBe('ok')
    expect(cluster.get(ada, key, { quorum: 3 }).values).toEqual(['v'])
  })
})

describe('a forward that the network repeats', () => {
  test('is not carried out by the next run of its coordinator', () => {
    const cluster = clusterOf(2, { replicas: 1, network: { duplicatePerMille: 1000, tailMs: 20_000 } })
    const key = cluster.keyWhere(owners => owners.includes(ben))
    cluster.peer(ada).storage.isFull = true
    for (let round = 0; round < 20; round++) {
      cluster.peer(ben).storage.isFull = true
      expect(cluster.put(ada, key, `v${round}`, { quorum: 1 })).toMatchObject({ status: 'full', mayHaveHappened: false })
      cluster.restart(ben)
      cluster.peer(ben).storage.isFull = false
      cluster.settle()
    }
    cluster.run(30_000)
    expect(cluster.copyValues(ben, key)).toEqual([])
  })

  test('is not carried out after its sender was told that it failed', () => {
    const cluster = clusterOf(2, { replicas: 1, network: { duplicatePerMille: 1000, delayMaxMs: 200 } })
    const key = cluster.keyWhere(owners => owners.includes(ben))
    cluster.peer(ada).storage.isFull = true
    for (let round = 0; round < 20; round++) {
      cluster.peer(ben).storage.failuresLeft = 1
      const written = cluster.put(ada, key, `v${round}`, { quorum: 1 })
      cluster.peer(ben).storage.failuresLeft = 0
      cluster.run(1000)
      if (!written.mayHaveHappened) expect(cluster.copyValues(ben, key)).not.toContain(`v${round}`)
    }
  })
})

describe('an answer to a request of an earlier run of a peer', () => {
  test('is not taken for one to a request of this run', () => {
    const cluster = clusterOf(3)
    cluster.peer(ben).storage.slowness = 180
    for (let write = 0; write < 40; write++) cluster.startPut(ada, `before-${write}`, 'v', { quorum: 3 }, () => undefined)
    cluster.run(100)
    cluster.restart(ada)
    cluster.crash(cyd)
    cluster.runUntil(() => cluster.network.isConnected(ada, ben))
    const acknowledged: [string, readonly PeerId[]][] = []
    let answers = 0
    for (let write = 0; write < 40; write++) {
      // Reads between the writes shift the numbers of the messages against those of the earlier run.
      if (write % 4 === 0) cluster.startGet(ada, 'other', {}, () => undefined)
      cluster.startPut(ada, `after-${write}`, 'v', { quorum: 2 }, answer => {
        answers += 1
        if (answer.status === 'ok')
          acknowledged.push([`after-${write}`, answer.acknowledged.filter(peer => cluster.copy(peer, `after-${write}`) === undefined)])
      })
    }
    cluster.runUntil(() => answers === 40)
    expect(acknowledged.length).toBeGreaterThan(0)
    for (const [key, without] of acknowledged) expect([key, ...without]).toEqual([key])
  })
})

describe('a coordinator whose disk', () => {
  test('is full hands the write to another one', () => {
    const cluster = clusterOf(3)
    cluster.peer(ada).storage.isFull = true
    const written = cluster.put(ada, 'k', 'v', { quorum: 2 })
    expect(written).toMatchObject({ status: 'ok' })
    expect(written.coordinator).not.toBe(ada)
    expect(written.acknowledged).not.toContain(ada)
    cluster.peer(ada).storage.isFull = false
    cluster.settle()
    expect(cluster.get(ada, 'k', { quorum: 3 }).values).toEqual(['v'])
  })

  test('is full like all others says so, and that nothing was written', () => {
    const cluster = clusterOf(3)
    for (const peer of cluster.peers) cluster.peer(peer).storage.isFull = true
    expect(cluster.put(ada, 'k', 'v')).toMatchObject({ status: 'full', mayHaveHappened: false })
    for (const peer of cluster.peers) cluster.peer(peer).storage.isFull = false
    expect(cluster.get(ben, 'k', { quorum: 3 }).values).toEqual([])
  })

  test('fails once hands the write to another one', () => {
    const cluster = clusterOf(3)
    cluster.put(ada, 'k', 'v0')
    cluster.peer(ada).storage.failuresLeft = 1
    const written = cluster.put(ada, 'k', 'v1', { context: cluster.get(ben, 'k').context })
    expect(written.status).toBe('ok')
    expect(cluster.get(cyd, 'k', { quorum: 3 }).values).toEqual(['v1'])
  })

  test('is slow keeps a write to itself until it is durable, also from an owner that comes back meanwhile', () => {
    const cluster = clusterOf(3)
    cluster.put(ada, 'k', 'v0', { quorum: 3 })
    cluster.crash(ben)
    cluster.run(10_000)
    cluster.peer(ada).storage.slowness = 1000
    let told = 0
    cluster.observer = {
      sent: (from, to, message) => (from === ada && to !== ada && message.type === 'replicate' ? (told += 1) : undefined)
    }
    cluster.startPut(ada, 'k', 'not durable yet', { quorum: 2 }, () => undefined)
    cluster.start(ben)
    cluster.runUntil(() => cluster.network.isConnected(ada, ben))
    cluster.run(500)
    expect(cluster.copyValues(ada, 'k')).toEqual(['v0'])
    expect(told).toBe(0)
    cluster.crash(ada, 'lost')
    cluster.peer(ada).storage.slowness = 1
    cluster.start(ada)
    cluster.settle()
    cluster.put(ada, 'k', 'another write', { quorum: 3 })
    expect(cluster.get(ben, 'k', { quorum: 3 }).values).toEqual(['another write', 'v0'])
  })
})

describe('a coordinator that crashes before any of its effects', () => {
  const lastEffect = 40

  test.each(['lost', 'kept'] as const)('loses no acknowledged write and shows no false sibling (unsynced writes %s)', unsynced => {
    let crashes = 0
    for (let effect = 0; effect <= lastEffect; effect++) {
      const cluster = clusterOf(4, { seed: effect })
      const key = keyOwnedBy(cluster, ada, ben, cyd)
      const before = cluster.put(ada, key, 'before', { quorum: 3 })
      let crashed = false
      cluster.peer(ada).crashBeforeEffect(effect, () => {
        crashed = true
      })
      const written = cluster.put(ada, key, 'during', { quorum: 2, context: before.context })
      crashes += crashed ? 1 : 0
      if (!crashed) cluster.crash(ada, unsynced)
      cluster.start(ada)
      cluster.settle()
      const { values } = cluster.get(dee, key, { quorum: 3 })
      const allowed = written.status === 'ok' ? [['during']] : [['during'], ['before']]
      expect(allowed).toContainEqual(values)
      expect(cluster.put(dee, key, 'after', { context: cluster.get(dee, key, { quorum: 3 }).context }).status).toBe('ok')
      cluster.settle()
      expect(cluster.get(ben, key, { quorum: 3 }).values).toEqual(['after'])
      cluster.run(1000)
      expect(divergences(cluster, [key])).toEqual([])
    }
    expect(crashes).toBeGreaterThan(5)
  })

  test('is replaced by another one when the put came from elsewhere', () => {
    for (let effect = 0; effect <= lastEffect; effect++) {
      const cluster = clusterOf(5, { seed: effect })
      const key = cluster.keyWhere(owners => !owners.includes(eve))
      const [first = ada] = cluster.owners(key)
      cluster.peer(first).crashBeforeEffect(effect)
      const written = cluster.put(eve, key, 'v', { quorum: 2, timeoutMs: 10_000 })
      expect(written.status).toBe('ok')
      cluster.crash(first)
      cluster.start(first)
      cluster.settle()
      cluster.get(eve, key, { quorum: 3 })
      cluster.settle()
      cluster.run(1000)
      expect(cluster.get(eve, key, { quorum: 3 }).values).toEqual(['v'])
      expect(divergences(cluster, [key])).toEqual([])
      expect(hintsLeft(cluster)).toBe(0)
    }
  })
})

describe('a replica with more work than its bound', () => {
  test('answers that it is overloaded, and the cluster goes on', () => {
    const cluster = clusterOf(1)
    const statuses: string[] = []
    const writes = 1500
    for (let write = 0; write < writes; write++)
      cluster.startPut(ada, 'hot', `v${write % 10}`, { quorum: 1, timeoutMs: 60_000 }, ({ status }) => statuses.push(status))
    cluster.runUntil(() => statuses.length === writes)
    expect(statuses.filter(status => status === 'overloaded').length).toBeGreaterThan(0)
    expect(statuses.filter(status => status === 'ok').length).toBeGreaterThan(0)
    const { context } = cluster.get(ada, 'hot')
    expect(cluster.put(ada, 'hot', 'calm', { context }).status).toBe('ok')
  })
})
