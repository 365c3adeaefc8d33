/**
 * Group commit: while one commit is on its way to the disk, everything that arrives waits and shares the next one.
 *
 * Making a write durable costs a flush, whether it carries one row or a thousand. With one commit in flight at a time the number of
 * writes per flush grows by itself with the load, and a single writer waits for nobody. (DeWitt et al., SIGMOD 1984.)
 *
 * Sharing a commit must not mean sharing a failure: when a shared commit fails, its batches are tried again one by one, in
 * their order.
 */
import { StoreError } from '../../core/errors.ts'
import { commitBatchesMax, commitBytesMax, commitQueueBytesMax, commitRetryFailuresMax } from '../../core/limits.ts'
import type { StorageOperation } from '../../ports/storage.ts'

/** Operations that are applied whole or not at all. */
export type Batch = readonly StorageOperation[]

/** What a {@link GroupCommit} needs of the engine underneath. */
export interface GroupCommitOptions {
  /**
   * Applies the batches in order in one atomic, durable step. Answers for each batch why it was left out, or `undefined` where it was
   * applied. Rejects when the step failed as a whole; then it must be safe to apply the batches again.
   */
  readonly commit: (batches: readonly Batch[]) => Promise<readonly (StoreError | undefined)[]>
  /** Lets callers that were just answered, or are about to write in the same breath, join the next commit. */
  readonly turn: () => Promise<void>
}

interface Waiting {
  readonly batch: Batch
  readonly bytes: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Gathers concurrent writes into commits, one at a time. */
export class GroupCommit {
  readonly #options: GroupCommitOptions
  #queue: Waiting[] = []
  #queuedBytes = 0
  #running: Promise<void> | undefined

  constructor(options: GroupCommitOptions) {
    this.#options = options
  }

  /** Resolves once `batch` is durable. */
  async write(batch: Batch): Promise<void> {
    const bytes = batchBytes(batch)
    if (this.#queuedBytes > 0 && this.#queuedBytes + bytes > commitQueueBytesMax) throw overloaded(this.#queuedBytes)
    return new Promise<void>((resolve, reject) => {
      this.#queue.push({ batch, bytes, resolve, reject })
      this.#queuedBytes += bytes
      this.#running ??= this.#run()
    })
  }

  /** Resolves when nothing waits and no commit is in flight. */
  async drained(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  async #run(): Promise<void> {
    await this.#options.turn()
    while (this.#queue.length > 0) {
      await this.#commit(this.#takeGroup())
      await this.#options.turn()
    }
    this.#running = undefined
  }

  #takeGroup(): readonly Waiting[] {
    let bytes = 0
    let count = 0
    for (const waiting of this.#queue) {
      if (count > 0 && (bytes + waiting.bytes > commitBytesMax || count === commitBatchesMax)) break
      bytes += waiting.bytes
      count++
    }
    const group = this.#queue.slice(0, count)
    this.#queue = this.#queue.slice(count)
    this.#queuedBytes -= bytes
    return group
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    try {
      settle(group, await this.#options.commit(group.map(waiting => waiting.batch)))
    } catch (error) {
      const [first, ...others] = group
      if (others.length === 0) first?.reject(error)
      else await this.#commitOneByOne(group)
    }
  }

  async #commitOneByOne(group: readonly Waiting[]): Promise<void> {
    let failures = 0
    let failure: unknown
    for (const waiting of group) {
      if (failures < commitRetryFailuresMax) {
        try {
          settle([waiting], await this.#options.commit([waiting.batch]))
          failures = 0
          continue
        } catch (error) {
          failure = error
          failures++
        }
      }
      waiting.reject(failure)
    }
  }
}

function settle(group: readonly Waiting[], refusals: readonly (StoreError | undefined)[]): void {
  for (const [index, waiting] of group.entries()) {
    const refusal = refusals[index]
    if (refusal === undefined) waiting.resolve()
    else waiting.reject(refusal)
  }
}

function batchBytes(batch: Batch): number {
  let bytes = 0
  for (const operation of batch) bytes += operation.key.length + (operation.type === 'put' ? operation.value.length : 0)
  return bytes
}

function overloaded(queuedBytes: number): StoreError {
  return new StoreError('ERR_OVERLOADED', `The storage is ${queuedBytes} bytes behind. Wait for earlier writes before sending more.`, {
    details: { queuedBytes, queuedBytesMax: commitQueueBytesMax }
  })
}
