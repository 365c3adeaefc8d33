/** Changes of who is in the cluster, at any moment. */
import type { FaultAction } from './fault-kinds.ts'

export const join: FaultAction = ({ cluster, profile }) => (cluster.peers.length >= profile.membersMax ? undefined : cluster.add())

/** A peer goes for good, while enough others stay. */
export const leave: FaultAction = ({ cluster, random, profile }) => {
  const up = cluster.running().filter(({ ringPeer }) => ringPeer?.status === 'up' && (ringPeer.member?.weight ?? 0) > 0)
  const peer = up[random.below(Math.max(up.length, 1))]
  if (peer === undefined || up.length <= profile.membersMin || peer.isPaused) return undefined
  peer.leave()
  return peer.peer
}
