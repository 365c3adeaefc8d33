/**
 * The suite that every network passes. Authors of other adapters run it under their own test framework:
 *
 * ```ts
 * import { networkConformance } from 'dynamesh/conformance'
 * import { test } from 'node:test'
 *
 * networkConformance({ test, create: async () => ({ network: (name, join) => myNetwork(name, join), dispose: async () => {} }) })
 * ```
 *
 * The port allows a network to lose messages. On the quiet connections of this suite none may be lost, or nothing could be checked.
 */
import { prng } from '../core/prng.ts'
import { equalBytes } from '../core/bytes.ts'
import { frameBytesMax } from '../core/limits.ts'
import { isStoreError } from '../core/errors.ts'
import type { Lane, Network } from '../ports/network.ts'
import { expectSame, expectTrue } from './assertions.ts'
import { NetworkRecorder, type RecorderOptions } from './network-recorder.ts'

/** What the suite needs of a test framework and of the network under test. */
export interface NetworkConformanceOptions {
  /** Registers a test. A rejected promise means that it failed. */
  readonly test: (name: string, run: () => Promise<void>) => unknown
  /** Makes room for networks that can reach each other, and nobody else. */
  readonly create: () => Promise<NetworkPlace>
}

export interface NetworkPlace {
  /** A new network that joins by `join`. A name always stands for the same identity and the same addresses. */
  network(name: string, join: readonly string[]): Network
  /** Cleans up. All networks are stopped. */
  dispose(): Promise<void>
}

/** A started network with what it reported. */
interface Running {
  readonly network: Network
  readonly seen: NetworkRecorder
}

type Run = (name: string, join?: readonly Running[], options?: RecorderOptions) => Promise<Running>

/** Registers all tests. */
export function networkConformance(options: NetworkConformanceOptions): void {
  for (const [name, check] of Object.entries({ ...contact, ...messages, ...endings })) {
    options.test(name, () => withPlace(options, check))
  }
}

async function withPlace(options: NetworkConformanceOptions, check: (run: Run) => Promise<void>): Promise<void> {
  const place = await options.create()
  const running: Network[] = []
  try {
    await check(async (name, join = [], recorder = {}) => {
      const network = place.network(
        name,
        join.flatMap(peer => peer.network.addresses())
      )
      running.push(network)
      const seen = new NetworkRecorder(recorder)
      await network.start(seen.handlers)
      return { network, seen }
    })
  } finally {
    await Promise.all(running.map(network => network.stop()))
    await place.dispose()
  }
}

async function pair(run: Run, first: RecorderOptions = {}, second: RecorderOptions = {}): Promise<[Running, Running]> {
  const a = await run('a', [], first)
  const b = await run('b', [a], second)
  await Promise.all([a.seen.seen('connected'), b.seen.seen('connected')])
  return [a, b]
}

function sendTo(from: Running, to: Running, bytes: Uint8Array, lane: Lane = 'request'): boolean {
  return from.network.send(to.network.peerId, lane, out => out.raw(bytes))
}

/** Sends on a lane that may come up a little after the connection. */
async function sendWhenReady(from: Running, to: Running, bytes: Uint8Array, lane: Lane): Promise<void> {
  for (let tries = 0; !sendTo(from, to, bytes, lane); tries++) {
    expectTrue(tries < 1000, `the ${lane} lane to open`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

const contact: Record<string, (run: Run) => Promise<void>> = {
  'the addresses of a started network end with its peer id': async run => {
    const { network } = await run('a')
    expectTrue(network.addresses().length > 0, 'at least one address')
    expectTrue(
      network.addresses().every(address => address.endsWith(network.peerId)),
      'every address to end with the peer id'
    )
  },

  'joining connects both ends, and each lists the other': async run => {
    const [a, b] = await pair(run)
    expectSame(
      a.network.connections().map(({ peer }) => peer),
      [b.network.peerId],
      'the connections of a'
    )
    expectSame(
      b.network.connections().map(({ peer }) => peer),
      [a.network.peerId],
      'the connections of b'
    )
  },

  'each end judges the hello of the other before anything else': async run => {
    const [a, b] = await pair(run, { hello: new Uint8Array([0xaa]) }, { hello: new Uint8Array([0xbb, 0xbb]) })
    expectSame(a.seen.events.map(event => event.type).slice(0, 2), ['judged', 'connected'], 'the first events')
    expectSame(a.seen.of('judged')[0]?.hello, 'bbbb', 'the hello that a judged')
    expectSame(b.seen.of('judged')[0]?.hello, 'aa', 'the hello that b judged')
  },

  'wanting a peer connects to it': async run => {
    const [a, b] = [await run('a'), await run('b')]
    b.network.want([{ peer: a.network.peerId, addresses: a.network.addresses() }])
    await Promise.all([a.seen.seen('connected'), b.seen.seen('connected')])
  },

  'two peers that want each other at the same time end up able to talk': async run => {
    const [a, b] = [await run('a'), await run('b')]
    a.network.want([{ peer: b.network.peerId, addresses: b.network.addresses() }])
    b.network.want([{ peer: a.network.peerId, addresses: a.network.addresses() }])
    await Promise.all([a.seen.seen('connected'), b.seen.seen('connected')])
    expectTrue(sendTo(a, b, new Uint8Array([1])) && sendTo(b, a, new Uint8Array([2])), 'both to be able to send')
    await Promise.all([a.seen.seen('frame'), b.seen.seen('frame')])
    expectSame(a.network.connections().length, 1, 'the number of connections listed')
  },

  'a refusal is reported at both ends with the same code and message, and nobody is connected': async run => {
    const message = 'partitions is 64 here and 128 there'
    const a = await run('a', [], { admit: () => ({ admit: false, code: 'ERR_CLUSTER_CONFIG_MISMATCH', message }) })
    const b = await run('b', [a])
    for (const { seen } of [a, b]) {
      const refused = await seen.seen('refused')
      expectSame([refused.code, refused.message], ['ERR_CLUSTER_CONFIG_MISMATCH', message], 'the refusal')
    }
    expectSame([...a.seen.of('connected'), ...b.seen.of('connected')], [], 'the peers connected')
    expectSame(sendTo(b, a, new Uint8Array([1])), false, 'the result of a send')
  },

  'when both refuse, both report it': async run => {
    const refuse = {
      admit: (): { admit: false; code: string; message: string } => ({ admit: false, code: 'ERR_NOT_ADMITTED', message: 'no' })
    }
    const a = await run('a', [], refuse)
    const b = await run('b', [a], refuse)
    await Promise.all([a.seen.seen('refused'), b.seen.seen('refused')])
    expectSame([...a.seen.of('connected'), ...b.seen.of('connected')], [], 'the peers connected')
  }
}

const messages: Record<string, (run: Run) => Promise<void>> = {
  'messages of every size arrive whole and in order, both ways, on both lanes': async run => {
    const [a, b] = await pair(run)
    const random = prng('sizes')
    const sizes = [0, 1, 4, 127, 128, 1000, 65_535, 65_536, 300_000, 1_048_576, 3_000_000]
    const sent = sizes.map(size => Uint8Array.from({ length: size }, () => random.below(256)))
    for (const lane of ['request', 'bulk'] as const) {
      for (const [from, to] of [
        [a, b],
        [b, a]
      ] as const) {
        const before = to.seen.of('frame').length
        for (const bytes of sent) await sendWhenReady(from, to, bytes, lane)
        await to.seen.seen('frame', before + sent.length)
        const got = to.seen.of('frame').slice(before)
        expectSame(
          got.map(frame => [frame.lane, frame.bytes.length]),
          sizes.map(size => [lane, size]),
          'lanes and sizes'
        )
        expectTrue(
          got.every((frame, index) => equalBytes(frame.bytes, sent[index] as Uint8Array)),
          'the same bytes'
        )
      }
    }
  },

  'a message of the largest size arrives; a larger one is refused and leaves no trace': async run => {
    const [a, b] = await pair(run)
    expectTrue(sendTo(a, b, new Uint8Array(frameBytesMax).fill(7)), 'the largest message to be taken')
    expectSame((await b.seen.seen('frame')).bytes.length, frameBytesMax, 'the size that arrived')
    let thrown: unknown
    try {
      sendTo(a, b, new Uint8Array(frameBytesMax + 1))
    } catch (error) {
      thrown = error
    }
    expectTrue(isStoreError(thrown) && thrown.code === 'ERR_WIRE_FRAME_TOO_LARGE', 'a message beyond the limit to throw')
    await sendWhenReady(a, b, new Uint8Array([5]), 'request')
    expectSame([...(await b.seen.seen('frame', 2)).bytes], [5], 'the next message')
  },

  'an encoder that throws leaves no trace': async run => {
    const [a, b] = await pair(run)
    let thrown = false
    try {
      a.network.send(b.network.peerId, 'request', out => {
        out.raw(new Uint8Array([1, 2, 3]))
        throw new Error('no')
      })
    } catch {
      thrown = true
    }
    expectTrue(thrown, 'the error of the encoder to be passed on')
    expectTrue(sendTo(a, b, new Uint8Array([9])), 'the next message to be taken')
    expectSame([...(await b.seen.seen('frame')).bytes], [9], 'the message that arrived')
  },

  'nothing is delivered within the call that sends it': async run => {
    const [a, b] = await pair(run)
    expectTrue(sendTo(a, b, new Uint8Array([1])), 'the message to be taken')
    expectSame(b.seen.of('frame').length, 0, 'frames delivered so far')
    await b.seen.seen('frame')
  },

  'thousands of messages at once arrive in order': async run => {
    const [a, b] = await pair(run)
    const count = 5000
    for (let number = 0; number < count; number++) expectTrue(sendTo(a, b, new Uint8Array([number >> 8, number & 255])), 'room')
    await b.seen.seen('frame', count)
    const numbers = b.seen.of('frame').map(({ bytes }) => (bytes[0] as number) * 256 + (bytes[1] as number))
    expectTrue(
      numbers.every((number, index) => number === index),
      'the order in which they were sent'
    )
  },

  'a full queue refuses, what was taken arrives, and the queue drains': async run => {
    const [a, b] = await pair(run)
    const chunk = new Uint8Array(100_000)
    let taken = 0
    while (sendTo(a, b, chunk)) {
      taken++
      expectTrue(taken < 2000, 'the queue to have a bound')
    }
    await b.seen.seen('frame', taken)
    await sendWhenReady(a, b, new Uint8Array([1]), 'request')
    expectSame((await b.seen.seen('frame', taken + 1)).bytes.length, 1, 'the size of the last message')
  },

  'sending to a peer that is not connected answers false and does not encode': async run => {
    const [a, stranger] = [await run('a'), await run('stranger')]
    let encoded = false
    expectSame(
      a.network.send(stranger.network.peerId, 'request', () => (encoded = true)),
      false,
      'the result'
    )
    expectSame(encoded, false, 'whether the message was encoded')
  },

  'a message for a distant peer dials it, and arrives': async run => {
    const b = await run('b')
    const a = await run('a', [], { distant: peer => (peer === b.network.peerId ? b.network.addresses() : undefined) })
    expectTrue(sendTo(a, b, new Uint8Array([7])) && sendTo(a, b, new Uint8Array([8])), 'the messages to be taken')
    await b.seen.seen('frame', 2)
    expectSame(
      b.seen.of('frame').map(({ bytes }) => bytes[0]),
      [7, 8],
      'the messages in order'
    )
    expectSame(
      a.network.connections().map(({ peer }) => peer),
      [b.network.peerId],
      'the connections of a'
    )
    expectTrue(sendTo(b, a, new Uint8Array([9])), 'the answer to be taken')
    await a.seen.seen('frame')
  },

  'a distant peer that cannot be dialled is reported, once for all that was for it, and may be tried again': async run => {
    const gone = await run('gone')
    const addresses = gone.network.addresses()
    await gone.network.stop()
    const a = await run('a', [], { distant: peer => (peer === gone.network.peerId ? addresses : undefined) })
    expectTrue(sendTo(a, gone, new Uint8Array([1])) && sendTo(a, gone, new Uint8Array([2])), 'the messages to be taken')
    expectSame((await a.seen.seen('unreachable')).peer, gone.network.peerId, 'the peer reported')
    expectSame(a.seen.of('unreachable').length, 1, 'the number of reports')
    expectTrue(sendTo(a, gone, new Uint8Array([3])), 'the next message to be taken')
    await a.seen.seen('unreachable', 2)
  },

  'gossip reaches peers that are not connected to its author': async run => {
    const a = await run('a')
    const b = await run('b', [a])
    const c = await run('c', [b])
    await Promise.all([b.seen.seen('connected', 2), c.seen.seen('connected')])
    const heard = c.seen.seen('gossip')
    for (let round = 0; c.seen.of('gossip').length === 0 && round < 200; round++) {
      a.network.publish(new Uint8Array([0x60, round]))
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    expectSame((await heard).bytes[0], 0x60, 'the message')
    expectSame(a.seen.of('gossip').length, 0, 'what the author hears of its own message')
  }
}

const endings: Record<string, (run: Run) => Promise<void>> = {
  'stopping ends the connection at the other end, and may be done twice': async run => {
    const [a, b] = await pair(run)
    await Promise.all([b.network.stop(), b.network.stop()])
    expectSame((await a.seen.seen('disconnected')).peer, b.network.peerId, 'the peer that left')
    expectSame(sendTo(a, b, new Uint8Array([1])), false, 'the result of a send')
    expectSame(sendTo(b, a, new Uint8Array([1])), false, 'the result of a send of the stopped one')
    expectSame(a.network.connections(), [], 'the connections')
  },

  'a network can be stopped before it was started': async run => {
    const a = await run('a')
    await a.network.stop()
    expectSame(a.network.connections(), [], 'the connections')
  },

  'a goodbye ends the connection at the other end': async run => {
    const [a, b] = await pair(run)
    b.network.goodbye()
    expectSame((await a.seen.seen('disconnected')).peer, b.network.peerId, 'the peer that left')
  },

  'a peer that restarts is connected again': async run => {
    const a = await run('a')
    const b = await run('b')
    b.network.want([{ peer: a.network.peerId, addresses: a.network.addresses() }])
    await b.seen.seen('connected')
    await a.network.stop()
    await b.seen.seen('disconnected')
    const again = await run('a')
    await Promise.all([again.seen.seen('connected'), b.seen.seen('connected', 2)])
    expectTrue(sendTo(b, again, new Uint8Array([3])), 'to be able to send')
    await again.seen.seen('frame')
  },

  'what was sent to a peer does not reach it after it has started anew': async run => {
    const [a, b] = await pair(run)
    const before = 200
    for (let number = 0; number < before; number++) sendTo(b, a, new Uint8Array([1]))
    await Promise.all([a.network.stop(), b.seen.seen('disconnected')])
    const again = await run('a')
    b.network.want([{ peer: again.network.peerId, addresses: again.network.addresses() }])
    await Promise.all([again.seen.seen('connected'), b.seen.seen('connected', 2)])
    await sendWhenReady(b, again, new Uint8Array([2]), 'request')
    expectSame([...(await again.seen.seen('frame')).bytes], [2], 'the first message of the new run')
  },

  'cutting ends all connections, sends nothing, and restoring brings them back': async run => {
    const [a, b] = await pair(run)
    b.network.cut(true)
    await Promise.all([a.seen.seen('disconnected'), b.seen.seen('disconnected')])
    expectSame(sendTo(b, a, new Uint8Array([1])), false, 'the result of a send')
    expectSame(b.network.connections(), [], 'the connections')
    b.network.cut(false)
    await Promise.all([a.seen.seen('connected', 2), b.seen.seen('connected', 2)])
    expectTrue(sendTo(b, a, new Uint8Array([1])), 'to be able to send')
    await a.seen.seen('frame')
  },

  'a cut peer lets nobody in': async run => {
    const [a, b] = [await run('a'), await run('b')]
    a.network.cut(true)
    b.network.want([{ peer: a.network.peerId, addresses: a.network.addresses() }])
    const c = await run('c', [b])
    await c.seen.seen('connected')
    expectSame(a.seen.of('judged'), [], 'the hellos that the cut peer saw')
    a.network.cut(false)
    await a.seen.seen('connected')
  },

  'a message that the receiver cannot use ends the connection': async run => {
    const fault = {
      frame: (): never => {
        throw new Error('malformed')
      }
    }
    const [a, b] = await pair(run, fault)
    expectTrue(sendTo(b, a, new Uint8Array([1])), 'the message to be taken')
    await Promise.all([a.seen.seen('disconnected'), b.seen.seen('disconnected')])
    expectSame(a.seen.of('frame').length, 0, 'the frames taken')
  }
}
