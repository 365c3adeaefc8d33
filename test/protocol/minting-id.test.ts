import { describe, expect, test } from 'vitest'
import type { ReplicaId } from '../../src/core/identifiers.ts'
import { mintingIdMsMax } from '../../src/core/limits.ts'
import type { RingPeer } from '../../src/protocol/ring-peer.ts'
import { leaveMintingId, mintingIdOf } from '../../src/protocol/minting-id.ts'

const left = '0123456789abcdef' as ReplicaId
const fresh = 'fedcba9876543210' as ReplicaId
const leaver = { mintingId: left, member: { incarnation: 7 } } as Pick<RingPeer, 'mintingId'> as RingPeer
const now = 1_700_000_000_000

/** The row that a run with incarnation 7 left. */
function row(): Uint8Array {
  const operation = leaveMintingId(leaver, now)
  return operation.type === 'put' ? operation.value : new Uint8Array(0)
}

describe('the id that writes are numbered under', () => {
  test('is taken over from a run that ended in good order a moment ago', () => {
    expect(mintingIdOf(row(), 7, now + 1000, fresh)).toBe(left)
  })

  test('is a new one after a run that left none', () => {
    expect(mintingIdOf(undefined, 7, now, fresh)).toBe(fresh)
  })

  test.each([
    ['an earlier run left it', 8, now],
    ['it is of a run that the storage does not know', undefined, now],
    ['it is old', 7, now + mintingIdMsMax + 1],
    ['it is from the future', 7, now - 1]
  ])('is a new one when %s', (_why, incarnation, wallMs) => {
    expect(mintingIdOf(row(), incarnation, wallMs, fresh)).toBe(fresh)
  })

  test('is a new one when what was left cannot be read', () => {
    expect(mintingIdOf(row().subarray(0, 5), 7, now, fresh)).toBe(fresh)
    expect(mintingIdOf(Uint8Array.of(255, 255), 7, now, fresh)).toBe(fresh)
  })
})
