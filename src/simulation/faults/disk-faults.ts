/** What goes wrong with a peer's disk. */
import { drawRunning, shuffled, startAgain, undoLater, type FaultAction, type FaultScene } from './fault-kinds.ts'
import type { SimulatedPeer } from '../cluster/simulated-peer.ts'
import { keyText } from '../run/trace.ts'

export const slowDisk: FaultAction = scene =>
  onDisk(scene, ({ storage }) => {
    storage.slowness = 10 + scene.random.below(200)
    const duration = undoLater(scene, () => {
      storage.slowness = 1
    })
    return `${storage.slowness} times ${duration}`
  })

export const diskErrorOnce: FaultAction = scene =>
  onDisk(scene, ({ storage }) => {
    storage.failuresLeft = Math.max(storage.failuresLeft, 1)
    return ''
  })

export const diskErrorLasting: FaultAction = scene =>
  onDisk(scene, ({ storage }) => {
    storage.failuresLeft = Number.POSITIVE_INFINITY
    return undoLater(scene, () => {
      storage.failuresLeft = 0
    })
  })

/** One disk, or all of them at once: then a write has nowhere to go. */
export const diskFull: FaultAction = scene => {
  const one = drawRunning(scene)
  const full = scene.random.below(4) === 0 ? scene.cluster.running() : one === undefined ? [] : [one]
  if (full.length === 0) return undefined
  for (const { storage } of full) storage.isFull = true
  const duration = undoLater(scene, () => {
    for (const { storage } of full) storage.isFull = false
  })
  return `${full.map(({ peer }) => peer).join()} ${duration}`
}

/** Everything is gone but the peer's identity. */
export const diskLoss: FaultAction = scene =>
  onVictim(scene, peer => {
    peer.crash()
    peer.storage.wipe()
    return undoLater(scene, () => startAgain(scene.cluster, peer.peer))
  })

/** The disk goes back to what it was a while ago, as when a backup is restored. */
export const diskRollback: FaultAction = scene =>
  onVictim(scene, peer => {
    if (!peer.mayRollBack) return undefined
    const before = peer.storage.snapshot()
    const isStopped = scene.random.below(2) === 0
    return undoLater(scene, () => {
      if (scene.isOver() || scene.cluster.departed.has(peer.peer)) return
      if (isStopped) peer.stop()
      else peer.crash()
      peer.storage.restore(before)
      startAgain(scene.cluster, peer.peer)
    })
  })

/** The power goes in the middle of a write, whose rows cannot be read afterwards. */
export const tornWrite: FaultAction = scene =>
  onVictim(scene, peer => {
    peer.crash('torn')
    return undoLater(scene, () => startAgain(scene.cluster, peer.peer))
  })

/** Single bits turn, anywhere. */
export const bitFlip: FaultAction = scene =>
  onVictim(scene, ({ storage }) => {
    const rows = shuffled(scene.random, storage.rows(new Uint8Array(0))).slice(0, 1 + scene.random.below(3))
    for (const { key } of rows) storage.flip(key)
    return rows.length === 0 ? undefined : `in ${rows.map(({ key }) => keyText(key)).join(', ')}`
  })

/** Ends every fault of a disk. */
export function mendDisk({ storage }: SimulatedPeer): void {
  storage.slowness = 1
  storage.failuresLeft = 0
  storage.isFull = false
}

function onDisk(scene: FaultScene, act: (peer: SimulatedPeer) => string): string | undefined {
  const peer = drawRunning(scene)
  return peer === undefined ? undefined : `${peer.peer} ${act(peer)}`
}

function onVictim(scene: FaultScene, act: (peer: SimulatedPeer) => string | undefined): string | undefined {
  const peer = scene.victim()
  const what = peer?.isRunning === true ? act(peer) : undefined
  return what === undefined ? undefined : `${peer?.peer} ${what}`
}
