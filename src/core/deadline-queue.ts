/**
 * The next moment at which something is due: a binary heap of (time, item).
 *
 * Entries are not removed when their item is done; whoever takes a due item checks whether it still matters.
 */

export class DeadlineQueue<Item> {
  readonly #heap: { readonly atMs: number; readonly item: Item }[] = []

  /** The earliest time, or `Infinity` when nothing is queued. */
  next(): number {
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY
  }

  add(atMs: number, item: Item): void {
    const heap = this.#heap
    let index = heap.length
    heap.push({ atMs, item })
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (this.#at(parent) <= atMs) break
      this.#swap(index, parent)
      index = parent
    }
  }

  /** Takes one item whose time is at or before `nowMs`, or `undefined`. */
  takeDue(nowMs: number): Item | undefined {
    const first = this.#heap[0]
    if (first === undefined || first.atMs > nowMs) return undefined
    const last = this.#heap.pop()
    if (last !== undefined && last !== first) {
      this.#heap[0] = last
      this.#sink()
    }
    return first.item
  }

  #sink(): void {
    const { length } = this.#heap
    for (let index = 0; ; ) {
      const left = index * 2 + 1
      if (left >= length) return
      const smaller = left + 1 < length && this.#at(left + 1) < this.#at(left) ? left + 1 : left
      if (this.#at(index) <= this.#at(smaller)) return
      this.#swap(index, smaller)
      index = smaller
    }
  }

  #at(index: number): number {
    return this.#heap[index]?.atMs ?? Number.POSITIVE_INFINITY
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap
    const first = heap[a]
    const second = heap[b]
    if (first === undefined || second === undefined) return
    heap[a] = second
    heap[b] = first
  }
}
