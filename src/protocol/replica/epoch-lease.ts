/**
 * Epochs for copies that are born here, leased from storage in blocks so that a birth costs no write of its own.
 *
 * An epoch is never used twice, whatever crashes: the end of a block is durable before the block's first epoch is used, and a
 * restart begins behind the last block. A storage that lost the lease gets a new replica id, and begins behind the epochs of its copies.
 */
import { assert } from '../../core/errors.ts'
import { epochLeaseSize } from '../../core/limits.ts'
import type { Effect, StorageClient, StorageFailure } from '../effect.ts'
import type { Instant } from '../instant.ts'
import { encodeNumber, epochLeaseKey } from '../storage-layout.ts'
import type { Tokens } from '../tokens.ts'

export class EpochLease implements StorageClient {
  readonly #tokens: Tokens
  readonly #renewed: (now: Instant, failure: StorageFailure | undefined, effects: Effect[]) => void
  #next: number
  #limit: number
  #renewing = false

  /** `leased` is the first epoch that was never leased, as read from {@link epochLeaseKey}; 1 in a new storage. `renewed` is called when a lease ended well or badly. */
  constructor(tokens: Tokens, leased: number, renewed: (now: Instant, failure: StorageFailure | undefined, effects: Effect[]) => void) {
    this.#tokens = tokens
    this.#next = leased
    this.#limit = leased
    this.#renewed = renewed
  }

  /** The epoch of the next copy that is born here; past all that were. */
  get next(): number {
    return this.#next
  }

  /** An epoch for a new copy, or `undefined` until the next block is durable. */
  take(effects: Effect[]): number | undefined {
    if (this.#limit - this.#next < epochLeaseSize / 2) this.renew(effects)
    if (this.#next >= this.#limit) return undefined
    const epoch = this.#next
    this.#next += 1
    return epoch
  }

  /** Leases a further block, unless that is under way. */
  renew(effects: Effect[]): void {
    if (this.#renewing) return
    this.#renewing = true
    const value = encodeNumber(this.#limit + epochLeaseSize)
    effects.push({ kind: 'write', batch: [{ type: 'put', key: epochLeaseKey, value }], then: [], token: this.#tokens.take(this) })
  }

  written(now: Instant, _token: number, effects: Effect[]): void {
    this.#renewing = false
    this.#limit += epochLeaseSize
    this.#renewed(now, undefined, effects)
  }

  failed(now: Instant, _token: number, failure: StorageFailure, effects: Effect[]): void {
    this.#renewing = false
    this.#renewed(now, failure, effects)
  }

  loaded(): void {
    assert(false, 'an epoch lease reads nothing')
  }

  scanned(): void {
    assert(false, 'an epoch lease scans nothing')
  }
}
