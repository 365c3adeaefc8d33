/**
 * `npm run bench -- ring [seeds]`: how even the ring is and how little moves when it changes, beside other functions and the paper's Figure 8.
 *
 * Every figure is a mean over sets of peer names (5 unless told otherwise). A join is compared with the newcomer's fair share, a leave with what the leaver
 * held: less cannot be moved. Milliseconds are for this machine and only to be compared within one table.
 */
import type { PeerId } from '../../src/core/identifiers.ts'
import { createRing, type RingMember } from '../../src/core/ring/ring.ts'
import { printTable } from '../experiments/table.ts'
import { loadsOf, measure, type Candidate, type Measures, type Table } from './ring/measures.ts'
import * as rivals from './ring/rivals.ts'

const SIZES = [5, 10, 20, 50, 100]
const REPLICAS = 3
const seeds = Math.max(1, Number.parseInt(process.argv[2] ?? '5', 10) || 5)

type Describe = (peer: string) => Partial<RingMember>

const indexOf = (peer: string): number => Number.parseInt(peer.slice(peer.lastIndexOf('.') + 1), 10)

/** Our function; `describe` gives a peer its weight, zone and durability. */
function ours(partitions: number, describe: Describe = () => ({}), replicas: number = REPLICAS): Candidate {
  const compute = (peers: readonly string[]): Table => {
    const members = peers.map(peer => ({ peerId: peer as PeerId, weight: 1, durable: true, zone: undefined, ...describe(peer) }))
    const ring = createRing(members, { cluster: 'bench', partitions, replicas })
    return Array.from({ length: partitions }, (_, partition) => ring.owners(partition))
  }
  return { compute, weightOf: peer => describe(peer).weight ?? 1 }
}

function rival(owners: (peers: readonly string[]) => rivals.Owners): Candidate {
  return { compute: peers => owners(peers).map(indices => indices.map(index => peers[index] ?? '')) }
}

/** Rivals at Q = 1024, all with N = 3 and equal peers. */
function rivalsAt(partitions: number): [string, Candidate][] {
  const capacity = (peers: readonly string[], percent: number): number =>
    Math.ceil(((partitions * REPLICAS) / peers.length) * (1 + percent / 100))
  const rendezvous = (percent: number): Candidate =>
    rival(peers => {
      const scores = rivals.rendezvousScores(peers, partitions)
      return rivals.deferredAcceptance(
        rivals.inOrder(scores),
        REPLICAS,
        capacity(peers, percent),
        (partition, peer) => scores[partition]?.[peer] ?? 0
      )
    })
  const clockwise = rival(peers => {
    const walks = rivals.clockwiseWalks(peers, partitions, 256)
    return rivals.deferredAcceptance(walks, REPLICAS, capacity(peers, 5), (partition, peer) => walks[partition]?.indexOf(peer) ?? 0)
  })
  const walk = (tokens: number): Candidate =>
    rival(peers => rivals.firstOf(rivals.clockwiseWalks(peers, rivals.SAMPLED_PLACES, tokens, REPLICAS), REPLICAS))
  return [
    ['plain walk, 64 tokens (no partitions)', walk(64)],
    ['plain walk, 256 tokens (no partitions)', walk(256)],
    [
      'walk with bounded loads, +5 %',
      rival(peers => rivals.boundedWalk(rivals.clockwiseWalks(peers, partitions, 64), REPLICAS, capacity(peers, 5)))
    ],
    ['rendezvous, top N', rival(peers => rivals.firstOf(rivals.inOrder(rivals.rendezvousScores(peers, partitions)), REPLICAS))],
    ['deferred acceptance, exact capacity', rendezvous(0)],
    ['deferred acceptance, clockwise, +5 %', clockwise],
    ['sorted list dealt in turn', rival(peers => rivals.dealtTable(peers, partitions, REPLICAS))]
  ]
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

function cell({ maxToMean, joinRatio, leaveRatio, quorumsLostPercent, ms }: Measures): string {
  return `${maxToMean.toFixed(2)} · ${joinRatio.toFixed(2)} · ${leaveRatio.toFixed(2)} · ${quorumsLostPercent.toFixed(1)} · ${ms.toFixed(1)}`
}

function printMeasures(title: string, candidates: readonly [string, Candidate][]): void {
  print(
    `\n## ${title}\nmax/mean load · moved on join ÷ minimum · moved on leave ÷ minimum · % of partitions losing a quorum of owners · ms to compute\n`
  )
  printTable(
    ['function', ...SIZES.map(size => `S=${size}`)],
    candidates.map(([name, candidate]) => [name, ...SIZES.map(size => cell(measure(candidate, size, seeds)))])
  )
}

/** Efficiency = mean load / maximum load, as the paper's Figure 8 has it. */
function efficiency(loads: readonly number[]): number {
  return loads.reduce((sum, load) => sum + load, 0) / loads.length / Math.max(...loads)
}

function printFigure8(): void {
  const tokens = [8, 16, 32, 64, 128, 256]
  const peersOf = (seed: number): string[] => Array.from({ length: 30 }, (_, index) => `figure8.${seed}.${index}`)
  const mean = (of: (seed: number) => number): string =>
    (Array.from({ length: seeds }, (_, seed) => of(seed)).reduce((a, b) => a + b, 0) / seeds).toFixed(2)
  const ofOwners = (owners: rivals.Owners): number => efficiency([...loadsOf(owners.map(row => row.map(String))).values()])
  const partitionsFor = (count: number): number => 2 ** Math.round(Math.log2(count * 30))
  const strategies: [string, (seed: number, count: number) => number, string][] = [
    [
      '1: T random tokens, ranges between tokens',
      (seed, count) => efficiency(rivals.strategyOne(peersOf(seed), count, REPLICAS)),
      '0.52-0.96'
    ],
    [
      '2: T random tokens, equal partitions',
      (seed, count) => ofOwners(rivals.firstOf(rivals.clockwiseWalks(peersOf(seed), 8192, count, REPLICAS), REPLICAS)),
      '0.53-0.88'
    ],
    [
      '3: Q/S tokens, equal partitions',
      (seed, count) => ofOwners(rivals.strategyThree(peersOf(seed), count * 30, REPLICAS, seed)),
      '0.86-0.99'
    ],
    [
      'ours, Q the power of two nearest T x S',
      (seed, count) => efficiency([...loadsOf(ours(partitionsFor(count)).compute(peersOf(seed))).values()]),
      '-'
    ]
  ]
  print("\n## The paper's Figure 8: S=30, N=3, load balancing efficiency (mean/max) by tokens per peer (T), uniform keys\n")
  printTable(
    ['strategy', ...tokens.map(count => `T=${count}`), 'the paper, as metadata grows'],
    strategies.map(([name, of, paper]) => [name, ...tokens.map(count => mean(seed => of(seed, count))), paper])
  )
}

/** The just-in-time compiler would otherwise bill its work to the first rows. */
function warmUp(): void {
  for (const [, candidate] of [['ours', ours(1024)] as const, ...rivalsAt(256)]) measure(candidate, 20, 1)
}

print(`# Ring functions, N=3, mean over ${seeds} sets of peer names`)
warmUp()
printMeasures('Q=1024, equal peers', [['dynamesh', ours(1024)], ...rivalsAt(1024)])
printMeasures('dynamesh in other settings', [
  ['Q=4096', ours(4096)],
  ['Q=1024, weights 4:1 (max/mean of the fair share)', ours(1024, peer => ({ weight: indexOf(peer) % 2 === 0 ? 4 : 1 }))],
  ['Q=4096, weights 4:1 (max/mean of the fair share)', ours(4096, peer => ({ weight: indexOf(peer) % 2 === 0 ? 4 : 1 }))],
  ['Q=1024, three zones', ours(1024, peer => ({ zone: `zone ${indexOf(peer) % 3}` }))],
  ['Q=1024, five zones', ours(1024, peer => ({ zone: `zone ${indexOf(peer) % 5}` }))],
  ['Q=1024, every second peer a tab, weights 4:1', ours(1024, peer => (indexOf(peer) % 2 === 0 ? { weight: 4 } : { durable: false }))],
  ['Q=1024, N=5', ours(1024, () => ({}), 5)]
])
printFigure8()
