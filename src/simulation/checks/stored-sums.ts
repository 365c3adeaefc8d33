/**
 * What must be true of every disk at every moment: the sum of a partition that is kept there is that of the index rows beside it. A partition that
 * is marked, or has a row that cannot be read, says nothing.
 */
import { MerkleTrie } from '../../core/merkle/merkle-trie.ts'
import { positionBytes } from '../../core/ring/position.ts'
import { equalSums, noSum } from '../../core/merkle/trie-sum.ts'
import { partitionOfSumKey, sumOfRow, summedKey } from '../../protocol/key-index/partition-sums.ts'
import { prefixes } from '../../protocol/storage-layout.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { SimulatedStorage } from '../cluster/simulated-storage.ts'

/** A sentence for each peer and partition whose sum on disk is wrong. */
export function wrongSums(cluster: Cluster): readonly string[] {
  const { partitions } = cluster.configuration
  return cluster.peers.flatMap(peer =>
    wrongPartitions(cluster.peer(peer).storage, partitions).map(partition => `${peer} keeps a wrong sum of partition ${partition}`)
  )
}

function wrongPartitions(storage: SimulatedStorage, partitions: number): readonly number[] {
  if (storage.get(summedKey) === undefined) return []
  const trie = new MerkleTrie(partitions)
  const placeOf = (key: Uint8Array): Uint8Array => key.subarray(1, 1 + positionBytes)
  for (const { key, value } of storage.rows(prefixes.index)) trie.set(placeOf(key), value)
  const stored = new Map(storage.rows(prefixes.sum).map(({ key, value }) => [partitionOfSumKey(key), sumOfRow(value)]))
  const silent = new Set(storage.damagedKeys(prefixes.sum).map(partitionOfSumKey))
  for (const key of storage.damagedKeys(prefixes.index)) silent.add(trie.partitionOf(placeOf(key)))
  return Array.from({ length: partitions }, (_, partition) => partition).filter(partition => {
    const sum = stored.has(partition) ? stored.get(partition) : noSum
    return !silent.has(partition) && sum !== undefined && !equalSums(sum, trie.sum(trie.partitionBits, partition))
  })
}
