/**
 * What a joining peer costs those who use the others meanwhile.
 *
 *     npm run bench -- join [--keys 20000] [--value 1000] [--in-flight 16]
 *
 * Three peers, each a process of its own with a folder of its own; one of them writes and reads all the time, half a second each in turn. Then a fourth joins,
 * with an empty folder. Printed are the times of puts and gets before, during and after it, and what they are of those before. All processes share
 * the machine's cores: where these are few, what the join needs is taken from the requests, and the question is only how much.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startPeers, type Peers } from './store/processes.ts'
import type { Sample } from './store/sample.ts'

const { values: options } = parseArgs({
  options: {
    keys: { type: 'string', default: '20000' },
    value: { type: 'string', default: '1000' },
    'in-flight': { type: 'string', default: '16' },
    seconds: { type: 'string', default: '5' }
  }
})
const [keys, valueBytes, concurrency, seconds] = [options.keys, options.value, options['in-flight'], options.seconds].map(Number) as [
  number,
  number,
  number,
  number
]

const folder = await mkdtemp(join(tmpdir(), 'dynamesh-bench-'))
try {
  const peers = await startPeers(folder, undefined)
  const both = async (): Promise<Slice> => {
    const half = { concurrency, durationMs: 500, valueBytes }
    return { put: await peers.measure({ operation: 'put', ...half }), get: await peers.measure({ operation: 'get', ...half }) }
  }
  for (let written = 0; written < keys;) {
    const { rate } = await peers.measure({ operation: 'put', concurrency: 64, durationMs: 1000, valueBytes })
    written += rate
  }
  const before = await slices(both, count => count >= seconds)
  const sinceMs = performance.now()
  let isUp = false
  const newcomer = joining(peers)
  void newcomer.up.then(() => (isUp = true))
  const during = await slices(both, () => isUp)
  const joinedMs = performance.now() - sinceMs
  const after = await slices(both, count => count >= seconds)
  await end(newcomer.child)
  await peers.stop()
  console.log(`the fourth peer was up after ${(joinedMs / 1000).toFixed(1)} s`)
  const phases = { before, during, after }
  console.table(
    (['put', 'get'] as const).flatMap(operation =>
      Object.entries(phases).map(([name, phase]) => row(`${operation} ${name}`, only(phase, operation), only(before, operation)))
    )
  )
} finally {
  await rm(folder, { recursive: true, force: true })
}

/** What puts and gets took in one round. */
interface Slice {
  readonly put: Sample
  readonly get: Sample
}

function only(phase: readonly Slice[], operation: keyof Slice): readonly Sample[] {
  return phase.map(slice => slice[operation])
}

async function slices(measure: () => Promise<Slice>, isOver: (slices: number) => boolean): Promise<readonly Slice[]> {
  const samples: Slice[] = []
  do samples.push(await measure())
  while (!isOver(samples.length))
  return samples
}

function joining(peers: Peers): { readonly child: ChildProcess; readonly up: Promise<unknown> } {
  const script = fileURLToPath(new URL('store/peer-process.ts', import.meta.url))
  const child = fork(script, [join(folder, 'd'), peers.address], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const isUp = async (): Promise<void> => {
    // Its address; it may have stopped waiting for the others by then.
    await once(child, 'message')
    child.send('up')
    await once(child, 'message')
  }
  return { child, up: isUp() }
}

function end(child: ChildProcess): Promise<void> {
  return new Promise(resolve => {
    child.once('exit', () => resolve())
    child.disconnect()
  })
}

function row(name: string, samples: readonly Sample[], before: readonly Sample[]): Readonly<Record<string, string | number>> {
  const [p50, p99, rate] = [of(samples, 'p50Ms'), of(samples, 'p99Ms'), of(samples, 'rate')]
  return {
    '': name,
    'per second': rate.toFixed(0),
    'p50 ms': p50.toFixed(1),
    'p99 ms': p99.toFixed(1),
    'rate, of before': (rate / of(before, 'rate')).toFixed(2),
    'p50, of before': (p50 / of(before, 'p50Ms')).toFixed(2),
    'p99, of before': (p99 / of(before, 'p99Ms')).toFixed(2)
  }
}

/** The mean over slices. */
function of(samples: readonly Sample[], figure: 'rate' | 'p50Ms' | 'p99Ms'): number {
  return samples.reduce((sum, sample) => sum + (sample[figure] ?? 0), 0) / samples.length
}
