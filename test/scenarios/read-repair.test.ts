/** Read repair: a read brings the owners that it found stale up to date, and nobody else. */
import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../../src/core/codec.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import type { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { divergences } from '../../src/simulation/checks/convergence.ts'
import { bytesOf } from '../protocol/message-arbitraries.ts'
import { ada, ben, clusterOf, cyd, dee, eve, keyOwnedBy } from './cast.ts'

/** Whom repairs are sent to from now on. */
function repairedBy(cluster: Cluster): PeerId[] {
  const targets: PeerId[] = []
  cluster.observer = {
    sent: (_from, to, message) => {
      if (message.type === 'repair') targets.push(to)
    }
  }
  return targets
}

/** Lets a peer forget everything that happened since `snapshot`. */
function putBack(cluster: Cluster, peer: PeerId, snapshot: ReturnType<ReturnType<Cluster['peer']>['storage']['snapshot']>): void {
  cluster.stop(peer)
  cluster.peer(peer).storage.restore(snapshot)
  cluster.start(peer)
  cluster.settle()
}

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

  test('repairs an owner that still has what was deleted', () => {
    const cluster = clusterOf(3)
    const { context } = cluster.put(ada, 'k', 'v', { quorum: 3 })
    const old = cluster.peer(cyd).storage.snapshot()
    cluster.delete(ada, 'k', context, { quorum: 3 })
    putBack(cluster, cyd, old)
    const targets = repairedBy(cluster)
    expect(cluster.get(ben, 'k', { quorum: 3 }).values).toEqual([])
    cluster.run(200)
    expect(targets).toEqual([cyd])
    expect(cluster.copyValues(cyd, 'k')).toEqual([])
    expect(divergences(cluster, ['k'])).toEqual([])
  })

  test('repairs each of two owners with what the other one knows', () => {
    const cluster = clusterOf(3)
    cluster.partition([ada], [ben, cyd])
    cluster.run(20_000)
    cluster.put(ada, 'k', 'one', { quorum: 1 })
    cluster.put(ben, 'k', 'other', { quorum: 2 })
    for (const peer of cluster.peers)
      for (const { key } of cluster.peer(peer).storage.rows(Uint8Array.of('h'.charCodeAt(0)))) {
        cluster.stop(peer)
        cluster.peer(peer).storage.tamper({ type: 'delete', key })
        cluster.start(peer)
      }
    cluster.heal()
    cluster.settle()
    expect(cluster.get(cyd, 'k', { quorum: 3 }).values).toEqual(['one', 'other'])
    cluster.run(200)
    for (const peer of cluster.peers) expect(cluster.copyValues(peer, 'k')).toEqual(['one', 'other'])
  })

  test('of owners that agree repairs nobody', () => {
    const cluster = clusterOf(3)
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    const targets = repairedBy(cluster)
    for (let read = 0; read < 10; read++) cluster.get(ben, 'k', { quorum: 1 + (read % 3) })
    cluster.get(ben, 'nothing', { quorum: 3 })
    cluster.run(1000)
    expect(targets).toEqual([])
  })

  test('repairs by replies that come after its answer, too', () => {
    const cluster = clusterOf(3)
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    const old = cluster.peer(cyd).storage.snapshot()
    cluster.put(ada, 'k', 'newer', { context: cluster.get(ada, 'k').context, quorum: 3 })
    putBack(cluster, cyd, old)
    cluster.peer(cyd).storage.slowness = 300
    const targets = repairedBy(cluster)
    expect(cluster.get(ada, 'k', { quorum: 1 }).replied).not.toContain(cyd)
    cluster.run(1000)
    expect(targets).toEqual([cyd])
  })

  test('does not repair one that answered as an owner and leaves before the last answer', () => {
    const cluster = clusterOf(4)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    cluster.put(ada, key, 'v', { quorum: 3 })
    const old = cluster.peer(cyd).storage.snapshot()
    cluster.put(ada, key, 'newer', { context: cluster.get(ada, key).context, quorum: 3 })
    // What a peer has read or written since it started costs no time.
    cluster.restart(ben)
    putBack(cluster, cyd, old)
    cluster.peer(ben).storage.slowness = 300
    const targets = repairedBy(cluster)
    expect(cluster.get(ada, key, { quorum: 2 }).replied).toEqual([ada, cyd])
    cluster.peer(cyd).leave()
    cluster.runUntil(() => !cluster.owners(key, ada).includes(cyd))
    expect(targets).toEqual([])
    cluster.run(1000)
    expect(targets).not.toContain(cyd)
  })
})

describe('a repair', () => {
  test('is not taken by a peer that does not own the key', () => {
    const cluster = clusterOf(5)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    cluster.put(ada, key, 'v', { quorum: 3 })
    const record = cluster.copy(ada, key)
    if (record === undefined) throw new Error('ada owns the key')
    cluster.peer(dee).frame(ada, bytesOf({ type: 'repair', key: encodeUtf8(key), record }))
    cluster.run(1000)
    expect(cluster.copy(dee, key)).toBeUndefined()
  })

  test('is not sent to a stand-in, though it holds an older copy for an owner: its hint goes home all the same', () => {
    const cluster = clusterOf(4)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    cluster.crash(cyd)
    cluster.run(20_000)
    const { context } = cluster.put(ada, key, 'old', { quorum: 3 })
    expect(cluster.hintCount(dee)).toBe(1)
    cluster.network.block(ada, dee)
    cluster.network.block(ben, dee)
    expect(cluster.put(ada, key, 'new', { context, quorum: 2 }).status).toBe('ok')
    cluster.heal()
    const targets = repairedBy(cluster)
    expect(cluster.get(ben, key, { quorum: 3 }).values).toEqual(['new'])
    cluster.run(1000)
    expect(targets).toEqual([])
    cluster.start(cyd)
    cluster.settle()
    cluster.run(1000)
    expect(cluster.copyValues(cyd, key)).toEqual(['new'])
    expect(divergences(cluster, [key])).toEqual([])
  })
})
