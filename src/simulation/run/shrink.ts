/**
 * Makes a failing run small: fewer operations, fewer peers, fewer kinds of faults, and then single faults taken out one by one, for as long
 * as the run still fails. What is left is the shortest story that this way of looking finds, not the shortest there is.
 *
 * Taking out halves first, then quarters, and so on, is delta debugging (Zeller and Hildebrandt, 2002).
 */
import type { FaultSelection } from './run-profile.ts'
import { simulate, type SimulationOptions, type SimulationResult } from './simulate.ts'

export interface ShrinkOptions {
  /** Runs to try at most. @default 400 */
  readonly runsMax?: number
  /** How a run is made. @default simulate */
  run?(options: SimulationOptions): SimulationResult
}

export interface ShrunkRun {
  /** Options of a small run that fails. */
  readonly options: SimulationOptions
  readonly result: SimulationResult
  /** Runs that were tried. */
  readonly runs: number
}

/** Reduces the failing run of `options`, which failed with `result`. */
export function shrink(options: SimulationOptions, result: SimulationResult, how: ShrinkOptions = {}): ShrunkRun {
  return new Shrinker(options, result, how).shrink()
}

class Shrinker {
  readonly #run: (options: SimulationOptions) => SimulationResult
  readonly #runsMax: number
  #options: SimulationOptions
  #result: SimulationResult
  #runs = 0

  constructor(options: SimulationOptions, result: SimulationResult, { runsMax = 400, run = simulate }: ShrinkOptions) {
    this.#options = options
    this.#result = result
    this.#runsMax = runsMax
    this.#run = run
  }

  shrink(): ShrunkRun {
    this.#try({ only: this.#result.selection })
    for (let size = Number.POSITIVE_INFINITY; this.#size() < size && this.#runs < this.#runsMax;) {
      size = this.#size()
      this.#fewerOperations()
      this.#fewerPeers()
      this.#fewerKinds()
      this.#fewerFaults()
    }
    return { options: this.#options, result: this.#result, runs: this.#runs }
  }

  /** Peers count most: every one of them makes the story harder to follow. */
  #size(): number {
    return this.#operations() + this.#result.peers * 100 + this.#selection().length * 10
  }

  #operations(): number {
    return this.#options.operations ?? this.#result.operations
  }

  #selection(): FaultSelection {
    return this.#options.only ?? this.#result.selection
  }

  #fewerOperations(): void {
    for (let step = Math.ceil(this.#operations() / 2); step >= 1;) {
      const operations = this.#operations() - step
      const isLess = operations >= 0 && this.#try({ operations, only: this.#selection() })
      if (!isLess) step = step === 1 ? 0 : Math.ceil(step / 2)
    }
  }

  #fewerPeers(): void {
    for (let peers = 1; peers < this.#result.peers; peers++) if (this.#try({ peers, only: this.#selection() })) return
  }

  /** A whole kind at a time. */
  #fewerKinds(): void {
    const kindOf = new Map<FaultSelection[number], string>(this.#result.schedule.map(({ number, kind }) => [number, kind]))
    for (const kind of new Set(this.#selection().map(entry => kindOf.get(entry) ?? entry)))
      this.#try({ only: this.#selection().filter(entry => (kindOf.get(entry) ?? entry) !== kind) })
  }

  #fewerFaults(): void {
    for (let size = Math.ceil(this.#selection().length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let from = 0; from < this.#selection().length;) {
        const without = this.#selection().toSpliced(from, size)
        if (!this.#try({ only: without })) from += size
      }
    }
  }

  /** Takes the change over if the run still fails with it. */
  #try(change: Partial<SimulationOptions>): boolean {
    if (this.#runs >= this.#runsMax) return false
    this.#runs += 1
    const options = { ...this.#options, ...change }
    const result = this.#run(options)
    if (result.ok) return false
    // A fault that did not happen is no part of the story.
    const only = this.#selectionOf(options, result)
    this.#options = { ...options, only }
    this.#result = result
    return true
  }

  #selectionOf({ only }: SimulationOptions, result: SimulationResult): FaultSelection {
    const happened = new Set(result.selection)
    return only === undefined ? result.selection : only.filter(entry => happened.has(entry))
  }
}
