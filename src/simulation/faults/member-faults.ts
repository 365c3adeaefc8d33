/** Changes of who is in the cluster, at any moment. */
import type { PeerId } from '../../core/identifiers.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { prefixes } from '../../protocol/storage-layout.ts'
import { drawDuration, drawRunning, shuffled, startAgain, undoLater, type FaultAction, type FaultScene } from './fault-kinds.ts'
import type { SimulatedPeer } from '../cluster/simulated-peer.ts'

/** Time in which a leaving peer that is cut off loses its heir, and would go if it could. */
const desertedAtLeastMs = 5000
/** Longer than it takes the others to look for absent members. */
const evictionMarginMs = 60_000
/** Peers vanish only where that is found out within the time that a run has to come to rest. */
const vanishWithinMs = 100_000

export const join: FaultAction = ({ cluster, profile }) => (cluster.peers.length >= profile.membersMax ? undefined : cluster.add())

/** A peer joins, and while copies move somebody crashes in the middle of a step. */
export const crashAtJoin: FaultAction = scene => {
  const { cluster, random } = scene
  const joined = join(scene)
  const peer = drawRunning(scene)
  if (joined === undefined || peer === undefined) return undefined
  const [afterMs, effects, forMs] = [random.below(400), random.below(12), 1 + random.below(3000)]
  cluster.time.after(afterMs, () => {
    if (!scene.isOver()) peer.crashBeforeEffect(effects, () => cluster.time.after(forMs, () => startAgain(cluster, peer.peer)))
  })
  return `${joined}, and ${peer.peer} crashes ${afterMs} ms later`
}

/** A peer goes for good, while enough others stay. */
export const leave: FaultAction = scene => {
  const peer = drawLeaver(scene)
  peer?.leave()
  return peer?.peer
}

/** A peer is cut off as it begins to leave, and its operator takes all others for gone for good: it must not go before its heirs are back. */
export const leaveDeserted: FaultAction = scene => {
  const { cluster, random } = scene
  const keepers = cluster.running().filter(({ ringPeer }) => ringPeer?.status === 'up' && (ringPeer.member?.weight ?? 0) > 0)
  const [peer] = shuffled(random, keepers)
  if (peer === undefined || peer.isPaused) return undefined
  // One that holds nothing, or gives to nobody that stays, rightly goes; its heir would have to be told by its operator.
  if (peer.storage.rows(prefixes.row).length === 0) return undefined
  if (!givesToOneThatStays(peer, keepers)) return undefined
  const durationMs = desertedAtLeastMs + drawDuration(scene)
  peer.leave()
  cutOff(cluster, peer.peer, durationMs)
  cluster.time.after(random.below(desertedAtLeastMs), () => {
    if (scene.isOver()) return
    for (const other of peer.ringPeer?.view.present ?? []) if (other !== peer.peer) peer.evict(other)
  })
  return `${peer.peer} for ${durationMs} ms`
}

function drawLeaver({ cluster, random, profile }: FaultScene): SimulatedPeer | undefined {
  const up = cluster.running().filter(({ ringPeer }) => ringPeer?.status === 'up' && (ringPeer.member?.weight ?? 0) > 0)
  const peer = up[random.below(Math.max(up.length, 1))]
  if (peer === undefined || up.length <= profile.membersMin || peer.isPaused) return undefined
  // Where its own view has nobody else that stays, though some do, it rightly goes with all it has.
  return up.length === 1 || givesToOneThatStays(peer, up) ? peer : undefined
}

/** True where the ring of a peer, which may be another than that of the cluster, has one of `staying` that could get its copies. */
function givesToOneThatStays({ peer, ringPeer }: SimulatedPeer, staying: readonly SimulatedPeer[]): boolean {
  return ringPeer?.ring().members.some(({ peerId }) => peerId !== peer && staying.some(other => other.peer === peerId)) === true
}

/** A peer that is not durable goes without a word, as a closed tab does, and comes back after the others have taken it out of the ring. */
export const absence: FaultAction = ({ cluster, random, isOver }) => {
  const tabs = cluster.running().filter(({ ringPeer }) => ringPeer?.status === 'up' && !(ringPeer.member?.durable ?? true))
  const tab = tabs[random.below(Math.max(tabs.length, 1))]
  // Nobody misses one that is alone, and its clients would wait for it most of the time.
  if (tab === undefined || tab.isPaused || cluster.running().length === 1) return undefined
  const durationMs = cluster.evictAfterMs + evictionMarginMs + random.below(60_000)
  const isCutOff = random.below(2) === 0
  if (isCutOff) cutOff(cluster, tab.peer, durationMs)
  else {
    tab.crash()
    cluster.time.after(durationMs, () => (isOver() ? undefined : startAgain(cluster, tab.peer)))
  }
  return `${tab.peer} for ${durationMs} ms${isCutOff ? ', cut off' : ''}`
}

/** Any peer is off, frozen or cut off for longer than deletes are remembered. A frozen one may find the same connections when it wakes up. */
export const longAbsence: FaultAction = scene => {
  const { cluster, random, profile } = scene
  const peer = drawRunning(scene)
  if (peer === undefined || peer.isPaused) return undefined
  const durationMs = profile.longAbsenceMs + random.below(profile.longAbsenceMs)
  const how = (['off', 'frozen', 'cut off', 'frozen and cut off'] as const)[random.below(4)] ?? 'off'
  if (how.includes('frozen')) peer.pause(durationMs)
  if (how.includes('cut off')) cutOff(cluster, peer.peer, durationMs)
  if (how === 'off') {
    peer.crash()
    cluster.time.after(durationMs, () => startAgain(cluster, peer.peer))
  }
  return `${peer.peer} ${how} for ${durationMs} ms`
}

/** It runs on, alone: nobody told it that it was taken out of the ring. */
function cutOff({ network, time }: Cluster, peer: PeerId, forMs: number): void {
  network.isolate(peer)
  time.after(forMs, () => network.reconnect(peer))
}

/** A peer that is not durable is gone for good, disk and all: the others have to find out, and to do without it. */
export const vanish: FaultAction = ({ cluster, victim }) => {
  const tab = victim()
  const isTab = tab?.ringPeer?.status === 'up' && tab.ringPeer.member?.durable === false
  if (tab === undefined || !isTab || tab.isPaused || cluster.evictAfterMs > vanishWithinMs) return undefined
  if (cluster.running().every(({ peer, ringPeer }) => peer === tab.peer || ringPeer?.status !== 'up')) return undefined
  tab.crash()
  cluster.departed.add(tab.peer)
  cluster.vanished.add(tab.peer)
  return tab.peer
}

/** A peer with another number of partitions or owners tries to join. */
export const mixedConfiguration: FaultAction = scene => {
  const { cluster, random } = scene
  const { partitions, replicas } = cluster.configuration
  const other = random.below(2) === 0 ? { partitions: partitions * 2, replicas } : { partitions, replicas: replicas + 1 }
  const stranger = cluster.addStranger(other)
  return `${stranger.peer} with ${other.partitions} partitions, ${other.replicas} owners ${undoLater(scene, () => stranger.stop())}`
}
