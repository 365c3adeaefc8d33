/** A write whose coordinator's disk is slower than its caller's patience. */
import { expect, test } from 'vitest'
import { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { isWithheld } from '../../src/simulation/run/healing.ts'

test('a write that becomes durable after its caller gave up goes to the other owners all the same, by itself', () => {
  const cluster = new Cluster({ seed: 1, peers: 3 })
  // Neither reads nor anti-entropy help.
  cluster.withholds = effect => isWithheld('hints', effect)
  const [ada = cluster.add()] = cluster.peers
  cluster.peer(ada).storage.slowness = 200
  const answer = cluster.put(ada, 'k', 'late', { timeoutMs: 100 })
  expect(answer.status).toBe('quorum')
  expect(answer.mayHaveHappened).toBe(true)
  cluster.peer(ada).storage.slowness = 1
  cluster.run(10_000)
  for (const peer of cluster.peers) expect(cluster.copyValues(peer, 'k')).toEqual(['late'])
})

test('a write that becomes durable after its caller gave up leaves a hint for an owner that is away', () => {
  const cluster = new Cluster({ seed: 1, peers: 3 })
  cluster.withholds = effect => isWithheld('hints', effect)
  const [ada = cluster.add(), ben = cluster.add(), cyd = cluster.add()] = cluster.peers
  cluster.peer(ada).storage.slowness = 200
  expect(cluster.put(ada, 'k', 'late', { timeoutMs: 100 }).status).toBe('quorum')
  cluster.peer(ada).storage.slowness = 1
  cluster.partition([ada], [ben, cyd])
  cluster.run(30_000)
  cluster.heal()
  cluster.settle()
  for (const peer of cluster.peers) expect(cluster.copyValues(peer, 'k')).toEqual(['late'])
})
