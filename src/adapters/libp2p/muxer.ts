/**
 * The stream muxer: libp2p's yamux, made to bear that a connection closes under it.
 *
 * When the other end goes away, bytes that it sent before may still be read. Yamux answers them (pings, windows, resets), and where that fails
 * it says so to the other end, which fails as well; all of it in event listeners and microtasks, where nobody catches. Under Node.js that ends
 * the process. Here such bytes are dropped: they would have been lost on the way, too, and the event that tells of the end follows.
 */
import type { MessageStream, StreamMuxerFactory } from '@libp2p/interface'
import { yamux, type YamuxMuxerInit } from '@libp2p/yamux'

/** Yamux that throws nothing when its connection is closed. */
export function sturdyYamux(init: YamuxMuxerInit = {}): () => StreamMuxerFactory {
  const create = yamux(init)
  return () => {
    const factory = create()
    return { protocol: factory.protocol, createStreamMuxer: connection => factory.createStreamMuxer(withoutLastWords(connection)) }
  }
}

/** The same connection; what is sent over it once it is closed is lost without a word. */
function withoutLastWords(connection: MessageStream): MessageStream {
  const send = connection.send.bind(connection)
  connection.send = data => {
    try {
      return send(data)
    } catch (error) {
      if (error instanceof Error && error.name === 'StreamStateError') return true
      throw error
    }
  }
  return connection
}
