/** The tables at the end of a run. */
import type { MemoryOfPeer } from './memory-watch.ts'
import { convergenceMsMax, type ScenarioResult } from './scenario-run.ts'

/** One scenario, as lines. */
export function reportLines(result: ScenarioResult): readonly string[] {
  const { scenario, seconds, operations, faults, acknowledged, lost, unknowable, keys, connections, convergence, problems } = result
  const ended = convergence.differences.length === 0 ? `${(convergence.tookMs / 1000).toFixed(1)} s` : 'never'
  return [
    `--- ${scenario.name}, ${seconds} s`,
    ...pairs([
      ['faults', `${faults.length}: ${counted(faults)}`],
      ['operations', `${operations.length}, ${(operations.length / seconds).toFixed(0)} a second, over ${keys} keys`],
      ...(['get', 'put', 'delete'] as const).map(kind => [`  ${kind}`, outcomes(result, kind)] as const),
      ['connections', `${connections} through the proxy`],
      ['acknowledged', `${acknowledged} writes`],
      ['lost', `${lost}${unknowable === 0 ? '' : `; of ${unknowable} it cannot be told, for a delete without an answer had seen them`}`],
      ['converged', `${ended} after healing (at most ${convergenceMsMax / 1000} s)`],
      ['memory', memoryHeader],
      ...result.memory.map(peer => [`  ${peer.name}`, memoryLine(peer)] as const),
      ['problems', problems.length === 0 ? 'none' : String(problems.length)]
    ]),
    ...problems.slice(0, 20).map(problem => `  ! ${problem}`)
  ]
}

function outcomes({ operations }: ScenarioResult, kind: string): string {
  const ofKind = operations.filter(operation => operation.kind === kind)
  const times = ofKind.filter(({ outcome }) => outcome === 'ok').map(({ durationMs }) => durationMs)
  const speed = `p50 ${percentile(times, 0.5)} ms, p99 ${percentile(times, 0.99)} ms`
  return `${counted(ofKind.map(({ outcome }) => outcome))}; ${speed}`
}

/** How often each of `names` occurs, the most frequent first. */
function counted(names: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ')
}

function percentile(values: readonly number[], share: number): string {
  const sorted = values.toSorted((a, b) => a - b)
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(0)
}

const memoryHeader = 'alive after garbage collection, and resident, from the first to the last measurement of a peer since it started'

function memoryLine({ first, last }: MemoryOfPeer): string {
  const resident =
    first.residentBytes === undefined || last.residentBytes === undefined
      ? ''
      : `; ${mebibytes(first.residentBytes)} -> ${mebibytes(last.residentBytes)} MiB resident`
  const seconds = ((last.ageMs - first.ageMs) / 1000).toFixed(0)
  return `${mebibytes(first.heapBytes)} -> ${mebibytes(last.heapBytes)} MiB alive${resident}, in ${seconds} s`
}

const mebibytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1)

function pairs(rows: readonly (readonly [name: string, text: string])[]): readonly string[] {
  return rows.map(([name, text]) => `${name.padEnd(14)} ${text}`)
}
