/**
 * Other ways to give partitions their owners, each in its plainest form, to measure ours beside. Members are equal here;
 * owners are indices into the given list of peer names.
 */
import { prng } from '../../../src/core/prng.ts'

/** Owners of each partition, as indices of peers. */
export type Owners = readonly (readonly number[])[]

const CIRCLE = 2 ** 32
/** Places at which a ring without partitions is sampled. */
export const SAMPLED_PLACES = 16_384

/** Random tokens on one circle, in ascending order of place. */
function circle(peers: readonly string[], tokens: number): { readonly place: number; readonly peer: number }[] {
  const all = peers.flatMap((name, peer) => {
    const random = prng(`token ${name}`)
    return Array.from({ length: tokens }, () => ({ place: random.uint32(), peer }))
  })
  return all.sort((a, b) => a.place - b.place || a.peer - b.peer)
}

/** Every peer in the order in which a clockwise walk from each of `partitions` equally spaced places meets it, at most `peersMax` of them. */
export function clockwiseWalks(peers: readonly string[], partitions: number, tokens: number, peersMax: number = peers.length): number[][] {
  const ring = circle(peers, tokens)
  let start = 0
  return Array.from({ length: partitions }, (_, partition) => {
    while (start < ring.length && (ring[start]?.place ?? 0) < (partition * CIRCLE) / partitions) start++
    const met = new Set<number>()
    for (let step = 0; step < ring.length && met.size < peersMax; step++) met.add(ring[(start + step) % ring.length]?.peer ?? 0)
    return [...met]
  })
}

/** Each peer's score for each partition by its own random sequence, the lower the better. */
export function rendezvousScores(peers: readonly string[], partitions: number): number[][] {
  const sequences = peers.map(name => prng(`rendezvous ${name}`))
  return Array.from({ length: partitions }, () => sequences.map(sequence => sequence.uint32()))
}

/** Peers of each partition in order of their scores. */
export function inOrder(scores: readonly (readonly number[])[]): number[][] {
  return scores.map(row => row.map((_, peer) => peer).sort((a, b) => (row[a] ?? 0) - (row[b] ?? 0) || a - b))
}

/** The first N of each walk, whatever the load. */
export function firstOf(walks: readonly (readonly number[])[], replicas: number): Owners {
  return walks.map(walk => walk.slice(0, replicas))
}

/** Consistent hashing with bounded loads (Mirrokni et al. 2018): partitions in turn take the first N peers that are not full. */
export function boundedWalk(walks: readonly (readonly number[])[], replicas: number, capacity: number): Owners {
  const load: number[] = []
  return walks.map(walk => {
    const free = walk.filter(peer => (load[peer] ?? 0) < capacity)
    const owners = [...free, ...walk.filter(peer => !free.includes(peer))].slice(0, replicas)
    for (const peer of owners) load[peer] = (load[peer] ?? 0) + 1
    return owners
  })
}

/** Deferred acceptance in its plainest form: `rank(partition, peer)` says how much a peer likes a partition, the lower the better. */
export function deferredAcceptance(
  walks: readonly (readonly number[])[],
  replicas: number,
  capacity: number,
  rank: (partition: number, peer: number) => number
): Owners {
  const next = walks.map(() => 0)
  const owners = walks.map(() => new Set<number>())
  const held = new Map<number, number[]>()
  const waiting = walks.map((_, partition) => partition)
  for (let partition = waiting.pop(); partition !== undefined; partition = waiting.pop()) {
    const mine = owners[partition] ?? new Set()
    const peer = mine.size < replicas ? walks[partition]?.[next[partition] ?? 0] : undefined
    if (peer === undefined) continue
    next[partition] = (next[partition] ?? 0) + 1
    const proposals = [...(held.get(peer) ?? []), partition].sort((a, b) => rank(a, peer) - rank(b, peer) || a - b)
    mine.add(peer)
    waiting.push(partition)
    if (proposals.length > capacity) {
      const rejected = proposals.pop() ?? 0
      owners[rejected]?.delete(peer)
      waiting.push(rejected)
    }
    held.set(peer, proposals)
  }
  return owners.map(set => [...set])
}

/** A canonical table: all N x Q places dealt round-robin to the peers in sorted order. */
export function dealtTable(peers: readonly string[], partitions: number, replicas: number): Owners {
  const sorted = peers.map((_, peer) => peer).sort((a, b) => ((peers[a] ?? '') < (peers[b] ?? '') ? -1 : 1))
  return Array.from({ length: partitions }, (_, partition) =>
    Array.from({ length: Math.min(replicas, peers.length) }, (_, place) => sorted[(partition * replicas + place) % sorted.length] ?? 0)
  )
}

/** The paper's strategy 1: random tokens that are also the borders of the ranges. Answers the share of the ring that each peer owns. */
export function strategyOne(peers: readonly string[], tokens: number, replicas: number): number[] {
  const ring = circle(peers, tokens)
  const load = peers.map(() => 0)
  for (const [index, token] of ring.entries()) {
    const width = index === 0 ? token.place + CIRCLE - (ring.at(-1)?.place ?? 0) : token.place - (ring[index - 1]?.place ?? 0)
    for (const peer of successors(
      ring.map(each => each.peer),
      index,
      replicas
    ))
      load[peer] = (load[peer] ?? 0) + width
  }
  return load
}

/** The paper's strategy 3: Q/S partitions dealt to each peer in random order; replicas on the next distinct peers. */
export function strategyThree(peers: readonly string[], partitions: number, replicas: number, seed: number): Owners {
  const random = prng(`deal ${seed}`)
  const table = Array.from({ length: partitions }, (_, partition) => partition % peers.length)
  for (let last = table.length - 1; last > 0; last--) {
    const other = random.below(last + 1)
    const kept = table[last] ?? 0
    table[last] = table[other] ?? 0
    table[other] = kept
  }
  return table.map((_, partition) => successors(table, partition, replicas))
}

function successors(ring: readonly number[], from: number, replicas: number): number[] {
  const met = new Set<number>()
  for (let step = 0; step < ring.length && met.size < replicas; step++) met.add(ring[(from + step) % ring.length] ?? 0)
  return [...met]
}
