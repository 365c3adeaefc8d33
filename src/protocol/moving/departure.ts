/**
 * A peer that leaves for good: it serves until all reachable members know the ring without it, and every copy has found its owners.
 *
 * The last member leaves with all it has, as there is nobody to give it to. One that became the last while it was leaving, because those who were to
 * get its copies were evicted meanwhile, stays: they may come back.
 */
import type { Completion } from './completion.ts'
import { keepers } from '../membership/wanted-peers.ts'
import type { Effect } from '../effect.ts'
import type { HintedHandoff } from '../handoff/hinted-handoff.ts'
import type { Instant } from '../instant.ts'
import type { Membership } from '../membership/membership.ts'
import type { PutCoordinator } from '../requests/put-coordinator.ts'
import type { Replica } from '../replica/replica.ts'
import type { Routing } from '../requests/routing.ts'
import type { Transfer } from './transfer.ts'

export interface DepartureParts {
  readonly routing: Routing
  readonly hints: HintedHandoff
  readonly replica: Replica
  readonly coordinator: PutCoordinator
  readonly membership: Membership
  readonly transfer: Transfer
  readonly completion: Completion
}

export class Departure {
  readonly #parts: DepartureParts
  #isUnderWay = false
  /** True when there were others to give the copies to. */
  #hasHeirs = false
  /** True once the reachable members know that this peer is leaving. */
  #isDismissed = false

  constructor(parts: DepartureParts) {
    this.#parts = parts
  }

  get isUnderWay(): boolean {
    return this.#isUnderWay
  }

  begin(now: Instant, effects: Effect[]): void {
    const { routing, membership, completion } = this.#parts
    this.#isUnderWay = true
    this.#hasHeirs ||= routing.ring().members.some(({ peerId }) => peerId !== routing.self)
    membership.setStatus(now, 'leaving', effects)
    completion.await(now, effects)
    this.finish(now, effects)
  }

  /** All reachable members know. */
  dismissed(now: Instant, effects: Effect[]): void {
    this.#isDismissed = true
    this.finish(now, effects)
  }

  /** Left when every copy was given away, or there is nobody to give it to. */
  finish(now: Instant, effects: Effect[]): void {
    const { routing, hints, replica, coordinator, membership, transfer } = this.#parts
    if (!this.#isUnderWay || transfer.running) return
    const knowsOthers = keepers(membership.view, routing.self).length > 0
    if (knowsOthers && (!this.#isDismissed || coordinator.active > 0)) return
    const isLast = routing.ring().members.length === 0
    if (isLast ? this.#hasHeirs && replica.keys > 0 : hints.waiting().length > 0) return
    this.#isUnderWay = false
    membership.setStatus(now, 'left', effects, [{ kind: 'report', event: { type: 'left' } }])
  }
}
