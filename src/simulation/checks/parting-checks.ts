/**
 * Nobody parts with a copy that others rely on it to have: at the moment at which a peer asks its disk to drop a copy of which it is no owner any more, every
 * owner in its ring has had all of it on its own disk; and a peer that has left leaves nothing behind that its heirs lack. One that goes as heard is gone
 * for good on the disk of another.
 *
 * What an owner has ever held counts, as it parts with copies by the same rule, perhaps because of a newer ring than the dropper knows of. Excepted is
 * what is promised to nobody or judged elsewhere:
 *
 * - The one disk of a run that takes damage may have lost what it confirmed.
 * - A copy that goes with its last hint was never its peer's to keep: whoever coordinated the write cares for the other owners.
 * - Copies that are reaped, or discarded after a long absence, go for another reason, which is reported with them (`delete-checks.ts`).
 * - A peer that ends before it could report what it dropped is not judged: by then nobody can tell which of these it was.
 */
import { toMapKey } from '../../core/bytes.ts'
import { descends, type CausalContext } from '../../core/versions/causal-context.ts'
import type { PeerId } from '../../core/identifiers.ts'
import { decodeMember, isGone } from '../../core/members/member-record.ts'
import type { StoredRecord } from '../../core/versions/record.ts'
import type { BatchOperation, ProtocolEvent } from '../../protocol/effect.ts'
import { partitionOfKey } from '../../protocol/requests/routing.ts'
import { decodeRow, keyOfRow, memberKey, prefixes } from '../../protocol/storage-layout.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { AskedOperation } from '../cluster/simulated-storage.ts'
import { describeRecord, keyText } from '../run/trace.ts'

export interface PartingChecksParts {
  readonly cluster: Cluster
  /** All that a peer ever held durably of a key. */
  everHeld(peer: PeerId, key: Uint8Array): CausalContext
  /** The peer whose disk took damage, if any did. */
  damaged(): PeerId | undefined
  found(problem: string): void
}

export class PartingChecks {
  readonly #parts: PartingChecksParts
  /** What is wrong about the drops under way, by peer and key. */
  readonly #suspected = new Map<string, string>()
  /** Peers that had others to give their copies to when they began to leave. */
  readonly #hasHeirs = new Set<PeerId>()

  constructor(parts: PartingChecksParts) {
    this.#parts = parts
  }

  /** A peer asks its disk for something: what it drops it has made up its mind about just now, by the ring that it has. */
  asked(peer: PeerId, operation: AskedOperation): void {
    if (operation.kind !== 'write' || operation.batch.some(isHintGone)) return
    for (const { type, key } of operation.batch) if (type === 'delete' && key[0] === prefixes.row[0]) this.#drops(peer, key)
  }

  /** A peer reports an event. */
  reported(peer: PeerId, event: ProtocolEvent): void {
    if (event.type === 'key-discarded' || event.type === 'tombstone-reaped') this.#suspected.delete(nameOf(peer, event.key))
    else if (event.type === 'key-dropped') this.#dropped(peer, event.key)
    else if (event.type === 'members-changed' && event.peers.includes(peer)) this.#saidItsStatus(peer)
    else if (event.type === 'left') this.#left(peer, event.isHeard)
  }

  #drops(peer: PeerId, storageKey: Uint8Array): void {
    const key = keyOfRow(storageKey)
    const name = nameOf(peer, key)
    this.#suspected.delete(name)
    const row = this.#parts.cluster.peer(peer).storage.get(storageKey)
    const lacking = row === undefined ? undefined : this.#lacking(peer, key, decodeRow(row).record)
    if (lacking !== undefined) this.#suspected.set(name, `${peer} drops its copy of ${keyText(key)}, and ${lacking}`)
  }

  #dropped(peer: PeerId, key: Uint8Array): void {
    const problem = this.#suspected.get(nameOf(peer, key))
    this.#suspected.delete(nameOf(peer, key))
    if (problem !== undefined) this.#parts.found(problem)
  }

  #saidItsStatus(peer: PeerId): void {
    const ringPeer = this.#parts.cluster.peer(peer).ringPeer
    if (ringPeer?.status === 'joining') this.#hasHeirs.delete(peer)
    else if (ringPeer?.status === 'leaving' && ringPeer.ring().members.length > 0) this.#hasHeirs.add(peer)
  }

  /** The last member leaves with all it has; one that had heirs leaves nothing behind that they lack. */
  #left(peer: PeerId, isHeard: boolean): void {
    if (isHeard && this.#parts.damaged() === undefined && !this.#isRemembered(peer))
      this.#parts.found(`${peer} has left, and nobody would remember it`)
    if (!this.#hasHeirs.has(peer)) return
    for (const row of this.#parts.cluster.peer(peer).storage.rows(prefixes.row)) {
      const key = keyOfRow(row.key)
      const lacking = this.#lacking(peer, key, decodeRow(row.value).record)
      if (lacking !== undefined) this.#parts.found(`${peer} has left with a copy of ${keyText(key)}, and ${lacking}`)
    }
  }

  #isRemembered(peer: PeerId): boolean {
    const { cluster } = this.#parts
    return cluster.peers.some(other => {
      const row = other === peer ? undefined : cluster.peer(other).storage.get(memberKey(peer))
      return row !== undefined && isGone(decodeMember(row).status)
    })
  }

  /** Who would miss a copy that a peer parts with; `undefined` when nobody would. */
  #lacking(peer: PeerId, key: Uint8Array, record: StoredRecord): string | undefined {
    const { cluster, everHeld, damaged } = this.#parts
    const ring = cluster.peer(peer).ringPeer?.ring()
    const owners = ring?.owners(partitionOfKey(ring, key)) ?? []
    if (owners.length === 0) return 'nobody owns it'
    if (owners.includes(peer)) return 'it owns it'
    const lacking = owners.find(owner => owner !== damaged() && !descends(everHeld(owner, key), record.context))
    return lacking === undefined ? undefined : `its owner ${lacking} never had all of ${describeRecord(record)}`
  }
}

function isHintGone({ type, key }: BatchOperation): boolean {
  return type === 'delete' && key[0] === prefixes.hint[0]
}

function nameOf(peer: PeerId, key: Uint8Array): string {
  return `${peer}/${toMapKey(key)}`
}
