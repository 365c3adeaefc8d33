/**
 * Addresses in libp2p's text form (multiaddrs): which can be used, and which to try first.
 *
 *     /ip4/127.0.0.1/tcp/4001/p2p/12D3…                                   TCP
 *     /dns4/edge.example/tcp/443/wss/p2p/12D3…                            WebSockets
 *     /dns4/edge.example/tcp/443/wss/p2p/12D3…/p2p-circuit/p2p/12D3…      through a relay
 *     /dns4/edge.example/tcp/443/wss/p2p/12D3…/p2p-circuit/webrtc/p2p/…   WebRTC, introduced by a relay
 */
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import type { PeerId } from '../../core/identifiers.ts'
import { addressBytesMax } from '../../core/limits.ts'
import type { ConnectionInfo } from '../../ports/network.ts'

/** What an address says. */
export interface ParsedAddress {
  readonly text: string
  readonly multiaddr: Multiaddr
  /** The peer at the end, when the address names it. */
  readonly peer: PeerId | undefined
  /** The relay on the way, when there is one. */
  readonly relay: PeerId | undefined
  /** How the last leg is carried. */
  readonly transport: ConnectionInfo['transport']
  /** True when traffic itself goes through the relay; WebRTC only needs it to be introduced. */
  readonly relayed: boolean
}

/** Why `text` cannot be an address to join by, or `undefined` when it can. */
export function checkAddress(text: string): string | undefined {
  if (typeof text !== 'string' || text === '') return 'it is not a text like /ip4/127.0.0.1/tcp/4001/ws/p2p/12D3Koo…'
  if (text.length > addressBytesMax) return `it has ${text.length} characters; the most is ${addressBytesMax}`
  const parsed = parseAddress(text)
  if (parsed === undefined) return 'it is not a valid multiaddr; an example is /ip4/127.0.0.1/tcp/4001/ws/p2p/12D3Koo…'
  if (parsed.transport === 'other') return 'it names no transport that is supported: tcp, ws, wss, webrtc or webrtc-direct'
  const port = partValue(parsed.multiaddr, 'tcp') ?? partValue(parsed.multiaddr, 'udp')
  return port === '0' ? 'its port is 0, which nobody can be reached at' : undefined
}

/** Takes an address apart; `undefined` when it is malformed. */
export function parseAddress(text: string): ParsedAddress | undefined {
  if (text.length > addressBytesMax) return undefined
  try {
    const address = multiaddr(text)
    const names = address.getComponents().map(part => part.name)
    const circuit = names.indexOf('p2p-circuit')
    const peers = address.getComponents().map((part, index) => (part.name === 'p2p' ? { id: checkedId(part.value), index } : undefined))
    const relay = peers.find(peer => peer !== undefined && peer.index < circuit)?.id
    const peer = peers.findLast(candidate => candidate !== undefined && candidate.index > circuit)?.id
    return { text: address.toString(), multiaddr: address, peer, relay, transport: transportOf(names), relayed: isRelayed(names) }
  } catch {
    return undefined
  }
}

/** Loopback, link-local and private ranges of IPv4 and IPv6, and the names that stand for them. */
const privateHosts = [
  /^(127|10|0)\./,
  /^192\.168\./,
  /^172\.(1[6-9]|2\d|3[01])\./,
  /^169\.254\./,
  /^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./,
  /^::1?$/,
  /^f[cd]/i,
  /^fe[89ab]/i,
  /^(.*\.)?localhost$/i,
  /\.local$/i
]

/** True for an address that only means something on this machine or in this network. */
export function isPrivateAddress(address: ParsedAddress): boolean {
  const host = address.multiaddr.getComponents()[0]?.value ?? ''
  return privateHosts.some(pattern => pattern.test(host))
}

/** True for the text of such an address. */
export function isPrivateText(text: string): boolean {
  const parsed = parseAddress(text)
  return parsed !== undefined && isPrivateAddress(parsed)
}

/** True for this machine itself. */
export function isLoopbackAddress(address: ParsedAddress): boolean {
  const host = address.multiaddr.getComponents()[0]?.value ?? ''
  return host.startsWith('127.') || host === '::1' || /^(.*\.)?localhost$/i.test(host)
}

/** Orders addresses for a dial, best first: plain TCP, which is the cheapest, then WebSockets, WebRTC, plain relaying last. */
export function inDialOrder(addresses: readonly ParsedAddress[]): readonly ParsedAddress[] {
  return addresses.toSorted((a, b) => dialRank(a) - dialRank(b))
}

function dialRank(address: ParsedAddress): number {
  if (address.relayed) return 4
  return { memory: 0, tcp: 0, websocket: 1, 'webrtc-direct': 3, webrtc: 2, other: 5 }[address.transport]
}

function transportOf(names: readonly string[]): ConnectionInfo['transport'] {
  if (names.includes('webrtc-direct')) return 'webrtc-direct'
  if (names.includes('webrtc')) return 'webrtc'
  if (names.includes('ws') || names.includes('wss')) return 'websocket'
  return names.includes('tcp') ? 'tcp' : 'other'
}

function isRelayed(names: readonly string[]): boolean {
  return names.includes('p2p-circuit') && !names.includes('webrtc')
}

function partValue(address: Multiaddr, name: string): string | undefined {
  return address.getComponents().find(part => part.name === name)?.value
}

/** A peer id that libp2p can read; throws otherwise. */
function checkedId(text: string | undefined): PeerId {
  return peerIdFromString(text ?? '').toString() as PeerId
}
