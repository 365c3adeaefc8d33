/**
 * All that a change of the ring sets in motion, composed: what is given (`transfer.ts`), what is taken (`taking.ts`), who has to know that it is complete
 * (`completion.ts`), what is not here yet (`predecessors.ts`), who has to know that it owns less
 * (`displaced-owners.ts`), and how far that has come (`move-progress.ts`).
 */
import { Completion, type CompletionParts } from './completion.ts'
import { DisplacedOwners } from './displaced-owners.ts'
import { EarlierRings, type EarlierRingsParts } from './earlier-rings.ts'
import type { Effect } from '../effect.ts'
import type { Instant } from '../instant.ts'
import { MoveTally } from './move-tally.ts'
import { Predecessors, type PredecessorsParts } from './predecessors.ts'
import { Taking } from './taking.ts'
import { Transfer, type TransferParts } from './transfer.ts'

export type MovingParts = Omit<TransferParts, 'progressed' | 'tally'> &
  Omit<CompletionParts, 'owes' | 'gave' | 'lackedFor' | 'reachableMembers'> &
  Omit<PredecessorsParts, 'earlier'> & { readonly neighbourhood: EarlierRingsParts }

export class Moving {
  readonly transfer: Transfer
  readonly taking: Taking
  readonly completion: Completion
  readonly predecessors: Predecessors
  readonly displaced: DisplacedOwners
  readonly tally: MoveTally
  readonly #machines: readonly { deadline(): number; wake(now: Instant, effects: Effect[]): void }[]

  /** `settledRing` is what the last run left of the ring that it had worked through. */
  constructor(parts: MovingParts, settledRing: string) {
    const waitingBytes = (): number => parts.hints.waiting().reduce((sum, { bytes }) => sum + bytes, 0)
    this.tally = new MoveTally(waitingBytes)
    const counted = { ...parts, tally: this.tally }
    const earlier = new EarlierRings(parts.neighbourhood)
    this.predecessors = new Predecessors({ ...parts, earlier })
    this.displaced = new DisplacedOwners({ ...parts, earlier })
    this.completion = new Completion({
      ...parts,
      owes: peer => this.transfer.owes(peer),
      gave: (now, from, done) => this.predecessors.gave(now, from, done),
      mayLetGo: member => parts.mayLetGo(member) && !this.predecessors.lacks(member),
      lackedFor: peer => this.predecessors.lackedFor(peer),
      reachableMembers: () => parts.neighbourhood.concerned().filter(peer => parts.routing.isReachable(peer)),
      complete: (now, effects) => {
        if (parts.routing.isJoining(parts.routing.self)) this.predecessors.joined(now)
        parts.complete(now, effects)
      }
    })
    this.transfer = new Transfer({ ...counted, progressed: (_now, effects) => this.#progressed(effects) }, settledRing)
    this.taking = new Taking(counted)
    this.#machines = [this.transfer, this.completion, this.predecessors, this.displaced, this.tally]
  }

  ringChanged(now: Instant, effects: Effect[]): void {
    this.tally.ringChanged()
    this.taking.ringChanged()
    this.predecessors.ringChanged(now, effects)
    this.displaced.ringChanged()
    this.transfer.ringChanged(now, effects)
  }

  deadline(): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const machine of this.#machines) earliest = Math.min(earliest, machine.deadline())
    return earliest
  }

  wake(now: Instant, effects: Effect[]): void {
    for (const machine of this.#machines) if (machine.deadline() <= now.ms) machine.wake(now, effects)
  }

  #progressed(effects: Effect[]): void {
    if (!this.transfer.running) this.predecessors.workedThrough()
    this.completion.answerAskers(effects)
  }
}
