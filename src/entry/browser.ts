/**
 * `dynamesh` in a browser: a tab that is a peer over WebRTC and WebSockets and stores in IndexedDB.
 *
 * @packageDocumentation
 */
import { ed25519Identity, ed25519Verifier } from '../adapters/identity/ed25519-identity.ts'
import { checkAddress } from '../adapters/libp2p/addresses.ts'
import { libp2pNetwork } from '../adapters/libp2p/network.ts'
import { browserTransports } from '../adapters/libp2p/transports.browser.ts'
import { memoryStorage } from '../adapters/memory/memory-storage.ts'
import { systemRandom } from '../adapters/platform/system-random.ts'
import { tabStorage } from '../adapters/indexeddb/tab-storage.ts'
import { workerClock } from '../adapters/platform/worker-clock.ts'
import { StoreError } from '../core/errors.ts'
import { browserStorageBytesMaxDefault, neighboursMaxBrowser } from '../core/limits.ts'
import type { Peer, PeerOptions } from '../store/api.ts'
import { createPeerOn } from '../store/create-peer.ts'
import type { Platform } from '../store/platform.ts'

export * from './public.ts'
export { indexedDbStorage } from '../adapters/indexeddb/indexeddb-storage.ts'
export { tabStorage } from '../adapters/indexeddb/tab-storage.ts'

/** A browser tab, as a peer needs it. */
export function browserPlatform(): Platform {
  const clock = workerClock()
  const random = systemRandom()
  return {
    defaults: {
      weight: 1,
      durable: false,
      relay: false,
      listen: ['/p2p-circuit', '/webrtc'],
      storageBytesMax: browserStorageBytesMaxDefault,
      neighboursMax: neighboursMaxBrowser
    },
    storageMayRollBack: false,
    clock,
    random,
    verifier: ed25519Verifier,
    identity: ed25519Identity,
    storage: (name, bytesMax) => {
      const limits = bytesMax === undefined ? {} : { bytesMax }
      return name === 'memory' ? memoryStorage(limits) : tabStorage(name, limits)
    },
    network: settings => libp2pNetwork({ ...settings, transports: browserTransports, clock, random }),
    checkAddress,
    onGoodbye: goodbye => {
      globalThis.addEventListener('pagehide', goodbye)
      return () => {
        globalThis.removeEventListener('pagehide', goodbye)
        clock.close()
      }
    }
  }
}

/**
 * Creates a peer in this tab and starts it. Needs a secure context: https, or localhost.
 *
 * With `join`, a peer that is new to the cluster waits for a member to answer, for `timeoutMs` at most; without an answer it starts isolated
 * and joins when it can.
 *
 * @throws StoreError `ERR_OPTIONS`, `ERR_QUORUM_RANGE`, `ERR_TIMEOUT_RANGE`, `ERR_BOOTSTRAP_ADDR` for bad options (all problems in one);
 * `ERR_INSECURE_CONTEXT`, `ERR_IDB_UNAVAILABLE`, `ERR_STORE_LOCKED` (32 tabs have this storage open), `ERR_STORE_VERSION`,
 * `ERR_STORE_CLUSTER` when the storage cannot be used
 */
export async function createPeer(options: PeerOptions): Promise<Peer> {
  if (!globalThis.isSecureContext) {
    throw new StoreError(
      'ERR_INSECURE_CONTEXT',
      'dynamesh needs a secure context for WebRTC, locks and lasting storage: serve this page over https, or from localhost.'
    )
  }
  return createPeerOn(browserPlatform(), options)
}
