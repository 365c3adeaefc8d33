/**
 * Requests per second of the network adapter, beside what carries it.
 *
 *     node test/bench/rpc.ts [--seconds 0.5] [--rounds 3]
 *
 * Two processes on this machine exchange 100-byte requests and replies with 1, 16 and 128 in flight, in turn over
 *
 *     node:net           a bare TCP socket, the messages of a turn in one write: the limit of the runtime
 *     libp2p stream      one libp2p stream (noise, yamux), batched the same way: the limit of what carries us
 *     dynamesh           our network: frames, hello, credit, queues
 *
 * Read the ratios: absolute figures are those of this machine at this moment. The target is 50 % of the batched libp2p stream at 128.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openClient, type Client } from './rpc/client.ts'
import { serve } from './rpc/server.ts'
import { ways, type Way } from './rpc/wire.ts'

const inFlight = [1, 16, 128]

const { values: options } = parseArgs({
  options: { serve: { type: 'string' }, seconds: { type: 'string', default: '0.5' }, rounds: { type: 'string', default: '3' } }
})

if (options.serve === undefined) await compare(Number(options.seconds), Number(options.rounds))
else await serve(options.serve as Way, address => process.send?.(address))

async function compare(seconds: number, rounds: number): Promise<void> {
  const servers = await Promise.all(ways.map(startServer))
  const clients = await Promise.all(servers.map(({ way, address }) => openClient(way, address)))
  const rates = await measure(clients, seconds, rounds)
  print(rates)
  for (const client of clients) await client.close()
  for (const { child } of servers) child.disconnect()
}

async function startServer(way: Way): Promise<{ way: Way; address: string; child: ChildProcess }> {
  const child = fork(fileURLToPath(import.meta.url), ['--serve', way], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const address = await new Promise<string>((resolve, reject) => {
    child.once('message', (message: string) => resolve(message))
    child.once('exit', code => reject(new Error(`the server of ${way} ended with ${code}`)))
  })
  return { way, address, child }
}

/** Every way in every round, so that other load on the machine hits all alike; the median of the rounds counts. */
async function measure(clients: readonly Client[], seconds: number, rounds: number): Promise<ReadonlyMap<string, number>> {
  const samples = new Map<string, number[]>()
  for (const client of clients) await client.run(128, seconds * 500)
  for (let round = 0; round < rounds; round++) {
    for (const concurrency of inFlight) {
      for (const client of clients) {
        const key = `${client.way} ${concurrency}`
        samples.set(key, [...(samples.get(key) ?? []), await client.run(concurrency, seconds * 1000)])
      }
    }
  }
  return new Map([...samples].map(([key, rates]) => [key, median(rates)]))
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

function print(rates: ReadonlyMap<string, number>): void {
  const rate = (way: Way, concurrency: number): number => rates.get(`${way} ${concurrency}`) ?? 0
  const number = (value: number): string => Math.round(value).toLocaleString('en').padStart(10)
  const share = (value: number, of: number): string => `${Math.round((value / of) * 100)} %`.padStart(10)
  console.log('Requests per second, 100-byte messages, two processes\n')
  console.log(`${'way'.padEnd(24)}${inFlight.map(concurrency => `${concurrency}`.padStart(10)).join('')}   in flight`)
  for (const way of ways) console.log(`${way.padEnd(24)}${inFlight.map(concurrency => number(rate(way, concurrency))).join('')}`)
  for (const transport of ['tcp', 'websocket'] as const) {
    const ratios = inFlight.map(concurrency => share(rate(`dynamesh ${transport}`, concurrency), rate(`libp2p ${transport}`, concurrency)))
    console.log(`${`dynamesh / libp2p, ${transport === 'tcp' ? 'tcp' : 'ws'}`.padEnd(24)}${ratios.join('')}`)
  }
  const ofNet = inFlight.map(concurrency => share(rate('dynamesh tcp', concurrency), rate('node:net', concurrency)))
  console.log(`${'dynamesh / node:net, tcp'.padEnd(24)}${ofNet.join('')}`)
}
