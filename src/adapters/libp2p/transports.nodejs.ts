/**
 * The transports of a Node.js peer: TCP, WebSockets, relays, and WebRTC where its native module is installed.
 */
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import { connectionsMaxNodejs } from '../../core/limits.ts'
import type { Logger } from '../../ports/logger.ts'
import { nodejsNoiseCrypto } from './noise-crypto.nodejs.ts'
import { noDiscovery, type TransportFactory, type TransportSet } from './transport-set.ts'

/** Transports for Node.js. */
export const nodejsTransports: TransportSet = {
  platform: 'nodejs',
  noiseCrypto: nodejsNoiseCrypto,
  connectionsMax: connectionsMaxNodejs,
  mayDial: () => true,
  afterTurn: run => void setImmediate(run),
  load: async logger => [webSockets(), tcp(), circuitRelayTransport({ discoveryFilter: noDiscovery }), ...(await loadWebRtc(logger))]
}

/** WebRTC needs a native module that does not exist for every platform; a peer without it still has the others. */
async function loadWebRtc(logger: Logger | undefined): Promise<readonly TransportFactory[]> {
  try {
    const { webRTC, webRTCDirect } = await import('@libp2p/webrtc')
    return [webRTC(), webRTCDirect()]
  } catch (error) {
    logger?.warn('WebRTC is not available here; TCP, WebSockets and relays are', { reason: String(error) })
    return []
  }
}
