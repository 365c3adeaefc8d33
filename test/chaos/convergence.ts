/**
 * What must follow once everything is healed and nobody writes: all peers see one ring, no hint waits, and of each key all owners hold equal copies
 * and nobody else holds any. It is asked without reading a key, because a read repairs.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeUtf8 } from '../../src/core/codec.ts'
import { partitionOf, position } from '../../src/core/ring/position.ts'
import type { PeerStatus, RingInfo } from '../../src/entry/nodejs.ts'
import type { ChaosCluster } from './chaos-cluster.ts'
import type { ChaosPeer, StoredKeys } from './chaos-peer.ts'

const pollMs = 250
const tellMs = 4000
const answerMs = 10_000

export interface Convergence {
  /** Time it took. */
  readonly tookMs: number
  /** What was still different when patience ended; empty when all converged. */
  readonly differences: readonly string[]
}

/** Waits until the cluster has converged, for `patienceMs` at most; tells every few seconds what it still waits for. */
export async function untilConverged(cluster: ChaosCluster, patienceMs: number, tell: (text: string) => void): Promise<Convergence> {
  const startedAt = performance.now()
  for (let toldMs = 0; ;) {
    const differences = await differencesOf(cluster)
    const tookMs = performance.now() - startedAt
    if (tookMs - toldMs > tellMs && differences.length > 0) {
      toldMs = tookMs
      tell(`    ${differences.length} differences: ${differences.slice(0, 3).join('; ')}`)
    }
    if (differences.length === 0 || tookMs > patienceMs) return { tookMs, differences }
    await sleep(pollMs)
  }
}

/** A sentence for everything in which the peers differ; of the keys only once the rings agree. */
async function differencesOf(cluster: ChaosCluster): Promise<readonly string[]> {
  const [first] = cluster.processes
  if (first === undefined) return []
  try {
    const statuses = await Promise.all(cluster.peers.map(async peer => ({ peer, status: await answerOf(peer, peer.status()) })))
    const found = statusDifferences(statuses)
    if (found.length > 0) return found
    const ring = await answerOf(first, first.ring())
    const stored = await Promise.all(cluster.peers.map(async peer => ({ peer, keys: await answerOf(peer, peer.keys()) })))
    return keyDifferences(ring, stored)
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
}

/** An answer, or an error that names who did not give it in time. */
async function answerOf<Answer>(peer: ChaosPeer, answer: Promise<Answer>): Promise<Answer> {
  const over = new AbortController()
  const silence = sleep(answerMs, undefined, { signal: over.signal }).then(() => {
    throw new Error(`not within ${answerMs / 1000} s`)
  })
  silence.catch(() => {})
  try {
    return await Promise.race([answer, silence])
  } catch (error) {
    throw new Error(`${peer.name} does not answer: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  } finally {
    over.abort()
  }
}

function statusDifferences(statuses: readonly { readonly peer: ChaosPeer; readonly status: PeerStatus }[]): readonly string[] {
  const found: string[] = []
  for (const { peer, status } of statuses) {
    if (status.state !== 'up') found.push(`${peer.name} is ${status.state}`)
    if (status.members !== statuses.length) found.push(`${peer.name} sees ${status.members} members`)
    for (const { target, count } of status.hints)
      found.push(`${peer.name} holds ${count} hints for ${nameOf(statuses, target)}, ${connectionTo(target, status)}`)
  }
  const rings = new Set(statuses.map(({ status }) => status.ringDigest))
  if (rings.size > 1) found.push(`there are ${rings.size} rings`)
  return found
}

function connectionTo(peerId: string, { connections }: PeerStatus): string {
  const connection = connections.find(({ peer }) => peer === peerId)
  return connection === undefined ? 'not connected' : `connected by ${connection.transport}${connection.relayed ? ', relayed' : ''}`
}

function nameOf(statuses: readonly { readonly peer: ChaosPeer }[], peerId: string): string {
  return statuses.find(({ peer }) => peer.peerId === peerId)?.peer.name ?? peerId
}

function keyDifferences(ring: RingInfo, stored: readonly { readonly peer: ChaosPeer; readonly keys: StoredKeys }[]): readonly string[] {
  const found: string[] = []
  for (const key of new Set(stored.flatMap(({ keys }) => [...keys.keys()]))) {
    const owners = ownersOf(ring, key)
    const copies = stored.filter(({ peer }) => owners.includes(peer.peerId)).map(({ peer, keys }) => ({ peer, hash: keys.get(key) }))
    if (new Set(copies.map(({ hash }) => hash)).size > 1)
      found.push(`the owners of ${key} differ: ${copies.map(({ peer, hash }) => `${peer.name} ${hash ?? 'nothing'}`).join(', ')}`)
    for (const { peer, keys } of stored)
      if (!owners.includes(peer.peerId) && keys.has(key)) found.push(`${peer.name} holds ${key} and is no owner`)
  }
  return found
}

/** Owners of a key by peer id. */
export function ownersOf(ring: RingInfo, key: string): readonly string[] {
  return ring.owners[partitionOf(position(encodeUtf8(key)), ring.partitions)] ?? []
}
