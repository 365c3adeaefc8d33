/** Counts what a change of the ring moves: the records that peers send each other for it, beside those that had to move. */
import { decodeUtf8 } from '../../src/core/codec.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { recordHash } from '../../src/core/versions/record.ts'
import { expect } from 'vitest'
import type { Cluster, ClusterOptions } from '../../src/simulation/cluster/cluster.ts'
import { divergences } from '../../src/simulation/checks/convergence.ts'
import { ada, clusterOf } from './cast.ts'

export interface Movement {
  /** Records sent, by the peer that sent them. */
  readonly sent: ReadonlyMap<PeerId, number>
  /** All of them, repairs included. */
  total(): number
  /** Copies that owners have now, and had not, or had otherwise, when the watch began: no fewer records can do. */
  least(): number
  /** Records sent for each that had to move. */
  ratio(): number
}

/** Watches from now on what becomes of these keys. */
export function watchMovement(cluster: Cluster, keys: readonly string[]): Movement {
  const before = copies(cluster, keys)
  const watched = new Set(keys)
  const sent = new Map<PeerId, number>()
  const { observer } = cluster
  cluster.observer = {
    ...observer,
    sent: (from, to, message, lane) => {
      const entries = message.type === 'handoff' ? message.entries : message.type === 'repair' ? [message] : []
      const records = entries.filter(({ key }) => watched.has(decodeUtf8(key) ?? '')).length
      if (records > 0) sent.set(from, (sent.get(from) ?? 0) + records)
      observer.sent?.(from, to, message, lane)
    }
  }
  const total = (): number => [...sent.values()].reduce((sum, records) => sum + records, 0)
  const least = (): number => {
    const now = copies(cluster, keys)
    return keys.reduce((sum, key) => {
      const moved = cluster.owners(key).filter(owner => now.get(`${owner} ${key}`) !== before.get(`${owner} ${key}`))
      return sum + moved.length
    }, 0)
  }
  return { sent, total, least, ratio: () => total() / Math.max(least(), 1) }
}

function copies(cluster: Cluster, keys: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const peer of cluster.peers)
    for (const key of keys) {
      const copy = cluster.copy(peer, key)
      if (copy !== undefined) found.set(`${peer} ${key}`, recordHash(copy))
    }
  return found
}

/** A settled cluster in which each key has a value of its own. */
export function filledCluster(peers: number, keys: readonly string[], options: Omit<ClusterOptions, 'peers'> = {}): Cluster {
  const cluster = clusterOf(peers, { trace: false, ...options })
  fill(cluster, ada, keys)
  cluster.run(20_000)
  return cluster
}

/** Waits until all is where it belongs. */
export function expectRest(cluster: Cluster, keys: readonly string[]): void {
  expect(cluster.settle(600_000)).toBe(true)
  cluster.run(20_000)
  expect(divergences(cluster, keys)).toEqual([])
}

/** Puts a value of its own under each key, many at a time. */
export function fill(cluster: Cluster, writer: PeerId, keys: readonly string[], quorum = 3): void {
  let open = 0
  for (const key of keys) {
    open += 1
    cluster.startPut(writer, key, `value of ${key}`, { quorum }, ({ status }) => {
      if (status === 'ok') open -= 1
    })
    if (open >= 100) cluster.runUntil(() => open < 50)
  }
  if (!cluster.runUntil(() => open === 0)) throw new Error(`${open} puts did not succeed`)
}
