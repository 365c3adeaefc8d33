/**
 * The truth beside the cluster: every write that a client made, and the whole set of writes that its client had seen. No vectors, no dots:
 * a write is known by its request id, and what it has seen follows from the values that were read, never from a context.
 *
 * So it catches a cluster whose contexts lie.
 */
import type { PeerId, RequestId } from '../../core/identifiers.ts'

/** What a client knows about a write of its own. */
export type WriteState = 'open' | 'acknowledged' | 'uncertain' | 'refused'

const NOBODY: ReadonlySet<PeerId> = new Set()

export interface TrueWrite {
  readonly request: RequestId
  readonly key: string
  /** `undefined` deletes. */
  readonly value: string | undefined
  /** All writes that its client had seen, directly or through others. */
  readonly seen: ReadonlySet<RequestId>
  state: WriteState
  /** Peers that acknowledged it to its client, and when the client was told. */
  acknowledgedBy: ReadonlySet<PeerId>
  acknowledgedAtMs: number
}

export class CausalHistory {
  readonly #writes = new Map<RequestId, TrueWrite>()
  readonly #byKey = new Map<string, TrueWrite[]>()

  /** A client begins to write, having seen `seen` (closed: see {@link pastOf}). */
  begin(request: RequestId, key: string, value: string | undefined, seen: ReadonlySet<RequestId>): TrueWrite {
    const write: TrueWrite = {
      request,
      key,
      value,
      seen,
      state: 'open',
      acknowledgedBy: NOBODY,
      acknowledgedAtMs: Number.POSITIVE_INFINITY
    }
    this.#writes.set(request, write)
    const ofKey = this.#byKey.get(key)
    if (ofKey === undefined) this.#byKey.set(key, [write])
    else ofKey.push(write)
    return write
  }

  get(request: RequestId): TrueWrite | undefined {
    return this.#writes.get(request)
  }

  /** Writes of a key. */
  of(key: string): readonly TrueWrite[] {
    return this.#byKey.get(key) ?? []
  }

  /** These writes and all that their clients had seen. */
  pastOf(requests: Iterable<RequestId>): Set<RequestId> {
    const past = new Set<RequestId>()
    for (const request of requests) {
      past.add(request)
      for (const earlier of this.get(request)?.seen ?? []) past.add(earlier)
    }
    return past
  }

  /** Of these writes, those that none of the others had seen: what a key must show when it holds exactly these. */
  maximal(requests: Iterable<RequestId>): ReadonlySet<RequestId> {
    const all = [...requests]
    const superseded = new Set(this.superseded(all))
    return new Set(all.filter(request => !superseded.has(request)))
  }

  /** Those of `requests` that another of them has seen. */
  superseded(requests: readonly RequestId[]): readonly RequestId[] {
    return requests.filter(request => requests.some(other => other !== request && this.get(other)?.seen.has(request) === true))
  }
}
