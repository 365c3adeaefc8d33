/**
 * `npm run bench -- scale [peers ...]`: what it costs a peer to know the others in clusters of 100, 300 and 1,000 peers, at rest and while 5 % of them a
 * minute come, go or crash; under virtual time. `--all` keeps everybody connected to everybody, for comparison.
 */
import { once } from 'node:events'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { connectionsMaxNodejs, neighboursMaxNodejs } from '../../src/core/limits.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { createRing } from '../../src/core/ring/ring.ts'
import { ScaleRun, type ScalePhase } from '../../src/simulation/scale/scale.ts'

const isAll = process.argv.includes('--all')
const sizes = process.argv.slice(2).flatMap(text => (/^\d+$/.test(text) ? [Number(text)] : []))
const MINUTES = { rest: 1, churn: 10 } as const

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

function ringMs(peers: number): number {
  const times = Array.from({ length: 5 }, (_, run) => {
    const members = Array.from({ length: peers }, (_, index) => ({
      peerId: `${run}.${index}` as PeerId,
      weight: 1,
      durable: true,
      zone: undefined
    }))
    const started = performance.now()
    createRing(members, { cluster: 'bench', partitions: 1024, replicas: 3 })
    return performance.now() - started
  })
  return times.toSorted((a, b) => a - b)[2] ?? 0
}

function quantile(ascending: readonly number[], share: number): string {
  const found = ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))]
  return found === undefined ? '-' : `${(found / 1000).toFixed(2)} s`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function row(peers: number, what: string, phase: ScalePhase, ring: number, realMs: number): string {
  const bytes = (count: number): string => (count < 10_000 ? `${count.toFixed(0)} B` : `${(count / 1000).toFixed(1)} kB`)
  return `| ${[
    peers,
    what,
    phase.changes,
    quantile(phase.spreadMs, 0.5),
    quantile(phase.spreadMs, 0.99),
    phase.gossipPerSecond.toFixed(2),
    phase.changes === 0 ? '-' : ((phase.gossipPerSecond * phase.seconds) / phase.changes).toFixed(1),
    bytes(phase.gossipBytesPerSecond),
    phase.digestsPerSecond.toFixed(2),
    bytes(phase.digestBytesPerSecond),
    phase.otherPerSecond.toFixed(2),
    phase.connectionsMean.toFixed(1),
    phase.connectionsMax,
    phase.dialsPerMinute.toFixed(2),
    ring.toFixed(1),
    ((phase.seconds * 1000) / realMs).toFixed(1)
  ].join(' | ')} |`
}

/** Everything about one size, printed as it is found. */
function measure(peers: number): void {
  const [neighboursMax, connectionsMax] = isAll ? [peers * 2, peers * 2] : [neighboursMaxNodejs, connectionsMaxNodejs]
  const run = new ScaleRun({ seed: 1, peers, churnPerMinute: 0.05, neighboursMax, connectionsMax })
  const ring = ringMs(peers)
  const started = performance.now()
  const allKnow = run.start()
  const restAt = performance.now()
  if (!allKnow) print('not everybody heard of everybody within three minutes')
  const rest = run.phase(MINUTES.rest, 0)
  const churnAt = performance.now()
  print(row(peers, 'at rest', rest, ring, churnAt - restAt))
  const churn = run.phase(MINUTES.churn, 1)
  const endAt = performance.now()
  print(row(peers, '5 % a minute', churn, ring, endAt - churnAt))
  print(
    `  real time: start ${seconds(restAt - started)}, ${MINUTES.churn} minutes of churn ${seconds(endAt - churnAt)}, all ${seconds(endAt - started)}; ${churn.unheard} changes unheard, ${Math.round(process.memoryUsage().rss / 1e6)} MB`
  )
}

/** One size in a thread of its own, with room for the garbage of a thousand peers: by default much of it would be moved about before it is dropped. */
async function measureInThread(peers: number): Promise<void> {
  const resourceLimits = { maxYoungGenerationSizeMb: 384, maxOldGenerationSizeMb: 8192 }
  const worker = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2), workerData: { peers }, resourceLimits })
  await once(worker, 'exit')
}

if (isMainThread) {
  print('# Large clusters under virtual time, N=3, Q=1024; messages and bytes are sent ones, per peer and second\n')
  print(
    '| peers | | changes told | known to all, p50 | p99 | gossip messages | per change | bytes | view messages | bytes | other messages | connections, mean | most | dials/min | one ring, ms | virtual/real time |'
  )
  print(`|${' --- |'.repeat(16)}`)
  for (const peers of sizes.length === 0 ? [100, 300, 1000] : sizes) await measureInThread(peers)
} else {
  measure((workerData as { readonly peers: number }).peers)
}
