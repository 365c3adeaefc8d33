/**
 * A peer that leaves for good: it serves until all reachable members know the ring without it, and every copy has found its owners. Then it says that it
 * has left, takes nothing more, and goes once a member that stays would remember that: whoever waits for a leaving peer in order to join, or to leave as
 * the last, would wait for ever for one that is gone unheard. Where nobody answers it goes all the same, after {@link partingMs}.
 *
 * The last member leaves with all it has, as there is nobody to give it to. Where all leave at once, that is the one that the ring is left with
 * (`ringMembers`): it waits until the others have given it what they have, and are gone. One that became the last because somebody who was to get its
 * copies was declared gone meanwhile stays: nobody says so of itself, and it may come back.
 */
import type { PeerId } from '../../core/identifiers.ts'
import type { Completion } from './completion.ts'
import { keepers } from '../membership/wanted-peers.ts'
import { sendRequest, type Effect } from '../effect.ts'
import type { FailureDetector } from '../membership/failure-detector.ts'
import { askForOwn } from '../membership/remembrance.ts'
import { isPassing } from '../../core/members/member-record.ts'
import type { HintedHandoff } from '../handoff/hinted-handoff.ts'
import type { Instant } from '../instant.ts'
import type { Membership } from '../membership/membership.ts'
import type { PutCoordinator } from '../requests/put-coordinator.ts'
import type { Replica } from '../replica/replica.ts'
import type { Routing } from '../requests/routing.ts'
import type { Transfer } from './transfer.ts'

/** How often a peer that has left asks who has heard it, and how long until it goes unheard. */
const askEveryMs = 1000
export const partingMs = 30_000

const leftHeard: Effect = { kind: 'report', event: { type: 'left', isHeard: true } }
const leftUnheard: Effect = { kind: 'report', event: { type: 'left', isHeard: false } }

export interface DepartureParts {
  readonly routing: Routing
  readonly hints: HintedHandoff
  readonly replica: Replica
  readonly coordinator: PutCoordinator
  readonly membership: Membership
  readonly detector: FailureDetector
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
  /** From when this peer has left until it was heard. */
  #parting: { readonly untilMs: number; askAtMs: number } | undefined

  constructor(parts: DepartureParts) {
    this.#parts = parts
  }

  get isUnderWay(): boolean {
    return this.#isUnderWay
  }

  begin(now: Instant, effects: Effect[]): void {
    if (this.#parting !== undefined) return
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

  deadline(): number {
    return this.#parting?.askAtMs ?? Number.POSITIVE_INFINITY
  }

  wake(now: Instant, effects: Effect[]): void {
    if (this.#parting === undefined) return
    if (now.ms >= this.#parting.untilMs) return this.#part(false, effects)
    this.#parting.askAtMs = Math.min(now.ms + askEveryMs, this.#parting.untilMs)
    const heirs = this.#heirsNow()
    if (heirs.length === 0) return this.#part(false, effects)
    const { record } = this.#parts.membership
    if (record !== undefined)
      for (const heir of this.#connected(heirs)) sendRequest(effects, heir, { type: 'view-records', records: [record] })
    effects.push(...this.#asking(heirs))
  }

  /** A member would remember what this peer says of itself. */
  heard(from: PeerId, effects: Effect[]): void {
    if (this.#parting !== undefined && this.#heirsNow().includes(from)) this.#part(true, effects)
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
    const heirs = this.#heirsNow()
    if (heirs.length === 0 || (membership.record !== undefined && isPassing(membership.record)))
      return membership.setStatus(now, 'left', effects, [leftUnheard])
    this.#parting = { untilMs: now.ms + partingMs, askAtMs: now.ms + askEveryMs }
    membership.setStatus(now, 'left', effects, this.#asking(heirs))
  }

  /** Asks them what they would remember of this peer; see `remembrance.ts`. */
  #asking(heirs: readonly PeerId[]): readonly Effect[] {
    return askForOwn(this.#parts.routing.self, this.#connected(heirs))
  }

  #connected(peers: readonly PeerId[]): readonly PeerId[] {
    const connected = new Set(this.#parts.detector.connectedPeers())
    return peers.filter(peer => connected.has(peer))
  }

  #part(isHeard: boolean, effects: Effect[]): void {
    this.#parting = undefined
    effects.push(isHeard ? leftHeard : leftUnheard)
  }

  /** The others in the ring: those that stay, or the one that goes last. */
  #heirsNow(): readonly PeerId[] {
    const { routing } = this.#parts
    return routing.ring().members.flatMap(({ peerId }) => (peerId === routing.self ? [] : [peerId]))
  }

  /** False when there are no others in the ring to give copies to. */
  #noteHeirs(): boolean {
    const { membership } = this.#parts
    const heirs = this.#heirsNow()
    for (const heir of heirs) this.#heirs.add(heir)
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
