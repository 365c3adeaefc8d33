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
})
