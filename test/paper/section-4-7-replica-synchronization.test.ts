/** Dynamo (SOSP 2007), section 4.7 Handling permanent failures: Replica synchronization: one test per claim. */
import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../../src/core/codec.ts'
import { sha256 } from '../../src/core/hash.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { MerkleTrie } from '../../src/core/merkle/merkle-trie.ts'
import { position } from '../../src/core/ring/position.ts'
import type { Message } from '../../src/protocol/wire/message.ts'
import { partitionOfKey } from '../../src/protocol/requests/routing.ts'
import type { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { divergences } from '../../src/simulation/checks/convergence.ts'
import { bytesOf } from '../protocol/message-arbitraries.ts'
import { ada, ben, clusterOf, cyd, dee, keyOwnedBy } from '../scenarios/cast.ts'

function keysOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `key${index}`)
}

/** A cluster whose owners hold all `keys`, and have found that nothing differs. */
function equalCluster(peers: number, keys: readonly string[]): Cluster {
  const cluster = clusterOf(peers)
  for (const key of keys) cluster.put(ada, key, `value of ${key}`, { quorum: 3 })
  cluster.run(60_000)
  expect(divergences(cluster, keys)).toEqual([])
  return cluster
}

/** Messages of anti-entropy from now on, and whom they go to. */
function exchanged(cluster: Cluster): { readonly from: PeerId; readonly to: PeerId; readonly message: Message }[] {
  const found: { from: PeerId; to: PeerId; message: Message }[] = []
  cluster.observer = {
    sent: (from, to, message) => {
      if (message.type.startsWith('exchange') || message.type === 'repair') found.push({ from, to, message })
    }
  }
  return found
}

/** A node misses one write for good: the stand-in that held it for the node loses its disk. */
function loseHintedWrite(cluster: Cluster, key: string): void {
  cluster.crash(cyd)
  cluster.run(10_000)
  expect(cluster.put(ada, key, 'new', { quorum: 3, context: cluster.get(ada, key).context }).hinted).toEqual([dee])
  cluster.crash(dee)
  cluster.peer(dee).storage.wipe()
  for (const peer of [cyd, dee]) cluster.start(peer)
  cluster.settle()
}

function trieOf(keys: readonly string[], hashOf: (key: string) => Uint8Array = key => sha256(encodeUtf8(key))): MerkleTrie {
  const trie = new MerkleTrie(16)
  for (const key of keys) trie.set(position(encodeUtf8(key)), hashOf(key))
  return trie
}

describe('4.7 Handling permanent failures: Replica synchronization', () => {
  test('a hinted replica that becomes unavailable before it was returned costs nothing: anti-entropy restores the original replica', () => {
    const cluster = clusterOf(4)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    cluster.put(ada, key, 'old', { quorum: 3 })
    loseHintedWrite(cluster, key)
    expect(cluster.copyValues(cyd, key)).toEqual(['old'])
    expect(cluster.runUntil(() => cluster.copyValues(cyd, key).join() === 'new')).toBe(true)
  })

  test('a parent stands for its children: where one key differs, so do the nodes above it, and no other branch', () => {
    const keys = keysOf(1000)
    const changed = 'key500'
    const [a, b] = [trieOf(keys), trieOf(keys, key => sha256(encodeUtf8(key === changed ? 'something else' : key)))]
    for (const depth of [4, 8, 12]) {
      const differing = Array.from({ length: 2 ** depth }, (_, prefix) => prefix).filter(
        prefix => a.sum(depth, prefix).high !== b.sum(depth, prefix).high || a.sum(depth, prefix).low !== b.sum(depth, prefix).low
      )
      const [first = 0, second = 0] = position(encodeUtf8(changed))
      expect(differing).toEqual([((first << 8) | second) >>> (16 - depth)])
    }
  })

  test('if the hash values of the roots are equal, so are those of the leaves: the tree depends on the keys and values alone', () => {
    const keys = keysOf(1000)
    const [a, b] = [trieOf(keys), trieOf(keys.toReversed())]
    const roots = (trie: MerkleTrie): string[] =>
      Array.from({ length: 16 }, (_, partition) => trie.sum(4, partition)).map(({ high, low, count }) => `${high} ${low} ${count}`)
    expect(roots(a)).toEqual(roots(b))
    const entries = (trie: MerkleTrie): string[] => {
      const found: string[] = []
      for (let partition = 0; partition < 16; partition++) trie.visit(4, partition, (...entry) => found.push(entry.join()) > 0)
      return found.toSorted()
    }
    expect(entries(a)).toEqual(entries(b))
    expect(entries(a)).toHaveLength(1000)
  })

  test('where the roots are equal the nodes require no synchronization: nothing is sent but the root', () => {
    const cluster = equalCluster(3, keysOf(200))
    const sent = exchanged(cluster)
    cluster.run(120_000)
    expect(sent.length).toBeGreaterThan(10)
    expect(new Set(sent.map(({ message }) => message.type))).toEqual(new Set(['exchange-open']))
    for (const { message } of sent) expect(bytesOf(message).length).toBeLessThan(64)
  })

  test('little is transferred to find a difference: for one key of two thousand a small part of the tree, and one record', () => {
    const keys = keysOf(2000)
    const cluster = equalCluster(4, keys)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    loseHintedWrite(cluster, key)
    // Only what ada and cyd share is looked at here: dee refills its disk at the same time.
    const sent = exchanged(cluster).values()
    cluster.runUntil(() => cluster.copyValues(cyd, key).join() === 'new')
    const messages = [...sent].filter(({ from, to }) => from !== dee && to !== dee).map(({ message }) => message)
    const bytes = messages.reduce((sum, message) => sum + bytesOf(message).length, 0)
    expect(messages.filter(({ type }) => type === 'repair')).toHaveLength(1)
    expect(bytes).toBeLessThan(6000)
  })

  test('few disk reads are needed: none while nothing differs, and then about one for a key that does', () => {
    const keys = keysOf(500)
    const cluster = equalCluster(4, keys)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    const reads = new Map<PeerId, number>()
    for (const peer of cluster.peers) {
      const { storage } = cluster.peer(peer)
      const count = (): void => void reads.set(peer, (reads.get(peer) ?? 0) + 1)
      const [read, scan] = [storage.read.bind(storage), storage.scan.bind(storage)]
      storage.read = (...given) => (count(), read(...given))
      // What walks over all rows in turn does so whether replicas differ or not.
      storage.scan = (prefix, ...given) => (prefix.length > 1 ? count() : undefined, scan(prefix, ...given))
    }
    cluster.run(120_000)
    expect([...reads]).toEqual([])
    loseHintedWrite(cluster, key)
    reads.clear()
    cluster.runUntil(() => cluster.copyValues(cyd, key).join() === 'new')
    expect(reads.get(cyd) ?? 0).toBeLessThan(10)
    expect(reads.get(ada) ?? 0).toBeLessThan(10)
  })

  test('two nodes compare the key ranges that they host in common, and no others', () => {
    const keys = keysOf(400)
    const cluster = equalCluster(5, keys)
    const key = keyOwnedBy(cluster, ada, ben, cyd)
    loseHintedWrite(cluster, key)
    const sent = exchanged(cluster)
    for (let second = 0; second < 300 && divergences(cluster, keys).length > 0; second++) cluster.run(1000)
    const ring = cluster.peer(ada).ringPeer?.ring()
    if (ring === undefined) throw new Error('ada runs')
    const compared = sent.flatMap(({ from, to, message }) =>
      message.type === 'exchange-nodes'
        ? message.nodes.map(({ depth, prefix }) => ({ from, to, partition: Math.floor(prefix / 2 ** (depth - 4)), depth }))
        : []
    )
    const below = compared.filter(({ depth }) => depth >= 4)
    expect(below.length).toBeGreaterThan(2)
    for (const { from, to, partition } of below) {
      expect(ring.isOwner(from, partition)).toBe(true)
      expect(ring.isOwner(to, partition)).toBe(true)
    }
    for (const { from, to, message } of sent) {
      if (message.type !== 'repair') continue
      for (const peer of [from, to]) expect(ring.isOwner(peer, partitionOfKey(ring, message.key))).toBe(true)
    }
  })

  test('each key range has a tree of its own, so that nothing is calculated again when nodes join or leave (with the partitions of section 6.2)', () => {
    const keys = keysOf(200)
    const cluster = equalCluster(3, keys)
    const sent = exchanged(cluster)
    cluster.add()
    cluster.settle()
    cluster.run(120_000)
    expect(divergences(cluster, keys)).toEqual([])
    expect(new Set(sent.map(({ message }) => message.type))).toEqual(new Set(['exchange-open']))
  })
})
