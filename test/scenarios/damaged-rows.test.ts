/** Rows that rot on the disk: noticed by whoever touches them, and by the scrub; mended from memory or from the other owners. */
import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../../src/core/codec.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { contactKey } from '../../src/protocol/absence/contact-note.ts'
import { indexedKey, indexOperation } from '../../src/protocol/key-index/key-index.ts'
import { replicaIdKey } from '../../src/protocol/membership/membership.ts'
import { epochLeaseKey, hintKey, memberKey, prefixes, rowKey } from '../../src/protocol/storage-layout.ts'
import { settledRingKey } from '../../src/protocol/moving/transfer.ts'
import type { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { divergences } from '../../src/simulation/checks/convergence.ts'
import { ada, ben, clusterOf, cyd, dee, hintsLeft, holders } from './cast.ts'

const EVERYTHING = new Uint8Array()
/** Longest that the scrub takes for the few rows of these clusters, and an exchange for what it found. */
const aWhileMs = 120_000

/** Counts the damaged rows that peers tell of. */
function watch(cluster: Cluster): { readonly told: Map<PeerId, number> } {
  const told = new Map<PeerId, number>()
  cluster.observer = {
    reported: (peer, event) => {
      if (event.type === 'storage-failed' && event.code === 'ERR_RECORD_CORRUPT') told.set(peer, (told.get(peer) ?? 0) + 1)
    }
  }
  return { told }
}

function flip(cluster: Cluster, peer: PeerId, storageKey: Uint8Array): void {
  expect(cluster.peer(peer).storage.flip(storageKey)).toBe(true)
}

/** Stops a peer, damages the row, starts the peer: nothing of the row is left in memory. */
function flipUnseen(cluster: Cluster, peer: PeerId, ...storageKeys: readonly Uint8Array[]): void {
  cluster.stop(peer)
  for (const storageKey of storageKeys) flip(cluster, peer, storageKey)
  cluster.start(peer)
}

function damagedAt(cluster: Cluster, peer: PeerId): number {
  return cluster.peer(peer).storage.damagedKeys(EVERYTHING).length
}

function indexKey(key: string): Uint8Array {
  return indexOperation(encodeUtf8(key), undefined).key
}

const copy = rowKey(encodeUtf8('k'))

function replicaId(cluster: Cluster, peer: PeerId): string | undefined {
  return cluster.peer(peer).ringPeer?.member?.replica
}

describe('a damaged copy', () => {
  test('that nobody reads is found by the scrub, told, and refilled from the other owners', () => {
    const cluster = clusterOf(3)
    const { told } = watch(cluster)
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    flipUnseen(cluster, ben, copy)
    expect(cluster.copyValues(ben, 'k')).toEqual([])
    expect(cluster.runUntil(() => divergences(cluster, ['k']).length === 0, aWhileMs)).toBe(true)
    expect(cluster.copyValues(ben, 'k')).toEqual(['v'])
    expect(told).toEqual(new Map([[ben, 1]]))
    expect(damagedAt(cluster, ben)).toBe(0)
  })

  test('that is read counts as absent: the caller gets the value of the others, and the copy is refilled', () => {
    const cluster = clusterOf(3)
    const { told } = watch(cluster)
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    flipUnseen(cluster, ben, copy)
    cluster.settle()
    expect(cluster.get(ben, 'k', { quorum: 2 }).values).toEqual(['v'])
    cluster.run(1000)
    expect(cluster.copyValues(ben, 'k')).toEqual(['v'])
    expect(told).toEqual(new Map([[ben, 1]]))
  })

  test('is born again under a new epoch: its old dots are never minted twice, and writes through it lose nothing', () => {
    const cluster = clusterOf(3)
    const before = cluster.put(ben, 'k', 'v1', { quorum: 3 }).dot
    flipUnseen(cluster, ben, copy)
    cluster.settle()
    const after = cluster.put(ben, 'k', 'v2', { quorum: 1 })
    expect(after.coordinator).toBe(ben)
    expect(after.dot?.actor).not.toBe(before?.actor)
    expect(cluster.get(ada, 'k', { quorum: 3 }).values).toEqual(['v1', 'v2'])
  })

  test('that is still known in memory is written again as it was', () => {
    const cluster = clusterOf(1)
    const before = cluster.put(ada, 'k', 'v1').dot
    flip(cluster, ada, copy)
    expect(cluster.runUntil(() => damagedAt(cluster, ada) === 0, aWhileMs)).toBe(true)
    expect(cluster.copyValues(ada, 'k')).toEqual(['v1'])
    cluster.restart(ada)
    expect(cluster.put(ada, 'k', 'v2').dot).toEqual({ actor: before?.actor, counter: 2 })
  })

  test('of which there is no other is gone, durably, and the key takes writes as a new one', () => {
    const cluster = clusterOf(1)
    const before = cluster.put(ada, 'k', 'v1').dot
    flipUnseen(cluster, ada, copy)
    expect(cluster.get(ada, 'k').values).toEqual([])
    cluster.run(1000)
    expect(damagedAt(cluster, ada)).toBe(0)
    expect(cluster.peer(ada).storage.rows(prefixes.index)).toEqual([])
    expect(cluster.put(ada, 'k', 'v2').dot?.actor).not.toBe(before?.actor)
  })

  test('does not keep the others from moving when a peer joins, and reaches the new owner from an intact one', () => {
    const cluster = clusterOf(3)
    const keys = Array.from({ length: 12 }, (_, index) => `key-${index}`)
    for (const key of keys) cluster.put(ada, key, key, { quorum: 3 })
    for (const key of keys.slice(0, 6)) flip(cluster, ada, rowKey(encodeUtf8(key)))
    flipUnseen(cluster, ben, rowKey(encodeUtf8('key-7')))
    cluster.add()
    cluster.settle()
    expect(cluster.runUntil(() => divergences(cluster, keys).length === 0, aWhileMs)).toBe(true)
    for (const key of keys) expect(cluster.get(dee, key, { quorum: 3 }).values).toEqual([key])
  })
})

describe('a damaged index row', () => {
  test('is made again from its copy at the next start', () => {
    const cluster = clusterOf(3)
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    flipUnseen(cluster, ben, indexKey('k'))
    cluster.run(1000)
    expect(damagedAt(cluster, ben)).toBe(0)
    expect(cluster.peer(ben).storage.rows(prefixes.index)).toHaveLength(1)
    expect(cluster.peer(ben).ringPeer?.keys).toBe(1)
  })

  test('and a damaged copy of the same key count as absent together, and are refilled', () => {
    const cluster = clusterOf(3)
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    flipUnseen(cluster, ben, indexKey('k'), copy)
    expect(cluster.runUntil(() => divergences(cluster, ['k']).length === 0, aWhileMs)).toBe(true)
    expect(cluster.peer(ben).storage.rows(prefixes.index)).toHaveLength(1)
  })
})

test('a damaged tombstone row is made again from the copy: the delete is still forgotten in its time', () => {
  const cluster = clusterOf(3, { tombstoneGraceMs: 600_000 })
  const written = cluster.put(ada, 'k', 'v', { quorum: 3 })
  cluster.delete(ada, 'k', written.context, { quorum: 3 })
  const first = cluster.owners('k')[0] ?? ada
  flipUnseen(
    cluster,
    first,
    ...cluster
      .peer(first)
      .storage.rows(prefixes.tombstone)
      .map(row => row.key)
  )
  expect(cluster.runUntil(() => damagedAt(cluster, first) === 0, aWhileMs)).toBe(true)
  expect(cluster.peer(first).storage.rows(prefixes.tombstone)).toHaveLength(1)
  expect(cluster.runUntil(() => holders(cluster, 'k').length === 0, 1_200_000)).toBe(true)
})

describe('a damaged hint', () => {
  /** A write that dee holds for ben, who is away; dee is no owner. */
  function hinted(): { readonly cluster: Cluster; readonly key: string } {
    const cluster = clusterOf(4)
    const key = cluster.keyWhere(owners => !owners.includes(dee) && owners.includes(ben))
    cluster.stop(ben)
    cluster.run(20_000)
    cluster.put(ada, key, 'v', { quorum: 3 })
    cluster.run(1000)
    expect(cluster.copyValues(dee, key)).toEqual(['v'])
    return { cluster, key }
  }

  function expectHome(cluster: Cluster, key: string): void {
    cluster.start(ben)
    expect(cluster.runUntil(() => divergences(cluster, [key]).length === 0, aWhileMs)).toBe(true)
    expect(holders(cluster, key)).toEqual(cluster.peers.filter(peer => cluster.owners(key).includes(peer)))
    expect(hintsLeft(cluster)).toBe(0)
  }

  test('is written again while its peer runs', () => {
    const { cluster, key } = hinted()
    flip(cluster, dee, hintKey(ben, encodeUtf8(key)))
    expect(cluster.runUntil(() => damagedAt(cluster, dee) === 0, aWhileMs)).toBe(true)
    expect(cluster.hintCount(dee)).toBe(1)
    cluster.restart(dee)
    expectHome(cluster, key)
  })

  test('that is found at a start becomes one for each of the owners: the copy is not left behind', () => {
    const { cluster, key } = hinted()
    flipUnseen(cluster, dee, hintKey(ben, encodeUtf8(key)))
    expectHome(cluster, key)
  })

  test('whose copy is damaged, too, is forgotten, and the owner gets the write from another one', () => {
    const { cluster, key } = hinted()
    flipUnseen(cluster, dee, hintKey(ben, encodeUtf8(key)), rowKey(encodeUtf8(key)))
    expectHome(cluster, key)
  })

  test('whose own key is what rotted leaves no copy behind either', () => {
    const { cluster, key } = hinted()
    cluster.stop(dee)
    const { storage } = cluster.peer(dee)
    storage.tamper({ type: 'delete', key: hintKey(ben, encodeUtf8(key)) })
    storage.tamper({ type: 'put', key: hintKey(ben, encodeUtf8('rotten')), value: Uint8Array.of(1) })
    flip(cluster, dee, hintKey(ben, encodeUtf8('rotten')))
    cluster.start(dee)
    expectHome(cluster, key)
  })

  test('of a write that only its holder has survives the restart', () => {
    const cluster = clusterOf(4)
    const key = cluster.keyWhere(owners => !owners.includes(dee))
    cluster.partition([dee], [ada, ben, cyd])
    cluster.run(20_000)
    expect(cluster.put(dee, key, 'alone', { quorum: 1 }).status).toBe('ok')
    const { storage } = cluster.peer(dee)
    flipUnseen(cluster, dee, ...storage.rows(prefixes.hint).map(row => row.key))
    cluster.heal()
    expect(cluster.runUntil(() => divergences(cluster, [key]).length === 0, aWhileMs)).toBe(true)
    expect(cluster.get(ada, key).values).toEqual(['alone'])
  })
})

describe("a damaged row of the peer's own memory", () => {
  test('the epoch lease: a copy that was born before is never born again under the same epoch', () => {
    const cluster = clusterOf(3)
    for (const key of ['a', 'b', 'c']) cluster.put(ben, key, 'before', { quorum: 3 })
    flipUnseen(cluster, ben, epochLeaseKey)
    cluster.settle()
    const old = ['a', 'b', 'c'].map(key => cluster.put(ben, key, 'after', { quorum: 3 }).dot?.actor)
    const born = ['d', 'e', 'f'].map(key => cluster.put(ben, key, 'new', { quorum: 3 }).dot?.actor)
    expect(new Set([...old, ...born]).size).toBe(6)
  })

  test.each([
    ['the replica id', replicaIdKey],
    ['the epoch lease', epochLeaseKey],
    ['the settled ring', settledRingKey]
  ])('%s: the peer goes on under a new replica id, and loses nothing', (_what, storageKey) => {
    const cluster = clusterOf(3)
    const before = cluster.put(ben, 'k', 'v1', { quorum: 3 })
    const replica = replicaId(cluster, ben)
    flipUnseen(cluster, ben, storageKey)
    expect(replicaId(cluster, ben)).not.toBe(replica)
    cluster.settle()
    const after = cluster.put(ben, 'k', 'v2', { quorum: 3, context: before.context })
    expect(after.dot?.actor).not.toBe(before.dot?.actor)
    expect(cluster.get(ada, 'k', { quorum: 3 }).values).toEqual(['v2'])
    expect(damagedAt(cluster, ben)).toBe(0)
  })

  test.each([
    ['the replica id', replicaIdKey],
    ['the epoch lease', epochLeaseKey],
    ['the settled ring', settledRingKey],
    ['the mark of a complete index', indexedKey],
    ['the note of contacts', contactKey],
    ['its own member record', memberKey(ben)],
    ["another's member record", memberKey(ada)]
  ])('%s is written again while the peer runs, which keeps its replica id', (_what, storageKey) => {
    const cluster = clusterOf(3)
    cluster.put(ben, 'k', 'v', { quorum: 3 })
    const replica = replicaId(cluster, ben)
    flip(cluster, ben, storageKey)
    expect(cluster.runUntil(() => damagedAt(cluster, ben) === 0, aWhileMs)).toBe(true)
    cluster.restart(ben)
    expect(replicaId(cluster, ben)).toBe(replica)
    expect(cluster.settle()).toBe(true)
  })

  test('its own member record and all others: it joins again and has its place back', () => {
    const cluster = clusterOf(3)
    cluster.put(ben, 'k', 'v', { quorum: 3 })
    const ring = cluster.peer(ben).ringPeer?.ring().digest
    flipUnseen(cluster, ben, ...cluster.peers.map(memberKey))
    expect(cluster.settle()).toBe(true)
    expect(cluster.peer(ben).ringPeer?.ring().digest).toBe(ring)
    expect(cluster.peer(ben).ringPeer?.view.all()).toHaveLength(3)
    expect(damagedAt(cluster, ben)).toBe(0)
  })

  test('the mark of a complete index: the index is made again from the copies', () => {
    const cluster = clusterOf(3)
    cluster.put(ben, 'k', 'v', { quorum: 3 })
    flipUnseen(cluster, ben, indexedKey, indexKey('k'))
    cluster.run(1000)
    expect(cluster.peer(ben).storage.rows(prefixes.index)).toHaveLength(1)
    expect(damagedAt(cluster, ben)).toBe(0)
  })
})

test('a disk of which half the rows rotted is mended and filled again', () => {
  const cluster = clusterOf(3)
  const keys = Array.from({ length: 100 }, (_, index) => `key-${index}`)
  for (const key of keys) cluster.put(ada, key, key, { quorum: 3 })
  cluster.stop(ben)
  const { storage } = cluster.peer(ben)
  for (const [index, { key }] of storage.rows(EVERYTHING).entries()) if (index % 2 === 0) storage.flip(key)
  cluster.start(ben)
  for (let look = 0; look < 200 && damagedAt(cluster, ben) + divergences(cluster, keys).length > 0; look++) cluster.run(1000)
  expect([damagedAt(cluster, ben), divergences(cluster, keys)]).toEqual([0, []])
  expect(storage.rows(prefixes.index)).toHaveLength(keys.length)
})
