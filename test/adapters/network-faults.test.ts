/** What strangers can do to a network: every peer here is a bare libp2p host that breaks the rules. */
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import type { Libp2p, Stream } from '@libp2p/interface'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Libp2pNetwork, Libp2pNetworkOptions } from '../../src/adapters/libp2p/network.ts'
import { NetworkRecorder } from '../../src/conformance/network-recorder.ts'
import { Writer } from '../../src/core/codec.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Metrics } from '../../src/ports/metrics.ts'
import { testClock, testNetwork } from './network-peers.ts'

class Counters implements Metrics {
  readonly #values = new Map<string, number>()

  count(name: string, amount = 1): void {
    this.#values.set(name, (this.#values.get(name) ?? 0) + amount)
  }

  gauge(name: string, value: number): void {
    this.#values.set(name, value)
  }

  snapshot(): Record<string, number> {
    return Object.fromEntries(this.#values)
  }
}

interface Target {
  readonly network: Libp2pNetwork
  readonly seen: NetworkRecorder
  readonly metrics: Counters
}

async function openTarget(options: Partial<Libp2pNetworkOptions> = {}): Promise<Target> {
  const metrics = new Counters()
  const network = testNetwork({ listen: ['/ip4/127.0.0.1/tcp/0'], metrics, ...options })
  onTestFinished(() => network.stop())
  const seen = new NetworkRecorder()
  await network.start(seen.handlers)
  return { network, seen, metrics }
}

async function openStranger(listen: readonly string[] = []): Promise<Libp2p> {
  const host = await createLibp2p({
    addresses: { listen: [...listen] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false }
  })
  onTestFinished(async () => {
    await host.stop()
  })
  return host
}

function dial(stranger: Libp2p, target: Target, protocol = '/dynamesh/request/1'): Promise<Stream> {
  return stranger.dialProtocol(multiaddr(target.network.addresses()[0] ?? ''), protocol)
}

/** A clock whose timers of ten seconds, such as the wait for a hello, end when the test says so. */
function clockOfHellos(): { readonly clock: Clock; expire(): void } {
  let waiting: (() => void)[] = []
  const schedule = (delayMs: number, wake: () => void): (() => void) => {
    if (delayMs !== 10_000) return testClock.schedule(delayMs, wake)
    waiting.push(wake)
    return () => (waiting = waiting.filter(other => other !== wake))
  }
  return { clock: { ...testClock, schedule }, expire: () => waiting.splice(0).forEach(wake => wake()) }
}

function ended(stream: Stream): Promise<void> {
  return new Promise(resolve => (stream.status === 'open' ? stream.addEventListener('close', () => resolve()) : resolve()))
}

/** A frame with a body of fields. */
function frame(kind: number, body: (out: Writer) => void = () => {}): Uint8Array {
  const out = new Writer()
  out.uint32(0)
  out.varint(kind)
  body(out)
  out.patchUint32(0, out.length - 4)
  return out.finish()
}

function hello(startedMs = 1, session = '00'.repeat(8)): Uint8Array {
  return frame(1, out => {
    out.uint(1, startedMs)
    out.hex(2, session)
    out.bytes(3, new Uint8Array([1]))
  })
}

describe('a stranger', () => {
  test.each([
    ['claims a frame of 4 GiB', [new Uint8Array([0xff, 0xff, 0xff, 0xff, 0, 1, 2])]],
    ['claims a hello of 1 MiB', [new Uint8Array([0, 0x10, 0, 0, 1])]],
    ['sends a message before its hello', [frame(0, out => out.raw(new Uint8Array(10)))]],
    ['admits before its hello', [frame(2)]],
    ['says hello twice', [hello(), hello()]],
    ['sends a message right behind its hello', [hello(), frame(0, out => out.raw(new Uint8Array(10)))]],
    ['sends a hello without a session', [frame(1, out => out.uint(1, 5))]],
    ['sends a hello with a session of 3 bytes', [frame(1, out => out.bytes(2, new Uint8Array(3)))]],
    ['sends a hello with an unknown field', [frame(1, out => (out.hex(2, '00'.repeat(8)), out.uint(9, 1)))]],
    ['sends a frame of an unknown kind', [hello(), frame(77)]],
    ['sends an admission with a body', [hello(), frame(2, out => out.uint(1, 1))]],
    ['sends garbage', [new Uint8Array([0, 0, 0, 9, 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4, 5])]]
  ])('that %s is reset and counted, and nothing of it is delivered', async (_name, chunks) => {
    const [target, stranger] = [await openTarget(), await openStranger()]
    const stream = await dial(stranger, target)
    for (const chunk of chunks) stream.send(chunk)
    await ended(stream)
    expect(target.metrics.snapshot()['wire.malformed']).toBe(1)
    expect(target.seen.of('frame')).toEqual([])
    expect(target.seen.of('connected')).toEqual([])
  })

  test('that behaves is admitted, and reset when it breaks the rules later', async () => {
    const [target, stranger] = [await openTarget(), await openStranger()]
    const stream = await dial(stranger, target)
    for (const chunk of [hello(), frame(2), frame(0, out => out.raw(new Uint8Array(5)))]) stream.send(chunk)
    expect((await target.seen.seen('frame')).bytes).toHaveLength(5)
    stream.send(frame(4, out => out.uint(1, 1)))
    await target.seen.seen('disconnected')
    expect(target.metrics.snapshot()['wire.malformed']).toBe(1)
  })

  test('that opens a stream and sends nothing is reset after the hello timeout', async () => {
    const { clock, expire } = clockOfHellos()
    const [target, stranger] = [await openTarget({ clock }), await openStranger()]
    const stream = await dial(stranger, target)
    await new Promise<void>(resolve => stream.addEventListener('message', () => resolve()))
    expire()
    await ended(stream)
    expect((await target.seen.seen('refused')).code).toBe('ERR_WIRE_IDLE')
    expect(target.metrics.snapshot()['wire.idle']).toBe(1)
  })

  test("that was silent is dialled again soon: a slow network is nobody's fault", async () => {
    const { clock, expire } = clockOfHellos()
    const stranger = await openStranger(['/ip4/127.0.0.1/tcp/0'])
    let streams = 0
    await stranger.handle('/dynamesh/request/1', () => void streams++)
    const target = await openTarget({ clock, join: stranger.getMultiaddrs().map(String) })
    await vi.waitUntil(() => streams === 1, { timeout: 20_000 })
    expire()
    expect((await target.seen.seen('refused')).code).toBe('ERR_WIRE_IDLE')
    await vi.waitUntil(() => streams === 2, { timeout: 4000 })
  })

  test('that opens a second request stream, or a bulk stream before admission, gets only resets for it', async () => {
    const [target, stranger] = [await openTarget(), await openStranger()]
    const first = await dial(stranger, target)
    const second = await dial(stranger, target)
    await ended(second)
    first.send(hello())
    first.send(frame(2))
    await target.seen.seen('connected')
    expect(first.status).toBe('open')
  })

  test('that does not speak our protocol is reported as unsupported, and dialled again only much later', async () => {
    const stranger = await openStranger(['/ip4/127.0.0.1/tcp/0'])
    const target = await openTarget({ join: stranger.getMultiaddrs().map(String) })
    const refused = await target.seen.seen('refused')
    expect(refused).toMatchObject({ code: 'ERR_WIRE_UNSUPPORTED', peer: stranger.peerId.toString() })
    expect(refused.message).toContain('/dynamesh/request/1')
    expect(target.metrics.snapshot()['network.dials']).toBe(1)
  })

  test('cannot be heard through gossip', async () => {
    const target = await openTarget()
    const [friend, outsider] = [testNetwork({ join: target.network.addresses() }), testNetwork({ join: target.network.addresses() })]
    onTestFinished(async () => void (await Promise.all([friend.stop(), outsider.stop()])))
    const friendSeen = new NetworkRecorder()
    const outsiderSeen = new NetworkRecorder({ admit: () => ({ admit: false, code: 'ERR_NOT_ADMITTED', message: 'no' }) })
    await friend.start(friendSeen.handlers)
    await outsider.start(outsiderSeen.handlers)
    await Promise.all([friendSeen.seen('connected'), outsiderSeen.seen('refused')])
    let round = 0
    const publishAndLook = (): boolean => {
      outsider.publish(new Uint8Array([1, round]))
      friend.publish(new Uint8Array([2, round++]))
      return target.seen.of('gossip').length > 0
    }
    await vi.waitUntil(publishAndLook, { interval: 50, timeout: 20_000 })
    expect(target.seen.of('gossip').every(({ peer }) => peer === friend.peerId)).toBe(true)
    expect(target.seen.of('gossip').length).toBeGreaterThan(0)
  })
})

describe('two runs of one identity', () => {
  const seed = new Uint8Array(32).fill(42)
  const at = (wallMs: number): Partial<Libp2pNetworkOptions> => ({ seed, listen: [], clock: { ...testClock, wallMs: () => wallMs } })

  test('the younger takes over the connection of the elder', async () => {
    const target = await openTarget()
    const elder = await openTarget({ ...at(1_000), join: target.network.addresses() })
    await target.seen.seen('connected')
    const younger = await openTarget({ ...at(2_000), join: target.network.addresses() })
    await younger.seen.seen('connected')
    await elder.seen.seen('disconnected')
    expect(target.network.connections()).toHaveLength(1)
    await elder.network.stop()
    expect(target.network.send(younger.network.peerId, 'request', out => out.raw(new Uint8Array(3)))).toBe(true)
    await younger.seen.seen('frame')
  })

  test('the elder is told that its identity is in use when it comes second', async () => {
    const target = await openTarget()
    const younger = await openTarget({ ...at(2_000), join: target.network.addresses() })
    await younger.seen.seen('connected')
    const elder = await openTarget({ ...at(1_000), join: target.network.addresses() })
    expect((await elder.seen.seen('refused')).code).toBe('ERR_DUPLICATE_IDENTITY')
    expect((await target.seen.seen('refused')).code).toBe('ERR_DUPLICATE_IDENTITY')
    expect(younger.seen.of('disconnected')).toEqual([])
  })

  test('a peer that dials its own identity elsewhere is told', async () => {
    const first = await openTarget({ seed })
    const address = first.network.addresses()[0]?.replace(/\/p2p\/.*/, '') ?? ''
    const second = await openTarget({ seed, join: [address] })
    expect((await second.seen.seen('refused')).code).toBe('ERR_DUPLICATE_IDENTITY')
  })
})

describe('starting', () => {
  test('fails with the address when another process listens there, and leaves nothing behind', async () => {
    const first = await openTarget()
    const listen = first.network.addresses().map(address => address.replace(/\/p2p\/.*/, ''))
    const second = testNetwork({ listen: ['/ip4/127.0.0.1/tcp/0', ...listen] })
    const failure = second.start(new NetworkRecorder().handlers)
    await expect(failure).rejects.toMatchObject({
      code: 'ERR_LISTEN',
      message: `Cannot listen on ${listen[0]}: another process already listens there.`
    })
    expect(second.addresses()).toEqual([])
    await second.stop()
  })

  test.each(['nonsense', '/ip4/127.0.0.1/udp/0/quic-v1', '/ip4/203.0.113.1/tcp/0'])(
    'fails with the address %s, which cannot be listened on',
    async address => {
      const network = testNetwork({ listen: [address] })
      await expect(network.start(new NetworkRecorder().handlers)).rejects.toMatchObject({ code: 'ERR_LISTEN', details: { address } })
    }
  )

  test('succeeds while nobody it is to join can be reached, and reaches one that comes up later', async () => {
    const early = await openTarget()
    const address = early.network.addresses()[0] ?? ''
    await early.network.stop()
    const waiting = await openTarget({ join: [address.replace(/\/p2p\/.*/, ''), 'nonsense'] })
    await openTarget({ listen: [address.replace(/\/p2p\/.*/, '')] })
    await waiting.seen.seen('connected')
  })

  test('is done once', async () => {
    const target = await openTarget()
    await expect(target.network.start(target.seen.handlers)).rejects.toMatchObject({ code: 'ERR_INTERNAL' })
  })
})
