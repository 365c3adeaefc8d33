/**
 * How well a peer is reached: by a stream of its own (TCP, WebSockets), by WebRTC, through a relay, or not at all.
 *
 * An edge peer and a tab that find each other through a relay may be quicker over WebRTC than the tab's WebSocket is. It works, but a
 * stream is several times as fast and has backpressure of its own; so WebRTC counts as final only where the other end has no stream address.
 */
import type { ConnectionInfo } from '../../ports/network.ts'
import type { ParsedAddress } from './addresses.ts'

/** Ways to be connected, the worst first. */
const ways = ['not', 'relayed', 'webrtc', 'direct'] as const

export type Reach = (typeof ways)[number]

/** True when `a` is a better way to be connected than `b`. */
export function isBetter(a: Reach, b: Reach): boolean {
  return ways.indexOf(a) > ways.indexOf(b)
}

/** What a connection, or a dial to an address, amounts to. */
export function reachOf({ relayed, transport }: Pick<ConnectionInfo | ParsedAddress, 'relayed' | 'transport'>): Reach {
  if (relayed) return 'relayed'
  return transport === 'webrtc' || transport === 'webrtc-direct' ? 'webrtc' : 'direct'
}
