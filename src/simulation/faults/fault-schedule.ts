/**
 * The schedule of a run's faults: a list that the seed decides, entry by entry. Every entry draws from a generator of its own, so leaving
 * one out changes nothing about the others. That is what lets a failing run be reduced to the few faults that it takes (`shrink.ts`).
 */
import type { Prng } from '../../core/prng.ts'
import type { FaultKind } from './fault-kinds.ts'

export interface ScheduledFault {
  /** Its place in the schedule, from 1. */
  readonly number: number
  readonly kind: FaultKind
  /** Time since the entry before it. */
  readonly afterMs: number
  /** Decides everything about it. */
  readonly random: Prng
}

/** A fault of the schedule that happened. */
export interface FiredFault {
  readonly number: number
  readonly kind: FaultKind
  readonly atMs: number
  /** To whom, and for how long. */
  readonly what: string
}

export class FaultSchedule {
  readonly #random: Prng
  readonly #kinds: readonly FaultKind[]
  readonly #everyMs: number
  readonly #only: ReadonlySet<number> | undefined

  /** Faults of `kinds`, `everyMs` apart on average. Of these, only those with a number in `only` happen. */
  constructor(random: Prng, kinds: readonly FaultKind[], everyMs: number, only: ReadonlySet<number> | undefined) {
    this.#random = random
    this.#kinds = kinds
    this.#everyMs = everyMs
    this.#only = only
  }

  /** The entry with this number; `undefined` when no kind of fault may happen. */
  entry(number: number): ScheduledFault | undefined {
    const random = this.#random.fork(`${number}`)
    const afterMs = 1 + random.below(this.#everyMs * 2)
    const kind = this.#kinds[random.below(this.#kinds.length)]
    return kind === undefined ? undefined : { number, kind, afterMs, random }
  }

  /** False for an entry that is left out. */
  happens(number: number): boolean {
    return this.#only?.has(number) ?? true
  }
}
