/** A network in a process of its own: `node network-process.ts <seed byte> <listen address> [<join address>]`. Prints its events. */
import { quietHandlers, testNetwork } from './network-peers.ts'

const [seedByte = '1', listen = '', join] = process.argv.slice(2)
const print = (event: object): void => console.log(JSON.stringify(event))
const logger = { debug: () => {}, info: () => {}, warn: (message: string) => print({ type: 'warning', message }) }
const network = testNetwork({
  logger,
  seed: new Uint8Array(32).fill(Number(seedByte)),
  listen: [listen, '/webrtc'],
  join: join === undefined ? [] : [join]
})

await network.start({
  ...quietHandlers,
  connected: peer => print({ type: 'connected', peer }),
  frame: (peer, lane, frame) => void network.send(peer, lane, out => out.raw(frame))
})
print({ type: 'started', addresses: network.addresses() })

process.once('SIGTERM', () => void network.stop().then(() => print({ type: 'stopped' })))
