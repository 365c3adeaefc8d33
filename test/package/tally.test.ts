/** The last line of `npm test` adds up what the runners said, and cannot turn a failure into silence. */
import { describe, expect, test } from 'vitest'
import { addTallies, commandTally, failuresOf, type Report, toolTally, vitestTally } from '../setup/tally.ts'

const report = (numbers: Partial<Report>): Report => ({
  success: true,
  numPassedTests: 0,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [],
  ...numbers
})

const unloaded = {
  name: 'test/a.test.ts',
  status: 'failed',
  message: 'Error: no such module\n    at load (a.ts:1:1)',
  assertionResults: []
}

describe('the tally of a run', () => {
  test('a tool is one check', () => {
    expect(toolTally(0)).toEqual({ passed: 1, failed: 0, skipped: 0 })
    expect(toolTally(2)).toEqual({ passed: 0, failed: 1, skipped: 0 })
  })

  test('a project counts its tests', () => {
    const counts = report({ numPassedTests: 5, numFailedTests: 2, numPendingTests: 1, numTodoTests: 1, success: false })
    expect(vitestTally(1, counts)).toEqual({ passed: 5, failed: 2, skipped: 2 })
  })

  test('a file that cannot be loaded is a failure', () => {
    const counts = report({ numPassedTests: 5, success: false, testResults: [unloaded] })
    expect(vitestTally(1, counts)).toEqual({ passed: 5, failed: 1, skipped: 0 })
  })

  test('an error outside of any test is a failure', () => {
    expect(vitestTally(1, report({ numPassedTests: 5 })).failed).toBe(1)
  })

  test('a runner that died without a report is a failure, whatever its exit code', () => {
    expect(vitestTally(139, undefined)).toEqual({ passed: 0, failed: 1, skipped: 0 })
    expect(vitestTally(0, undefined)).toEqual({ passed: 0, failed: 1, skipped: 0 })
  })

  test('a command that counted for itself is believed, unless it counted nothing or failed without saying where', () => {
    expect(commandTally(0, { passed: 7, failed: 0, skipped: 0 })).toEqual({ passed: 7, failed: 0, skipped: 0 })
    expect(commandTally(1, { passed: 7, failed: 2, skipped: 0 })).toEqual({ passed: 7, failed: 2, skipped: 0 })
    expect(commandTally(1, { passed: 7, failed: 0, skipped: 0 })).toEqual({ passed: 7, failed: 1, skipped: 0 })
    expect(commandTally(0, { passed: 0, failed: 0, skipped: 0 })).toEqual({ passed: 0, failed: 1, skipped: 0 })
    expect(commandTally(0, undefined)).toEqual({ passed: 0, failed: 1, skipped: 0 })
  })

  test('what failed is told with its reason, each in a line', () => {
    const passed = { fullName: 'a ring turns', status: 'passed', failureMessages: [] }
    const failed = {
      fullName: 'a peer comes back',
      status: 'failed',
      failureMessages: ['AssertionError: expected 1\n  to be 2\n    at b.test.ts:3:4']
    }
    const tests = { name: 'test/b.test.ts', status: 'failed', message: '', assertionResults: [passed, failed] }
    expect(failuresOf(report({ testResults: [unloaded, tests] }))).toEqual([
      'test/a.test.ts: Error: no such module',
      'test/b.test.ts: a peer comes back: AssertionError: expected 1 to be 2'
    ])
    expect(failuresOf(undefined)).toEqual([])
  })

  test('tallies add up', () => {
    expect(addTallies({ passed: 1, failed: 2, skipped: 3 }, { passed: 10, failed: 20, skipped: 30 })).toEqual({
      passed: 11,
      failed: 22,
      skipped: 33
    })
  })
})
