/**
 * Rows of a simulated disk by their keys, and in order of them. The order is made when somebody looks, and holds until a key comes or goes: most
 * writes replace a row, and a thousand peers look through all of theirs again and again.
 */

/** The rows whose keys begin with the same character, which says what they are. */
interface Kind<Row> {
  readonly rows: Map<string, Row>
  sorted: readonly string[] | undefined
}

export class OrderedRows<Row> {
  readonly #kinds = new Map<string, Kind<Row>>()

  get(key: string): Row | undefined {
    return this.#kinds.get(key.slice(0, 1))?.rows.get(key)
  }

  set(key: string, row: Row): void {
    const name = key.slice(0, 1)
    const kind = this.#kinds.get(name) ?? { rows: new Map<string, Row>(), sorted: undefined }
    if (!kind.rows.has(key)) kind.sorted = undefined
    kind.rows.set(key, row)
    this.#kinds.set(name, kind)
  }

  delete(key: string): void {
    const kind = this.#kinds.get(key.slice(0, 1))
    if (kind?.rows.delete(key) === true) kind.sorted = undefined
  }

  /** All rows with their keys, in any order. */
  entries(): readonly (readonly [string, Row])[] {
    return [...this.#kinds.values()].flatMap(({ rows }) => [...rows])
  }

  /** In order: the rows whose keys begin with `prefix` and come after `after`. */
  *after(prefix: string, after: string | undefined): Iterable<Row> {
    for (const name of [...this.#kinds.keys()].sort()) {
      const kind = this.#kinds.get(name)
      if (kind === undefined || !(prefix === '' || prefix.startsWith(name))) continue
      kind.sorted ??= [...kind.rows.keys()].sort()
      const { sorted, rows } = kind
      for (let place = firstPlace(sorted, prefix, after); place < sorted.length; place++) {
        const key = sorted[place] as string
        if (!key.startsWith(prefix)) break
        yield rows.get(key) as Row
      }
    }
  }
}

/** Where the first key is that does not come before `prefix` and comes after `after`. */
function firstPlace(sorted: readonly string[], prefix: string, after: string | undefined): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const key = sorted[middle] as string
    if (key < prefix || (after !== undefined && key <= after)) low = middle + 1
    else high = middle
  }
  return low
}
