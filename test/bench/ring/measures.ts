/** What a change of the ring costs: the four columns of the tables, for any function from peers to owners. */

/** Owners of each partition, by name. */
export type Table = readonly (readonly string[])[]

/** One function at one number of peers, averaged over seeds. */
export interface Measures {
  readonly maxToMean: number
  readonly joinRatio: number
  readonly leaveRatio: number
  readonly quorumsLostPercent: number
  readonly ms: number
}

/** Replicas of `after` that `before` does not have; both tables have as many partitions. */
function movedReplicas(before: Table, after: Table): number {
  return after.reduce((count, owners, partition) => count + owners.filter(owner => before[partition]?.includes(owner) !== true).length, 0)
}

/** Percentage of partitions that keep fewer than a quorum of their owners. */
function quorumsLostPercent(before: Table, after: Table): number {
  const lost = before.filter((owners, partition) => {
    const kept = owners.filter(owner => after[partition]?.includes(owner) === true).length
    return kept < Math.floor(owners.length / 2) + 1
  })
  return (lost.length / before.length) * 100
}

/** Replicas on each peer. */
export function loadsOf(table: Table): Map<string, number> {
  const loads = new Map<string, number>()
  for (const owner of table.flat()) loads.set(owner, (loads.get(owner) ?? 0) + 1)
  return loads
}

/** A function under test: the owners among `peers`, and each peer's share relative to the others. */
export interface Candidate {
  readonly compute: (peers: readonly string[]) => Table
  readonly weightOf?: (peer: string) => number
}

/** Measures a candidate at `count` peers: one more peer joins, one peer leaves. */
export function measure({ compute, weightOf = () => 1 }: Candidate, count: number, seeds: number): Measures {
  const results = Array.from({ length: seeds }, (_, seed) => {
    const peers = Array.from({ length: count + 1 }, (_, index) => `${count}.${seed}.${index}`)
    const started = performance.now()
    const now = compute(peers.slice(0, count))
    const ms = performance.now() - started
    const [larger, smaller] = [compute(peers), compute(peers.slice(1, count))]
    const loads = loadsOf(now)
    const total = now.flat().length
    const share = (peer: string, among: readonly string[]): number => weightOf(peer) / among.reduce((sum, each) => sum + weightOf(each), 0)
    const fullness = peers.slice(0, count).map(peer => (loads.get(peer) ?? 0) / (total * share(peer, peers.slice(0, count))))
    return {
      maxToMean: Math.max(...fullness),
      joinRatio: movedReplicas(now, larger) / (larger.flat().length * share(peers[count] ?? '', peers)),
      leaveRatio: movedReplicas(now, smaller) / (loads.get(peers[0] ?? '') ?? 0),
      quorumsLostPercent: (quorumsLostPercent(now, larger) + quorumsLostPercent(now, smaller)) / 2,
      ms
    }
  })
  const average = (of: (result: Measures) => number): number => results.reduce((sum, result) => sum + of(result), 0) / seeds
  return {
    maxToMean: average(result => result.maxToMean),
    joinRatio: average(result => result.joinRatio),
    leaveRatio: average(result => result.leaveRatio),
    quorumsLostPercent: average(result => result.quorumsLostPercent),
    ms: results.map(result => result.ms).sort((a, b) => a - b)[Math.floor(seeds / 2)] ?? 0
  }
}
