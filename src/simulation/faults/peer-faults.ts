/** What goes wrong within a peer: it ends at any moment, stands still, and its clock and timers are not what they seem. */
import { drawRunning, startAgain, undoLater, type FaultAction, type FaultScene } from './fault-kinds.ts'
import type { SimulatedPeer } from '../cluster/simulated-peer.ts'

/** Pauses are long at the beginning of a run only: each one holds up the clients, and a run should end. */
const longPausesUntilMs = 600_000
const pauseLaterMsMax = 5000

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

/** Does nothing for a while, then everything that came meanwhile, timers included. As many short pauses as long ones. */
export const pause: FaultAction = scene =>
  onPeer(scene, peer => {
    const { cluster, random, profile } = scene
    const longestMs = cluster.time.nowMs < longPausesUntilMs ? profile.pauseMsMax : pauseLaterMsMax
    const durationMs = Math.min(1 + random.below(2 ** (1 + random.below(20))), longestMs)
    peer.pause(durationMs)
    return `for ${durationMs} ms`
  })

export const clockJump: FaultAction = scene =>
  onPeer(scene, peer => {
    const jumpMs = (scene.random.below(2000) - 1000) * scene.random.below(1000)
    peer.clock.wallSkewMs += jumpMs
    return `by ${jumpMs} ms`
  })

/** Runs up to a tenth too fast or too slow, which a minute of waiting turns into six seconds. */
export const clockDrift: FaultAction = scene =>
  onPeer(scene, peer => {
    peer.clock.ratePerMille = 900 + scene.random.below(201)
    return `to ${peer.clock.ratePerMille} per mille`
  })

/** Every timer fires up to a second after its time. */
export const lateTimers: FaultAction = scene =>
  onPeer(scene, peer => {
    peer.timerLatenessMs = 1000
    return undoLater(scene, () => peer.mendTimers())
  })

/** Timers fire once a second, or once a minute: a hidden tab. */
export const throttledTimers: FaultAction = scene =>
  onPeer(scene, peer => {
    peer.timerGrainMs = scene.random.below(3) === 0 ? 60_000 : 1000
    const duration = undoLater(scene, () => peer.mendTimers())
    return `to one in ${peer.timerGrainMs} ms ${duration}`
  })

/** Ends every fault of a peer, those that wait for their moment included. */
export function mendPeer(peer: SimulatedPeer): void {
  peer.clock.ratePerMille = 1000
  peer.mendTimers()
  peer.resume()
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
