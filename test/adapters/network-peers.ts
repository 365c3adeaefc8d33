/** Networks and recording handlers for the network tests. */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../../src/ports/clock.ts'
import type { NetworkHandlers } from '../../src/ports/network.ts'
import type { Random } from '../../src/ports/random.ts'
import { libp2pNetwork, type Libp2pNetwork, type Libp2pNetworkOptions } from '../../src/adapters/libp2p/network.ts'
import { nodejsTransports } from '../../src/adapters/libp2p/transports.nodejs.ts'

export const testClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule: (delayMs, wake) => {
    const timer = setTimeout(wake, delayMs)
    return () => clearTimeout(timer)
  }
}

export const testRandom: Random = { bytes: length => new Uint8Array(randomBytes(length)) }

/** Lets everybody in and ignores everything. */
export const quietHandlers: NetworkHandlers = {
  hello: () => new Uint8Array([1]),
  admit: () => ({ admit: true }),
  frame: () => {},
  connected: () => {},
  disconnected: () => {},
  refused: () => {},
  gossip: () => 'accept',
  distant: () => undefined,
  unreachable: () => {},
  addresses: () => {}
}

/** A libp2p network on loopback with what tests usually want. */
export function testNetwork(options: Partial<Libp2pNetworkOptions> = {}): Libp2pNetwork {
  return libp2pNetwork({
    seed: testRandom.bytes(32),
    cluster: 'test',
    listen: ['/ip4/127.0.0.1/tcp/0/ws'],
    announce: [],
    relay: false,
    join: [],
    transports: nodejsTransports,
    clock: testClock,
    random: testRandom,
    ...options
  })
}
