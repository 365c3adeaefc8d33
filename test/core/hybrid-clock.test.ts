import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nextHybridTime, observeHybridTime, wallTimeMs } from '../../src/core/versions/hybrid-clock.ts'
import { clockDriftMsMax } from '../../src/core/limits.ts'

const NOVEMBER_2026 = 1_793_000_000_000
const wall = fc.integer({ min: 0, max: 2 ** 42 })

describe('the hybrid clock', () => {
  test('shows the wall time of an event', () => {
    expect(wallTimeMs(nextHybridTime(0, NOVEMBER_2026))).toBe(NOVEMBER_2026)
  })

  test('always runs forward, whatever the wall clock does', () => {
    fc.assert(
      fc.property(fc.array(wall, { minLength: 2 }), readings => {
        let time = 0
        for (const reading of readings) {
          const next = nextHybridTime(time, reading)
          expect(next).toBeGreaterThan(time)
          expect(wallTimeMs(next)).toBeGreaterThanOrEqual(reading)
          expect(Number.isSafeInteger(next)).toBe(true)
          time = next
        }
      })
    )
  })

  test('runs into the next millisecond after 1024 events in one', () => {
    let time = nextHybridTime(0, 1000)
    for (let event = 0; event < 1024; event++) time = nextHybridTime(time, 1000)
    expect(wallTimeMs(time)).toBe(1001)
  })

  test('puts the next event after a time seen from another peer', () => {
    fc.assert(
      fc.property(wall, fc.integer({ min: -clockDriftMsMax, max: clockDriftMsMax }), (reading, drift) => {
        const remote = nextHybridTime(0, Math.max(reading + drift, 0))
        const seen = observeHybridTime(0, remote, reading)
        expect(nextHybridTime(seen, reading)).toBeGreaterThan(remote)
      })
    )
  })

  test('ignores a peer whose calendar runs ahead by more than the limit', () => {
    const remote = nextHybridTime(0, NOVEMBER_2026 + clockDriftMsMax + 1)
    expect(wallTimeMs(observeHybridTime(0, remote, NOVEMBER_2026))).toBe(NOVEMBER_2026)
    expect(wallTimeMs(observeHybridTime(0, Number.MAX_SAFE_INTEGER, NOVEMBER_2026))).toBe(NOVEMBER_2026)
  })

  test.each([Number.NaN, Infinity, -Infinity, -5, 1e300, 0.5])('survives a wall clock that says %s', reading => {
    const time = nextHybridTime(10, reading)
    expect(time).toBeGreaterThan(10)
    expect(Number.isSafeInteger(time)).toBe(true)
  })
})
