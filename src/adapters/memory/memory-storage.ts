/**
 * A storage that lives in memory: for tests, demonstrations and peers that keep nothing.
 *
 * Contents survive `close()` and `open()` of the same object, as a disk survives a restart, and are gone with it. Keys are kept
 * sorted lazily: a write appends, and the first scan after writes merges what is new.
 */
import type { ScanRange, Storage, StorageOperation, StorageRow, StorageStatus } from '../../ports/storage.ts'
import { CommitPlan, refuseBeyond } from '../rows/commit-plan.ts'
import { keyBytes, keyText } from '../rows/key-text.ts'
import { Lifecycle } from '../rows/lifecycle.ts'

/** Options of {@link memoryStorage}. */
export interface MemoryStorageOptions {
  /** Most bytes of keys and values; a growing write past it is refused with `ERR_QUOTA`. @default unlimited */
  readonly bytesMax?: number
}

/** A storage in memory. Nothing of it outlives the returned object. */
export function memoryStorage(options: MemoryStorageOptions = {}): Storage {
  return new MemoryStorage(options.bytesMax)
}

class MemoryStorage implements Storage {
  readonly #lifecycle = new Lifecycle('memory')
  readonly #rows = new Map<string, Uint8Array>()
  readonly #index = new SortedKeys(text => this.#rows.has(text))
  readonly #bytesMax: number | undefined
  #bytes = 0

  constructor(bytesMax: number | undefined) {
    this.#bytesMax = bytesMax
  }

  async open(): Promise<void> {
    await this.#lifecycle.open(async () => undefined)
  }

  async close(): Promise<void> {
    await this.#lifecycle.close(async () => undefined)
  }

  async read(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    this.#lifecycle.assertOpen()
    return keys.map(key => this.#rows.get(keyText(key))?.slice())
  }

  async write(batch: readonly StorageOperation[]): Promise<void> {
    this.#lifecycle.assertOpen()
    const plan = new CommitPlan({
      bytes: this.#bytes,
      refuse: refuseBeyond(this.#bytesMax),
      rowBytes: (key, text) => this.#rowBytes(key, text)
    })
    const refusal = plan.admit(batch)
    if (refusal !== undefined) throw refusal
    for (const operation of batch) this.#apply(operation)
    this.#bytes = plan.bytes
  }

  async *scan(range: ScanRange): AsyncGenerator<StorageRow, void, undefined> {
    this.#lifecycle.assertOpen()
    const prefix = keyText(range.prefix)
    const after = range.after === undefined ? undefined : keyText(range.after)
    let left = range.limit ?? Infinity
    for (const text of this.#index.from(prefix, after)) {
      if (left <= 0 || !text.startsWith(prefix)) return
      this.#lifecycle.assertOpen()
      const value = this.#rows.get(text)
      if (value === undefined) continue
      left--
      yield { key: keyBytes(text), value: value.slice() }
    }
  }

  status(): StorageStatus {
    return { location: 'memory', persistent: false, bytes: this.#bytes, bytesMax: this.#bytesMax, recovered: 0 }
  }

  #rowBytes(key: Uint8Array, text: string): number {
    const value = this.#rows.get(text)
    return value === undefined ? 0 : key.length + value.length
  }

  #apply(operation: StorageOperation): void {
    const text = keyText(operation.key)
    if (operation.type === 'put') {
      if (!this.#rows.has(text)) this.#index.add(text)
      this.#rows.set(text, new Uint8Array(operation.value))
    } else if (this.#rows.delete(text)) this.#index.remove()
  }
}

/** Keys in order, brought up to date only when somebody looks. */
class SortedKeys {
  readonly #exists: (text: string) => boolean
  #sorted: readonly string[] = []
  #added: string[] = []
  #removed = 0

  constructor(exists: (text: string) => boolean) {
    this.#exists = exists
  }

  add(text: string): void {
    this.#added.push(text)
  }

  remove(): void {
    this.#removed++
  }

  /** Keys that start with `prefix` or sort behind it, and behind `after`; removed ones may still be among them. */
  *from(prefix: string, after: string | undefined): Generator<string, void, undefined> {
    if (this.#added.length > 0 || this.#removed > this.#sorted.length / 2) this.#refresh()
    const sorted = this.#sorted
    const behind = after !== undefined && after >= prefix ? after : undefined
    for (let index = lowerBound(sorted, behind ?? prefix); index < sorted.length; index++) {
      const text = sorted[index] as string
      if (text !== behind) yield text
    }
  }

  #refresh(): void {
    const added = this.#added.sort()
    const merged: string[] = []
    let next = 0
    const append = (text: string): void => {
      if (text !== merged.at(-1) && this.#exists(text)) merged.push(text)
    }
    for (const text of this.#sorted) {
      while (next < added.length && (added[next] as string) <= text) append(added[next++] as string)
      append(text)
    }
    while (next < added.length) append(added[next++] as string)
    this.#sorted = merged
    this.#added = []
    this.#removed = 0
  }
}

/** Index of the first text that is not less than `text`. */
function lowerBound(sorted: readonly string[], text: string): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as string) < text) low = middle + 1
    else high = middle
  }
  return low
}
