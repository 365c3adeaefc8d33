/**
 * What must follow once faults have stopped: all owners of a key hold byte-identical records, nobody else holds anything of it, no hint
 * remains, and all peers see the same members and the same ring.
 */
import { toHex } from '../../core/bytes.ts'
import type { StoredRecord } from '../../core/versions/record.ts'
import { encodeRecord } from '../../core/versions/record-codec.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describeRecord } from '../run/trace.ts'

/** A sentence for everything that has not converged. */
export function divergences(cluster: Cluster, keys: Iterable<string>): readonly string[] {
  const found = [...viewDivergences(cluster)]
  for (const { peer } of cluster.running())
    if (cluster.hintCount(peer) > 0) found.push(`${peer} still holds ${cluster.hintCount(peer)} hints`)
  for (const { peer, storage } of cluster.running()) {
    const damaged = storage.damagedKeys(new Uint8Array(0)).length
    if (damaged > 0) found.push(`${peer} still has ${damaged} damaged rows`)
  }
  for (const key of keys) found.push(...keyDivergences(cluster, key))
  return found
}

/** The record that all owners of a key agree on; `undefined` when they hold none. */
export function agreedRecord(cluster: Cluster, key: string): StoredRecord | undefined {
  const [first] = cluster.owners(key)
  return first === undefined ? undefined : cluster.copy(first, key)
}

function viewDivergences(cluster: Cluster): readonly string[] {
  const peers = cluster
    .running()
    .map(({ ringPeer }) => ringPeer)
    .filter(peer => peer !== undefined)
  const views = new Set(peers.map(({ view }) => view.digest))
  const rings = new Set(peers.map(peer => peer.ring().digest))
  const found: string[] = []
  for (const name of cluster.peers) if (!cluster.departed.has(name) && !cluster.peer(name).isRunning) found.push(`${name} does not run`)
  if (views.size > 1) found.push(`there are ${views.size} views of the members`)
  if (rings.size > 1) found.push(`there are ${rings.size} rings`)
  for (const peer of peers)
    if (peer.hints().length > 0)
      found.push(
        `${peer.self} has ${peer
          .hints()
          .map(({ target, count }) => `${count} hints for ${target}`)
          .join()}`
      )
  for (const { peer: stranger } of cluster.strangers)
    for (const { self, view } of peers)
      if (view.get(stranger) !== undefined) found.push(`${self} knows ${stranger}, which should have been refused`)
  for (const peer of peers) {
    if (peer.status !== 'up') found.push(`${peer.self} is ${peer.status}`)
    const known = peer.view.get(peer.self)?.status
    if (known !== peer.status) found.push(`${peer.self} is ${peer.status}, and the members take it for ${known ?? 'unknown'}`)
    for (const gone of cluster.vanished)
      if (peer.view.get(gone)?.status !== 'evicted') found.push(`${peer.self} still counts on ${gone}, which is gone for good`)
  }
  return found
}

function keyDivergences(cluster: Cluster, key: string): readonly string[] {
  const owners = cluster.owners(key)
  const copies = owners.map(owner => cluster.copy(owner, key))
  const bytes = new Set(copies.map(copy => (copy === undefined ? '' : toHex(encodeRecord(copy)))))
  const found: string[] = []
  if (bytes.size > 1)
    found.push(`the owners of ${key} differ: ${owners.map((owner, index) => `${owner} ${text(copies[index])}`).join('; ')}`)
  for (const { peer } of cluster.running()) {
    if (!owners.includes(peer) && cluster.copy(peer, key) !== undefined) found.push(`${peer} is no owner of ${key} and holds it`)
  }
  return found
}

function text(record: StoredRecord | undefined): string {
  return record === undefined ? 'nothing' : describeRecord(record)
}
