/**
 * What was reaped here a short while ago: the context of each reaped record, by key.
 *
 * Owners drop a tombstone one after the other, and messages about the key may still be under way. Without a memory, a comparison with an owner that
 * drops it a moment later would bring the tombstone back, and a repair that was sent before the delete would bring the value back. Whatever the
 * remembered context covers is gone for good; a write that it does not cover is a new one, and is taken.
 *
 * Bounded in time and number, and lost with the process. What arrives after that is judged like any other record.
 */
import { toMapKey } from '../../core/bytes.ts'
import type { CausalContext } from '../../core/versions/causal-context.ts'
import { reapBatchMax, reapedRememberedMax, reapedRememberedMs } from '../../core/limits.ts'
import { recordHash, type StoredRecord } from '../../core/versions/record.ts'
import type { Instant } from '../instant.ts'
import type { ReapEntry } from '../wire/message.ts'

/** Records remembered of one key. */
const hashesMax = 8

interface Grave {
  readonly context: CausalContext
  /** Records that the context covers: the one that was reaped, and those that others were found to hold still, the oldest first. */
  readonly hashes: Set<string>
  readonly untilMs: number
}

export class Graveyard {
  /** The oldest first. */
  readonly #graves = new Map<string, Grave>()
  /** Keys that others still hold; past the bound they are left to the next time that they are compared. */
  readonly #knocks = new Map<string, ReapEntry>()

  bury(now: Instant, key: Uint8Array, record: StoredRecord): void {
    const mapKey = toMapKey(key)
    this.#graves.delete(mapKey)
    this.#graves.set(mapKey, { context: record.context, hashes: new Set([recordHash(record)]), untilMs: now.ms + reapedRememberedMs })
    for (const [oldest, { untilMs }] of this.#graves) {
      if (this.#graves.size <= reapedRememberedMax && untilMs > now.ms) break
      this.#graves.delete(oldest)
    }
  }

  /** The record was not dropped after all. */
  exhume(key: Uint8Array): void {
    this.#graves.delete(toMapKey(key))
  }

  /** Everything that was known of a key that was reaped here lately, as a record without siblings. */
  remains(now: Instant, key: Uint8Array): StoredRecord | undefined {
    if (this.#graves.size === 0) return undefined
    const grave = this.#current(now, key)
    return grave === undefined ? undefined : { context: grave.context, siblings: [] }
  }

  /** Another peer still has, or has again, what was reaped here: {@link takeKnocks} tells the reaper, which asks once more. */
  knock(now: Instant, key: Uint8Array, record: StoredRecord): void {
    const grave = this.#current(now, key)
    if (grave === undefined) return
    const hash = recordHash(record)
    grave.hashes.add(hash)
    for (const oldest of grave.hashes) {
      if (grave.hashes.size <= hashesMax) break
      grave.hashes.delete(oldest)
    }
    if (this.#knocks.size < reapBatchMax) this.#knocks.set(toMapKey(key), { key, hash })
  }

  takeKnocks(): readonly ReapEntry[] {
    const knocks = [...this.#knocks.values()]
    this.#knocks.clear()
    return knocks
  }

  /** True when the record with this hash was reaped here lately, or is covered by one that was. */
  holds(now: Instant, key: Uint8Array, hash: string): boolean {
    return this.#current(now, key)?.hashes.has(hash) === true
  }

  #current(now: Instant, key: Uint8Array): Grave | undefined {
    const grave = this.#graves.get(toMapKey(key))
    return grave !== undefined && grave.untilMs > now.ms ? grave : undefined
  }
}
