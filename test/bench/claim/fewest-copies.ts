/**
 * The fewest copies that a change can cost: of all tables that keep owners distinct and zones apart, load nobody above a bound and give newcomers what
 * they are due, the one that is nearest to the table before. Whoever wanted to reach it would have to remember that table and agree on every
 * change; a function of the members alone is held against it, not expected to reach it.
 */
import type { RingMember } from '../../../src/core/ring/ring.ts'
import { dueOf, ownersAmong, zonesOf, type Owners } from '../../core/claim-problems.ts'
import { Flow } from './flow.ts'

const [SOURCE, SINK, OLD] = [0, 1, 2]

/** Copies that must be made for a table of `members` in which nobody has more than `loadMost` times what they are due. */
export function fewestCopies(before: Owners, members: readonly RingMember[], loadMost: number): number {
  const [partitions, owners, due] = [before.length, ownersAmong(members), dueOf(members)]
  const zones = zonesOf(members)
  const ownersPerZone = Math.ceil(owners / zones.size)
  const flow = new Flow()
  const olds = new Set(before.flat())
  const newcomersDue = members.reduce((sum, { peerId }) => (olds.has(peerId) ? sum : sum + Math.floor(due.get(peerId) ?? 0)), 0)
  flow.edge(OLD, SINK, partitions * owners - newcomersDue, 0)
  const peers = new Map(members.map(({ peerId }) => [peerId, flow.node()]))
  for (const [peer, node] of peers) {
    flow.edge(node, olds.has(peer) ? OLD : SINK, Math.min(partitions, Math.ceil((due.get(peer) ?? 0) * loadMost)), 0)
  }
  for (const kept of before) {
    const partition = flow.node()
    flow.edge(SOURCE, partition, owners, 0)
    for (const zone of zones.values()) {
      const from = zone.length > ownersPerZone ? flow.node() : partition
      if (from !== partition) flow.edge(partition, from, ownersPerZone, 0)
      for (const { peerId } of zone) flow.edge(from, peers.get(peerId) ?? SINK, 1, kept.includes(peerId) ? 0 : 1)
    }
  }
  const { sent, cost } = flow.fill(SOURCE, SINK)
  if (sent < partitions * owners) throw new Error(`no table loads everybody with at most ${loadMost} times what they are due`)
  return cost
}
