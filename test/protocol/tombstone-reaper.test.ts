/** Reaping at an owner that is told to: what it remembers of a tombstone that it dropped. */
import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../../src/core/codec.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { requestsInFlightPerPeerMax } from '../../src/core/limits.ts'
import { recordHash } from '../../src/core/versions/record.ts'
import { createRing } from '../../src/core/ring/ring.ts'
import { AdmissionControl } from '../../src/protocol/admission-control.ts'
import type { Effect } from '../../src/protocol/effect.ts'
import { HintedHandoff } from '../../src/protocol/handoff/hinted-handoff.ts'
import { KeyIndex } from '../../src/protocol/key-index/key-index.ts'
import { Replica, type RowOperation } from '../../src/protocol/replica/replica.ts'
import { partitionOfKey, type Routing } from '../../src/protocol/requests/routing.ts'
import { encodeRow } from '../../src/protocol/storage-layout.ts'
import { Graveyard } from '../../src/protocol/tombstones/tombstone-graveyard.ts'
import { TombstoneReaper } from '../../src/protocol/tombstones/tombstone-reaper.ts'
import { Tokens } from '../../src/protocol/tokens.ts'
import { peers } from '../core/ring-fixtures.ts'
import { nothingStored, rowOf } from './index-harness.ts'

const now = { ms: 1000, wallMs: 1_800_000_000_000 }
const ring = createRing(peers(3), { cluster: 'reaping', partitions: 8, replicas: 3 })
const key = encodeUtf8('k')
const [teller, self] = ring.owners(partitionOfKey(ring, key)) as [PeerId, PeerId]
const routing: Routing = { self, ring: () => ring, isReachable: () => true, isJoining: () => false, isClosed: () => false }
const row = rowOf(1)

describe('an owner that has reaped a tombstone', () => {
  test('remembers it, also when the order comes again and is turned away because too much waits', () => {
    const tokens = new Tokens(1)
    const graveyard = new Graveyard()
    const replica = new Replica(tokens, new KeyIndex(8, tokens, nothingStored), () => undefined)
    const hints = new HintedHandoff({ routing, tokens, replica, admission: new AdmissionControl(), isMoving: () => false })
    const reaper = new TombstoneReaper({ routing, tokens, replica, hints, graveyard, graceMs: 1000, mayReap: () => true })
    const told = (): Effect[] => {
      const effects: Effect[] = []
      const entries = [{ key, hash: recordHash(row.record) }]
      reaper.receive(now, teller, { type: 'reap-drop', id: 1, ring: ring.digest, entries }, effects)
      return effects
    }
    const tokenOf = (effects: readonly Effect[], kind: 'read' | 'write'): number => {
      const found = effects.find(effect => effect.kind === kind)
      return found !== undefined && 'token' in found ? found.token : 0
    }

    const dropped: Effect[] = []
    replica.loaded(now, tokenOf(told(), 'read'), [encodeRow(row)], dropped)
    replica.written(now, tokenOf(dropped, 'write'), [])
    expect(graveyard.holds(now, key, recordHash(row.record))).toBe(true)

    for (let other = 0; other < requestsInFlightPerPeerMax; other++) {
      const idle: RowOperation = { from: teller, apply: () => 'wait', fail: () => undefined }
      replica.change(now, encodeUtf8(`other ${other}`), idle, [])
    }
    expect(told()).toContainEqual(expect.objectContaining({ message: expect.objectContaining({ type: 'reap-dropped', entries: [] }) }))
    expect(graveyard.holds(now, key, recordHash(row.record))).toBe(true)
  })
})
