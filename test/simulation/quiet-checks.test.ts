/** What a cluster still does when nobody uses it is seen. */
import { expect, test } from 'vitest'
import { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { quietProblems } from '../../src/simulation/checks/quiet-checks.ts'

function writtenCluster(): Cluster {
  const cluster = new Cluster({ seed: 3, peers: 3 })
  const [ada = cluster.add()] = cluster.peers
  for (const key of ['a', 'b', 'c']) cluster.put(ada, key, 'value', { quorum: 3 })
  cluster.settle()
  return cluster
}

test('a cluster at rest repairs nothing and has nothing under way', () => {
  expect(quietProblems(writtenCluster())).toEqual([])
})

test('a copy that changes though nobody writes is seen', () => {
  const cluster = writtenCluster()
  const [ada = cluster.add()] = cluster.peers
  cluster.time.after(30_000, () => cluster.startPut(ada, 'a', 'on its own', {}, () => undefined))
  expect(quietProblems(cluster)).toContain('ada still works without traffic: key-changed')
})

test('a storage operation that never answers is seen', () => {
  const cluster = writtenCluster()
  const [ada = cluster.add()] = cluster.peers
  const { storage } = cluster.peer(ada)
  storage.read = () => undefined
  cluster.startGet(ada, 'never read before', {}, () => undefined)
  expect(quietProblems(cluster)).toEqual([expect.stringContaining('never come to their end without traffic at ada: storage')])
})
