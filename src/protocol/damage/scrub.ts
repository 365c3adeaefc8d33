/**
 * Scrubbing: a slow walk over everything that is stored, so that a row that rotted is found while other owners still have it, and not only when
 * somebody asks for it.
 *
 * The storage checks each row that it reads, so reading is all there is to do; what is found is mended by `damaged-rows.ts`. A page of a few
 * rows every few seconds costs a disk nothing that anybody would notice (about 3 rows a second), and passes a million keys, two rows
 * each, in a week. A row that is lost on all of its owners within one such walk stays lost.
 */
import { scrubPageBytes, scrubPageRows } from '../../core/limits.ts'
import type { Effect, ScannedRow, StorageClient } from '../effect.ts'
import type { Instant } from '../instant.ts'
import type { Tokens } from '../tokens.ts'

/** Pause between two pages. */
const pageEveryMs = 10_000
const EVERYTHING: Uint8Array = new Uint8Array(0)

export class Scrub implements StorageClient {
  readonly #tokens: Tokens
  #after: Uint8Array | undefined
  #rowsMax = 1
  #pageAtMs = Number.POSITIVE_INFINITY

  constructor(tokens: Tokens) {
    this.#tokens = tokens
  }

  start(now: Instant): void {
    this.#pageAtMs = now.ms + pageEveryMs
  }

  deadline(): number {
    return this.#pageAtMs
  }

  /** Asks for the next page. */
  wake(_now: Instant, effects: Effect[]): void {
    this.#pageAtMs = Number.POSITIVE_INFINITY
    effects.push({ kind: 'scan', prefix: EVERYTHING, after: this.#after, limit: this.#rowsMax, token: this.#tokens.take(this) })
  }

  scanned(now: Instant, _token: number, rows: readonly ScannedRow[]): void {
    const bytes = rows.reduce((sum, { key, value }) => sum + key.length + value.length, 0)
    this.#after = rows.length < this.#rowsMax ? undefined : rows.at(-1)?.key
    this.#rowsMax = rowsThatFit(bytes / Math.max(rows.length, 1), this.#rowsMax)
    this.start(now)
  }

  /** The same page again, after the pause. */
  failed(now: Instant): void {
    this.start(now)
  }

  loaded(): void {
    // Rows are scanned.
  }

  written(): void {
    // Nothing is written.
  }
}

/** Pages grow while their rows are small: a page of the largest rows must not fill the memory. */
function rowsThatFit(meanRowBytes: number, before: number): number {
  return Math.max(1, Math.min(before * 4, scrubPageRows, Math.floor(scrubPageBytes / Math.max(meanRowBytes, 1))))
}
