import { describe, test } from 'vitest'
import { memoryHub } from '../../src/adapters/memory/memory-network.ts'
import { networkConformance } from '../../src/conformance/network.ts'
import type { PeerId } from '../../src/core/identifiers.ts'

describe('the memory network passes the conformance suite', () => {
  networkConformance({
    test,
    create: async () => {
      const hub = memoryHub()
      return { network: (name, join) => hub.network({ peerId: `peer-${name}` as PeerId, join }), dispose: async () => undefined }
    }
  })
})
