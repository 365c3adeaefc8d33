/** What people read of simulations: sums, tables of faults and outcomes, and the story of a failure. */
import { replayFlags, type SimulationResult, type SimulationTotals } from '../../entry/simulation.ts'
import { pairs, table } from '../terminal/table.ts'
import type { ReportedRun } from './worker.ts'

/** Lines of a trace that are shown of a failure. */
const traceLinesMax = 80
/** Messages that peers send all the time. */
const ROUTINE = / (?:ping|pong|view-digest|exchange-open)$/

/** One line while seeds run. */
export function progressText(totals: SimulationTotals, failures: number, elapsedMs: number): string {
  return `${totals.seeds} seeds, ${failures} failed, ${speed(totals, elapsedMs)}`
}

/** Traces that were asked for, the story of each failure, and the sums. */
export function reportText(
  totals: SimulationTotals,
  failures: readonly ReportedRun[],
  traced: readonly ReportedRun[],
  elapsedMs: number,
  command: string
): string {
  return [
    ...traced.map(({ result }) => result.trace.join('\n')),
    ...failures.map(failure => failureStory(failure, command)),
    totalsText(totals, failures.length, elapsedMs)
  ].join('\n\n')
}

/** The same for programs. */
export function reportJson(
  totals: SimulationTotals,
  failures: readonly ReportedRun[],
  traced: readonly ReportedRun[],
  elapsedMs: number
): object {
  const traces = traced.map(({ options, result }) => ({ seed: options.seed, fingerprint: result.fingerprint, lines: result.trace }))
  return { ...totals, elapsedMs, failures: failures.map(failureJson), traces }
}

function failureJson({ options, result }: ReportedRun): object {
  const { problems, schedule, selection, peers, operations } = result
  return { seed: options.seed, peers, operations, problems, schedule, only: selection, replay: replayCommand(options, 'dynamesh simulate') }
}

/** Everything about many runs. */
export function totalsText(totals: SimulationTotals, failures: number, elapsedMs: number): string {
  const { seeds, events, messages, virtualMs } = totals
  const head = pairs([
    ['seeds', `${seeds}, of which ${failures} failed`],
    ['speed', speed(totals, elapsedMs)],
    ['simulated', `${hours(virtualMs)} in ${(elapsedMs / 1000).toFixed(1)} s; ${messages} messages, ${events} events`],
    ['shown twice', `${totals.repeatedShown} values beside a newer one, because their request was coordinated twice`]
  ])
  const counts = (title: string, of: Readonly<Record<string, number>>): string => {
    const rows = Object.entries(of).filter(([, count]) => seeds > 1 || count > 0)
    return table(
      [{ title }, { title: 'TIMES', align: 'right' }],
      rows.map(([name, count]) => [name, String(count)])
    )
  }
  const outcomes = Object.fromEntries(Object.entries(totals.outcomes).sort(([a], [b]) => (a < b ? -1 : 1)))
  return `${head}\n\n${counts('FAULT', totals.faults)}\n\n${counts('CALLS OF CLIENTS', outcomes)}`
}

/** What went wrong in a run, and how to see it again. */
export function failureStory({ options, result }: ReportedRun, command: string): string {
  const schedule = result.schedule.map(({ number, kind, atMs, what }) => [String(number), (atMs / 1000).toFixed(3), kind, what])
  const faults = table([{ title: 'NO.', align: 'right' }, { title: 'AT (S)', align: 'right' }, { title: 'FAULT' }, { title: '' }], schedule)
  const ofMessages = result.selection.filter(entry => typeof entry === 'string')
  return [
    `seed ${options.seed} failed with ${result.peers} peers, ${result.operations} calls and ${result.schedule.length} faults:`,
    ...result.problems.map(problem => `  ${problem}`),
    '',
    ...(schedule.length === 0 ? ['No fault of the schedule is needed.'] : [faults]),
    ...(ofMessages.length === 0 ? [] : [`Messages were ${ofMessages.join(', ')}.`]),
    '',
    ...(options.trace === true ? [] : traceText(result)),
    'To see it again:',
    `  ${replayCommand(options, command)}`
  ].join('\n')
}

/** The command line that gives a run again, with its trace. */
function replayCommand(options: ReportedRun['options'], command: string): string {
  return `${command} ${replayFlags(options)} --trace`
}

/** The end of a trace that nobody asked for. */
function traceText({ trace }: SimulationResult): readonly string[] {
  if (trace.length === 0) return []
  const telling = trace.filter(line => !ROUTINE.test(line))
  const shown = telling.slice(-traceLinesMax)
  return [`The last ${shown.length} of ${trace.length} lines of the trace, without routine messages:`, ...shown, '']
}

function speed({ seeds, virtualMs }: SimulationTotals, elapsedMs: number): string {
  const seconds = Math.max(elapsedMs, 1) / 1000
  return `${(seeds / seconds).toFixed(1)} seeds/s, ${Math.round(virtualMs / 1000 / seconds)} times faster than real time`
}

function hours(ms: number): string {
  return `${(ms / 3_600_000).toFixed(1)} h`
}
