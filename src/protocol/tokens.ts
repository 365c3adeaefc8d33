/** Matches storage effects to the machine that asked for them, and names things that need a number of their own. */
import { assert } from '../core/errors.ts'
import type { StorageClient } from './effect.ts'

/** Numbers that one life of a peer can use up before it meets those of another. */
const perLife = 0x10_0000

export class Tokens {
  #last: number
  readonly #clients = new Map<number, StorageClient>()

  /**
   * `life` (32 random bits) sets apart the numbers of different runs of a peer: an answer to a request of an earlier run must not look like
   * one to a request of this run.
   */
  constructor(life: number) {
    this.#last = life * perLife
  }

  /** Storage operations under way. */
  get waiting(): number {
    return this.#clients.size
  }

  /** A fresh number, never 0. */
  next(): number {
    this.#last += 1
    return this.#last
  }

  /** A fresh token whose result belongs to `client`. */
  take(client: StorageClient): number {
    const token = this.next()
    this.#clients.set(token, client)
    return token
  }

  /** The client of a token, which is used up by this. */
  release(token: number): StorageClient {
    const client = this.#clients.get(token)
    assert(client !== undefined, 'a storage result came back twice')
    this.#clients.delete(token)
    return client
  }
}
