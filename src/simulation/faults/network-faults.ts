/** What goes wrong between peers: partitions of every shape, and links that break, flap or stand still. */
import type { PeerId } from '../../core/identifiers.ts'
import { drawDuration, shuffled, undoLater, type FaultAction, type FaultScene } from './fault-kinds.ts'

/** Any two groups. */
export const partitionHalves: FaultAction = scene => {
  const peers = shuffled(scene.random, scene.cluster.peers)
  if (peers.length < 2) return undefined
  const middle = 1 + scene.random.below(peers.length - 1)
  return cut(scene, peers.slice(0, middle), peers.slice(middle))
}

/** One peer against all others. */
export const partitionOne: FaultAction = scene => {
  const [one, ...others] = shuffled(scene.random, scene.cluster.peers)
  return one === undefined || others.length === 0 ? undefined : cut(scene, [one], others)
}

/** Two halves that only one peer can talk to. */
export const partitionBridge: FaultAction = scene => {
  const [bridge, ...peers] = shuffled(scene.random, scene.cluster.peers)
  if (peers.length < 2) return undefined
  const middle = Math.ceil(peers.length / 2)
  return `${cut(scene, peers.slice(0, middle), peers.slice(middle))}, but ${bridge}`
}

/** One direction between two peers. */
export const oneWay: FaultAction = scene =>
  onLink(scene, (from, to) => {
    const { network } = scene.cluster
    network.block(from, to)
    return undoLater(scene, () => network.unblock(from, to))
  })

/** A link that breaks and comes back, again and again. */
export const flapping: FaultAction = scene =>
  onLink(scene, (from, to) => {
    const times = 2 + scene.random.below(6)
    flap(scene, from, to, times)
    return `${times} times`
  })

/** A connection that is closed under both, who dial again. */
export const reset: FaultAction = scene =>
  onLink(scene, (from, to) => {
    scene.cluster.network.reset(from, to)
    return ''
  })

/** A direction that holds everything back and delivers it later. */
export const clog: FaultAction = scene =>
  onLink(scene, (from, to) => {
    const durationMs = drawDuration(scene)
    scene.cluster.network.clog(from, to, durationMs)
    return `for ${durationMs} ms`
  })

function cut(scene: FaultScene, one: readonly PeerId[], other: readonly PeerId[]): string {
  const { network } = scene.cluster
  const abrupt = scene.random.below(2) === 0
  const links = one.flatMap(a => other.flatMap(b => [[a, b] as const, [b, a] as const]))
  for (const [from, to] of links) network.block(from, to, abrupt)
  const duration = undoLater(scene, () => {
    for (const [from, to] of links) network.unblock(from, to)
  })
  return `${one.join()} | ${other.join()} ${duration}`
}

function onLink(scene: FaultScene, act: (from: PeerId, to: PeerId) => string): string | undefined {
  const [from, to] = shuffled(scene.random, scene.cluster.peers)
  return from === undefined || to === undefined ? undefined : `${from} > ${to} ${act(from, to)}`
}

function flap(scene: FaultScene, from: PeerId, to: PeerId, times: number): void {
  const { network, time } = scene.cluster
  if (times === 0 || scene.isOver()) return network.unblock(from, to)
  if (times % 2 === 0) network.block(from, to, true)
  else network.unblock(from, to)
  time.after(50 + scene.random.below(1000), () => flap(scene, from, to, times - 1))
}
