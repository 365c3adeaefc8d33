/** Which members a peer remembers to have refilled. */
import { expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import { refillsKeptMax } from '../../src/core/limits.ts'
import { createRing } from '../../src/core/ring/ring.ts'
import { Refill } from '../../src/protocol/absence/refill.ts'
import { AdmissionControl } from '../../src/protocol/admission-control.ts'
import type { Effect } from '../../src/protocol/effect.ts'
import { HintedHandoff } from '../../src/protocol/handoff/hinted-handoff.ts'
import { KeyIndex } from '../../src/protocol/key-index/key-index.ts'
import { Replica } from '../../src/protocol/replica/replica.ts'
import type { Routing } from '../../src/protocol/requests/routing.ts'
import { Tokens } from '../../src/protocol/tokens.ts'
import { peers } from '../core/ring-fixtures.ts'
import { nothingStored } from './index-harness.ts'

test('a peer remembers the last members that it has refilled, and walks once more for the others when they ask again', () => {
  const now = { ms: 1000, wallMs: 1_800_000_000_000 }
  const ring = createRing(peers(3), { cluster: 'refilling', partitions: 8, replicas: 3 })
  const [self] = ring.members.map(({ peerId }) => peerId) as [PeerId]
  const routing: Routing = { self, ring: () => ring, isReachable: () => true, isJoining: () => false, isClosed: () => false }
  const tokens = new Tokens(1)
  const replica = new Replica(tokens, new KeyIndex(8, tokens, nothingStored), () => undefined)
  const hints = new HintedHandoff({ routing, tokens, replica, admission: new AdmissionControl(), isMoving: () => false })
  const refill = new Refill({ routing, tokens, hints })
  const [first, ...others] = Array.from({ length: refillsKeptMax + 1 }, (_, index) => `Member${index + 1}` as PeerId) as [
    PeerId,
    ...PeerId[]
  ]
  /** How many walks a question begins, all of which end at once. */
  const walksFor = (member: PeerId): number => {
    const effects: Effect[] = []
    refill.asked(member, 7, effects)
    for (const effect of effects) if (effect.kind === 'scan') refill.scanned(now, effect.token, [], [])
    expect(refill.isGiving(member)).toBe(false)
    return effects.length
  }

  expect([walksFor(first), walksFor(first)]).toEqual([1, 0])
  for (const other of others) expect(walksFor(other)).toBe(1)
  expect(others.map(walksFor)).toEqual(others.map(() => 0))
  expect(walksFor(first)).toBe(1)
})
