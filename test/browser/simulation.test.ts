/** The simulator in a page: the same seed gives the same run as in Node.js, event by event. */
import { expect, inject, test } from 'vitest'
import { simulate } from 'dynamesh/simulation'

test.each(inject('simulatedRuns'))('seed %i gives the trace in Chromium that it gives in Node.js', (seed, fingerprint) => {
  const result = simulate({ seed, operations: 100, trace: true })
  expect(result.problems).toEqual([])
  expect(result.trace.length).toBeGreaterThan(100)
  expect(result.fingerprint).toBe(fingerprint)
})
