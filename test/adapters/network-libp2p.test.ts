import { describe, test } from 'vitest'
import { networkConformance, type NetworkPlace } from '../../src/conformance/network.ts'
import { sha256 } from '../../src/core/hash.ts'
import { encodeUtf8 } from '../../src/core/codec.ts'
import type { Network } from '../../src/ports/network.ts'
import { testNetwork } from './network-peers.ts'

/** Networks on loopback; one that is made again under the same name listens where the first did. */
function place(listen: string): NetworkPlace {
  const first = new Map<string, Network>()
  return {
    network: (name, join) => {
      const before = first.get(name)?.addresses()[0]
      const network = testNetwork({ seed: sha256(encodeUtf8(name)), listen: [before?.replace(/\/p2p\/.*$/, '') ?? listen], join })
      if (!first.has(name)) first.set(name, network)
      return network
    },
    dispose: async () => undefined
  }
}

describe.each([
  ['TCP', '/ip4/127.0.0.1/tcp/0'],
  ['WebSockets', '/ip4/127.0.0.1/tcp/0/ws']
])('the libp2p network over %s passes the conformance suite', (_name, listen) => {
  networkConformance({ test, create: async () => place(listen) })
})
