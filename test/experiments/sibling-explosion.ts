/**
 * Sibling explosion (Almeida et al., "Dotted version vectors", 2012, and many a user of Riak): two clients write one key in turn, each with what
 * the answer to its own write before told it. Two values are current at any time: the last one of each client.
 *
 * With one version vector for the whole record, a server cannot say that. It sees a context that lacks the other client's write, keeps all it has,
 * and every write adds a sibling. Dots name each write, so exactly the client's own value before goes.
 */
import type { CausalContext } from '../../src/core/versions/causal-context.ts'
import { emptyContext } from '../../src/core/versions/causal-context.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { ServerVectorRecord, type ServerVector } from './server-version-vector.ts'
import { printTable } from './table.ts'

const key = 'k'

/** Siblings that `writes` of two clients in turn leave here. They write through the same peer, or each through one of its own. */
export function siblingsWithDots(writes: number, through: 'one peer' | 'two peers'): number {
  const cluster = new Cluster({ peers: 3, trace: false })
  const [ada, ben] = cluster.peers as [PeerId, PeerId]
  const known: [CausalContext, CausalContext] = [emptyContext, emptyContext]
  for (let write = 0; write < writes; write++) {
    const client = write % 2 === 0 ? 0 : 1
    const peer = through === 'two peers' && client === 1 ? ben : ada
    known[client] = cluster.put(peer, key, `${write}`, { quorum: 3, context: known[client] }).context
  }
  return cluster.get(ada, key, { quorum: 3 }).values.length
}

/** The same writes on a record with a version vector. */
export function siblingsWithVector(writes: number): number {
  const record = new ServerVectorRecord()
  const known: [ServerVector, ServerVector] = [new Map(), new Map()]
  for (let write = 0; write < writes; write++) {
    const client = write % 2 === 0 ? 0 : 1
    known[client] = record.put('server', known[client], `${write}`)
  }
  return record.siblings.length
}

export function printSiblingExplosion(): void {
  printTable(
    ['100 writes of two clients in turn', 'siblings at the end', 'published'],
    [
      ['dynamesh, through one peer', `${siblingsWithDots(100, 'one peer')}`, '2'],
      ['dynamesh, through two peers', `${siblingsWithDots(100, 'two peers')}`, '2'],
      ['one version vector for the record (model)', `${siblingsWithVector(100)}`, '99 to 101']
    ]
  )
}
