/** What a peer remembers of those who give it copies. */
import { expect, test } from 'vitest'
import { encodeUtf8 } from '../../src/core/codec.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { offerKeysMax, takesWantedMax } from '../../src/core/limits.ts'
import { partitionOf, position } from '../../src/core/ring/position.ts'
import { createRing } from '../../src/core/ring/ring.ts'
import { AdmissionControl } from '../../src/protocol/admission-control.ts'
import type { Effect } from '../../src/protocol/effect.ts'
import type { Instant } from '../../src/protocol/instant.ts'
import { KeyIndex } from '../../src/protocol/key-index/key-index.ts'
import { MoveTally } from '../../src/protocol/moving/move-tally.ts'
import { packKeys } from '../../src/protocol/wire/offer-codec.ts'
import type { Routing } from '../../src/protocol/requests/routing.ts'
import { Taking } from '../../src/protocol/moving/taking.ts'
import { Tokens } from '../../src/protocol/tokens.ts'
import { peers } from '../core/ring-fixtures.ts'

test('a giver that names ever more records than it sends is waited for as to the newest of them only', () => {
  let ms = 1000
  const later = (): Instant => ({ ms: (ms += 1000), wallMs: 1_800_000_000_000 + ms })
  const ring = createRing(peers(3), { cluster: 'taking', partitions: 8, replicas: 3 })
  const [self, giver, other] = ring.members.map(({ peerId }) => peerId) as [PeerId, PeerId, PeerId]
  const routing: Routing = { self, ring: () => ring, isReachable: () => true, isJoining: () => false, isClosed: () => false }
  const index = new KeyIndex(8, new Tokens(1), { isComplete: true, rows: [], damaged: [] })
  const taking = new Taking({ routing, index, tally: new MoveTally(() => 0), admission: new AdmissionControl() })
  const keys: Uint8Array[] = []
  for (let number = 0; keys.length < takesWantedMax + offerKeysMax; number++) {
    const key = encodeUtf8(`key ${number}`)
    if (partitionOf(position(key), 8) === 0) keys.push(key)
  }
  const offered = (from: PeerId, page: readonly Uint8Array[], isLast: boolean): string => {
    const effects: Effect[] = []
    const entries = packKeys(page.map(key => ({ place: position(key), hash: new Uint8Array(8).fill(7) })))
    taking.receive(later(), from, { type: 'offer-keys', id: 1, partition: 0, entries, isLast }, effects)
    const [answer] = effects
    return answer?.kind === 'send' && answer.message.type === 'offer-wanted' ? answer.message.status : 'no answer'
  }

  for (let first = 0; first < keys.length; first += offerKeysMax) {
    const page = keys.slice(first, first + offerKeysMax)
    expect(offered(giver, page, first + page.length === keys.length)).toBe('taken')
  }
  expect(offered(other, keys.slice(0, 1), true)).toBe('busy')
  for (const key of keys.slice(offerKeysMax)) taking.took({ ms, wallMs: 0 }, giver, key, 10)
  expect(offered(other, keys.slice(0, 1), true)).toBe('taken')
})
