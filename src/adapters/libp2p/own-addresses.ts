/**
 * The addresses that a peer tells others, out of all that libp2p listens on: the best few, each with the peer id.
 */
import type { PeerId } from '../../core/identifiers.ts'
import { addressBytesMax, memberAddressesMax } from '../../core/limits.ts'
import { inDialOrder, isLoopbackAddress, isPrivateAddress, parseAddress, type ParsedAddress } from './addresses.ts'

/** Addresses of `self` for others to dial, best first; public before private, and one of each kind per relay. */
export function ownAddresses(self: PeerId, texts: readonly string[]): readonly string[] {
  const parsed = texts.map(text => parseAddress(withPeer(text, self))).filter(address => address !== undefined)
  const usable = inDialOrder(parsed.filter(isUsable)).toSorted((a, b) => distance(a) - distance(b))
  const kinds = new Set<string>()
  const chosen = usable.filter(address => {
    const kind = address.relay === undefined ? address.text : `${address.relay} ${address.relayed}`
    const isNew = !kinds.has(kind)
    kinds.add(kind)
    return isNew
  })
  return chosen.slice(0, memberAddressesMax).map(address => address.text)
}

function withPeer(text: string, self: PeerId): string {
  return text.endsWith(`/p2p/${self}`) ? text : `${text}/p2p/${self}`
}

function isUsable(address: ParsedAddress): boolean {
  const leadsNowhere = address.transport === 'webrtc' && address.relay === undefined
  return address.transport !== 'other' && !leadsNowhere && address.text.length <= addressBytesMax
}

/** How far away an address can be used: anywhere 0, in this network 1, on this machine 2. A relay reached over WebSockets goes first. */
function distance(address: ParsedAddress): number {
  const range = isLoopbackAddress(address) ? 2 : isPrivateAddress(address) ? 1 : 0
  const awkward = address.relay !== undefined && !/\/wss?\//.test(address.text) ? 1 : 0
  return range * 2 + awkward
}
