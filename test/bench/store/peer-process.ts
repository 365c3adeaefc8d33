/**
 * One peer of the store benchmark: `peer-process.ts <folder> [address to join by]`. Says its address, then measures what it is told, until
 * the parent process disconnects.
 */
import { createPeer, type Peer } from '../../../src/entry/nodejs.ts'
import type { Measurement, Question } from './processes.ts'
import { sample, type Sample } from './sample.ts'

const [storage = '', address = ''] = process.argv.slice(2)
const peer = await createPeer({ cluster: 'bench', storage, listen: ['/ip4/127.0.0.1/tcp/0'], join: address === '' ? [] : [address] })
process.on('message', message => void serve(peer, message as Question))
process.once('disconnect', () => void peer.stop().then(() => process.exit(0)))
process.send?.(peer.status().addresses[0])

let keys = 0

async function serve(to: Peer, question: Question): Promise<void> {
  process.send?.(await answer(to, question))
}

function answer(to: Peer, question: Question): unknown {
  if (question === 'cpu') return usedUs()
  if (question === 'ready') return ready(to)
  return question === 'up' ? up(to) : measure(to, question)
}

/** Resolves once the peer holds everything that it owns. */
async function up(of: Peer): Promise<string> {
  await new Promise<void>(resolve => {
    const check = (): void => (of.status().state === 'up' ? resolve() : undefined)
    of.addEventListener('member:up', check)
    check()
  })
  return 'up'
}

function usedUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** Resolves once all three peers are up and can be reached. */
async function ready(of: Peer): Promise<string> {
  const isReady = (): boolean =>
    of.members().filter(({ status, reachability }) => status === 'up' && reachability !== 'suspect' && reachability !== 'unknown')
      .length === 3
  await new Promise<void>(resolve => {
    const check = (): void => (isReady() ? resolve() : undefined)
    of.addEventListener('member:up', check)
    of.addEventListener('member:reachable', check)
    check()
  })
  return 'ready'
}

function measure(of: Peer, { operation, concurrency, durationMs, valueBytes }: Measurement): Promise<Sample> {
  const value = new Uint8Array(valueBytes).fill(7)
  const put = (): Promise<unknown> => of.put(`key:${keys++}`, undefined, value, { timeoutMs: 60_000 })
  const get = (): Promise<unknown> => of.get(`key:${Math.floor(Math.random() * keys)}`)
  return sample(concurrency, durationMs, operation === 'put' ? put : get)
}
