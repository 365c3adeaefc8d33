import { describe, expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import type { Effect } from '../../src/protocol/effect.ts'
import type { Instant } from '../../src/protocol/instant.ts'
import { FailureDetector } from '../../src/protocol/membership/failure-detector.ts'
import { Tokens } from '../../src/protocol/tokens.ts'

const ben = 'ben' as PeerId

function detectorOfDistant(): { readonly detector: FailureDetector; readonly changes: boolean[] } {
  const changes: boolean[] = []
  const detector = new FailureDetector(new Tokens(0), (_now, _peer, reachable) => changes.push(reachable))
  detector.expect(() => true)
  return { detector, changes }
}

function at(ms: number): Instant {
  return { ms, wallMs: ms }
}

/** Pings that leave at the times given. */
function pingsAt(detector: FailureDetector, times: readonly number[]): readonly number[] {
  return times.filter(ms => {
    const effects: Effect[] = []
    detector.wake(at(ms), effects)
    return effects.length > 0
  })
}

describe('the failure detector, about a distant peer', () => {
  test('dials at once when the connection ends on which it was silent: perhaps that was dead, and the peer is not', () => {
    const { detector, changes } = detectorOfDistant()
    detector.connected(at(0), ben, [])
    detector.missed(at(10_000), ben, 9000, [])
    expect(pingsAt(detector, [10_000, 10_250, 10_750, 11_750, 13_750])).toHaveLength(5)
    detector.disconnected(at(14_000), ben, [])
    expect(pingsAt(detector, [14_000, 17_750])).toEqual([14_000])
    detector.connected(at(18_000), ben, [])
    expect(changes).toEqual([false, true])
  })

  test('trusts it again when there is a reason, and doubts it again when the next dial fails', () => {
    const { detector, changes } = detectorOfDistant()
    detector.unreachable(at(0), ben, [])
    expect(detector.isReachable(ben)).toBe(false)
    detector.trust(at(1000), ben, [])
    expect(detector.isReachable(ben)).toBe(true)
    expect(pingsAt(detector, [2000])).toEqual([])
    detector.unreachable(at(3000), ben, [])
    expect(changes).toEqual([false, true, false])
    expect(pingsAt(detector, [3000, 3250])).toEqual([3250])
  })

  test('tells that it is gone when an answer is overdue, connected or not', () => {
    const { detector, changes } = detectorOfDistant()
    detector.connected(at(0), ben, [])
    detector.disconnected(at(1000), ben, [])
    expect(changes).toEqual([])
    detector.missed(at(3000), ben, 2000, [])
    expect(changes).toEqual([false])
  })
})
