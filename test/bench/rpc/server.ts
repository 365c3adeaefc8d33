/** The answering process of the request benchmark. */
import { createServer, type AddressInfo } from 'node:net'
import { quietHandlers } from '../../adapters/network-peers.ts'
import { MessagePipe, bareHost, listenAddress, meshNetwork, protocol, streamPipe, type Way } from './wire.ts'

/** Answers until the parent process disconnects. */
export async function serve(way: Way, ready: (address: string) => void): Promise<void> {
  process.once('disconnect', () => process.exit(0))
  if (way === 'node:net') ready(await serveSockets())
  else if (way.startsWith('libp2p')) ready(await serveStreams(way))
  else ready(await serveFrames(way))
}

async function serveSockets(): Promise<string> {
  const server = createServer({ noDelay: true }, socket => {
    const pipe = new MessagePipe(
      bytes => void socket.write(bytes),
      message => pipe.send(message)
    )
    socket.on('data', chunk => pipe.data(chunk))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return String((server.address() as AddressInfo).port)
}

async function serveStreams(way: Way): Promise<string> {
  const host = await bareHost([listenAddress(way)])
  await host.handle(protocol, stream => {
    const pipe = streamPipe(stream, message => pipe.send(message))
  })
  return String(host.getMultiaddrs()[0])
}

async function serveFrames(way: Way): Promise<string> {
  const network = meshNetwork([listenAddress(way)], [])
  await network.start({
    ...quietHandlers,
    frame: (peer, lane, frame) => void network.send(peer, lane, out => out.raw(frame))
  })
  return network.addresses()[0] ?? ''
}
