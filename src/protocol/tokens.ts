/** Matches storage effects to the machine that asked for them, and names things that need a number of their own. */
import { assert } from '../core/errors.ts'
import type { StorageClient } from './effect.ts'

export class Tokens {
  #last = 0
  readonly #clients = new Map<number, StorageClient>()

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
