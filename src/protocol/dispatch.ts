/** Which part of a peer a message is for. */
import type { PeerId } from '../core/identifiers.ts'
import type { AntiEntropy } from './anti-entropy/anti-entropy.ts'
import type { Effect } from './effect.ts'
import type { GetCoordinator } from './requests/get-coordinator.ts'
import type { HintedHandoff } from './handoff/hinted-handoff.ts'
import type { Instant } from './instant.ts'
import type { Membership } from './membership/membership.ts'
import type { Message } from './wire/message.ts'
import type { Moving } from './moving/moving.ts'
import type { PutCoordinator } from './requests/put-coordinator.ts'
import type { PutRequests } from './requests/put-request.ts'
import type { Rejoin } from './absence/rejoin.ts'
import type { ReplicaServer } from './requests/replica-server.ts'
import type { TombstoneReaper } from './tombstones/tombstone-reaper.ts'

export interface Receivers {
  readonly coordinator: PutCoordinator
  readonly puts: PutRequests
  readonly gets: GetCoordinator
  readonly hints: HintedHandoff
  readonly moving: Pick<Moving, 'transfer' | 'taking' | 'completion' | 'displaced'>
  readonly antiEntropy: AntiEntropy
  readonly reaper: TombstoneReaper
  readonly rejoin: Rejoin
  readonly membership: Membership
  readonly server: ReplicaServer
}

/** Hands a message to the part that it is for. A peer back from a long absence turns away what asks for its copies. */
export function dispatch(receivers: Receivers, now: Instant, from: PeerId, message: Message, effects: Effect[]): void {
  if (receivers.rejoin.refuses(from, message, effects)) return
  switch (message.type) {
    case 'replicated':
      return receivers.coordinator.replicated(now, from, message, effects)
    case 'fetched':
      receivers.gets.fetched(now, from, message, effects)
      return receivers.server.wholeReads.fetched(now, from, message, effects)
    case 'put-result':
      return receivers.puts.putResult(now, from, message, effects)
    case 'handed-off':
      return receivers.hints.handedOff(now, from, message, effects)
    case 'transfer-query':
    case 'transfer-done':
      return receivers.moving.completion.receive(now, from, message, effects)
    case 'offer':
    case 'offer-keys':
      return receivers.moving.taking.receive(now, from, message, effects)
    case 'offer-answer':
    case 'offer-wanted':
      return receivers.moving.transfer.receive(now, from, message, effects)
    case 'exchange-open':
    case 'exchange-nodes':
    case 'exchange-differences':
    case 'exchange-versions':
    case 'exchange-wanted':
      return receivers.antiEntropy.receive(now, from, message, effects)
    case 'reap-ask':
    case 'reap-agreed':
    case 'reap-drop':
    case 'reap-dropped':
      return receivers.reaper.receive(now, from, message, effects)
    case 'contact-query':
    case 'contact-answer':
      return receivers.rejoin.receive(now, from, message, effects)
    case 'ping':
      return receivers.moving.displaced.asked(from, message, effects)
    case 'pong':
      receivers.moving.displaced.sees(from, message.ring, effects)
      return receivers.coordinator.othersKnow(now, effects)
    case 'view-digest':
    case 'view-summary':
    case 'view-request':
    case 'view-records':
      return receivers.membership.receive(now, from, message, effects)
    default:
      return receivers.server.receive(now, from, message, effects)
  }
}

/** Tells the part that waits for an answer to a message that it could not be sent. */
export function dispatchUnsent(receivers: Receivers, now: Instant, to: PeerId, message: Message, effects: Effect[]): void {
  if (message.type === 'replicate') receivers.coordinator.unsent(now, to, message, effects)
  else if (message.type === 'fetch') {
    receivers.gets.unsent(now, to, message, effects)
    receivers.server.wholeReads.unsent(now, message.id, effects)
  } else if (message.type === 'forward-put') receivers.puts.unsent(now, message, effects)
  else if (message.type === 'handoff') receivers.hints.unsent(now, message)
}

/** Tells those who wait for a peer, or send to it, that it can be reached again, or not any more. */
export function dispatchReachability(
  { coordinator, puts, gets, hints, server, moving }: Receivers,
  now: Instant,
  peer: PeerId,
  reachable: boolean,
  effects: Effect[]
): void {
  if (reachable) {
    moving.displaced.reachable(now, peer, effects)
    coordinator.reachable(now, peer, effects)
    puts.reachable(now, effects)
    gets.reachable(now, peer, effects)
    hints.pump(now, effects)
    moving.transfer.reachable(now, peer, effects)
  } else {
    hints.unreachable(now, peer, effects)
    coordinator.unreachable(now, peer, effects)
    puts.unreachable(now, peer, effects)
    server.wholeReads.unreachable(now, peer, effects)
    gets.unreachable(now, peer, effects)
  }
}
