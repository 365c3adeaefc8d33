/** The kinds of harm that a run does. Each begins, says what it did to whom, and is undone by the function that it answers. */
import type { Prng } from '../../src/core/prng.ts'
import type { ChaosCluster } from './chaos-cluster.ts'
import type { Party } from './loopback-proxy.ts'
import type { PeerProcess } from './peer-process.ts'
import type { TabPeer } from './tab-peer.ts'

/** A fault that is under way. */
export interface Fault {
  readonly what: string
  /** Undoes it. */
  end(): Promise<void>
}

interface FaultKindInfo {
  /** Shortest and longest time until it is undone. */
  readonly lastsMs: readonly [least: number, most: number]
  /** Answers `undefined` when there is nobody to do it to. */
  begin(cluster: ChaosCluster, random: Prng): Promise<Fault | undefined>
}

export type FaultKind =
  | 'kill'
  | 'stop'
  | 'wipe'
  | 'relay restart'
  | 'halves'
  | 'isolate'
  | 'one-way'
  | 'delay'
  | 'reset'
  | 'tab close'
  | 'tab crash'
  | 'tab reload'

const over = async (): Promise<void> => {}
/** Peers that may be away at the same time. */
const awayMax = 2
const delaysMs = { least: 20, most: 400 } as const

export const faultKinds: Readonly<Record<FaultKind, FaultKindInfo>> = {
  kill: { lastsMs: [500, 5000], begin: (cluster, random) => onProcess(cluster, random, kill) },
  stop: { lastsMs: [500, 8000], begin: (cluster, random) => onProcess(cluster, random, pause) },
  wipe: { lastsMs: [500, 3000], begin: (cluster, random) => onProcess(cluster, random, wipe) },
  'relay restart': { lastsMs: [200, 2000], begin: restartRelay },
  halves: { lastsMs: [3000, 8000], begin: async (cluster, random) => partition(cluster, shuffled(cluster.parties, random), 0.5) },
  isolate: { lastsMs: [3000, 8000], begin: async (cluster, random) => partition(cluster, shuffled(cluster.parties, random), 0) },
  'one-way': { lastsMs: [3000, 8000], begin: async (cluster, random) => oneWay(cluster, shuffled(cluster.parties, random)) },
  delay: { lastsMs: [4000, 10_000], begin: async (cluster, random) => delay(cluster, random) },
  reset: { lastsMs: [0, 0], begin: async (cluster, random) => reset(cluster, shuffled(cluster.parties, random)) },
  'tab close': { lastsMs: [500, 4000], begin: (cluster, random) => onTab(cluster, random, tab => tab.close()) },
  'tab crash': { lastsMs: [500, 4000], begin: (cluster, random) => onTab(cluster, random, tab => tab.crash()) },
  'tab reload': { lastsMs: [0, 0], begin: reloadTab }
}

async function onProcess(
  cluster: ChaosCluster,
  random: Prng,
  harm: (cluster: ChaosCluster, peer: PeerProcess) => Promise<() => Promise<void>>
): Promise<Fault | undefined> {
  const serving = cluster.processes.filter(({ isServing }) => isServing)
  if (serving.length < cluster.processes.length - awayMax + 1) return undefined
  const peer = serving[random.below(serving.length)]
  return peer === undefined ? undefined : { what: peer.name, end: await harm(cluster, peer) }
}

async function kill(cluster: ChaosCluster, peer: PeerProcess): Promise<() => Promise<void>> {
  await peer.kill()
  return () => cluster.restart(peer)
}

async function pause(_cluster: ChaosCluster, peer: PeerProcess): Promise<() => Promise<void>> {
  peer.pause()
  return async () => peer.resume()
}

async function wipe(cluster: ChaosCluster, peer: PeerProcess): Promise<() => Promise<void>> {
  await peer.kill()
  await peer.wipe()
  return () => cluster.restart(peer)
}

/** Stops, as its service manager would, a process that relays for a tab. */
async function restartRelay(cluster: ChaosCluster, random: Prng): Promise<Fault | undefined> {
  const serving = cluster.processes.filter(({ isServing }) => isServing)
  const tab = cluster.tabs.find(({ isServing }) => isServing)
  if (tab === undefined || serving.length < cluster.processes.length - awayMax + 1) return undefined
  const { addresses } = await tab.status()
  const relays = serving.filter(
    ({ isServing, peerId }) => isServing && addresses.some(address => address.includes(`/p2p/${peerId}/p2p-circuit`))
  )
  const relay = relays[random.below(Math.max(relays.length, 1))]
  if (relay === undefined) return undefined
  await relay.stop()
  return { what: `${relay.name}, which relays for ${tab.name}`, end: () => cluster.restart(relay) }
}

/** Cuts the first parties of `order` off from the others. */
function partition(cluster: ChaosCluster, order: readonly Party[], share: number): Fault {
  const minority = order.slice(0, Math.max(1, Math.floor(order.length * share)))
  const end = cluster.proxy.interfere({ isBlocked: (from, to) => minority.includes(from) !== minority.includes(to) })
  return { what: `${minority.join(', ')} cut off from the others`, end: async () => end() }
}

/** The first of `order` hears some of the others, and they do not hear it. */
function oneWay(cluster: ChaosCluster, order: readonly Party[]): Fault {
  const [mute = '', ...others] = order
  const deaf = others.slice(0, Math.ceil(others.length / 2))
  const end = cluster.proxy.interfere({ isBlocked: (from, to) => from === mute && deaf.includes(to) })
  return { what: `${mute} is not heard by ${deaf.join(', ')}`, end: async () => end() }
}

function delay(cluster: ChaosCluster, random: Prng): Fault {
  const ms = delaysMs.least + random.below(delaysMs.most - delaysMs.least)
  const [slow = ''] = shuffled(cluster.parties, random)
  const end = cluster.proxy.interfere({ delayMs: (from, to) => (from === slow || to === slow ? ms : 0) })
  return { what: `${ms} ms to and from ${slow}`, end: async () => end() }
}

function reset(cluster: ChaosCluster, [hit = '']: readonly Party[]): Fault {
  const count = cluster.proxy.reset(one => one === hit)
  return { what: `${count} connections of ${hit}`, end: over }
}

async function onTab(cluster: ChaosCluster, random: Prng, harm: (tab: TabPeer) => Promise<void>): Promise<Fault | undefined> {
  const serving = cluster.tabs.filter(({ isServing }) => isServing)
  const tab = serving[random.below(Math.max(serving.length, 1))]
  if (tab === undefined) return undefined
  await harm(tab)
  return { what: tab.name, end: () => tab.open() }
}

async function reloadTab(cluster: ChaosCluster, random: Prng): Promise<Fault | undefined> {
  const serving = cluster.tabs.filter(({ isServing }) => isServing)
  const tab = serving[random.below(Math.max(serving.length, 1))]
  if (tab === undefined) return undefined
  await tab.reload()
  return { what: tab.name, end: over }
}

function shuffled<Item>(items: readonly Item[], random: Prng): readonly Item[] {
  return items
    .map(item => ({ item, order: random.uint32() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ item }) => item)
}
