/**
 * A peer that leaves for good: it serves until all reachable members know the ring without it, and every copy has found its owners.
 *
 * The last member leaves with all it has, as there is nobody to give it to. Where all leave at once, that is the one that the ring is left with
 * (`ringMembers`): it waits until the others have given it what they have, and are gone. One that became the last because somebody who was to get its
 * copies was declared gone meanwhile stays: nobody says so of itself, and it may come back.
 */
import type { PeerId } from '../../core/identifiers.ts'
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
  /** All that were to get some of the copies since this peer began to leave, but for those that left and gave away what they got. */
  readonly #heirs = new Set<PeerId>()
  /** True once the reachable members know that this peer is leaving. */
  #isDismissed = false

  constructor(parts: DepartureParts) {
    this.#parts = parts
  }

  get isUnderWay(): boolean {
    return this.#isUnderWay
  }

  begin(now: Instant, effects: Effect[]): void {
    const { membership, completion } = this.#parts
    this.#isUnderWay = true
    this.#noteHeirs()
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
    if (!this.#isUnderWay) return
    const { routing, hints, coordinator, membership, transfer } = this.#parts
    const isLast = !this.#noteHeirs()
    if (transfer.running) return
    const knowsOthers = keepers(membership.view, routing.self).length > 0
    if (knowsOthers && (!this.#isDismissed || coordinator.active > 0)) return
    if (isLast ? this.#isAwaited(knowsOthers) : hints.waiting().length > 0) return
    this.#isUnderWay = false
    membership.setStatus(now, 'left', effects, [{ kind: 'report', event: { type: 'left' } }])
  }

  /** False when there are no others in the ring to give copies to. */
  #noteHeirs(): boolean {
    const { routing, membership } = this.#parts
    const heirs = routing.ring().members.filter(({ peerId }) => peerId !== routing.self)
    for (const { peerId } of heirs) this.#heirs.add(peerId)
    for (const heir of this.#heirs) if (membership.view.get(heir)?.status === 'left') this.#heirs.delete(heir)
    return heirs.length > 0
  }

  /** True while the last one must not go: others are still to give it what they have, or may come back for what it holds. */
  #isAwaited(knowsOthers: boolean): boolean {
    const { routing, replica } = this.#parts
    if (knowsOthers && routing.ring().members.length > 0) return true
    return replica.keys > 0 && this.#heirs.size > 0
  }
}
