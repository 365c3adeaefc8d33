/** The checks of deletes see what they are for: each is shown a delete that does not last. */
import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../../src/core/codec.ts'
import type { PeerId, RequestId } from '../../src/core/identifiers.ts'
import { recordHash, type StoredRecord } from '../../src/core/versions/record.ts'
import { encodeRow, hintKey, rowKey } from '../../src/protocol/storage-layout.ts'
import { tombstoneKey } from '../../src/protocol/tombstones/tombstone-index.ts'
import { CausalHistory } from '../../src/simulation/checks/causal-history.ts'
import { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { DeleteChecks } from '../../src/simulation/checks/delete-checks.ts'
import { SafetyChecks } from '../../src/simulation/checks/safety-checks.ts'

const key = 'cart'
const graceMs = 60_000

interface Scene {
  readonly cluster: Cluster
  readonly checks: DeleteChecks
  readonly problems: string[]
  readonly forgotten: StoredRecord[]
  readonly ada: PeerId
  readonly cyd: PeerId
  /** Of a key that all three peers own: its value, and the tombstone that deleted it. */
  readonly value: StoredRecord
  readonly tombstone: StoredRecord
}

function setUp(): Scene {
  const cluster = new Cluster({ peers: 3 })
  const problems: string[] = []
  const forgotten: StoredRecord[] = []
  const safety = new SafetyChecks(new CausalHistory())
  const checks = new DeleteChecks({
    cluster,
    graceMs,
    everHeld: (peer, bytes) => safety.everHeld(peer, bytes),
    forgotten: record => forgotten.push(record),
    found: problem => problems.push(problem)
  })
  cluster.observer = {
    becameDurable: (peer, batch) => {
      safety.becameDurable(peer, batch)
      checks.becameDurable(peer, batch)
    }
  }
  const [ada = cluster.add(), , cyd = cluster.add()] = cluster.peers
  const { context } = cluster.put(ada, key, 'milk', { quorum: 3 })
  const value = copyOf(cluster, cyd)
  cluster.delete(ada, key, context, { quorum: 3 })
  return { cluster, checks, problems, forgotten, ada, cyd, value, tombstone: copyOf(cluster, cyd) }
}

function copyOf(cluster: Cluster, peer: PeerId): StoredRecord {
  const copy = cluster.copy(peer, key)
  if (copy === undefined) throw new Error(`${peer} holds no copy`)
  return copy
}

/** Puts a record in the place of a peer's copy, behind its back. */
function replaceCopy({ cluster }: Scene, peer: PeerId, record: StoredRecord | undefined): void {
  const row = rowKey(encodeUtf8(key))
  cluster
    .peer(peer)
    .storage.tamper(record === undefined ? { type: 'delete', key: row } : { type: 'put', key: row, value: encodeRow({ epoch: 1, record }) })
}

function order({ checks, ada, cyd, tombstone }: Scene): void {
  const entries = [{ key: encodeUtf8(key), hash: recordHash(tombstone) }]
  checks.sent(ada, cyd, { type: 'reap-drop', id: 1, ring: '', entries })
}

function reap(scene: Scene): void {
  const { checks, ada, tombstone } = scene
  order(scene)
  checks.reported(ada, { type: 'tombstone-reaped', key: encodeUtf8(key), record: tombstone })
}

function requestsOf({ siblings }: StoredRecord): readonly RequestId[] {
  return siblings.map(({ request }) => request)
}

describe('the checks of deletes', () => {
  test('accept a tombstone that goes while all owners hold it, or have forgotten it', () => {
    const scene = setUp()
    reap(scene)
    replaceCopy(scene, scene.ada, undefined)
    reap(scene)
    expect(scene.problems).toEqual([])
    expect(scene.checks.counts.reaped).toBe(2)
  })

  test('find a tombstone that goes while an owner holds what it deleted', () => {
    const scene = setUp()
    replaceCopy(scene, scene.cyd, scene.value)
    reap(scene)
    expect(scene.problems).toEqual([expect.stringContaining('its owner cyd holds')])
  })

  test('find a tombstone that goes though it is another than the one that all agreed about', () => {
    const scene = setUp()
    order(scene)
    scene.checks.reported(scene.ada, { type: 'tombstone-reaped', key: encodeUtf8(key), record: scene.value })
    expect(scene.problems).toEqual([expect.stringContaining('which nobody ordered')])
  })

  test('find a tombstone that goes though an owner never had it', () => {
    const scene = setUp()
    const dee = scene.cluster.add()
    scene.cluster.settle()
    const known = scene.cluster.keyWhere(owners => owners.includes(scene.ada) && owners.includes(dee))
    scene.checks.reported(scene.ada, { type: 'tombstone-reaped', key: encodeUtf8(known), record: scene.tombstone })
    expect(scene.problems).toContainEqual(expect.stringContaining('its owner dee holds nothing'))
  })

  test('find a peer that takes back what it has just reaped', () => {
    const scene = setUp()
    const { checks, ada, problems, tombstone, value } = scene
    reap(scene)
    for (const record of [tombstone, value])
      checks.becameDurable(ada, [{ type: 'put', key: rowKey(encodeUtf8(key)), value: encodeRow({ epoch: 2, record }) }])
    expect(problems).toEqual([expect.stringContaining('takes back'), expect.stringContaining('takes back')])
  })

  test('accept that a peer takes what it reaped before it started again, or a write that came since', () => {
    const scene = setUp()
    const { cluster, checks, ada, problems } = scene
    reap(scene)
    cluster.put(ada, key, 'bread')
    expect(problems).toEqual([])
    reap(scene)
    cluster.restart(ada)
    checks.becameDurable(ada, [{ type: 'put', key: rowKey(encodeUtf8(key)), value: encodeRow({ epoch: 2, record: scene.tombstone }) }])
    expect(problems).toEqual([])
  })

  test('let a value return that a hint still carried, or that was kept because it may be the last copy', () => {
    const scene = setUp()
    const { cluster, checks, cyd, value } = scene
    expect([...checks.mayReturn]).toEqual([])
    replaceCopy(scene, cyd, value)
    cluster.peer(cyd).storage.tamper({ type: 'put', key: hintKey(scene.ada, encodeUtf8(key)), value: new Uint8Array(1) })
    reap(scene)
    expect([...checks.mayReturn]).toEqual(requestsOf(value))
    const other = setUp()
    replaceCopy(other, other.cyd, other.value)
    other.checks.reported(other.cyd, { type: 'key-kept', key: encodeUtf8(key) })
    expect([...other.checks.mayReturn]).toEqual(requestsOf(other.value))
  })

  test('let an older delete return beside a write that was kept because it may be the last copy', () => {
    const scene = setUp()
    const { cluster, checks, cyd } = scene
    cluster.put(cyd, key, 'bread', { quorum: 3 })
    const both = copyOf(cluster, cyd)
    expect(requestsOf(both)).toEqual(expect.arrayContaining([...requestsOf(scene.tombstone)]))
    checks.reported(cyd, { type: 'key-kept', key: encodeUtf8(key) })
    expect(checks.mayReturn).toEqual(new Set(requestsOf(both)))
  })

  test('know that an old tombstone is forgotten also where its peer ends before it can say so', () => {
    const scene = setUp()
    const { cluster, checks, ada, forgotten, tombstone } = scene
    const [sibling] = tombstone.siblings
    const mark = tombstoneKey(Math.floor(cluster.peer(ada).clock.now().wallMs), encodeUtf8(key))
    replaceCopy(scene, ada, undefined)
    checks.becameDurable(ada, [{ type: 'delete', key: mark }])
    expect(forgotten).toEqual([])
    cluster.run(graceMs)
    checks.becameDurable(ada, [{ type: 'delete', key: mark }])
    expect(forgotten.flatMap(requestsOf)).toEqual([sibling?.request])
  })

  test('find tombstones that are left', () => {
    const scene = setUp()
    expect(scene.checks.left()).toHaveLength(3)
    expect(scene.checks.left()[0]).toContain('ada still holds 1 tombstones')
  })
})
