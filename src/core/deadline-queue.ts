/**
 * The next moment at which something is due: a binary heap of (time, item).
 *
 * Entries are not removed when their item is done; whoever takes a due item checks whether it still matters. They outlive most of what
 * they are about by seconds, so times and items are kept in two plain arrays: items that are numbers then cost no object of their own.
 */

export class DeadlineQueue<Item> {
  readonly #times: number[] = []
  readonly #items: Item[] = []

  /** The earliest time, or `Infinity` when nothing is queued. */
  next(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY
  }

  add(atMs: number, item: Item): void {
    const times = this.#times
    let index = times.length
    times.push(atMs)
    this.#items.push(item)
    while (index > 0) {
      const parent = (index - 1) >> 1
      if ((times[parent] as number) <= atMs) break
      this.#move(parent, index)
      index = parent
    }
    this.#put(index, atMs, item)
  }

  /** Takes one item whose time is at or before `nowMs`, or `undefined`. */
  takeDue(nowMs: number): Item | undefined {
    const first = this.#times[0]
    if (first === undefined || first > nowMs) return undefined
    const item = this.#items[0]
    const lastMs = this.#times.pop() as number
    const last = this.#items.pop() as Item
    if (this.#times.length > 0) this.#sink(lastMs, last)
    return item
  }

  /** Puts an entry where it belongs, from the empty top downwards. */
  #sink(atMs: number, item: Item): void {
    const times = this.#times
    let index = 0
    for (let child = 1; child < times.length; child = index * 2 + 1) {
      if (child + 1 < times.length && (times[child + 1] as number) < (times[child] as number)) child++
      if (atMs <= (times[child] as number)) break
      this.#move(child, index)
      index = child
    }
    this.#put(index, atMs, item)
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from] as number, this.#items[from] as Item)
  }

  #put(index: number, atMs: number, item: Item): void {
    this.#times[index] = atMs
    this.#items[index] = item
  }
}
