/** Adds up what runners report. A pure part of `test/run.ts`, so that it can be tested: a sum that lies hides failures. */
import { stripVTControlCharacters } from 'node:util'

export interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** What is used of Vitest's JSON report. */
export interface Report {
  readonly success: boolean
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: readonly ReportedFile[]
}

interface ReportedFile {
  readonly name: string
  readonly status: string
  /** Why the file could not be loaded. */
  readonly message: string
  readonly assertionResults: readonly { readonly fullName: string; readonly status: string; readonly failureMessages: readonly string[] }[]
}

const reasonCharactersMax = 300

/** A tool is one check. */
export function toolTally(exitCode: number): Tally {
  return exitCode === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 }
}

/** The tests of one project. A runner that failed without naming a failed test still failed once. */
export function vitestTally(exitCode: number, report: Report | undefined): Tally {
  if (report === undefined) return toolTally(exitCode === 0 ? 1 : exitCode)
  const unloaded = report.testResults.filter(file => file.status === 'failed' && file.assertionResults.length === 0).length
  const failed = report.numFailedTests + unloaded
  const isUnnamed = failed === 0 && (exitCode !== 0 || !report.success)
  return { passed: report.numPassedTests, failed: isUnnamed ? 1 : failed, skipped: report.numPendingTests + report.numTodoTests }
}

/** What failed in a project and why, in a line each: a log that was cut still ends with it. */
export function failuresOf(report: Report | undefined): readonly string[] {
  return (report?.testResults ?? []).flatMap(({ name, status, message, assertionResults }) => {
    if (status === 'failed' && assertionResults.length === 0) return [`${name}: ${reasonOf(message)}`]
    const failed = assertionResults.filter(test => test.status === 'failed')
    return failed.map(({ fullName, failureMessages }) => `${name}: ${fullName}: ${reasonOf(failureMessages[0] ?? '')}`)
  })
}

function reasonOf(message: string): string {
  const [reason = ''] = stripVTControlCharacters(message).split(/\n\s+at |\n\n/u)
  return reason.replaceAll(/\s+/gu, ' ').trim().slice(0, reasonCharactersMax)
}

/** A command that counted for itself. One that failed, or counted nothing, failed once at least. */
export function commandTally(exitCode: number, counted: Tally | undefined): Tally {
  if (counted === undefined || counted.passed + counted.failed === 0) return toolTally(1)
  return { ...counted, failed: counted.failed === 0 && exitCode !== 0 ? 1 : counted.failed }
}

export function addTallies(left: Tally, right: Tally): Tally {
  return { passed: left.passed + right.passed, failed: left.failed + right.failed, skipped: left.skipped + right.skipped }
}
