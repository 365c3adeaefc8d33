/**
 * How a peer learns that others would remember what it last said of itself: it asks members for its own record, and a member answers once that record
 * would outlast a restart there.
 */
import type { PeerId } from '../../core/identifiers.ts'
import type { MemberRecord } from '../../core/members/member-record.ts'
import type { MembershipView } from '../../core/members/membership-view.ts'
import { sendRequest, type Effect } from '../effect.ts'
import { answerRequest, compareVersions } from './view-exchange.ts'

export interface RemembranceParts {
  /** What this peer tells others of. */
  view(): MembershipView
  /** True when a restart would not forget what is known of that member. */
  isKept(peer: PeerId): boolean
}

export class Remembrance {
  readonly #parts: RemembranceParts
  /** Members that asked for their own record before it was durable here. */
  readonly #curious = new Set<PeerId>()

  constructor(parts: RemembranceParts) {
    this.#parts = parts
  }

  /** What another is told of unasked: not that it has left before that is durable here, or it would take that for an answer. */
  viewFor(peer: PeerId): MembershipView {
    const view = this.#parts.view()
    const mustWait = view.get(peer)?.status === 'left' && !this.#parts.isKept(peer)
    return mustWait ? view.without(peer) : view
  }

  /** A member wishes for records: its own one has to be durable first. */
  wished(from: PeerId, peers: readonly PeerId[], effects: Effect[]): void {
    const { view, isKept } = this.#parts
    const mustWait = peers.includes(from) && !isKept(from)
    if (mustWait) this.#curious.add(from)
    answerRequest(view(), from, mustWait ? peers.filter(peer => peer !== from) : peers, effects)
  }

  /** All that is known of a member has become durable. */
  kept(peer: PeerId, effects: Effect[]): void {
    if (this.#curious.delete(peer)) answerRequest(this.#parts.view(), peer, [peer], effects)
  }
}

/** Asks each of `peers` for the record that it has of `self`. */
export function askForOwn(self: PeerId, peers: readonly PeerId[]): readonly Effect[] {
  const asked: Effect[] = []
  for (const peer of peers) sendRequest(asked, peer, { type: 'view-request', peers: [self] })
  return asked
}

/** True when `records` hold the one that a peer last made of itself. */
export function isRemembered(own: MemberRecord | undefined, records: readonly MemberRecord[]): boolean {
  return records.some(({ peerId, ...version }) => peerId === own?.peerId && compareVersions(version, own) === 0)
}
