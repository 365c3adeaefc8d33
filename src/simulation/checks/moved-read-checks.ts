/**
 * No read misses an acknowledged write because of a change of the ring: checked in runs in which nothing else happens, of every read that reached R owners
 * by its peer's own view, and every write that W owners of as many acknowledged before, with R + W larger than N.
 *
 * Not checked: what a peer reads or writes that has met nobody yet, and what fallbacks took, which find the owners later.
 */
import type { PeerId, RequestId } from '../../core/identifiers.ts'
import type { StoredRecord } from '../../core/versions/record.ts'
import type { ProtocolEvent } from '../../protocol/effect.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { AskedCall, GetAnswer, PutAnswer } from '../run/client-call.ts'
import type { CausalHistory } from './causal-history.ts'

interface AcknowledgedWrite {
  readonly request: RequestId
  readonly atMs: number
  /** Owners that acknowledged it, of how many. */
  readonly owners: number
  readonly n: number
}

export class MovedReadChecks {
  readonly #cluster: Cluster
  readonly #history: CausalHistory
  readonly #found: (problem: string) => void
  readonly #acknowledged = new Map<string, AcknowledgedWrite[]>()
  /** Since when each peer has known the others. */
  readonly #acquaintedMs = new Map<PeerId, number>()

  /** `found` hears of each problem. */
  constructor(cluster: Cluster, history: CausalHistory, found: (problem: string) => void) {
    this.#cluster = cluster
    this.#history = history
    this.#found = found
  }

  /** A peer reports an event. */
  reported(peer: PeerId, event: ProtocolEvent): void {
    if (event.type === 'members-known') this.#acquaintedMs.set(peer, this.#cluster.time.nowMs)
  }

  /** A caller's put ended. */
  wrote({ key, askedAtMs }: AskedCall, { status, coordinator, acknowledged, hinted, request, n }: PutAnswer): void {
    if (status !== 'ok' || coordinator === undefined || !this.#knowsOthers(coordinator, askedAtMs)) return
    const write = { request, atMs: this.#cluster.time.nowMs, owners: acknowledged.length - hinted.length, n }
    this.#acknowledged.set(key, [...(this.#acknowledged.get(key) ?? []), write])
  }

  /** A caller's get ended. */
  got({ peer, key, askedAtMs }: AskedCall, { status, replied, r, n }: GetAnswer, record: StoredRecord | undefined): void {
    if (status !== 'ok' || record === undefined || !this.#knowsOthers(peer, askedAtMs)) return
    const owners = this.#cluster.owners(key, peer)
    if (replied.filter(each => owners.includes(each)).length < r) return
    const shown = this.#history.pastOf(record.siblings.map(({ request }) => request))
    for (const write of this.#acknowledged.get(key) ?? [])
      if (write.atMs < askedAtMs && write.n === n && write.owners + r > n && !shown.has(write.request))
        this.#found(
          `MOVED: a read of ${key} at ${peer} by ${replied.join()} does not know of ${this.#history.get(write.request)?.value ?? 'a delete'} (${write.request}), which ${write.owners} of ${n} owners had acknowledged`
        )
  }

  #knowsOthers(peer: PeerId, atMs: number): boolean {
    const acquaintedMs = this.#acquaintedMs.get(peer)
    return acquaintedMs === undefined ? this.#cluster.peer(peer).ringPeer?.status === 'up' : acquaintedMs <= atMs
  }
}
