/**
 * Lets an exchange wait until the partitions that a message is about are in memory. What came first is done first; partitions that an exchange looked at
 * stay until it ends. A partition that finds no room, or cannot be read, is left to the next exchange, which follows at once.
 */
import { exchangePendingMax } from '../../core/limits.ts'
import type { Effect } from '../effect.ts'
import type { Exchange, PendingWork } from './exchange.ts'
import type { Instant } from '../instant.ts'
import type { KeyIndex } from '../key-index/key-index.ts'

export class ExchangeLoads {
  readonly #index: KeyIndex
  readonly #isCurrent: (exchange: Exchange) => boolean

  constructor(index: KeyIndex, isCurrent: (exchange: Exchange) => boolean) {
    this.#index = index
    this.#isCurrent = isCurrent
  }

  /** Does the work when its turn has come. */
  add(now: Instant, exchange: Exchange, work: PendingWork, effects: Effect[]): void {
    if (exchange.pending.length >= exchangePendingMax) {
      exchange.isCut = true
      return
    }
    exchange.pending.push(work)
    if (exchange.pending.length === 1) this.#run(now, exchange, effects)
  }

  /** The exchange is over. */
  release(exchange: Exchange): void {
    exchange.pending.length = 0
    for (const partition of exchange.pinned) this.#index.unpin(partition)
    exchange.pinned.clear()
    this.#index.trim(this.#index.trie.partitions)
  }

  #run(now: Instant, exchange: Exchange, effects: Effect[]): void {
    for (let work = exchange.pending[0]; work !== undefined && this.#isCurrent(exchange); work = exchange.pending[0]) {
      const missing = this.#pinAll(exchange, work.partitions)
      if (missing.length > 0) return this.#load(exchange, work, missing, effects)
      this.#finish(now, exchange, work, effects)
    }
  }

  /** Pins those that there is room for; answers which of them are not in memory. */
  #pinAll(exchange: Exchange, partitions: readonly number[]): readonly number[] {
    const { trie } = this.#index
    for (const partition of partitions) {
      if (exchange.pinned.has(partition)) continue
      if (this.#index.pin(partition)) exchange.pinned.add(partition)
      else exchange.isCut = true
    }
    return partitions.filter(partition => exchange.pinned.has(partition) && !trie.isHeld(partition))
  }

  #load(exchange: Exchange, work: PendingWork, missing: readonly number[], effects: Effect[]): void {
    let open = missing.length
    for (const partition of missing) {
      this.#index.loader.load(
        partition,
        (now, isLoaded, out) => {
          open -= 1
          if (!isLoaded) exchange.isCut = true
          if (open > 0 || !this.#isCurrent(exchange)) return
          this.#finish(now, exchange, work, out)
          this.#run(now, exchange, out)
        },
        effects
      )
    }
  }

  #finish(now: Instant, exchange: Exchange, work: PendingWork, effects: Effect[]): void {
    work.go(now, effects)
    if (exchange.pending[0] === work) exchange.pending.shift()
  }
}
