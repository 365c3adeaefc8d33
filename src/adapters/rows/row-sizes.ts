/**
 * Sizes of rows that were lately read or written, so that accounting need not look them up again. The store above reads a record
 * before it writes it, so nearly every write finds its row here.
 *
 * Two generations instead of a queue: when the young one is full it becomes the old one, and what was in the old one is forgotten.
 * Removing the first entry of a large `Map` again and again walks over all the entries removed before it.
 */
import { rowSizesMax } from '../../core/limits.ts'

/** A bounded map from key texts to accounted bytes, 0 for absent rows. */
export class RowSizes {
  #young = new Map<string, number>()
  #old = new Map<string, number>()

  /** Accounted bytes of a row, or `undefined` when not remembered. */
  get(text: string): number | undefined {
    return this.#young.get(text) ?? this.#old.get(text)
  }

  /** Remembers what a row counts from now on. */
  set(text: string, bytes: number): void {
    this.#young.set(text, bytes)
    if (this.#young.size < rowSizesMax / 2) return
    this.#old = this.#young
    this.#young = new Map()
  }

  /** Forgets all. */
  clear(): void {
    this.#young = new Map()
    this.#old = new Map()
  }
}
