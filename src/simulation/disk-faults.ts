/** What goes wrong with a peer's disk. */
import { drawRunning, startAgain, undoLater, type FaultAction, type FaultScene } from './fault-kinds.ts'
import type { SimulatedPeer } from './simulated-peer.ts'

/** Disks lost in one run: more could lose writes that only two had acknowledged. */
const lossesMax = 1

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

export const diskFull: FaultAction = scene =>
  onDisk(scene, ({ storage }) => {
    storage.isFull = true
    return undoLater(scene, () => {
      storage.isFull = false
    })
  })

/** Everything is gone but the peer's identity. */
export const diskLoss: FaultAction = scene => {
  if ((scene.fired['disk-loss'] ?? 0) >= lossesMax) return undefined
  return onDisk(scene, peer => {
    peer.crash()
    peer.storage.wipe()
    return undoLater(scene, () => startAgain(scene.cluster, peer.peer))
  })
}

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
