/** The checks of parting see what they are for: each is shown a peer that gives up what others lack. */
import { describe, expect, test } from 'vitest'
import { emptyContext, withDot, type CausalContext } from '../../src/core/versions/causal-context.ts'
import { encodeUtf8 } from '../../src/core/codec.ts'
import type { Dot } from '../../src/core/versions/dot.ts'
import type { Actor, PeerId, RequestId } from '../../src/core/identifiers.ts'
import { emptyRecord, putSibling, type StoredRecord } from '../../src/core/versions/record.ts'
import { encodeRow, rowKey } from '../../src/protocol/storage-layout.ts'
import { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { PartingChecks } from '../../src/simulation/checks/parting-checks.ts'

const key = encodeUtf8('cart')
const dot: Dot = { actor: 'a'.repeat(24) as Actor, counter: 1 }
const record: StoredRecord = putSibling(emptyRecord, emptyContext, {
  dot,
  request: 'b'.repeat(32) as RequestId,
  wallTime: 1,
  value: encodeUtf8('milk')
})

interface Scene {
  readonly cluster: Cluster
  readonly checks: PartingChecks
  readonly problems: string[]
  readonly owners: readonly PeerId[]
  /** Holds a copy, and does not own it. */
  readonly stranger: PeerId
}

/** Four peers, of which one holds a copy that is not its own; of its owners, those for which `has` holds have had it. */
function setUp(has: (owner: PeerId, place: number) => boolean, damaged?: (owners: readonly PeerId[]) => PeerId | undefined): Scene {
  const cluster = new Cluster({ peers: 4 })
  const problems: string[] = []
  const owners = cluster.owners('cart')
  const held = (peer: PeerId): CausalContext => (has(peer, owners.indexOf(peer)) ? withDot(emptyContext, dot) : emptyContext)
  const checks = new PartingChecks({ cluster, everHeld: held, damaged: () => damaged?.(owners), found: problem => problems.push(problem) })
  const stranger = cluster.peers.find(peer => !owners.includes(peer)) ?? cluster.add()
  holdCopy(cluster, stranger)
  return { cluster, checks, problems, owners, stranger }
}

function holdCopy(cluster: Cluster, peer: PeerId): void {
  cluster.peer(peer).storage.tamper({ type: 'put', key: rowKey(key), value: encodeRow({ epoch: 1, record }) })
}

function drop({ checks }: Scene, peer: PeerId): void {
  checks.asked(peer, { kind: 'write', batch: [{ type: 'delete', key: rowKey(key) }] })
  checks.reported(peer, { type: 'key-dropped', key })
}

describe('the checks of parting', () => {
  test('find a copy that is dropped while one of its owners never had it', () => {
    const scene = setUp((_owner, place) => place < 2)
    drop(scene, scene.stranger)
    expect(scene.problems).toEqual([expect.stringContaining(`its owner ${scene.owners[2]} never had all of`)])
  })

  test('accept a copy that is dropped once all owners had it, and one that the damaged disk alone lacks', () => {
    const all = setUp(() => true)
    drop(all, all.stranger)
    const damaged = setUp(
      (_owner, place) => place < 2,
      ([, , last]) => last
    )
    drop(damaged, damaged.stranger)
    expect([...all.problems, ...damaged.problems]).toEqual([])
  })

  test('find an owner that drops its own copy, and accept one that says why', () => {
    const scene = setUp(() => true)
    const [owner = scene.stranger] = scene.owners
    holdCopy(scene.cluster, owner)
    drop(scene, owner)
    expect(scene.problems).toEqual([expect.stringContaining('it owns it')])
    scene.checks.asked(owner, { kind: 'write', batch: [{ type: 'delete', key: rowKey(key) }] })
    scene.checks.reported(owner, { type: 'key-discarded', key, record })
    scene.checks.reported(owner, { type: 'key-dropped', key })
    expect(scene.problems.length).toBe(1)
  })

  test('find a peer that has left with a copy that its heirs lack', () => {
    const scene = setUp(() => false)
    const { cluster, checks, stranger } = scene
    cluster.observer = {
      reported: (peer, event) => {
        if (event.type === 'left') holdCopy(cluster, peer)
        checks.reported(peer, event)
      }
    }
    cluster.peer(stranger).storage.tamper({ type: 'delete', key: rowKey(key) })
    cluster.peer(stranger).leave()
    expect(cluster.runUntil(() => cluster.departed.has(stranger))).toBe(true)
    expect(scene.problems).toEqual([expect.stringContaining(`${stranger} has left with a copy of cart`)])
  })
})
