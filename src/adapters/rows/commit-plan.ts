/**
 * What one commit will change: which of its batches fit, and how many bytes the storage holds afterwards.
 *
 * Accounting is exact and costs no scan: the total is a row of its own that every commit rewrites in the same atomic step, and
 * the size of a row that is replaced is looked up first. A row counts the bytes of its key and its value.
 */
import { StoreError } from '../../core/errors.ts'
import type { StorageOperation } from '../../ports/storage.ts'
import { keyText } from './key-text.ts'

/** Where a plan starts from. */
export interface CommitPlanStart {
  /** Accounted bytes before the commit. */
  readonly bytes: number
  /** Why the storage may not grow from `bytes` by `growth`, or `undefined` when it may. */
  readonly refuse: (bytes: number, growth: number) => StoreError | undefined
  /** Accounted bytes of a stored row, 0 when absent. */
  readonly rowBytes: (key: Uint8Array, text: string) => number
}

/** Admits batches one after the other, each whole or not at all. */
export class CommitPlan {
  readonly #start: CommitPlanStart
  /** Rows that admitted batches changed, by {@link keyText}: their accounted bytes, 0 when deleted. */
  readonly changed: Map<string, number> = new Map()
  /** Operations of all admitted batches in order. */
  readonly operations: StorageOperation[] = []
  #bytes: number

  constructor(start: CommitPlanStart) {
    this.#start = start
    this.#bytes = start.bytes
  }

  /** Accounted bytes once the admitted batches are applied. */
  get bytes(): number {
    return this.#bytes
  }

  /** Admits `batch`, or says why it does not fit. A batch that does not grow the storage always fits. */
  admit(batch: readonly StorageOperation[]): StoreError | undefined {
    const changed = new Map<string, number>()
    let growth = 0
    for (const operation of batch) {
      const text = keyText(operation.key)
      const before = changed.get(text) ?? this.changed.get(text) ?? this.#start.rowBytes(operation.key, text)
      const after = operation.type === 'put' ? operation.key.length + operation.value.length : 0
      changed.set(text, after)
      growth += after - before
    }
    const refusal = growth > 0 ? this.#start.refuse(this.#bytes, growth) : undefined
    if (refusal !== undefined) return refusal
    for (const [text, bytes] of changed) this.changed.set(text, bytes)
    for (const operation of batch) this.operations.push(operation)
    this.#bytes += growth
    return undefined
  }
}

/** Refuses growth past `bytesMax` with `ERR_QUOTA`. */
export function refuseBeyond(bytesMax: number | undefined): CommitPlanStart['refuse'] {
  return (bytes, growth) => {
    if (bytesMax === undefined || bytes + growth <= bytesMax) return undefined
    const message = `The storage is full: it holds ${bytes} bytes, and ${growth} more would exceed its limit of ${bytesMax}. Delete something or raise the limit.`
    return new StoreError('ERR_QUOTA', message, { details: { bytes, growth, bytesMax } })
  }
}
