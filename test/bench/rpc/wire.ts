/** What client and server of the request benchmark share: the ways to carry a message, and a bare batched message pipe. */
import { randomBytes } from 'node:crypto'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import type { Libp2p, Stream } from '@libp2p/interface'
import { nodejsNoiseCrypto } from '../../../src/adapters/libp2p/noise-crypto.nodejs.ts'
import { libp2pNetwork, type Libp2pNetwork } from '../../../src/adapters/libp2p/network.ts'
import { nodejsTransports } from '../../../src/adapters/libp2p/transports.nodejs.ts'
import { testClock, testRandom } from '../../adapters/network-peers.ts'

export const ways = ['node:net', 'libp2p tcp', 'dynamesh tcp', 'libp2p websocket', 'dynamesh websocket'] as const
export type Way = (typeof ways)[number]

/** Bytes of a request and of a reply; the first 4 are its number. */
export const messageBytes = 100
export const protocol = '/bench/1'

/** Sends and receives messages of {@link messageBytes} over a byte stream, those of a turn in one write. */
export class MessagePipe {
  readonly #write: (bytes: Uint8Array) => void
  readonly #receive: (message: Uint8Array) => void
  readonly #batch = Buffer.allocUnsafe(256 * messageBytes)
  #length = 0
  #rest: Uint8Array = new Uint8Array(0)

  constructor(write: (bytes: Uint8Array) => void, receive: (message: Uint8Array) => void) {
    this.#write = write
    this.#receive = receive
  }

  send(message: Uint8Array): void {
    if (this.#length === 0) setImmediate(() => this.#flush())
    this.#batch.set(message, this.#length)
    this.#length += messageBytes
    if (this.#length === this.#batch.length) this.#flush()
  }

  data(chunk: Uint8Array): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let offset = 0
    for (; bytes.length - offset >= messageBytes; offset += messageBytes) this.#receive(bytes.subarray(offset, offset + messageBytes))
    this.#rest = bytes.subarray(offset)
  }

  #flush(): void {
    if (this.#length === 0) return
    const bytes = new Uint8Array(this.#batch.subarray(0, this.#length))
    this.#length = 0
    this.#write(bytes)
  }
}

/** A pipe over a libp2p stream. */
export function streamPipe(stream: Stream, receive: (message: Uint8Array) => void): MessagePipe {
  const pipe = new MessagePipe(bytes => void stream.send(bytes), receive)
  stream.addEventListener('message', event => {
    if (event.data instanceof Uint8Array) pipe.data(event.data)
    else for (const chunk of event.data) pipe.data(chunk)
  })
  return pipe
}

export function listenAddress(way: Way): string {
  return way.endsWith('websocket') ? '/ip4/127.0.0.1/tcp/0/ws' : '/ip4/127.0.0.1/tcp/0'
}

/** A libp2p host with the same ciphers as ours and nothing else. */
export function bareHost(listen: readonly string[]): Promise<Libp2p> {
  return createLibp2p({
    addresses: { listen: [...listen] },
    transports: [webSockets(), tcp()],
    connectionEncrypters: [noise({ crypto: nodejsNoiseCrypto })],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false }
  })
}

export function meshNetwork(listen: readonly string[], join: readonly string[]): Libp2pNetwork {
  const fixed = { cluster: 'bench', announce: [], relay: false, transports: nodejsTransports, clock: testClock, random: testRandom }
  return libp2pNetwork({ ...fixed, seed: new Uint8Array(randomBytes(32)), listen, join })
}
