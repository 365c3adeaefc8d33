/**
 * `dynamesh` under Node.js: a peer over TCP, WebSockets and WebRTC that stores in a folder.
 *
 * @packageDocumentation
 */
import './nodejs-version.ts'
import { ed25519Identity } from '../adapters/identity/ed25519-identity.ts'
import { nodejsVerifier } from '../adapters/identity/ed25519-verifier.nodejs.ts'
import { filesystemStorage } from '../adapters/filesystem/filesystem-storage.ts'
import { checkAddress } from '../adapters/libp2p/addresses.ts'
import { neighboursMaxNodejs } from '../core/limits.ts'
import { libp2pNetwork } from '../adapters/libp2p/network.ts'
import { nodejsTransports } from '../adapters/libp2p/transports.nodejs.ts'
import { memoryStorage } from '../adapters/memory/memory-storage.ts'
import { systemClock } from '../adapters/platform/system-clock.ts'
import { systemRandom } from '../adapters/platform/system-random.ts'
import type { Peer, PeerOptions } from '../store/api.ts'
import { createPeerOn } from '../store/create-peer.ts'
import type { Platform } from '../store/platform.ts'

export * from './public.ts'
export { filesystemStorage } from '../adapters/filesystem/filesystem-storage.ts'

/** Node.js, as a peer needs it. */
export function nodejsPlatform(): Platform {
  const clock = systemClock()
  const random = systemRandom()
  return {
    defaults: {
      weight: 4,
      durable: true,
      relay: true,
      listen: ['/ip4/0.0.0.0/tcp/0', '/ip4/0.0.0.0/tcp/0/ws'],
      storageBytesMax: undefined,
      neighboursMax: neighboursMaxNodejs
    },
    storageMayRollBack: true,
    clock,
    random,
    verifier: nodejsVerifier,
    identity: ed25519Identity,
    storage: (name, bytesMax) => {
      const limits = bytesMax === undefined ? {} : { bytesMax }
      return name === 'memory' ? memoryStorage(limits) : filesystemStorage(name, limits)
    },
    network: settings => libp2pNetwork({ ...settings, transports: nodejsTransports, clock, random }),
    checkAddress,
    onGoodbye: () => () => undefined
  }
}

/**
 * Creates a peer and starts it.
 *
 * With `join`, a peer that is new to the cluster waits for a member to answer, for `timeoutMs` at most; without an answer it starts isolated
 * and joins when it can.
 *
 * @throws StoreError `ERR_OPTIONS`, `ERR_QUORUM_RANGE`, `ERR_TIMEOUT_RANGE`, `ERR_BOOTSTRAP_ADDR` for bad options (all problems in one);
 * `ERR_STORE_LOCKED`, `ERR_STORE_VERSION`, `ERR_STORE_CLUSTER`, `ERR_IO` when the folder cannot be used; `ERR_LISTEN` when an address is taken
 */
export function createPeer(options: PeerOptions): Promise<Peer> {
  return createPeerOn(nodejsPlatform(), options)
}
