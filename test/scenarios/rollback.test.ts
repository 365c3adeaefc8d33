/** A disk that went back to an older state of itself: what it forgot is not lost, and what comes after is not taken for it. */
import { describe, expect, test } from 'vitest'
import { replicaOf } from '../../src/core/identifiers.ts'
import { Cluster } from '../../src/simulation/cluster/cluster.ts'

function trio(mayRollBack: boolean): { readonly cluster: Cluster; readonly names: Cluster['peers'] } {
  const cluster = new Cluster({ seed: 1, peers: 3, profile: () => ({ mayRollBack }) })
  return { cluster, names: cluster.peers }
}

describe('a storage that is an older state of itself', () => {
  test('numbers what it writes cut off from all others unlike what it has forgotten', () => {
    const { cluster, names } = trio(true)
    const [ada = cluster.add(), ...others] = names
    cluster.put(ada, 'k', 'first')
    const before = cluster.peer(ada).storage.snapshot()
    const forgotten = cluster.put(ada, 'k', 'forgotten', { quorum: 3 })
    cluster.run(5000)
    cluster.crash(ada)
    cluster.peer(ada).storage.restore(before)
    cluster.partition([ada], others)
    cluster.start(ada)
    const written = cluster.put(ada, 'k', 'written after', { quorum: 1 })
    expect(written.status).toBe('ok')
    expect(written.dot).not.toEqual(forgotten.dot)
    cluster.heal()
    cluster.settle()
    cluster.run(60_000)
    for (const peer of names) expect(cluster.copyValues(peer, 'k')).toEqual(['first', 'forgotten', 'written after'])
  })

  test('keeps its numbers over a restart in good order', () => {
    const { cluster, names } = trio(true)
    const [ada = cluster.add()] = names
    const before = cluster.put(ada, 'k', 'one', { quorum: 3 })
    cluster.stop(ada)
    cluster.start(ada)
    cluster.settle()
    const after = cluster.put(ada, 'k', 'two', { quorum: 3 })
    expect(after.dot?.actor).toBe(before.dot?.actor)
  })

  test('numbers anew after a crash', () => {
    const { cluster, names } = trio(true)
    const [ada = cluster.add()] = names
    const before = cluster.put(ada, 'k', 'one', { quorum: 3 })
    cluster.restart(ada)
    cluster.settle()
    const after = cluster.put(ada, 'k', 'two', { quorum: 3 })
    if (before.dot === undefined || after.dot === undefined) throw new Error('a write has no dot')
    expect(replicaOf(after.dot.actor)).not.toBe(replicaOf(before.dot.actor))
  })

  test('of which there can be no older state keeps its numbers over a crash', () => {
    const { cluster, names } = trio(false)
    const [ada = cluster.add()] = names
    const before = cluster.put(ada, 'k', 'one', { quorum: 3 })
    cluster.restart(ada)
    cluster.settle()
    expect(cluster.put(ada, 'k', 'two', { quorum: 3 }).dot?.actor).toBe(before.dot?.actor)
  })
})
