/** The cheapest flow through a network of whole numbers (successive shortest paths, many at a time). */

/** A network being filled; it begins with nodes 0, 1 and 2. */
export class Flow {
  readonly #first: number[] = [-1, -1, -1]
  readonly #next: number[] = []
  readonly #to: number[] = []
  readonly #room: number[] = []
  readonly #cost: number[] = []

  /** Adds a node and returns its number. */
  node(): number {
    return this.#first.push(-1) - 1
  }

  /** Adds an edge that carries at most `room`, at `cost` for each unit. */
  edge(from: number, to: number, room: number, cost: number): void {
    this.#half(from, to, room, cost)
    this.#half(to, from, 0, -cost)
  }

  /** Sends as much as fits from `source` to `sink`, as cheaply as that can be. */
  fill(source: number, sink: number): { readonly sent: number; readonly cost: number } {
    let [sent, cost] = [0, 0]
    for (;;) {
      const distances = this.#distances(source)
      const distance = distances[sink] as number
      if (distance === Number.POSITIVE_INFINITY) return { sent, cost }
      for (let more = 1; more > 0;) {
        more = this.#push(source, sink, Number.POSITIVE_INFINITY, distances, new Set())
        sent += more
        cost += more * distance
      }
    }
  }

  #half(from: number, to: number, room: number, cost: number): void {
    this.#next.push(this.#first[from] as number)
    this.#to.push(to)
    this.#room.push(room)
    this.#cost.push(cost)
    this.#first[from] = this.#to.length - 1
  }

  /** The cost of the cheapest way from `source` to each node (Bellman and Ford). */
  #distances(source: number): number[] {
    const distances = this.#first.map(() => Number.POSITIVE_INFINITY)
    distances[source] = 0
    const waiting = [source]
    const isWaiting = new Set(waiting)
    for (const node of waiting) {
      isWaiting.delete(node)
      for (let edge = this.#first[node] as number; edge >= 0; edge = this.#next[edge] as number) {
        const [to, distance] = [this.#to[edge] as number, (distances[node] as number) + (this.#cost[edge] as number)]
        if (this.#room[edge] === 0 || distance >= (distances[to] as number)) continue
        distances[to] = distance
        if (!isWaiting.has(to)) waiting.push(to)
        isWaiting.add(to)
      }
    }
    return distances
  }

  /** Sends up to `most` along cheapest ways, through no node twice. */
  #push(node: number, sink: number, most: number, distances: readonly number[], seen: Set<number>): number {
    if (node === sink) return most
    seen.add(node)
    let sent = 0
    for (let edge = this.#first[node] as number; edge >= 0 && sent < most; edge = this.#next[edge] as number) {
      const to = this.#to[edge] as number
      if (this.#room[edge] === 0 || seen.has(to) || distances[to] !== (distances[node] as number) + (this.#cost[edge] as number)) continue
      const pushed = this.#push(to, sink, Math.min(most - sent, this.#room[edge] as number), distances, seen)
      this.#room[edge] = (this.#room[edge] as number) - pushed
      this.#room[edge ^ 1] = (this.#room[edge ^ 1] as number) + pushed
      sent += pushed
      if (to !== sink && pushed > 0) seen.delete(to)
    }
    return sent
  }
}
