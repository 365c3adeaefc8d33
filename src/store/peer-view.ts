/** What a peer shows of itself and its cluster: members, ring, status. Read-only. */
import { toHex } from '../core/bytes.ts'
import type { PeerId } from '../core/identifiers.ts'
import type { MemberRecord } from '../core/members/member-record.ts'
import { isGone } from '../core/members/member-record.ts'
import { partitionOf, position } from '../core/ring/position.ts'
import type { Ring } from '../core/ring/ring.ts'
import type { ConnectionInfo } from '../ports/network.ts'
import type { RingPeer } from '../protocol/ring-peer.ts'
import type { KeyPlacement, PeerStatus, RingInfo } from './api.ts'
import type { MemberInfo } from './member-api.ts'

/** One member as this peer sees it. */
export function memberInfo(peer: RingPeer, record: MemberRecord, connections: readonly ConnectionInfo[]): MemberInfo {
  return {
    peerId: record.peerId,
    self: record.peerId === peer.self,
    status: record.status,
    reachability: peer.opinion(record.peerId),
    weight: record.weight,
    durable: record.durable,
    zone: record.zone,
    replicaId: record.replica,
    incarnation: record.incarnation,
    addresses: record.addresses,
    connection: connections.find(connection => connection.peer === record.peerId),
    partitionsOwned: peer.ring().partitionsOf(record.peerId).length
  }
}

const rings = new WeakMap<Ring, RingInfo>()

/** The ring with the owners of every partition; made once per ring. */
export function ringInfo(ring: Ring): RingInfo {
  const known = rings.get(ring)
  if (known !== undefined) return known
  const owners = Array.from({ length: ring.partitions }, (_, partition) => ring.owners(partition))
  const info = { digest: ring.digest, partitions: ring.partitions, replicas: ring.replicas, owners, warnings: ring.warnings }
  rings.set(ring, info)
  return info
}

/** Where a key lives in the ring. */
export function placement(ring: Ring, key: Uint8Array): KeyPlacement {
  const at = position(key)
  const partition = partitionOf(at, ring.partitions)
  return { key, position: toHex(at), partition, owners: ring.owners(partition), preferenceList: ring.preferenceList(partition) }
}

/** `isolated` while others should be there and none can be reached. */
export function peerState(peer: RingPeer, phase: 'starting' | 'running' | 'stopped', expectsOthers: boolean): PeerStatus['state'] {
  if (phase !== 'running') return phase
  const { status } = peer
  if (status === 'leaving' || status === 'left') return status
  const others = peer.view.all().filter(record => record.peerId !== peer.self && !isGone(record.status))
  if ((others.length > 0 || expectsOthers) && !others.some(({ peerId }) => peer.isReachable(peerId))) return 'isolated'
  return status === 'joining' ? 'joining' : 'up'
}

/** Peers whose reachability or status an event is about. */
export function memberOf(peer: RingPeer, peerId: PeerId, connections: readonly ConnectionInfo[]): MemberInfo | undefined {
  const record = peer.view.get(peerId)
  return record === undefined ? undefined : memberInfo(peer, record, connections)
}
