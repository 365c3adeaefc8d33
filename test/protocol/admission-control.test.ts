import { beforeEach, describe, expect, test } from 'vitest'
import { backgroundRecordsPerSecondMax, backgroundRecordsPerSecondMin, foregroundTargetMs } from '../../src/core/limits.ts'
import { AdmissionControl } from '../../src/protocol/admission-control.ts'
import type { Instant } from '../../src/protocol/instant.ts'

const at = (ms: number): Instant => ({ ms, wallMs: ms })
let admission: AdmissionControl
let nowMs = 0

beforeEach(() => {
  admission = new AdmissionControl()
  nowMs = 0
})

/** Half a second in which requests waited so long. */
function interval(...waitsMs: readonly number[]): void {
  for (const waitMs of waitsMs) admission.served(at(nowMs), waitMs)
  nowMs += 500
  admission.mayStart(at(nowMs))
}

/** Work started in a second in which everything is started that may be. */
function startedInASecond(): number {
  let started = 0
  for (const endMs = nowMs + 1000; nowMs < endMs; nowMs += 10) {
    while (admission.mayStart(at(nowMs))) {
      admission.spend(10)
      started += 10
    }
  }
  return started
}

describe('background work', () => {
  const slow = foregroundTargetMs + 1

  test('is halved while more than one request in a hundred waits too long', () => {
    interval(1)
    interval(...Array.from({ length: 99 }, () => 1), slow)
    expect(admission.recordsPerSecond).toBe(backgroundRecordsPerSecondMax)
    interval(...Array.from({ length: 98 }, () => 1), slow)
    expect(admission.recordsPerSecond).toBe(backgroundRecordsPerSecondMax / 2)
  })

  test('gets more step by step when requests are in time again', () => {
    interval(1)
    interval(slow)
    interval(slow)
    const least = admission.recordsPerSecond
    interval(1)
    const step = admission.recordsPerSecond - least
    interval(1)
    expect(admission.recordsPerSecond).toBe(least + 2 * step)
    expect(step).toBeLessThan(least / 4)
  })

  test('is not held back when nobody asks for anything', () => {
    interval(1)
    for (let round = 0; round < 20; round++) interval(slow)
    expect(admission.recordsPerSecond).toBe(backgroundRecordsPerSecondMin)
    for (let round = 0; round < 10; round++) interval()
    expect(admission.recordsPerSecond).toBe(backgroundRecordsPerSecondMax)
  })

  test('goes on at a floor, however long requests wait', () => {
    interval(1)
    for (let round = 0; round < 20; round++) interval(slow)
    const waitOn = (): void => admission.served(at(nowMs), slow)
    waitOn()
    expect(startedInASecond()).toBeGreaterThan(backgroundRecordsPerSecondMin / 2)
  })

  test('is not started faster than it may be, and what was started too early is waited for', () => {
    interval(1)
    for (let round = 0; round < 20; round++) interval(slow)
    while (admission.mayStart(at(nowMs))) admission.spend(1)
    admission.spend(40)
    const waitMs = admission.waitMs(at(nowMs))
    expect(waitMs).toBeGreaterThan(0)
    expect(admission.mayStart(at(nowMs + waitMs))).toBe(true)
  })
})
