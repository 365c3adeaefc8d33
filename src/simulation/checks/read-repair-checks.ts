/**
 * A read that shows what an owner lacks repairs that owner (the paper, section 5). Hints and anti-entropy bring the owner what it lacks too, so
 * that the copies at the end do not tell whether reads do their part: here the messages are watched. Not checked: repairs by what arrives after
 * the caller got its answer, and reads after whose answer the ring changes.
 */
import { toMapKey } from '../../core/bytes.ts'
import { covers, emptyContext, joinContexts, type CausalContext } from '../../core/versions/causal-context.ts'
import { encodeUtf8 } from '../../core/codec.ts'
import type { PeerId } from '../../core/identifiers.ts'
import type { StoredRecord } from '../../core/versions/record.ts'
import type { Message } from '../../protocol/wire/message.ts'
import type { AskedCall, GetAnswer } from '../run/client-call.ts'
import type { Cluster } from '../cluster/cluster.ts'

export interface ReadRepairParts {
  readonly cluster: Cluster
  /** Time within which every read has ended. */
  readonly patienceMs: number
  /** How long a peer has run with the ring that it has. */
  steadyMs(peer: PeerId): number
  found(problem: string): void
}

export class ReadRepairChecks {
  readonly #parts: ReadRepairParts
  /** The key of each fetch, by who sent it and its number. */
  readonly #fetched = new Map<string, string>()
  /** All that an owner ever told a reader of a key. */
  readonly #told = new Map<string, CausalContext>()
  /** When a reader last sent an owner a repair of a key. */
  readonly #repairedMs = new Map<string, number>()

  constructor(parts: ReadRepairParts) {
    this.#parts = parts
  }

  /** A peer sends a message. */
  sent(from: PeerId, to: PeerId, message: Message): void {
    if (message.type === 'fetch') this.#fetched.set(`${from} ${message.id}`, toMapKey(message.key))
    else if (message.type === 'fetched') this.#note(to, from, message.id, message.record)
    else if (message.type === 'repair') this.#repairedMs.set(`${from} ${to} ${toMapKey(message.key)}`, this.#parts.cluster.time.nowMs)
  }

  #note(reader: PeerId, owner: PeerId, id: number, record: StoredRecord | undefined): void {
    const name = `${reader} ${owner} ${this.#fetched.get(`${reader} ${id}`)}`
    if (record !== undefined) this.#told.set(name, joinContexts(this.#told.get(name) ?? emptyContext, record.context))
  }

  /** A caller's get succeeded: whoever of those that replied owns the key and lacks what is shown is sent a repair. */
  got({ peer, key, askedAtMs }: AskedCall, { replied }: GetAnswer, record: StoredRecord): void {
    const { cluster, steadyMs } = this.#parts
    if (steadyMs(peer) <= cluster.time.nowMs - askedAtMs) return
    for (const owner of cluster.owners(key, peer)) if (owner !== peer && replied.includes(owner)) this.#judge(peer, owner, key, record)
  }

  #judge(reader: PeerId, owner: PeerId, key: string, { siblings }: StoredRecord): void {
    const { cluster, patienceMs, steadyMs, found } = this.#parts
    const name = `${reader} ${owner} ${toMapKey(encodeUtf8(key))}`
    const hasTold = (): boolean => {
      const told = this.#told.get(name) ?? emptyContext
      return siblings.every(({ dot }) => covers(told, dot))
    }
    if (hasTold()) return
    const sinceMs = cluster.time.nowMs
    const peer = cluster.peer(reader)
    const { startedAtMs } = peer
    cluster.time.after(patienceMs, () => {
      // One that lost the key to another while the read still listened is not repaired: the ring has to be the one of the answer.
      if (steadyMs(reader) < patienceMs) return
      const isRepaired = (this.#repairedMs.get(name) ?? Number.NEGATIVE_INFINITY) >= sinceMs
      // A fetch that the network repeated is answered twice: the owner may have it by then, and say so.
      if (!isRepaired && !hasTold() && peer.startedAtMs === startedAtMs && !peer.isPaused)
        found(`${reader} read more of ${key} than ${owner} had, and did not repair it`)
    })
  }
}
