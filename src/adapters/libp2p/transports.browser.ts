/**
 * The transports of a browser tab: WebSockets to edge peers, WebRTC to other tabs, relays to find them.
 */
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { webRTC, webRTCDirect } from '@libp2p/webrtc'
import { webSockets } from '@libp2p/websockets'
import { connectionsMaxBrowser } from '../../core/limits.ts'
import { isLoopbackAddress, isPrivateAddress, type ParsedAddress } from './addresses.ts'
import { noDiscovery, type TransportSet } from './transport-set.ts'

const waiting: (() => void)[] = []
let channel: MessageChannel | undefined

/** Transports for browsers. */
export const browserTransports: TransportSet = {
  platform: 'browser',
  connectionsMax: connectionsMaxBrowser,
  mayDial,
  onResume,
  afterTurn,
  load: async () => [webSockets(), circuitRelayTransport({ discoveryFilter: noDiscovery }), webRTC(), webRTCDirect()]
}

/**
 * A page cannot open TCP connections, nor plain WebSockets from https (but to this machine). Addresses of private ranges come
 * from other peers and could make a page knock at doors within its user's network: they are dialled only in a cluster that lives there.
 */
function mayDial(address: ParsedAddress, isLocal: boolean): boolean {
  if (address.transport === 'tcp') return false
  const isPlain = /\/ws(\/|$)/.test(address.text) && !/\/tls\/|\/wss/.test(address.text)
  if (isPlain && globalThis.location?.protocol === 'https:' && !isLoopbackAddress(address)) return false
  return isLocal || !isPrivateAddress(address)
}

/** Back online, or back from the cache in which a browser keeps pages that were left. */
function onResume(run: () => void): () => void {
  const names = ['online', 'pageshow', 'resume']
  for (const name of names) globalThis.addEventListener(name, run)
  return () => {
    for (const name of names) globalThis.removeEventListener(name, run)
  }
}

/** A message to oneself is the one macrotask that browsers neither delay nor throttle in hidden tabs. */
function afterTurn(run: () => void): void {
  channel ??= openChannel()
  waiting.push(run)
  if (waiting.length === 1) channel.port2.postMessage(undefined)
}

function openChannel(): MessageChannel {
  const opened = new MessageChannel()
  opened.port1.onmessage = () => {
    for (const run of waiting.splice(0)) run()
  }
  return opened
}
