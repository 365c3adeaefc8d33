/** The asking process of the request benchmark. */
import { connect } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import type { PeerId } from '../../../src/core/identifiers.ts'
import { quietHandlers } from '../../adapters/network-peers.ts'
import { MessagePipe, bareHost, meshNetwork, messageBytes, protocol, streamPipe, type Way } from './wire.ts'

export interface Client {
  readonly way: Way
  /** Keeps so many requests in flight for a while; resolves with requests per second. */
  run(inFlight: number, durationMs: number): Promise<number>
  close(): Promise<void>
}

/** Sends a message; its reply comes back through {@link Exchange.receive}. */
type Send = (message: Uint8Array) => void

export async function openClient(way: Way, address: string): Promise<Client> {
  const exchange = new Exchange()
  const opened = await open(way, address, message => exchange.receive(message))
  exchange.send = opened.send
  return { way, run: (inFlight, durationMs) => exchange.run(inFlight, durationMs), close: opened.close }
}

/** Requests that are matched to their replies by number. */
class Exchange {
  send: Send = () => {}
  readonly #waiting = new Map<number, () => void>()
  #number = 0

  receive(message: Uint8Array): void {
    const number = new DataView(message.buffer, message.byteOffset).getUint32(0)
    const answered = this.#waiting.get(number)
    this.#waiting.delete(number)
    answered?.()
  }

  async run(inFlight: number, durationMs: number): Promise<number> {
    const start = performance.now()
    let finished = 0
    const worker = async (): Promise<void> => {
      const message = new Uint8Array(messageBytes)
      const view = new DataView(message.buffer)
      while (performance.now() - start < durationMs) {
        view.setUint32(0, ++this.#number)
        await new Promise<void>(resolve => {
          this.#waiting.set(this.#number, resolve)
          this.send(message)
        })
        finished++
      }
    }
    await Promise.all(Array.from({ length: inFlight }, worker))
    return (finished / (performance.now() - start)) * 1000
  }
}

async function open(way: Way, address: string, receive: Send): Promise<{ send: Send; close: () => Promise<void> }> {
  if (way === 'node:net') return openSocket(Number(address), receive)
  return way.startsWith('libp2p') ? openStream(address, receive) : openMesh(address, receive)
}

async function openSocket(port: number, receive: Send): Promise<{ send: Send; close: () => Promise<void> }> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  const pipe = new MessagePipe(bytes => void socket.write(bytes), receive)
  socket.on('data', chunk => pipe.data(chunk))
  return { send: message => pipe.send(message), close: async () => void socket.destroy() }
}

async function openStream(address: string, receive: Send): Promise<{ send: Send; close: () => Promise<void> }> {
  const host = await bareHost([])
  const pipe = streamPipe(await host.dialProtocol(multiaddr(address), protocol), receive)
  return { send: message => pipe.send(message), close: async () => host.stop() }
}

async function openMesh(address: string, receive: Send): Promise<{ send: Send; close: () => Promise<void> }> {
  const network = meshNetwork([], [address])
  const peer = await new Promise<PeerId>((resolve, reject) => {
    network.start({ ...quietHandlers, connected: resolve, frame: (_peer, _lane, frame) => receive(frame) }).catch(reject)
  })
  return { send: message => void network.send(peer, 'request', out => out.raw(message)), close: () => network.stop() }
}
