/** Peers that come back after more than the grace: deletes may have been forgotten without them. */
import { describe, expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import { contactKey } from '../../src/protocol/absence/contact-note.ts'
import { discardKey } from '../../src/protocol/absence/discard.ts'
import type { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { valuesOf } from '../../src/simulation/run/client-call.ts'
import { divergences } from '../../src/simulation/checks/convergence.ts'
import { ada, ben, clusterOf, cyd, dee, eve, fay, hintsLeft, holders } from './cast.ts'

const graceMs = 120_000
/** Time after which a tab that vanished is out of the ring, and the ring is worked through. */
const evictedWithinMs = 80_000

/** Four peers, of which cyd is a tab: it is taken out of the ring when it stays away. */
function withTab(): Cluster {
  return clusterOf(4, { tombstoneGraceMs: graceMs, evictAfterMs: 20_000, profile: index => ({ durable: index !== 2 }) })
}

/** A key of which cyd is an owner, written and settled everywhere. */
function ownedByTab(cluster: Cluster, name = 'k'): string {
  for (let number = 0; ; number++) {
    const key = `${name}${number}`
    if (!cluster.owners(key).includes(cyd)) continue
    expect(cluster.put(ada, key, 'old', { quorum: 3 }).status).toBe('ok')
    return key
  }
}

/** Deletes a key while cyd is away, and lets all others forget it. */
function deleteAndForget(cluster: Cluster, key: string): void {
  cluster.run(evictedWithinMs)
  expect(cluster.owners(key)).not.toContain(cyd)
  expect(cluster.delete(ada, key, cluster.get(ada, key).context, { quorum: 3 }).status).toBe('ok')
  cluster.run(graceMs * 1.5)
  expect(holders(cluster, key)).toEqual([cyd])
}

function countReports(cluster: Cluster): Map<string, number> {
  const counts = new Map<string, number>()
  cluster.observer = {
    reported: (_peer, event) => {
      const name = event.type === 'counted' ? event.name : event.type
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
  }
  return counts
}

/** Values that a peer tells others of. */
function toldBy(cluster: Cluster, peer: PeerId): Set<string> {
  const told = new Set<string>()
  cluster.observer = {
    sent: (from, to, message) => {
      if (from !== peer || to === peer) return
      const records = message.type === 'handoff' ? message.entries.map(({ record }) => record) : 'record' in message ? [message.record] : []
      for (const record of records) if (record !== undefined) for (const value of valuesOf(record)) told.add(value)
    }
  }
  return told
}

describe('a peer that comes back from longer than the grace', () => {
  test('resurrects nothing, and tells nobody of its old copies', () => {
    const cluster = withTab()
    const key = ownedByTab(cluster)
    cluster.run(20_000)
    cluster.crash(cyd)
    deleteAndForget(cluster, key)
    const told = toldBy(cluster, cyd)
    cluster.start(cyd)
    expect(cluster.settle()).toBe(true)
    cluster.run(30_000)
    expect([...told]).toEqual([])
    expect(cluster.get(ben, key, { quorum: 3 }).values).toEqual([])
    expect(holders(cluster, key)).toEqual([])
    expect(divergences(cluster, [key])).toEqual([])
  })

  test.each(['leaves', 'stays'])('and whose operator took all others for gone before it met them, %s with all that it took alone', what => {
    const cluster = withTab()
    const key = ownedByTab(cluster)
    cluster.run(20_000)
    cluster.partition([cyd], [ada, ben, dee])
    cluster.run(graceMs * 2)
    cluster.put(cyd, 'away', 'with hints', { quorum: 1 })
    cluster.restart(cyd)
    cluster.run(1000)
    if (what === 'leaves') cluster.peer(cyd).leave()
    for (const other of [ada, ben, dee]) cluster.peer(cyd).evict(other)
    cluster.run(1000)
    cluster.put(cyd, 'alone', 'without hints', { quorum: 1 })
    cluster.run(20_000)
    cluster.heal()
    if (what === 'leaves') expect(cluster.runUntil(() => cluster.departed.has(cyd))).toBe(true)
    expect(cluster.settle()).toBe(true)
    cluster.run(30_000)
    expect(cluster.get(ben, 'away', { quorum: 3 }).values).toEqual(['with hints'])
    expect(cluster.get(ben, 'alone', { quorum: 3 }).values).toEqual(['without hints'])
    expect(divergences(cluster, [key, 'away', 'alone'])).toEqual([])
  })

  test('is joining until the others have given it what it owns, and has it then', () => {
    const cluster = withTab()
    const keys = Array.from({ length: 40 }, (_, index) => ownedByTab(cluster, `many ${index} `))
    cluster.run(20_000)
    cluster.crash(cyd)
    cluster.run(graceMs * 2)
    const before = cluster.peer(cyd).storage.snapshot()
    const counts = countReports(cluster)
    cluster.start(cyd)
    expect(cluster.runUntil(() => cluster.peer(cyd).ringPeer?.status === 'joining')).toBe(true)
    expect(cluster.runUntil(() => cluster.peer(cyd).ringPeer?.status === 'up')).toBe(true)
    expect(counts.get('key-discarded')).toBe(40)
    expect(before.size).toBeGreaterThan(40)
    for (const key of keys) if (cluster.owners(key).includes(cyd)) expect(cluster.copyValues(cyd, key)).toEqual(['old'])
    cluster.settle()
    cluster.run(100)
    expect(cluster.peer(cyd).storage.get(discardKey)).toBeUndefined()
    expect(divergences(cluster, keys)).toEqual([])
  })

  test('that was not running but frozen resurrects nothing either', () => {
    const cluster = withTab()
    const key = ownedByTab(cluster)
    cluster.run(20_000)
    cluster.partition([cyd], [ada, ben, dee])
    cluster.peer(cyd).pause(evictedWithinMs + graceMs * 2)
    deleteAndForget(cluster, key)
    cluster.heal()
    cluster.run(graceMs)
    expect(cluster.settle()).toBe(true)
    cluster.run(30_000)
    expect(holders(cluster, key)).toEqual([])
  })

  test('keeps what it wrote alone, by its hints, and gives it to the owners', () => {
    const cluster = withTab()
    const key = ownedByTab(cluster)
    cluster.run(20_000)
    cluster.partition([cyd], [ada, ben, dee])
    cluster.run(20_000)
    const offline = Array.from({ length: 12 }, (_, index) => `offline ${index}`)
    for (const name of offline) expect(cluster.put(cyd, name, name, { quorum: 1 }).acknowledged).toEqual([cyd])
    deleteAndForget(cluster, key)
    cluster.heal()
    expect(cluster.settle()).toBe(true)
    cluster.run(30_000)
    for (const name of offline) expect(cluster.get(ada, name, { quorum: 3 }).values).toEqual([name])
    expect(holders(cluster, key)).toEqual([])
    expect(hintsLeft(cluster)).toBe(0)
    expect(divergences(cluster, [key, ...offline])).toEqual([])
  })

  test.each([0, 1, 3])('keeps a write that it acknowledged alone just before its end, without a hint, over %i further starts', starts => {
    const cluster = withTab()
    const key = ownedByTab(cluster)
    cluster.run(20_000)
    const { quality } = cluster.network
    cluster.network.quality = { ...quality, lossPerMille: 1000 }
    expect(cluster.put(cyd, key, 'last words', { quorum: 1 }).acknowledged).toEqual([cyd])
    expect(hintsLeft(cluster)).toBe(0)
    cluster.crash(cyd, 'kept')
    cluster.partition([cyd], [ada, ben, dee])
    for (let start = 0; start < starts; start++) {
      cluster.start(cyd)
      cluster.run(15_000)
      cluster.crash(cyd)
    }
    cluster.heal()
    cluster.network.quality = quality
    cluster.run(evictedWithinMs + graceMs * 2)
    expect(cluster.get(ada, key).values).toEqual(['old'])
    cluster.start(cyd)
    expect(cluster.settle()).toBe(true)
    cluster.run(30_000)
    expect(cluster.get(ada, key, { quorum: 3 }).values).toEqual(['last words', 'old'])
    expect(divergences(cluster, [key])).toEqual([])
  })

  test('takes writes of its own callers at every moment of its return, and loses none', () => {
    for (let afterMs = 0; afterMs < 3000; afterMs += 150) {
      const cluster = withTab()
      const key = ownedByTab(cluster)
      cluster.run(20_000)
      cluster.crash(cyd)
      deleteAndForget(cluster, key)
      cluster.start(cyd)
      cluster.run(afterMs)
      expect(cluster.put(cyd, key, 'new', { quorum: 1 }).status).toBe('ok')
      cluster.settle()
      cluster.run(30_000)
      expect(cluster.get(ada, key, { quorum: 3 }).values).toContain('new')
      expect(divergences(cluster, [key])).toEqual([])
    }
  })

  test('reads what it has while it meets nobody', () => {
    const cluster = withTab()
    const key = ownedByTab(cluster)
    cluster.run(20_000)
    cluster.partition([cyd], [ada, ben, dee])
    cluster.restart(cyd)
    cluster.run(graceMs * 2)
    expect(cluster.get(cyd, key, { quorum: 1 })).toMatchObject({ status: 'ok', values: ['old'] })
  })

  test('that crashes at any effect of its return resurrects nothing', () => {
    for (let effect = 0; effect < 60; effect++) {
      const cluster = withTab()
      const key = ownedByTab(cluster)
      cluster.run(20_000)
      cluster.crash(cyd)
      deleteAndForget(cluster, key)
      cluster.start(cyd)
      cluster.peer(cyd).crashBeforeEffect(effect, () => cluster.time.after(3000, () => cluster.start(cyd)))
      cluster.run(5000)
      expect(cluster.settle()).toBe(true)
      cluster.run(30_000)
      expect(holders(cluster, key)).toEqual([])
    }
  })
})

describe('nothing is discarded', () => {
  test('by a peer that was away for less than the grace', () => {
    const cluster = withTab()
    const key = ownedByTab(cluster)
    cluster.run(20_000)
    cluster.crash(cyd)
    cluster.run(graceMs / 2)
    const counts = countReports(cluster)
    cluster.start(cyd)
    cluster.settle()
    expect(counts.get('absence.doubted')).toBeUndefined()
    expect(cluster.get(ada, key, { quorum: 3 }).values).toEqual(['old'])
  })

  test.each([0, 1000, 20_000])('after the whole cluster was switched off, whose peers come back %i ms apart', apartMs => {
    const cluster = clusterOf(5, { tombstoneGraceMs: graceMs })
    const keys = Array.from({ length: 20 }, (_, index) => `key ${index}`)
    for (const key of keys) cluster.put(ada, key, key, { quorum: 3 })
    cluster.run(20_000)
    for (const peer of cluster.peers) cluster.stop(peer)
    cluster.run(graceMs * 10)
    const counts = countReports(cluster)
    for (const peer of cluster.peers) {
      cluster.start(peer)
      cluster.run(apartMs)
    }
    expect(cluster.settle()).toBe(true)
    expect(counts.get('absence.doubted')).toBe(5)
    expect(counts.get('absence.kept')).toBe(5)
    expect(counts.get('key-discarded')).toBeUndefined()
    for (const key of keys) expect(cluster.get(ben, key, { quorum: 3 }).values).toEqual([key])
    expect(divergences(cluster, keys)).toEqual([])
  })

  test('of what only peers hold that were all away while others lived on', () => {
    const cluster = clusterOf(6, { tombstoneGraceMs: graceMs })
    const away = [dee, eve, fay]
    const key = cluster.keyWhere(owners => owners.every(owner => away.includes(owner)))
    const shared = cluster.keyWhere(owners => owners.includes(ada) && owners.includes(fay))
    for (const name of [key, shared]) expect(cluster.put(ada, name, name, { quorum: 3 }).status).toBe('ok')
    cluster.run(20_000)
    for (const peer of away) cluster.stop(peer)
    cluster.run(graceMs * 3)
    const counts = countReports(cluster)
    for (const peer of away) {
      cluster.start(peer)
      cluster.run(5000)
    }
    expect(cluster.settle()).toBe(true)
    expect(counts.get('absence.discarded')).toBe(3)
    cluster.run(30_000)
    for (const name of [key, shared]) expect(cluster.get(ben, name, { quorum: 3 }).values).toEqual([name])
    expect(divergences(cluster, [key, shared])).toEqual([])
  })

  test('by a peer that is the whole cluster, however long it was off', () => {
    const cluster = clusterOf(1, { tombstoneGraceMs: graceMs })
    cluster.put(ada, 'k', 'v')
    cluster.stop(ada)
    cluster.run(graceMs * 3)
    cluster.start(ada)
    cluster.run(10_000)
    expect(cluster.get(ada, 'k').values).toEqual(['v'])
  })
})

describe('the note of contacts', () => {
  test('is written at a bounded rate, and says more after every contact that lasted', () => {
    const cluster = clusterOf(3, { tombstoneGraceMs: graceMs })
    cluster.run(10_000)
    const before = cluster.peer(ada).storage.get(contactKey)
    let notes = 0
    cluster.observer = {
      becameDurable: (peer, batch) => {
        if (peer === ada) notes += batch.filter(({ key }) => key.join() === contactKey.join()).length
      }
    }
    cluster.run(graceMs)
    expect(notes).toBeGreaterThan(5)
    expect(notes).toBeLessThan(26)
    expect(cluster.peer(ada).storage.get(contactKey)).not.toEqual(before)
  })

  test('after a long absence keeps a peer from reaping for a whole grace', () => {
    const cluster = clusterOf(3, { tombstoneGraceMs: graceMs })
    cluster.put(ada, 'k', 'v', { quorum: 3 })
    cluster.delete(ada, 'k', cluster.get(ada, 'k').context, { quorum: 3 })
    cluster.run(20_000)
    for (const peer of cluster.peers) cluster.stop(peer)
    cluster.run(graceMs * 3)
    for (const peer of cluster.peers) cluster.start(peer)
    cluster.settle()
    cluster.run(graceMs - 10_000)
    expect(holders(cluster, 'k')).toEqual([ada, ben, cyd])
    cluster.run(30_000)
    expect(holders(cluster, 'k')).toEqual([])
  })
})
