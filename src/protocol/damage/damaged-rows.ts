/**
 * What happens to rows that the storage found damaged: a read, a scan, the start or the scrub came upon bytes whose checksum fails.
 *
 * What this peer still knows in memory it writes again; what it does not know counts as absent, durably, so that the next start counts it the
 * same and anti-entropy brings it from the other owners. The copy that comes back is born again, under a new epoch: what this one had
 * written is not known any more.
 *
 * - A replica row: written again from memory, else deleted with its index row, so that the next exchange refills it.
 * - An index row or a tombstone row: made again from its replica row.
 * - The sum of a partition: written again from memory; one found at the start is counted anew.
 * - A hint: written again from memory. One found at the start is owed to nobody known for certain, so the copy is owed to all of today's owners.
 *   Where there is no copy either, the key of the hint itself may be what rotted: the rows are walked once for copies that nobody is owed.
 * - A member record, the own identity, the epoch lease, the settled ring, the note of contacts: written again from memory. Found at the start, members are learnt again
 *   from the others, and the peer takes a new replica id (`store/storage-state.ts`): it may have forgotten what it minted.
 */
import { equalBytes, toMapKey } from '../../core/bytes.ts'
import type { PeerId } from '../../core/identifiers.ts'
import { mendsMax } from '../../core/limits.ts'
import { contactKey } from '../absence/contact-note.ts'
import type { BatchOperation, Effect, StorageClient } from '../effect.ts'
import type { EpochLease } from '../replica/epoch-lease.ts'
import type { HintedHandoff } from '../handoff/hinted-handoff.ts'
import type { Instant } from '../instant.ts'
import { keyOfIndexRow } from '../key-index/index-rows.ts'
import { indexedKey, indexedRow } from '../key-index/key-index.ts'
import { discardKey } from '../absence/discard.ts'
import { replicaIdKey, type Membership } from '../membership/membership.ts'
import { mintingIdKey } from '../replica/minting-id.ts'
import { summedKey, type PartitionSums } from '../key-index/partition-sums.ts'
import type { Rejoin } from '../absence/rejoin.ts'
import type { Replica, RowOperation } from '../replica/replica.ts'
import { ownersOf, type Routing } from '../requests/routing.ts'
import { encodeRow, epochLeaseKey, keyOfRow, parseHintKey, prefixes, rowKey, type LocalRow } from '../storage-layout.ts'
import { parseTombstoneKey, tombstoneOperations } from '../tombstones/tombstone-index.ts'
import type { Tokens } from '../tokens.ts'
import { settledRingKey, type Transfer } from '../moving/transfer.ts'

export interface DamagedRowsParts {
  readonly routing: Routing
  readonly tokens: Tokens
  readonly replica: Replica
  readonly hints: HintedHandoff
  readonly membership: Membership
  readonly lease: EpochLease
  readonly rejoin: Rejoin
  readonly transfer: Transfer
  readonly sums: PartitionSums
}

export class DamagedRows implements StorageClient {
  readonly #parts: DamagedRowsParts
  /** Rows that are being mended, by storage key: they are found again meanwhile. */
  readonly #mending = new Set<string>()
  /** Rows whose mending is one write, by its token. */
  readonly #writes = new Map<number, Uint8Array>()

  constructor(parts: DamagedRowsParts) {
    this.#parts = parts
  }

  /** The rows at these storage keys are damaged. Those past the bound are left to whoever finds them next. */
  found(now: Instant, storageKeys: readonly Uint8Array[], effects: Effect[]): void {
    for (const storageKey of storageKeys) {
      const name = toMapKey(storageKey)
      if (this.#mending.has(name) || this.#mending.size >= mendsMax) continue
      effects.push({ kind: 'report', event: { type: 'counted', name: 'storage.damaged-rows' } })
      effects.push({ kind: 'report', event: { type: 'storage-failed', code: 'ERR_RECORD_CORRUPT' } })
      this.#mend(now, storageKey, effects)
    }
  }

  written(_now: Instant, token: number): void {
    const storageKey = this.#writes.get(token)
    this.#writes.delete(token)
    if (storageKey !== undefined) this.#ended(storageKey)
  }

  /** The damaged row is found again. */
  failed(now: Instant, token: number): void {
    this.written(now, token)
  }

  loaded(): void {
    // Nothing is read.
  }

  scanned(): void {
    // Nothing is scanned.
  }

  #mend(now: Instant, storageKey: Uint8Array, effects: Effect[]): void {
    const { sums } = this.#parts
    switch (storageKey[0]) {
      case prefixes.row[0]:
        return this.#mendCopy(now, storageKey, keyOfRow(storageKey), effects)
      case prefixes.index[0]:
        return this.#mendCopy(now, storageKey, keyOfIndexRow(storageKey), effects)
      case prefixes.tombstone[0]:
        return this.#mendCopy(now, storageKey, parseTombstoneKey(storageKey)?.key ?? storageKey, effects)
      case prefixes.hint[0]:
        return this.#mendHint(now, storageKey, effects)
      case prefixes.sum[0]:
        return sums.mend(now, storageKey) ? undefined : this.#write(storageKey, undefined, effects)
      case prefixes.member[0]:
        return this.#write(storageKey, this.#parts.membership.rowAt(storageKey), effects)
      default:
        return this.#mendMeta(storageKey, effects)
    }
  }

  /** A replica row and the rows about it are mended together, in turn with whatever else happens to the key. */
  #mendCopy(now: Instant, storageKey: Uint8Array, key: Uint8Array, effects: Effect[]): void {
    this.#change(now, storageKey, key, row => [...copyRows(key, row), ...this.#forgotten(key, row)], effects, { isReindexed: true })
  }

  /** Hints for a copy of which this peer is no owner and nobody is owed: a walk after a change of the ring may have passed over the damaged row. */
  #forgotten(key: Uint8Array, row: LocalRow | undefined): readonly BatchOperation[] {
    const { hints, routing } = this.#parts
    const owners = ownersOf(routing, key)
    return row === undefined || owners.includes(routing.self) || hints.holds(key) ? [] : hints.store(owners, key, row.record)
  }

  #mendHint(now: Instant, storageKey: Uint8Array, effects: Effect[]): void {
    const hint = parseHintKey(storageKey)
    let isLost = false
    const owed = (row: LocalRow | undefined): readonly BatchOperation[] => {
      const rows = hint === undefined ? undefined : this.#owed(hint.target, hint.key, row)
      isLost = rows === undefined
      // Should the walk be cut short by a crash, the next start makes up for it.
      return rows ?? [{ type: 'delete', key: settledRingKey }]
    }
    const walk = (at: Instant, out: Effect[]): void => {
      if (isLost) this.#parts.transfer.walkAgain(at, out)
    }
    this.#change(now, storageKey, hint?.key ?? storageKey, owed, effects, { then: walk })
  }

  /** The hint rows in the place of a damaged one; `undefined` when nothing tells who is owed what. */
  #owed(target: PeerId, key: Uint8Array, row: LocalRow | undefined): readonly BatchOperation[] | undefined {
    const { hints, routing } = this.#parts
    const known = hints.rowsAt(target, key)
    if (known !== undefined || row === undefined) return known
    return hints.store(
      ownersOf(routing, key).filter(owner => owner !== routing.self),
      key,
      row.record
    )
  }

  /** The peer's key pair and cluster have a second row each, which the next start copies back. */
  #mendMeta(storageKey: Uint8Array, effects: Effect[]): void {
    const { lease, membership, rejoin, sums, transfer } = this.#parts
    if (equalBytes(storageKey, epochLeaseKey)) lease.renew(effects)
    else if (equalBytes(storageKey, replicaIdKey)) this.#write(storageKey, membership.identityRow(), effects)
    else if (equalBytes(storageKey, settledRingKey)) this.#write(storageKey, transfer.settledRow(), effects)
    else if (equalBytes(storageKey, contactKey)) rejoin.noteAgain()
    else if (equalBytes(storageKey, discardKey) || equalBytes(storageKey, mintingIdKey)) this.#write(storageKey, undefined, effects)
    else if (equalBytes(storageKey, indexedKey)) this.#write(storageKey, indexedRow, effects)
    else if (equalBytes(storageKey, summedKey)) this.#write(storageKey, sums.summedRow(), effects)
  }

  /** Mends a row in turn with whatever else happens to `key`: deletes it and writes in its place what `rows` says. */
  #change(
    now: Instant,
    storageKey: Uint8Array,
    key: Uint8Array,
    rows: (row: LocalRow | undefined) => readonly BatchOperation[],
    effects: Effect[],
    { isReindexed = false, then = () => undefined }: { readonly isReindexed?: boolean; then?(now: Instant, effects: Effect[]): void }
  ): void {
    this.#mending.add(toMapKey(storageKey))
    const operation: RowOperation = {
      from: undefined,
      apply: (_now, row) => ({ row, operations: [{ type: 'delete', key: storageKey }, ...rows(row)], then: [], isReindexed }),
      settled: (at, out) => {
        this.#ended(storageKey)
        then(at, out)
      },
      fail: () => this.#ended(storageKey)
    }
    this.#parts.replica.change(now, key, operation, effects)
  }

  #write(storageKey: Uint8Array, row: BatchOperation | undefined, effects: Effect[]): void {
    const token = this.#parts.tokens.take(this)
    this.#mending.add(toMapKey(storageKey))
    this.#writes.set(token, storageKey)
    effects.push({ kind: 'write', batch: [row ?? { type: 'delete', key: storageKey }], then: [], token })
  }

  #ended(storageKey: Uint8Array): void {
    this.#mending.delete(toMapKey(storageKey))
  }
}

/** The rows of a copy that is known in memory; of one that is not, their deletion. The replica adds the index row. A tombstone row is forgotten by the reaper. */
function copyRows(key: Uint8Array, row: LocalRow | undefined): readonly BatchOperation[] {
  const copy: BatchOperation =
    row === undefined ? { type: 'delete', key: rowKey(key) } : { type: 'put', key: rowKey(key), value: encodeRow(row) }
  return [copy, ...tombstoneOperations(key, undefined, row)]
}
