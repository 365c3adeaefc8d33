/** Changes of who is in the cluster, at any moment. */
import { startAgain, undoLater, type FaultAction } from './fault-kinds.ts'

/** Longer than it takes the others to look for absent members. */
const evictionMarginMs = 60_000

export const join: FaultAction = ({ cluster, profile }) => (cluster.peers.length >= profile.membersMax ? undefined : cluster.add())

/** A peer goes for good, while enough others stay. */
export const leave: FaultAction = ({ cluster, random, profile }) => {
  const up = cluster.running().filter(({ ringPeer }) => ringPeer?.status === 'up' && (ringPeer.member?.weight ?? 0) > 0)
  const peer = up[random.below(Math.max(up.length, 1))]
  if (peer === undefined || up.length <= profile.membersMin || peer.isPaused) return undefined
  peer.leave()
  return peer.peer
}

/** A peer that is not durable goes without a word, as a closed tab does, and comes back after the others have taken it out of the ring. */
export const absence: FaultAction = ({ cluster, random, isOver }) => {
  const tabs = cluster.running().filter(({ ringPeer }) => ringPeer?.status === 'up' && !(ringPeer.member?.durable ?? true))
  const tab = tabs[random.below(Math.max(tabs.length, 1))]
  if (tab === undefined || tab.isPaused) return undefined
  const durationMs = cluster.evictAfterMs + evictionMarginMs + random.below(60_000)
  tab.crash()
  cluster.time.after(durationMs, () => (isOver() ? undefined : startAgain(cluster, tab.peer)))
  return `${tab.peer} for ${durationMs} ms`
}

/** A peer with another number of partitions or owners tries to join. */
export const mixedConfiguration: FaultAction = scene => {
  const { cluster, random } = scene
  const { partitions, replicas } = cluster.configuration
  const other = random.below(2) === 0 ? { partitions: partitions * 2, replicas } : { partitions, replicas: replicas + 1 }
  const stranger = cluster.addStranger(other)
  return `${stranger.peer} with ${other.partitions} partitions, ${other.replicas} owners ${undoLater(scene, () => stranger.stop())}`
}
