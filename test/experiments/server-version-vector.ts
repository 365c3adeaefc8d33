/**
 * What dynamesh does not do, for comparison: a record with one version vector for all its siblings and one entry for each server, as stores after
 * Dynamo had it before dotted version vectors. A context can say "the first n writes of this server", and nothing finer.
 */

/** Writes seen, by server. */
export type ServerVector = ReadonlyMap<string, number>

export class ServerVectorRecord {
  #vector: ServerVector = new Map()
  #siblings: readonly string[] = []

  get siblings(): readonly string[] {
    return this.#siblings
  }

  /** A write through `server` by someone who had seen `context`. Answers the context that the writer is told: the record's vector with this write. */
  put(server: string, context: ServerVector, value: string): ServerVector {
    const hasSeenAll = [...this.#vector].every(([name, count]) => (context.get(name) ?? 0) >= count)
    this.#siblings = hasSeenAll ? [value] : [...this.#siblings, value]
    this.#vector = new Map([...this.#vector, [server, (this.#vector.get(server) ?? 0) + 1]])
    return this.#vector
  }
}
