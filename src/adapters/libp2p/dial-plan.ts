/**
 * In which order, how often and how long to try a peer's addresses in one attempt to reach it.
 *
 * A WebRTC dial between tabs hangs about one time in four, so it gets several short tries instead of one long one; after the first of them a relay
 * is used where there is one, so that a peer is not out of reach for a minute, and WebRTC is tried on in the background. Addresses through relays
 * that are connected come before addresses through relays that would have to be dialled first.
 */
import type { PeerId } from '../../core/identifiers.ts'
import { inDialOrder, parseAddress, type ParsedAddress } from './addresses.ts'
import { isBetter, reachOf, type Reach } from './reach.ts'

/** One try. */
export interface DialTry {
  readonly address: ParsedAddress
  readonly timeoutMs: number
}

/** What decides about addresses. */
export interface DialContext {
  readonly self: PeerId
  /** False for addresses that this platform cannot or must not dial. */
  mayDial(address: ParsedAddress): boolean
  /** True for a relay to which there is a direct session. */
  isConnected(peer: PeerId): boolean
}

const webRtcTries = 4
const webRtcTimeoutMs = 4_000
const dialTimeoutMs = 6_000
const triesMax = 16

/** The tries of one attempt at `peer` (`undefined`: whoever answers) by the addresses that would be better than `present`. */
export function dialPlan(peer: PeerId | undefined, addresses: readonly string[], present: Reach, context: DialContext): readonly DialTry[] {
  const parsed = addresses.map(parseAddress).filter(address => address !== undefined)
  const usable = parsed.filter(address => isUsable(address, peer, context) && isBetter(reachOf(address), present))
  const ordered = inDialOrder(usable).toSorted((a, b) => viaStranger(a, context) - viaStranger(b, context))
  return withoutDelay(withoutTwins(ordered).flatMap(triesOf)).slice(0, triesMax)
}

function isUsable(address: ParsedAddress, peer: PeerId | undefined, context: DialContext): boolean {
  if (address.transport === 'other' || address.peer === context.self || address.relay === context.self) return false
  if (peer !== undefined && address.peer !== undefined && address.peer !== peer) return false
  const relayIsThere = address.relay !== undefined && context.isConnected(address.relay)
  return relayIsThere || context.mayDial(address)
}

function viaStranger(address: ParsedAddress, context: DialContext): number {
  return address.relay !== undefined && !context.isConnected(address.relay) ? 1 : 0
}

/** Keeps one address per relay and kind: the relay's several addresses lead to the same place. */
function withoutTwins(addresses: readonly ParsedAddress[]): readonly ParsedAddress[] {
  const seen = new Set<string>()
  return addresses.filter(address => {
    const place = address.relay === undefined ? address.text : `${address.relay} ${address.relayed}`
    const isNew = !seen.has(place)
    seen.add(place)
    return isNew
  })
}

/** Puts all tries at WebRTC but the first behind everything else. */
function withoutDelay(tries: readonly DialTry[]): readonly DialTry[] {
  const first = tries.find(isWebRtc)
  const late = tries.filter(attempt => isWebRtc(attempt) && attempt !== first)
  return [...tries.filter(attempt => !late.includes(attempt)), ...late]
}

function isWebRtc({ address }: DialTry): boolean {
  return address.transport === 'webrtc' && !address.relayed
}

function triesOf(address: ParsedAddress): readonly DialTry[] {
  if (address.transport !== 'webrtc' || address.relayed) return [{ address, timeoutMs: dialTimeoutMs }]
  return Array.from({ length: webRtcTries }, () => ({ address, timeoutMs: webRtcTimeoutMs }))
}
