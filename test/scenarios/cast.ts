/** Who plays in the scenarios. */
import type { PeerId, RequestId } from '../../src/core/identifiers.ts'
import { Cluster, type ClusterOptions } from '../../src/simulation/cluster/cluster.ts'
import { peerName } from '../../src/simulation/cluster/simulated-identity.ts'

export const ada: PeerId = peerName(0)
export const ben: PeerId = peerName(1)
export const cyd: PeerId = peerName(2)
export const dee: PeerId = peerName(3)
export const eve: PeerId = peerName(4)
export const fay: PeerId = peerName(5)

/** A settled cluster of this many peers: ada, ben, cyd, dee, eve, fay. */
export function clusterOf(peers: number, options: Omit<ClusterOptions, 'peers'> = {}): Cluster {
  return new Cluster({ ...options, peers })
}

/** A key with these owners, in any order. */
export function keyOwnedBy(cluster: Cluster, ...owners: readonly PeerId[]): string {
  return cluster.keyWhere(found => owners.every(owner => found.includes(owner)))
}

export function aRequest(number: number): RequestId {
  return number.toString(16).padStart(32, 'e') as RequestId
}

/** The peers that hold a copy of `key` durably. */
export function holders(cluster: Cluster, key: string): readonly PeerId[] {
  return cluster.peers.filter(peer => cluster.copy(peer, key) !== undefined)
}

/** Hints of all peers. */
export function hintsLeft(cluster: Cluster): number {
  return cluster.peers.reduce((sum, peer) => sum + cluster.hintCount(peer), 0)
}
