/**
 * Reads that are asked for in one breath share a transaction: in a browser a transaction costs more than the reads in it.
 */
import type { StoreError } from '../../core/errors.ts'

/** What is found under a key: a stored row, nothing, or why it cannot be read. */
type Found = Uint8Array | undefined | StoreError

interface Waiting {
  readonly first: number
  readonly count: number
  readonly resolve: (rows: readonly Found[]) => void
  readonly reject: (error: unknown) => void
}

/** Gathers the reads of one turn of the event loop's microtasks. */
export class ReadGroup {
  readonly #readAll: (keys: readonly Uint8Array[]) => Promise<readonly Found[]>
  #keys: Uint8Array[] = []
  #waiting: Waiting[] = []
  readonly #running = new Set<Promise<void>>()

  constructor(readAll: (keys: readonly Uint8Array[]) => Promise<readonly Found[]>) {
    this.#readAll = readAll
  }

  /** What is found under `keys`, in their order. */
  read(keys: readonly Uint8Array[]): Promise<readonly Found[]> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) queueMicrotask(() => this.#start())
      this.#waiting.push({ first: this.#keys.length, count: keys.length, resolve, reject })
      for (const key of keys) this.#keys.push(key)
    })
  }

  /** Resolves when no read is under way. */
  async drained(): Promise<void> {
    while (this.#running.size > 0 || this.#waiting.length > 0) await Promise.allSettled(this.#running)
  }

  #start(): void {
    const running = this.#run(this.#keys, this.#waiting).finally(() => this.#running.delete(running))
    this.#running.add(running)
    this.#keys = []
    this.#waiting = []
  }

  async #run(keys: readonly Uint8Array[], waiting: readonly Waiting[]): Promise<void> {
    try {
      const rows = await this.#readAll(keys)
      for (const { first, count, resolve } of waiting) resolve(rows.slice(first, first + count))
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }
}
