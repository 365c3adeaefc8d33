/** A connection that closes under its muxer: nothing may be thrown where nobody can catch it, for that ends a Node.js process. */
import { StreamStateError, type Logger, type MessageStream } from '@libp2p/interface'
import { yamux } from '@libp2p/yamux'
import { describe, expect, test } from 'vitest'
import { sturdyYamux } from '../../src/adapters/libp2p/muxer.ts'

function silent(): void {}
const log: Logger = Object.assign(silent, { trace: silent, error: silent, enabled: false, newScope: () => log })

/** A connection of which the other end is gone, while bytes of it are still to be read. */
class DyingConnection {
  readonly log = log
  readonly direction = 'inbound'
  readonly listeners = new Map<string, (event: { readonly data?: Uint8Array }) => void>()
  isClosed = false
  sent = 0

  addEventListener(name: string, listener: (event: { readonly data?: Uint8Array }) => void): void {
    this.listeners.set(name, listener)
  }

  send(): boolean {
    if (this.isClosed) throw new StreamStateError('Cannot write to a stream that is closed')
    this.sent++
    return true
  }

  abort(): void {}

  receive(data: Uint8Array): void {
    this.listeners.get('message')?.({ data })
  }
}

/** A yamux ping: version 0, type 2, flag SYN, stream 0, number 7. */
const ping = new Uint8Array([0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7])

function muxed(create: typeof sturdyYamux): DyingConnection {
  const connection = new DyingConnection()
  create({ enableKeepAlive: false })().createStreamMuxer(connection as unknown as MessageStream)
  return connection
}

describe('the muxer', () => {
  test('answers while the connection is open', () => {
    const connection = muxed(sturdyYamux)
    connection.receive(ping)
    expect(connection.sent).toBe(1)
  })

  test("throws nothing when it is asked for an answer that cannot be sent any more, as libp2p's does", () => {
    const [sturdy, plain] = [muxed(sturdyYamux), muxed(yamux)]
    for (const connection of [sturdy, plain]) connection.isClosed = true
    expect(() => plain.receive(ping)).toThrow('Cannot write to a stream that is closed')
    expect(() => sturdy.receive(ping)).not.toThrow()
  })
})
