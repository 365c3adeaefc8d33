/** A map that is bounded by forgetting: what was set longest ago goes first. For knowledge that may be lacking. */
export class RecentMap<Key, Value> {
  readonly #entries = new Map<Key, Value>()
  readonly #entriesMax: number

  /** `entriesMax` is 1 or more. */
  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key)
  }

  /** Remembers `value` as the newest. */
  set(key: Key, value: Value): void {
    this.#entries.delete(key)
    const [oldest] = this.#entries.keys()
    if (this.#entries.size >= this.#entriesMax && oldest !== undefined) this.#entries.delete(oldest)
    this.#entries.set(key, value)
  }

  /** The value of `key`, which is forgotten. */
  take(key: Key): Value | undefined {
    const value = this.#entries.get(key)
    this.#entries.delete(key)
    return value
  }
}
