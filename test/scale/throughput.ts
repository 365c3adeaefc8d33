/** How much distinct clients get done by how many peers there are, until the cores of the machine are full. */
import { availableParallelism, cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { printTable } from '../experiments/table.ts'
import { PatientClients } from './patient-clients.ts'
import type { ProcessRing } from './process-ring.ts'

export interface CurvePoint {
  readonly peers: number
  readonly callsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Cores that the peers kept busy; this script comes on top. */
  readonly peerCores: number
  readonly ownCores: number
  /** Cores of the machine that were busy with anything: where these are all, more peers cannot get more done. */
  readonly busyCores: number
  readonly failed: readonly string[]
}

/** Each peer brings so many clients of its own, which pause between calls: they ask for more as the ring grows. */
const clientsPerPeer = 10
const thinkMs = 50
/** Time in which the clients connect and the peers' code is compiled. */
const warmUpMs = 1000

export async function measureThroughput(ring: ProcessRing, durationMs: number): Promise<CurvePoint> {
  const clients = new PatientClients(`curve-${ring.peers.length}`, ring.peers, { count: ring.peers.length * clientsPerPeer, thinkMs })
  await sleep(warmUpMs)
  clients.take()
  const [startedAt, peersBefore, ownBefore, busyBefore] = [
    performance.now(),
    await ring.processorSeconds(),
    process.cpuUsage(),
    busySeconds()
  ]
  await sleep(durationMs)
  const seconds = (performance.now() - startedAt) / 1000
  const peerCores = ((await ring.processorSeconds()) - peersBefore) / seconds
  const busyCores = (busySeconds() - busyBefore) / seconds
  const own = process.cpuUsage(ownBefore)
  const { calls, failed, times } = clients.take()
  await clients.stop()
  return {
    peers: ring.peers.length,
    callsPerSecond: calls / seconds,
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
    peerCores,
    ownCores: (own.user + own.system) / 1e6 / seconds,
    busyCores,
    failed
  }
}

export function printCurve(points: readonly CurvePoint[]): void {
  console.log(
    `\n## Throughput: ${clientsPerPeer} clients per peer, each with a pause of ${thinkMs} ms between calls, R = W = 2, synced; ${availableParallelism()} cores\n`
  )
  const header = [
    'peers',
    'clients',
    'calls/s',
    'calls/s per client',
    'p50 ms',
    'p99 ms',
    'cores of the peers',
    'cores of this script',
    'busy cores'
  ]
  const rows = points.map(({ peers, callsPerSecond, p50Ms, p99Ms, peerCores, ownCores, busyCores }) => [
    `${peers}`,
    `${peers * clientsPerPeer}`,
    callsPerSecond.toFixed(0),
    (callsPerSecond / (peers * clientsPerPeer)).toFixed(1),
    p50Ms.toFixed(1),
    p99Ms.toFixed(1),
    peerCores.toFixed(2),
    ownCores.toFixed(2),
    busyCores.toFixed(2)
  ])
  printTable(header, rows)
}

/** Processor time that everything on this machine has used so far. */
function busySeconds(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
