/** Who is told that it has got everything, and who is forgotten meanwhile. */
import { expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import { createRing } from '../../src/core/ring/ring.ts'
import { AdmissionControl } from '../../src/protocol/admission-control.ts'
import { Completion } from '../../src/protocol/moving/completion.ts'
import type { Effect } from '../../src/protocol/effect.ts'
import { FailureDetector } from '../../src/protocol/membership/failure-detector.ts'
import { HintedHandoff } from '../../src/protocol/handoff/hinted-handoff.ts'
import { KeyIndex } from '../../src/protocol/key-index/key-index.ts'
import { Refill } from '../../src/protocol/absence/refill.ts'
import { Replica } from '../../src/protocol/replica/replica.ts'
import type { Routing } from '../../src/protocol/requests/routing.ts'
import { Tokens } from '../../src/protocol/tokens.ts'
import { peers } from '../core/ring-fixtures.ts'
import { nothingStored } from './index-harness.ts'

test('a peer that asked and went away is forgotten: it is told when it has come back and asked again', () => {
  const now = { ms: 1000, wallMs: 1_800_000_000_000 }
  const ring = createRing(peers(3), { cluster: 'completing', partitions: 8, replicas: 3 })
  const [self, asker] = ring.members.map(({ peerId }) => peerId) as [PeerId, PeerId]
  const state = { isThere: true, isOwed: true }
  const routing: Routing = {
    self,
    ring: () => ring,
    isReachable: peer => peer === self || state.isThere,
    isJoining: () => false,
    isClosed: () => false
  }
  const tokens = new Tokens(1)
  const replica = new Replica(tokens, new KeyIndex(8, tokens, nothingStored), () => undefined)
  const hints = new HintedHandoff({ routing, tokens, replica, admission: new AdmissionControl(), isMoving: () => false })
  const completion = new Completion({
    routing,
    tokens,
    hints,
    detector: new FailureDetector(tokens, () => undefined),
    refill: new Refill({ routing, tokens, hints }),
    gave: () => undefined,
    lackedFor: () => [],
    owes: () => state.isOwed,
    reachableMembers: () => [asker],
    mayLetGo: () => true,
    ownRefill: () => 0,
    isAlone: () => false,
    hasUnmetMembers: () => false,
    isRefilled: () => true,
    complete: () => undefined
  })
  const ask = (effects: Effect[]): void => completion.receive(now, asker, { type: 'transfer-query', ring: ring.digest, refill: 0 }, effects)
  const effects: Effect[] = []

  ask(effects)
  state.isThere = false
  completion.answerAskers(effects)
  state.isThere = true
  state.isOwed = false
  completion.answerAskers(effects)
  expect(effects).toEqual([])

  ask(effects)
  expect(effects).toEqual([
    { kind: 'send', to: asker, lane: 'request', message: { type: 'transfer-done', ring: ring.digest, lacking: [] } }
  ])
})
