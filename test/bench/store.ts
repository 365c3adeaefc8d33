/**
 * Puts and gets per second of three peers, beside what limits them.
 *
 *     node test/bench/store.ts [--seconds 1] [--rounds 3] [--values 100] [--in-flight 1,16,128] [--only put,get,engine,network] [--profile folder]
 *
 * Three peers, each a process of its own with a folder of its own; N = 3, R = W = 2; one of them writes and reads with 1, 16 and 128
 * requests in flight. A put is answered when two disks have it; all three get it. In the same run, at the same concurrency:
 *
 *     engine     synced writes of the embedded storage engine (classic-level), one process, all rows in flight in one batch: the disk's limit
 *     network    requests and replies over our network between two processes, 100 bytes each: the wire's limit
 *
 * Read the ratios: absolute figures are those of this machine at this moment. All processes share its cores.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openClient } from './rpc/client.ts'
import { engineLimit } from './store/engine-limit.ts'
import { startPeers, startRpcServer } from './store/processes.ts'
import type { Sample } from './store/sample.ts'

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
    values: { type: 'string', default: '100' },
    'in-flight': { type: 'string', default: '1,16,128' },
    only: { type: 'string', default: 'put,get,engine,network' },
    profile: { type: 'string' }
  }
})

const inFlight = options['in-flight'].split(',').map(Number)

/** Runs for a while with so many in flight. */
interface Contender {
  readonly name: string
  run(concurrency: number, durationMs: number): Promise<Sample>
}

const folder = await mkdtemp(join(tmpdir(), 'dynamesh-bench-'))
try {
  await compare(Number(options.seconds) * 1000, Number(options.rounds), Number(options.values))
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function compare(durationMs: number, rounds: number, valueBytes: number): Promise<void> {
  const peers = await startPeers(folder, options.profile)
  const server = await startRpcServer()
  const client = await openClient('dynamesh tcp', server.address)
  const engine = await engineLimit(join(folder, 'engine'), valueBytes)
  const contenders: Contender[] = [
    { name: 'put', run: (concurrency, ms) => peers.measure({ operation: 'put', concurrency, durationMs: ms, valueBytes }) },
    { name: 'get', run: (concurrency, ms) => peers.measure({ operation: 'get', concurrency, durationMs: ms, valueBytes }) },
    { name: 'engine', run: engine.run },
    {
      name: 'network',
      run: async (concurrency, ms) => ({ rate: await client.run(concurrency, ms), p50Ms: undefined, p99Ms: undefined, cpuUs: undefined })
    }
  ]
  const wanted = contenders.filter(({ name }) => options.only.split(',').includes(name))
  print(await measure(wanted, durationMs, rounds), valueBytes)
  await engine.close()
  await client.close()
  await server.stop()
  await peers.stop()
}

/** Every contender in every round, so that other load on the machine hits all alike; the round with the median rate counts. */
async function measure(contenders: readonly Contender[], durationMs: number, rounds: number): Promise<ReadonlyMap<string, Sample>> {
  const samples = new Map<string, Sample[]>()
  for (const contender of contenders) await contender.run(Math.max(...inFlight), durationMs)
  for (let round = 0; round < rounds; round++) {
    for (const concurrency of inFlight) {
      for (const contender of contenders) {
        const key = `${contender.name} ${concurrency}`
        samples.set(key, [...(samples.get(key) ?? []), await contender.run(concurrency, durationMs)])
      }
    }
  }
  return new Map([...samples].map(([key, list]) => [key, list.toSorted((a, b) => a.rate - b.rate)[Math.floor(list.length / 2)] as Sample]))
}

function print(samples: ReadonlyMap<string, Sample>, valueBytes: number): void {
  const sample = (name: string, concurrency: number): Sample | undefined => samples.get(`${name} ${concurrency}`)
  const row = (title: string, cell: (concurrency: number) => string): void =>
    console.log(title.padEnd(28) + inFlight.map(each => cell(each).padStart(12)).join(''))
  const rate = (name: string) => (concurrency: number) => Math.round(sample(name, concurrency)?.rate ?? 0).toLocaleString('en')
  const time = (name: string, field: 'p50Ms' | 'p99Ms' | 'cpuUs') => (concurrency: number) =>
    (sample(name, concurrency)?.[field] ?? 0).toFixed(2)
  const ratio = (of: string, to: string) => (concurrency: number) =>
    `${(((sample(of, concurrency)?.rate ?? 0) / (sample(to, concurrency)?.rate ?? 1)) * 100).toFixed(1)} %`
  console.log(`Three peers in three processes, N = 3, R = W = 2, durable, values of ${valueBytes} bytes\n`)
  row('in flight', String)
  row('puts/s', rate('put'))
  row('  p50 ms', time('put', 'p50Ms'))
  row('  p99 ms', time('put', 'p99Ms'))
  row('  processor us, all peers', time('put', 'cpuUs'))
  row('gets/s', rate('get'))
  row('  p50 ms', time('get', 'p50Ms'))
  row('  p99 ms', time('get', 'p99Ms'))
  row('  processor us, all peers', time('get', 'cpuUs'))
  row('engine: synced writes/s', rate('engine'))
  row('network: requests/s', rate('network'))
  row('puts / engine', ratio('put', 'engine'))
  row('puts / network', ratio('put', 'network'))
  row('gets / network', ratio('get', 'network'))
}
