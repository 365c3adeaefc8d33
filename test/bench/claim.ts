/**
 * `npm run bench -- claim [seeds]`: what Riak's claim problems move, beside the minimum, and what other bounds of a peer's capacity would cost.
 *
 * Sums and worst cases are over sets of peer names (12 unless told otherwise). Q=1024, N=3.
 */
import { assignOwners } from '../../src/core/ring/assignment.ts'
import { capacityBounds, type CapacityBounds } from '../../src/core/ring/capacity.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { checkedMembers, checkedOptions } from '../../src/core/ring/ring-options.ts'
import { claimChanges, claimProblems, type ClaimChange, type Owners, type RingFunction } from '../core/claim-problems.ts'
import { printTable } from '../experiments/table.ts'
import { fewestCopies } from './claim/fewest-copies.ts'
import * as rivals from './ring/rivals.ts'

const options = checkedOptions({ cluster: 'bench', partitions: 1024, replicas: 3 })
const seeds = Array.from({ length: Math.max(1, Number.parseInt(process.argv[2] ?? '12', 10) || 12) }, (_, index) => `s${index}`)

/** Our function, with these bounds. */
function ours(bounds: CapacityBounds = capacityBounds): RingFunction {
  return given => {
    const members = checkedMembers(given)
    const { placement } = assignOwners(members, options, bounds)
    return named(
      members.map(({ peerId }) => peerId),
      Array.from({ length: options.partitions }, (_, partition) => [...placement.ownersOf(partition)])
    )
  }
}

/** A function that knows of no zones. */
function rival(owners: (peers: readonly string[], capacity: number) => rivals.Owners): RingFunction {
  return members => {
    const peers = members.map(({ peerId }) => peerId)
    return named(peers, owners(peers, Math.ceil(((options.partitions * options.replicas) / peers.length) * 1.05)))
  }
}

function named(peers: readonly PeerId[], owners: rivals.Owners): Owners {
  return owners.map(list => list.map(index => peers[index] as PeerId))
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** All changes of the problem with this name, or of those whose name begins like this, over all sets of names. */
function changesOf(name: string, owners: RingFunction): readonly ClaimChange[] {
  return seeds.flatMap(seed =>
    claimProblems(seed)
      .filter(problem => problem.name.startsWith(name))
      .flatMap(problem => claimChanges(problem, owners))
  )
}

const HEADER = [
  'moved',
  'minimum',
  'ratio',
  'worst change',
  '% of changes over 0.5 % quorums lost',
  'worst % quorums lost',
  'worst max/mean',
  'most zone violations'
]

function row(name: string, changes: readonly ClaimChange[]): string[] {
  const sum = (of: (change: ClaimChange) => number): number => changes.reduce((total, change) => total + of(change), 0)
  const most = (of: (change: ClaimChange) => number): number => Math.max(...changes.map(of))
  const [moved, minimum] = [sum(change => change.moved), sum(change => change.minimum)]
  const costly = changes.filter(change => change.quorumsLostPercent > 0.5).length
  return [
    name,
    (moved / seeds.length).toFixed(0),
    (minimum / seeds.length).toFixed(0),
    (moved / minimum).toFixed(2),
    most(change => change.moved / change.minimum).toFixed(2),
    ((costly / changes.length) * 100).toFixed(1),
    most(change => change.quorumsLostPercent).toFixed(2),
    most(change => change.maxToMean).toFixed(2),
    String(most(change => change.violations))
  ]
}

function printProblems(): void {
  print(`\n## Sequences, mean of ${seeds.length} sets of peer names\n`)
  const names = claimProblems('').map(({ name }) => name)
  printTable(
    ['sequence', ...HEADER],
    names.map(name => row(name, changesOf(name, ours())))
  )
}

/** For the first set of names only, because the bound takes long to compute. */
function printBound(): void {
  const bounds = [1.07, 1.35]
  print('\n## The fewest copies that somebody could make who remembers who owned what, one set of peer names')
  print(
    'The bound is the most that a peer may hold of what it is due. From the same table before each change; newcomers get what they are due.\n'
  )
  const rows = claimProblems(seeds[0] ?? '').map(problem => {
    const tables = problem.steps.map(ours())
    const moved = claimChanges(problem, ours()).reduce((sum, change) => sum + change.moved, 0)
    const fewest = bounds.map(bound =>
      problem.steps.slice(1).reduce((sum, members, index) => sum + fewestCopies(tables[index] as Owners, members, bound), 0)
    )
    return [problem.name, String(moved), ...fewest.flatMap(copies => [String(copies), (moved / copies).toFixed(2)])]
  })
  printTable(['sequence', 'moved', ...bounds.flatMap(bound => [`fewest at ${bound}`, 'ratio'])], rows)
}

function printRivals(): void {
  const scored = (peers: readonly string[]): readonly (readonly number[])[] => rivals.rendezvousScores(peers, options.partitions)
  const functions: readonly [string, RingFunction][] = [
    ['dynamesh', ours()],
    [
      'walk with bounded loads, +5 %',
      rival((peers, capacity) => rivals.boundedWalk(rivals.clockwiseWalks(peers, options.partitions, 64), options.replicas, capacity))
    ],
    ['rendezvous, top N', rival(peers => rivals.firstOf(rivals.inOrder(scored(peers)), options.replicas))],
    ['sorted list dealt in turn', rival(peers => rivals.dealtTable(peers, options.partitions, options.replicas))]
  ]
  print('\n## Other functions that keep no history, without zones: 1 to 16 and 16 to 4 equal peers\n')
  printTable(
    ['function', ...HEADER],
    functions.map(([name, owners]) => row(name, [...changesOf('1 to 16', owners), ...changesOf('16 to 4 equal', owners)]))
  )
}

function printTrade(): void {
  const apart = { vainStretchPerMille: 3000, zoneStretchPerMille: 3000 }
  const chosen = 'as chosen'
  const equal: readonly [string, Partial<CapacityBounds>][] = [
    ['2 %', { slackPerMille: 20 }],
    [chosen, {}],
    ['12 %', { slackPerMille: 120 }]
  ]
  const four: readonly [string, Partial<CapacityBounds>][] = [
    ['6.5 %: none for zones', { zoneSlackPerMille: 65 }],
    ['20 %', { zoneSlackPerMille: 200 }],
    [chosen, {}],
    ['50 %', { zoneSlackPerMille: 500 }]
  ]
  const three: readonly [string, Partial<CapacityBounds>][] = [
    ['none', { zoneStretchPerMille: 1000, vainStretchPerMille: 1000 }],
    [chosen, {}],
    ['without limit', apart]
  ]
  const groups: readonly [string, string, readonly [string, Partial<CapacityBounds>][]][] = [
    ['Room above the share: equal peers', '1', equal],
    ['Room above the share in larger zones: four zones', '4 zones', four],
    ['Stretch of peers in small zones: three zones', '3 zones', three]
  ]
  for (const [title, problems, choices] of groups) {
    print(`\n## ${title}\n`)
    printTable(
      ['choice', ...HEADER],
      choices.map(([name, bounds]) => row(name, changesOf(problems, ours({ ...capacityBounds, ...bounds }))))
    )
  }
}

print("# Riak's claim problems, Q=1024, N=3")
print('Targets: joins at most 1.1 and leaves at most 1.15 times the minimum, 0.5 % of partitions losing a quorum of owners in one change.')
printProblems()
printBound()
printRivals()
printTrade()
