/** The checks of conduct see what they are for: each is shown a peer that behaves badly. */
import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../../src/core/codec.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { emptyRecord } from '../../src/core/versions/record.ts'
import { rowKey } from '../../src/protocol/storage-layout.ts'
import type { AskedCall } from '../../src/simulation/run/client-call.ts'
import { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { ConductChecks, type CalmRun } from '../../src/simulation/checks/conduct-checks.ts'

interface Scene {
  readonly cluster: Cluster
  readonly checks: ConductChecks
  readonly problems: string[]
  readonly key: string
  readonly owner: PeerId
  readonly stranger: PeerId
}

/** Four peers that have known each other for a while, and a key that one of them does not own. */
function setUp(run: CalmRun = { isCalm: true, kinds: [] }): Scene {
  const cluster = new Cluster({ peers: 4 })
  const problems: string[] = []
  const checks = new ConductChecks(cluster, run, problem => problems.push(problem))
  cluster.run(15_000)
  const key = 'cart'
  const owner = cluster.owners(key)[0] ?? cluster.add()
  const stranger = cluster.peers.find(peer => !cluster.owners(key).includes(peer)) ?? cluster.add()
  return { cluster, checks, problems, key, owner, stranger }
}

function asked({ cluster, key, owner }: Scene, kind: 'get' | 'put', quorum: number): AskedCall {
  return { kind, peer: owner, key, quorum, sloppy: true, askedAtMs: cluster.time.nowMs - 1000 }
}

/** A caller at the owner is shown what the owner holds, which another owner answered without; that one is returned. */
function showStale(scene: Scene): PeerId {
  const { cluster, checks, key, owner } = scene
  const other = cluster.owners(key).find(peer => peer !== owner)
  const record = cluster.copy(owner, key)
  if (other === undefined || record === undefined) throw new Error('the key has several owners')
  checks.got(asked(scene, 'get', 2), { ...cluster.get(owner, key), replied: [owner, other] }, record)
  return other
}

describe('the checks of conduct', () => {
  test('find a repair of a peer that owns nothing of it', () => {
    const { checks, problems, key, owner, stranger } = setUp()
    checks.sent(owner, stranger, { type: 'repair', key: encodeUtf8(key), record: emptyRecord })
    expect(problems).toEqual([expect.stringContaining('which does not own it')])
  })

  test('accept a repair of an owner', () => {
    const { checks, problems, key, owner, stranger } = setUp()
    checks.sent(stranger, owner, { type: 'repair', key: encodeUtf8(key), record: emptyRecord })
    expect(problems).toEqual([])
  })

  test('find a read that leaves an owner without what it showed', () => {
    const scene = setUp()
    const { cluster, problems, key, owner } = scene
    cluster.put(owner, key, 'v', { quorum: 3 })
    showStale(scene)
    cluster.run(15_000)
    expect(problems).toEqual([expect.stringContaining('did not repair it')])
  })

  test('accept that a read repairs no owner of a ring that changed while it listened', () => {
    const scene = setUp()
    const { cluster, problems, key, owner } = scene
    cluster.put(owner, key, 'v', { quorum: 3 })
    const other = showStale(scene)
    cluster.observer = { reported: (peer, event) => scene.checks.reported(peer, event) }
    cluster.peer(other).leave()
    cluster.run(15_000)
    expect(cluster.owners(key)).not.toContain(other)
    expect(problems.filter(problem => problem.includes('repair'))).toEqual([])
  })

  test('find "not found" as the answer of fallbacks alone', () => {
    const scene = setUp()
    const answer = scene.cluster.get(scene.owner, scene.key)
    scene.checks.got(asked(scene, 'get', 1), { ...answer, replied: [scene.stranger] }, emptyRecord)
    expect(scene.problems).toEqual([expect.stringContaining('of which none owns it')])
  })

  test('accept "not found" of an owner', () => {
    const scene = setUp()
    scene.checks.got(asked(scene, 'get', 1), scene.cluster.get(scene.owner, scene.key), emptyRecord)
    expect(scene.problems).toEqual([])
  })

  test('find a write without a quorum while enough peers were there', () => {
    const scene = setUp()
    const answer = scene.cluster.put(scene.owner, scene.key, 'milk')
    scene.checks.wrote(asked(scene, 'put', 2), { ...answer, status: 'quorum' })
    expect(scene.problems).toEqual([expect.stringContaining('found no quorum of 2')])
  })

  test('accept a write without a quorum where too few were there, or in a run that is not calm', () => {
    const few = setUp()
    const answer = few.cluster.put(few.owner, few.key, 'milk')
    for (const peer of few.cluster.peers) if (peer !== few.owner) few.cluster.crash(peer)
    few.checks.wrote(asked(few, 'put', 2), { ...answer, status: 'quorum' })
    const wild = setUp({ isCalm: false, kinds: ['partition-one'] })
    wild.checks.wrote(asked(wild, 'put', 2), { ...answer, status: 'quorum' })
    expect([...few.problems, ...wild.problems]).toEqual([])
  })

  test('find a peer that has joined and lacks what it owns', () => {
    const { cluster, checks, problems } = setUp({ isCalm: true, kinds: ['join'] })
    const keys = Array.from({ length: 20 }, (_, number) => `key-${number}`)
    cluster.observer = {
      wrote: (call, answer) => checks.wrote(call, answer),
      reported: (peer, event) => {
        if (cluster.peer(peer).ringPeer?.status === 'joining') checks.reported(peer, event)
      }
    }
    for (const key of keys) cluster.put(cluster.owners(key)[0] ?? cluster.add(), key, 'milk')
    cluster.run(10_000)
    const joiner = cluster.add()
    cluster.settle()
    const lost = keys.find(key => cluster.owners(key).includes(joiner)) ?? ''
    cluster.peer(joiner).storage.tamper({ type: 'delete', key: rowKey(encodeUtf8(lost)) })
    checks.reported(joiner, { type: 'members-changed', peers: [joiner] })
    expect(problems).toEqual([`${joiner} has joined, and lacks a write of ${lost} that it owns`])
  })

  test('find a difference that an exchange repairs though nothing failed', () => {
    const { checks, problems, owner, stranger } = setUp()
    checks.reported(owner, { type: 'exchange-started', peer: stranger, partition: 0 })
    expect(problems).toEqual([expect.stringContaining('though nothing had failed')])
  })
})
