import { describe, expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import { Cluster } from '../../src/simulation/cluster/cluster.ts'

const few = { peers: 8, neighboursMax: 4, network: { gossip: 'mesh' } } as const

describe('a cluster in which nobody is connected to everybody', () => {
  test('answers for every key at every peer: who is asked for and not connected is dialled', () => {
    const cluster = new Cluster(few)
    const [ada] = cluster.peers as [PeerId]
    for (let number = 0; number < 20; number++) expect(cluster.put(ada, `key${number}`, 'value').status).toBe('ok')
    for (const peer of cluster.peers) {
      for (let number = 0; number < 20; number++) expect(cluster.get(peer, `key${number}`).values).toEqual(['value'])
    }
  })

  test('writes past an owner that cannot be dialled, and hands over when it is back', () => {
    const cluster = new Cluster(few)
    const [ada] = cluster.peers as [PeerId]
    const isDistant = (peer: PeerId): boolean => cluster.peer(ada).isDistant(peer)
    const key = cluster.keyWhere(owners => owners.every(owner => owner !== ada && isDistant(owner)))
    const [owner] = cluster.owners(key) as [PeerId]
    cluster.crash(owner)
    expect(cluster.put(ada, key, 'value', { quorum: 3, timeoutMs: 20_000 }).status).toBe('ok')
    cluster.start(owner)
    expect(cluster.runUntil(() => cluster.copyValues(owner, key).includes('value'))).toBe(true)
  })

  test('takes a newcomer, which gets the copies of what it owns', () => {
    const cluster = new Cluster(few)
    const [ada] = cluster.peers as [PeerId]
    for (let number = 0; number < 20; number++) cluster.put(ada, `key${number}`, 'value')
    const newcomer = cluster.add()
    expect(cluster.settle()).toBe(true)
    for (let number = 0; number < 20; number++) {
      if (cluster.owners(`key${number}`).includes(newcomer)) expect(cluster.copyValues(newcomer, `key${number}`)).toEqual(['value'])
    }
  })

  test('takes and lets go a member that stores nothing, and of whose neighbours none stores anything', () => {
    const cluster = new Cluster({ ...few, peers: 7, neighboursMax: 3, profile: index => ({ weight: index < 3 ? 1 : 0 }) })
    const newcomer = cluster.add({ weight: 0 }, undefined, 'eve1' as PeerId)
    expect(cluster.runUntil(() => cluster.peer(newcomer).ringPeer?.status === 'up')).toBe(true)
    expect(cluster.settle()).toBe(true)
    expect(cluster.peers.slice(0, 3).every(keeper => cluster.peer(newcomer).isDistant(keeper))).toBe(true)
    cluster.peer(newcomer).leave()
    expect(cluster.runUntil(() => cluster.departed.has(newcomer))).toBe(true)
  })

  test('delivers hints to a neighbour that had gone silent, and is a neighbour no longer', () => {
    const detectionMs = 20_000
    const cluster = new Cluster({ ...few, network: { gossip: 'mesh', detectionMs } })
    const [dee, ben, bob] = ['dee', 'ben', 'bob'] as [PeerId, PeerId, PeerId]
    const key = cluster.keyWhere((owners, others) => owners.includes(ben) && others[0] === dee)
    cluster.partition([dee], [ben, bob])
    cluster.get(dee, key)
    cluster.get(
      ben,
      cluster.keyWhere(owners => owners.includes(dee))
    )
    const suspects = (peer: PeerId, other: PeerId): boolean => opinionOf(cluster, peer, other) === 'suspect'
    expect(cluster.runUntil(() => suspects(dee, ben) && suspects(ben, dee), 2000)).toBe(true)
    cluster.run(detectionMs)
    cluster.put(dee, key, 'value')
    expect(cluster.runUntil(() => cluster.hintCount(dee) === 1)).toBe(true)
    // It comes between them in the list of members, and the ring stays as it is.
    cluster.add({ weight: 0 }, undefined, bob)
    expect(cluster.runUntil(() => cluster.peer(dee).isDistant(ben) && cluster.peer(ben).isDistant(dee))).toBe(true)
    cluster.network.unblock(dee, ben)
    cluster.network.unblock(ben, dee)
    expect(cluster.runUntil(() => cluster.hintCount(dee) === 0)).toBe(true)
  })

  test('asks an owner again that could not be dialled, as soon as it says that it is back', () => {
    const cluster = new Cluster(few)
    const { asker, owner, key } = distantOwner(cluster)
    cluster.crash(owner)
    cluster.get(asker, key)
    expect(cluster.runUntil(() => opinionOf(cluster, asker, owner) === 'suspect')).toBe(true)
    // By now a minute passes between two probes.
    cluster.run(300_000)
    cluster.start(owner)
    expect(cluster.runUntil(() => opinionOf(cluster, asker, owner) === 'reachable', 3000)).toBe(true)
  })
})

/** A key of which an owner is distant to a peer. */
function distantOwner(cluster: Cluster): { readonly asker: PeerId; readonly owner: PeerId; readonly key: string } {
  const asker = cluster.peers.at(-1) as PeerId
  const isDistant = (peer: PeerId): boolean => cluster.peer(asker).isDistant(peer) && cluster.peer(peer).isDistant(asker)
  const key = cluster.keyWhere(owners => !owners.includes(asker) && owners.some(isDistant))
  return { asker, owner: cluster.owners(key).find(isDistant) as PeerId, key }
}

function opinionOf(cluster: Cluster, peer: PeerId, other: PeerId): string | undefined {
  return cluster.peer(peer).ringPeer?.opinion(other)
}
