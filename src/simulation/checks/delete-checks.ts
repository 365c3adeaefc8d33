/**
 * Deletes stay deleted: a tombstone is reaped only once every owner has known it, as the very record that they were asked about; what was reaped is not
 * taken back; and nothing that a reaped tombstone had deleted is there at the end.
 *
 * Two exceptions are promised to nobody, and let pass write by write: what a hint somewhere still carried when the tombstone went, and what a peer
 * back from a long absence keeps because it may be the last copy. An acknowledged write outranks a delete.
 */
import { toMapKey } from '../../core/bytes.ts'
import { covers, descends, type CausalContext } from '../../core/versions/causal-context.ts'
import type { PeerId, RequestId } from '../../core/identifiers.ts'
import { reapedRememberedMs } from '../../core/limits.ts'
import { isDeleted, recordHash, type StoredRecord } from '../../core/versions/record.ts'
import type { BatchOperation, ProtocolEvent } from '../../protocol/effect.ts'
import type { Message } from '../../protocol/wire/message.ts'
import { decodeRow, keyOfRow, parseHintKey, prefixes, rowKey } from '../../protocol/storage-layout.ts'
import { parseTombstoneKey } from '../../protocol/tombstones/tombstone-index.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describeRecord, keyText } from '../run/trace.ts'

/** A tombstone that went, and the run of the peer that remembers it. */
interface Grave {
  readonly context: CausalContext
  readonly startedAtMs: number | undefined
  readonly atMs: number
}

export interface DeleteChecksParts {
  readonly cluster: Cluster
  readonly graceMs: number
  /** All that a peer ever held durably of a key. */
  everHeld(peer: PeerId, key: Uint8Array): CausalContext
  /** A copy of a tombstone went for good. */
  forgotten(record: StoredRecord): void
  found(problem: string): void
}

export class DeleteChecks {
  readonly #parts: DeleteChecksParts
  /** Copies that are nothing but tombstones. */
  readonly #tombstones = new Map<string, StoredRecord>()
  readonly #graves = new Map<string, Grave>()
  /** Hashes of the tombstones that a peer was told to drop, or told others to drop, by peer and key. */
  readonly #orders = new Map<string, Set<string>>()
  readonly #mayReturn = new Set<RequestId>()
  /** Copies that were reaped, and that were discarded. */
  readonly counts: { reaped: number; discarded: number } = { reaped: 0, discarded: 0 }

  constructor(parts: DeleteChecksParts) {
    this.#parts = parts
  }

  /** Values, and deletes of values, that were deleted and may be there all the same. */
  get mayReturn(): ReadonlySet<RequestId> {
    return this.#mayReturn
  }

  /** A peer sends a message. */
  sent(from: PeerId, to: PeerId, message: Message): void {
    if (message.type !== 'reap-drop') return
    for (const { key, hash } of message.entries) {
      for (const name of [nameOf(from, key), nameOf(to, key)]) {
        const hashes = this.#orders.get(name) ?? new Set()
        this.#orders.set(name, hashes.add(hash))
      }
    }
  }

  /** A batch became durable at a peer, which may end before it can report what it did. */
  becameDurable(peer: PeerId, batch: readonly BatchOperation[]): void {
    // A copy that a fallback drops goes with its last hint, and is somewhere else.
    const isHandedOff = batch.some(({ key }) => key[0] === prefixes.hint[0])
    for (const operation of batch) {
      if (operation.type === 'delete' && !isHandedOff) this.#deleted(peer, operation.key)
      else if (operation.type === 'put' && operation.key[0] === prefixes.row[0])
        this.#stored(peer, keyOfRow(operation.key), decodeRow(operation.value).record)
    }
  }

  /** A peer reports an event. */
  reported(peer: PeerId, event: ProtocolEvent): void {
    if (event.type === 'tombstone-reaped') this.#reaped(peer, event.key, event.record)
    else if (event.type === 'key-discarded') this.counts.discarded += 1
    else if (event.type === 'key-kept') this.#excuse(peer, event.key)
    else if (event.type === 'counted' && event.name === 'absence.kept')
      for (const { key } of this.#parts.cluster.peer(peer).storage.rows(prefixes.row)) this.#excuse(peer, keyOfRow(key))
  }

  /** Tombstones that are left anywhere. */
  left(): readonly string[] {
    return this.#parts.cluster.running().flatMap(({ peer, storage }) => {
      const { length } = storage.rows(prefixes.tombstone)
      return length === 0 ? [] : [`${peer} still holds ${length} tombstones`]
    })
  }

  #stored(peer: PeerId, key: Uint8Array, record: StoredRecord): void {
    if (isDeleted(record)) this.#tombstones.set(nameOf(peer, key), record)
    else this.#tombstones.delete(nameOf(peer, key))
    this.#checkNew(peer, key, record)
  }

  /** A row goes: the mark of a tombstone old enough to be reaped, perhaps. */
  #deleted(peer: PeerId, storageKey: Uint8Array): void {
    const mark = storageKey[0] === prefixes.tombstone[0] ? parseTombstoneKey(storageKey) : undefined
    if (mark === undefined || this.#copy(peer, mark.key) !== undefined) return
    const { cluster, graceMs, forgotten } = this.#parts
    const record = this.#tombstones.get(nameOf(peer, mark.key))
    if (record !== undefined && mark.atMs + graceMs <= cluster.peer(peer).clock.now().wallMs) forgotten(record)
  }

  /** What a peer reaped while it runs it knows for a while: none of that comes back to it. */
  #checkNew(peer: PeerId, key: Uint8Array, record: StoredRecord): void {
    const grave = this.#graves.get(nameOf(peer, key))
    if (grave === undefined || grave.startedAtMs !== this.#parts.cluster.peer(peer).startedAtMs) return
    if (this.#parts.cluster.time.nowMs - grave.atMs >= reapedRememberedMs) return
    if (record.siblings.every(({ dot }) => covers(grave.context, dot)))
      this.#parts.found(`${peer} takes back what it reaped of ${keyText(key)}: ${describeRecord(record)}`)
  }

  #reaped(peer: PeerId, key: Uint8Array, record: StoredRecord): void {
    const { cluster, forgotten } = this.#parts
    this.counts.reaped += 1
    forgotten(record)
    const { startedAtMs } = cluster.peer(peer)
    this.#graves.set(nameOf(peer, key), { context: record.context, startedAtMs, atMs: cluster.time.nowMs })
    const owners = cluster.owners(keyText(key), peer)
    for (const owner of owners) this.#checkOwner(peer, owner, key, record)
    if (owners.length > 1 && this.#orders.get(nameOf(peer, key))?.has(recordHash(record)) !== true)
      this.#parts.found(`${peer} reaped ${describeRecord(record)} of ${keyText(key)}, which nobody ordered`)
    for (const other of cluster.peers) if (this.#hasHint(other, key)) this.#excuse(other, key)
  }

  /** Each owner holds the tombstone, or what has seen it, or nothing any more. */
  #checkOwner(peer: PeerId, owner: PeerId, key: Uint8Array, record: StoredRecord): void {
    const copy = this.#copy(owner, key)
    const known = copy?.context ?? this.#parts.everHeld(owner, key)
    const returning = copy?.siblings.filter(({ dot, value }) => value !== undefined && covers(record.context, dot)) ?? []
    if (descends(known, record.context) && returning.length === 0) return
    const held = copy === undefined ? 'nothing' : describeRecord(copy)
    this.#parts.found(`${peer} reaped ${keyText(key)}, and its owner ${owner} holds ${held} instead of ${describeRecord(record)}`)
  }

  /** What a peer holds of a key may come back: a copy is kept and given whole, so older deletes come along with the write that it is kept for. */
  #excuse(peer: PeerId, key: Uint8Array): void {
    for (const { request } of this.#copy(peer, key)?.siblings ?? []) this.#mayReturn.add(request)
  }

  #copy(peer: PeerId, key: Uint8Array): StoredRecord | undefined {
    const row = this.#parts.cluster.peer(peer).storage.get(rowKey(key))
    return row === undefined ? undefined : decodeRow(row).record
  }

  #hasHint(peer: PeerId, key: Uint8Array): boolean {
    const mapKey = toMapKey(key)
    const { storage } = this.#parts.cluster.peer(peer)
    return storage.rows(prefixes.hint).some(row => toMapKey(parseHintKey(row.key)?.key ?? row.key) === mapKey)
  }
}

function nameOf(peer: PeerId, key: Uint8Array): string {
  return `${peer}/${toMapKey(key)}`
}
