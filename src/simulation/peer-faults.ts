/** What goes wrong within a peer: it ends at any moment, stands still, and its clock and timers are not what they seem. */
import { drawDuration, drawRunning, startAgain, undoLater, type FaultAction, type FaultScene } from './fault-kinds.ts'
import type { SimulatedPeer } from './simulated-peer.ts'

/** Between two events. */
export const crash: FaultAction = scene =>
  onPeer(scene, peer => {
    peer.crash()
    return undoLater(scene, () => startAgain(scene.cluster, peer.peer))
  })

/** Between two effects of one step. */
export const crashMidStep: FaultAction = scene =>
  onPeer(scene, peer => {
    const effects = scene.random.below(40)
    peer.crashBeforeEffect(effects, () => undoLater(scene, () => startAgain(scene.cluster, peer.peer)))
    return `after ${effects} effects`
  })

/** Again and again, often before it has come up. */
export const crashLoop: FaultAction = scene =>
  onPeer(scene, peer => {
    const times = 2 + scene.random.below(4)
    crashAgain(scene, peer, times)
    return `${times} times`
  })

/** Does nothing for a while, then everything that came meanwhile. */
export const pause: FaultAction = scene =>
  onPeer(scene, peer => {
    const durationMs = 1 + scene.random.below(drawDuration(scene))
    peer.pause(durationMs)
    return `for ${durationMs} ms`
  })

export const clockJump: FaultAction = scene =>
  onPeer(scene, peer => {
    const jumpMs = (scene.random.below(2000) - 1000) * scene.random.below(1000)
    peer.wallSkewMs += jumpMs
    return `by ${jumpMs} ms`
  })

/** Every timer fires up to a second after its time. */
export const lateTimers: FaultAction = scene =>
  onPeer(scene, peer => {
    peer.timerLatenessMs = 1000
    return undoLater(scene, () => {
      peer.timerLatenessMs = 0
    })
  })

/** Ends every fault of a peer, those that wait for their moment included. */
export function mendPeer(peer: SimulatedPeer): void {
  peer.timerLatenessMs = 0
  peer.crashBeforeEffect(Number.POSITIVE_INFINITY)
}

function crashAgain(scene: FaultScene, peer: SimulatedPeer, times: number): void {
  const { cluster, random } = scene
  if (scene.isOver() || times === 0) return startAgain(cluster, peer.peer)
  peer.crash()
  cluster.time.after(random.below(300), () => {
    startAgain(cluster, peer.peer)
    cluster.time.after(random.below(500), () => crashAgain(scene, peer, times - 1))
  })
}

function onPeer(scene: FaultScene, act: (peer: SimulatedPeer) => string): string | undefined {
  const peer = drawRunning(scene)
  return peer === undefined ? undefined : `${peer.peer} ${act(peer)}`
}
