import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/core/bytes.ts'
import { membershipMs } from '../../src/protocol/membership/membership.ts'
import { divergences } from '../../src/simulation/checks/convergence.ts'
import { ada, ben, clusterOf, cyd, dee, eve, hintsLeft, holders } from './cast.ts'

const keys = Array.from({ length: 30 }, (_, index) => `key-${index}`)

describe('a ring that changes and changes back', () => {
  test('leaves nothing at a peer that owned a key in between, even if it slept through both changes', () => {
    const cluster = clusterOf(4)
    const key = cluster.keyWhere((_owners, [fallback]) => fallback === dee)
    const [leaver = ada] = cluster.owners(key)
    cluster.put(leaver, key, 'milk', { quorum: 3 })
    cluster.peer(dee).pause(8000)
    cluster.peer(leaver).leave()
    cluster.run(1500)
    cluster.restart(leaver)
    expect(cluster.settle()).toBe(true)
    cluster.run(5000)
    expect(cluster.owners(key)).not.toContain(dee)
    expect(cluster.keys(dee)).toEqual([])
    expect(divergences(cluster, [key])).toEqual([])
  })
})

describe('a joining peer', () => {
  test('gets the keys that it owns, from peers that give up theirs', () => {
    const cluster = clusterOf(3)
    for (const key of keys) cluster.put(ada, key, `value of ${key}`, { quorum: 3 })
    cluster.add()
    expect(cluster.settle()).toBe(true)
    cluster.run(1000)
    const owned = keys.filter(key => cluster.owners(key).includes(dee))
    expect(owned.length).toBeGreaterThan(5)
    for (const key of owned) expect(cluster.copyValues(dee, key)).toEqual([`value of ${key}`])
    for (const key of keys) expect(holders(cluster, key)).toEqual([...cluster.owners(key)].sort())
    expect(divergences(cluster, keys)).toEqual([])
  })

  test('is sent each record once by each peer that gives it', () => {
    const cluster = clusterOf(3, { partitions: 64 })
    const many = Array.from({ length: 200 }, (_, index) => `key-${index}`)
    for (const key of many) cluster.put(ada, key, `value of ${key}`, { quorum: 3 })
    const sent = new Map<string, number>()
    cluster.observer = {
      sent: (from, to, message) => {
        for (const { key } of message.type === 'handoff' ? message.entries : []) {
          const name = `${from} to ${to}: ${toHex(key)}`
          sent.set(name, (sent.get(name) ?? 0) + 1)
        }
      }
    }
    cluster.add()
    cluster.settle()
    cluster.run(5000)
    expect(sent.size).toBeGreaterThan(100)
    expect([...sent].filter(([, times]) => times > 1)).toEqual([])
  })

  test('loses nothing that is written while it joins', () => {
    const cluster = clusterOf(3)
    for (const key of keys) cluster.put(ada, key, `old ${key}`, { quorum: 3 })
    cluster.add()
    for (const [index, key] of keys.entries()) {
      const writer = [ada, ben, cyd][index % 3] ?? ada
      const { context } = cluster.get(writer, key)
      expect(cluster.put(writer, key, `new ${key}`, { context }).status).toBe('ok')
    }
    cluster.settle()
    cluster.run(1000)
    for (const key of keys) expect(cluster.get(dee, key, { quorum: 3 }).values).toEqual([`new ${key}`])
    cluster.run(1000)
    expect(divergences(cluster, keys)).toEqual([])
  })

  test('goes on where it was after a crash of the peer that gives', () => {
    const cluster = clusterOf(3)
    for (const key of keys) cluster.put(ada, key, `value of ${key}`, { quorum: 3 })
    cluster.add()
    cluster.runUntil(() => cluster.keys(dee).length > 0)
    for (const peer of [ada, ben, cyd]) cluster.restart(peer)
    expect(cluster.settle()).toBe(true)
    cluster.run(1000)
    for (const key of keys) expect(holders(cluster, key)).toEqual([...cluster.owners(key)].sort())
  })

  test('starts alone when nobody can be reached, and joins later with what it wrote', () => {
    const cluster = clusterOf(3)
    cluster.put(ada, 'k', 'of the cluster', { quorum: 3 })
    const newcomer = cluster.add()
    cluster.partition([newcomer], [ada, ben, cyd])
    cluster.run(20_000)
    expect(cluster.put(newcomer, 'k', 'of the newcomer', { quorum: 1 }).status).toBe('ok')
    cluster.heal()
    expect(cluster.settle()).toBe(true)
    cluster.run(1000)
    expect(cluster.get(ben, 'k', { quorum: 3 }).values).toEqual(['of the cluster', 'of the newcomer'])
    cluster.run(1000)
    expect(divergences(cluster, ['k'])).toEqual([])
  })
})

describe('a ring change', () => {
  test('that a crash cuts short is worked through after the restart', () => {
    const cluster = clusterOf(3)
    for (const key of keys) cluster.put(ada, key, `value of ${key}`, { quorum: 3 })
    cluster.run(100)
    const old = [ada, ben, cyd]
    for (const peer of old) cluster.peer(peer).storage.slowness = 100
    cluster.add()
    cluster.runUntil(() => old.every(peer => cluster.peer(peer).ringPeer?.ring().members.length === 4))
    for (const peer of old) cluster.crash(peer, 'kept')
    for (const peer of old) cluster.peer(peer).storage.slowness = 1
    for (const peer of old) cluster.start(peer)
    expect(cluster.settle()).toBe(true)
    cluster.run(1000)
    for (const key of keys) expect(holders(cluster, key)).toEqual([...cluster.owners(key)].sort())
  })
})

describe('a leaving peer', () => {
  test('gives its keys away and ends up empty', () => {
    const cluster = clusterOf(4)
    for (const key of keys) cluster.put(ada, key, `value of ${key}`, { quorum: 3 })
    cluster.run(1000)
    cluster.peer(dee).leave()
    expect(cluster.runUntil(() => cluster.departed.has(dee))).toBe(true)
    cluster.settle()
    cluster.run(1000)
    expect(cluster.keys(dee)).toEqual([])
    for (const key of keys) expect(holders(cluster, key)).toEqual([ada, ben, cyd])
    for (const key of keys) expect(cluster.get(ben, key).values).toEqual([`value of ${key}`])
  })

  test('gives away what it was just about to store, too', () => {
    const cluster = clusterOf(2, { replicas: 1 })
    const key = cluster.keyWhere(owners => owners.includes(ben))
    cluster.peer(ben).storage.slowness = 300
    let status = ''
    cluster.startPut(ada, key, 'at the last moment', { quorum: 1 }, answer => {
      status = answer.status
    })
    cluster.run(100)
    cluster.peer(ben).leave()
    cluster.runUntil(() => cluster.departed.has(ben))
    expect(status).toBe('ok')
    cluster.run(1000)
    expect(cluster.get(ada, key).values).toEqual(['at the last moment'])
  })

  test('is known to be leaving before it is gone', () => {
    const cluster = clusterOf(3, { network: { lossPerMille: 300 } })
    cluster.peer(cyd).leave()
    cluster.runUntil(() => cluster.departed.has(cyd))
    for (const peer of [ada, ben]) expect(['leaving', 'left']).toContain(cluster.peer(peer).ringPeer?.view.get(cyd)?.status)
  })

  test('does not leave while the only others are away, and takes its data along to nowhere', () => {
    const cluster = clusterOf(2)
    cluster.put(ada, 'k', 'v', { quorum: 2 })
    cluster.crash(ben)
    cluster.run(10_000)
    cluster.peer(ada).leave()
    cluster.run(60_000)
    expect(cluster.departed.has(ada)).toBe(false)
    cluster.start(ben)
    expect(cluster.runUntil(() => cluster.departed.has(ada))).toBe(true)
    expect(cluster.get(ben, 'k').values).toEqual(['v'])
  })

  test('stays with the only copies when those who were to get them are evicted meanwhile, until one comes back', () => {
    const cluster = clusterOf(3, {
      replicas: 1,
      evictAfterMs: 20_000,
      profile: index => ({ durable: index !== 1, weight: index === 2 ? 0 : 1 })
    })
    const key = cluster.keyWhere(owners => owners.includes(ada))
    cluster.put(ada, key, 'v', { quorum: 1 })
    cluster.crash(ben)
    cluster.run(10_000)
    cluster.peer(ada).leave()
    expect(cluster.runUntil(() => cluster.peer(ada).ringPeer?.view.get(ben)?.status === 'evicted')).toBe(true)
    cluster.run(30_000)
    expect(cluster.departed.has(ada)).toBe(false)
    cluster.start(ben)
    expect(cluster.runUntil(() => cluster.departed.has(ada))).toBe(true)
    expect(cluster.get(ben, key, { quorum: 1 }).values).toEqual(['v'])
  })

  test('leaves with a full disk too', () => {
    const cluster = clusterOf(4)
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    cluster.peer(eve === dee ? ada : dee).storage.isFull = true
    cluster.peer(dee).leave()
    cluster.run(20_000)
    cluster.peer(dee).storage.isFull = false
    expect(cluster.runUntil(() => cluster.departed.has(dee))).toBe(true)
    cluster.settle()
    expect(cluster.get(ada, 'k', { quorum: 3 }).values).toEqual(['v'])
  })

  test('is not let go before its leaving is durable with those who stay', () => {
    const cluster = clusterOf(2)
    cluster.put(ada, 'k', 'v', { quorum: 2 })
    cluster.peer(ben).storage.isFull = true
    cluster.peer(ada).leave()
    cluster.run(20_000)
    expect(cluster.departed.has(ada)).toBe(false)
    cluster.peer(ben).storage.isFull = false
    expect(cluster.runUntil(() => cluster.departed.has(ada))).toBe(true)
    cluster.restart(ben)
    expect(cluster.put(ben, 'k', 'later', { quorum: 1 }).status).toBe('ok')
    cluster.run(10_000)
    expect(cluster.peer(ben).ringPeer?.view.get(ada)?.status).not.toBe('up')
    expect(hintsLeft(cluster)).toBe(0)
  })
})

describe('member views', () => {
  test('are written again after the disk refused them', () => {
    const cluster = clusterOf(3)
    cluster.peer(ben).storage.isFull = true
    cluster.add()
    cluster.run(10_000)
    cluster.peer(ben).storage.isFull = false
    cluster.run(3000)
    cluster.partition([ben], [ada, cyd, dee])
    cluster.restart(ben)
    expect(cluster.peer(ben).ringPeer?.view.get(dee)?.status).toBe('up')
  })

  test('converge without gossip, by comparing digests', () => {
    const cluster = clusterOf(4)
    const { publish } = cluster.network
    cluster.network.publish = () => undefined
    cluster.add()
    expect(cluster.runUntil(() => cluster.isSettled(), membershipMs.exchange * 20)).toBe(true)
    cluster.network.publish = publish
    expect(new Set(cluster.running().map(({ ringPeer }) => ringPeer?.ring().digest)).size).toBe(1)
    expect(cluster.running().map(({ ringPeer }) => ringPeer?.view.size)).toEqual([5, 5, 5, 5, 5])
  })

  test('a tab that vanished is evicted, its keys get new owners, and it is back when it returns', () => {
    const cluster = clusterOf(4, { evictAfterMs: 60_000, profile: index => ({ durable: index !== 3 }) })
    for (const key of keys) cluster.put(ada, key, `value of ${key}`, { quorum: 3 })
    cluster.crash(dee)
    expect(cluster.runUntil(() => cluster.peer(ada).ringPeer?.view.get(dee)?.status === 'evicted', 300_000)).toBe(true)
    cluster.settle()
    cluster.run(1000)
    for (const key of keys) expect(holders(cluster, key)).toEqual(expect.arrayContaining([ada, ben, cyd]))
    cluster.start(dee)
    expect(cluster.settle()).toBe(true)
    cluster.run(1000)
    expect(cluster.peer(ada).ringPeer?.view.get(dee)?.status).toBe('up')
    for (const key of keys) expect(cluster.get(dee, key, { quorum: 3 }).values).toEqual([`value of ${key}`])
    expect(hintsLeft(cluster)).toBe(0)
  })
})
