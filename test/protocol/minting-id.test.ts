import { describe, expect, test } from 'vitest'
import type { ReplicaId } from '../../src/core/identifiers.ts'
import { mintingIdMsMax } from '../../src/core/limits.ts'
import type { RingPeer } from '../../src/protocol/ring-peer.ts'
import { leaveMintingId, mintingIdOf } from '../../src/protocol/replica/minting-id.ts'

const left = '0123456789abcdef' as ReplicaId
const fresh = 'fedcba9876543210' as ReplicaId
const leaver = { mintingId: left, member: { incarnation: 7, sequence: 3 } } as Pick<RingPeer, 'mintingId'> as RingPeer
const now = 1_700_000_000_000

const last = { incarnation: 7, sequence: 5 }

/** The row that a run of incarnation 7 left. */
function row(): Uint8Array {
  const operation = leaveMintingId(leaver, now)
  return operation.type === 'put' ? operation.value : new Uint8Array(0)
}

describe('the id that writes are numbered under', () => {
  test('is taken over from a run that ended in good order a moment ago', () => {
    expect(mintingIdOf(row(), last, now + 1000, fresh)).toBe(left)
  })

  test('is a new one after a run that left none', () => {
    expect(mintingIdOf(undefined, last, now, fresh)).toBe(fresh)
  })

  test.each([
    ['an earlier run left it', { incarnation: 7, sequence: 0x10_0000 }, now],
    ['a run of an earlier incarnation left it', { incarnation: 8, sequence: 0 }, now],
    ['it is of a run that the storage does not know', undefined, now],
    ['it is old', last, now + mintingIdMsMax + 1],
    ['it is from the future', last, now - 1]
  ])('is a new one when %s', (_why, before, wallMs) => {
    expect(mintingIdOf(row(), before, wallMs, fresh)).toBe(fresh)
  })

  test('is a new one when what was left cannot be read', () => {
    expect(mintingIdOf(row().subarray(0, 5), last, now, fresh)).toBe(fresh)
    expect(mintingIdOf(Uint8Array.of(255, 255), last, now, fresh)).toBe(fresh)
  })
})
