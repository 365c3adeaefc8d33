/** The network of the chaos run must do the harm that it says, and no other. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { LoopbackProxy } from './loopback-proxy.ts'
import { ownerOfSocket } from './socket-owner.ts'

interface Pair {
  readonly proxy: LoopbackProxy
  readonly client: Socket
  /** What each end has heard. */
  readonly heard: { client: string; server: string }
  /** The other end; there once the connection has got through. */
  server: Socket | undefined
}

/** A connection of `ada` to `ben` through a proxy. */
async function connected(prepare: (proxy: LoopbackProxy) => void = () => {}): Promise<Pair> {
  const proxy = new LoopbackProxy(() => 'ada')
  const listener = createServer({ allowHalfOpen: true })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const port = await proxy.expose('ben', (listener.address() as { readonly port: number }).port)
  prepare(proxy)
  const client = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  const pair: Pair = { proxy, client, heard: { client: '', server: '' }, server: undefined }
  listener.on('connection', socket => {
    pair.server = socket
    socket.on('error', () => {})
    socket.on('data', bytes => (pair.heard.server += bytes.toString()))
  })
  client.on('error', () => {})
  client.on('data', bytes => (pair.heard.client += bytes.toString()))
  onTestFinished(() => {
    client.destroy()
    pair.server?.destroy()
    proxy.close()
    listener.close()
  })
  await once(client, 'connect')
  return pair
}

const through = (pair: Pair): Promise<boolean> => vi.waitUntil(() => pair.server !== undefined)

/** Sends a word to `cyd` and waits for it to come back: by then, what was written before has arrived where it was let through. */
async function echoed(proxy: LoopbackProxy): Promise<void> {
  const listener = createServer(socket => socket.pipe(socket))
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const port = await proxy.expose('cyd', (listener.address() as { readonly port: number }).port)
  const client = connect({ host: '127.0.0.1', port })
  client.write('word')
  await once(client, 'data')
  client.destroy()
  listener.close()
}

test('bytes pass both ways, and so does the end', async () => {
  const pair = await connected()
  await through(pair)
  pair.client.end('hello')
  await vi.waitUntil(() => pair.heard.server === 'hello')
  pair.server?.end('and goodbye')
  await once(pair.client, 'close')
  expect(pair.heard.client).toBe('and goodbye')
})

test('a direction that is blocked holds everything back, and the other passes', async () => {
  const pair = await connected()
  await through(pair)
  const heal = pair.proxy.interfere({ isBlocked: (from, to) => from === 'ada' && to === 'ben' })
  pair.client.write('lost? ')
  pair.client.end('no, late')
  pair.server?.write('heard')
  await vi.waitUntil(() => pair.heard.client === 'heard')
  await echoed(pair.proxy)
  expect(pair.heard.server).toBe('')
  heal()
  await vi.waitUntil(() => pair.heard.server === 'lost? no, late')
})

test('nobody gets through who dials while nothing passes, and everybody afterwards', async () => {
  let heal: () => void = () => {}
  const pair = await connected(proxy => (heal = proxy.interfere({ isBlocked: (_from, to) => to === 'ben' })))
  pair.client.write('anybody there?')
  await echoed(pair.proxy)
  expect(pair.server).toBeUndefined()
  heal()
  await vi.waitUntil(() => pair.heard.server === 'anybody there?')
})

test('delayed bytes come late and in order', async () => {
  const pair = await connected()
  await through(pair)
  const end = pair.proxy.interfere({ delayMs: (_from, to) => (to === 'ben' ? 150 : 0) })
  const startedAt = performance.now()
  for (const digit of '0123456789') pair.client.write(digit)
  await echoed(pair.proxy)
  end()
  pair.client.write('!')
  await vi.waitUntil(() => pair.heard.server.endsWith('!'))
  expect(pair.heard.server).toBe('0123456789!')
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(150)
})

test('a reset ends both halves of the connections that it is meant for', async () => {
  const pair = await connected()
  await through(pair)
  expect(pair.proxy.reset(one => one === 'cyd')).toBe(0)
  expect(pair.proxy.reset(one => one === 'ben')).toBe(1)
  await vi.waitUntil(() => pair.client.destroyed && pair.server?.destroyed === true)
})

test.runIf(process.platform === 'linux')('the process at the other end of a connection is known by its ports', async () => {
  const { client } = await connected()
  const ports = [client.localPort ?? 0, client.remotePort ?? 0] as const
  expect(ownerOfSocket(...ports, [1, process.pid])).toBe(process.pid)
  expect(ownerOfSocket(...ports, [1])).toBeUndefined()
})
