/** What a peer finds in its simulated storage when it starts: the same rows that `store/storage-state.ts` reads, at once. */
import { decodeUtf8, encodeUtf8 } from '../../core/codec.ts'
import { isStoreError } from '../../core/errors.ts'
import type { PeerId, ReplicaId } from '../../core/identifiers.ts'
import { decodeMember, type MemberRecord } from '../../core/members/member-record.ts'
import { viewOf, type MembershipView } from '../../core/members/membership-view.ts'
import type { Prng } from '../../core/prng.ts'
import type { ScannedRow } from '../../protocol/effect.ts'
import { contactKey } from '../../protocol/absence/contact-note.ts'
import { discardKey } from '../../protocol/absence/discard.ts'
import { replicaIdKey } from '../../protocol/membership/membership.ts'
import type { AbsenceRows } from '../../protocol/absence/rejoin.ts'
import { indexedKey, indexedRow, indexRowOf } from '../../protocol/key-index/key-index.ts'
import { summedKey, type StoredSums } from '../../protocol/key-index/partition-sums.ts'
import { decodeNumber, decodeRow, encodeNumber, epochLeaseKey, prefixes } from '../../protocol/storage-layout.ts'
import { tombstoneRowsOf } from '../../protocol/tombstones/tombstone-index.ts'
import { freshReplicaId, mintingIdKey } from '../../protocol/replica/minting-id.ts'
import { settledRingKey } from '../../protocol/moving/transfer.ts'
import type { SimulatedStorage } from './simulated-storage.ts'

export interface StoredState {
  readonly replica: ReplicaId
  readonly view: MembershipView
  readonly epochLease: number
  readonly settledRing: string
  readonly absenceRows: AbsenceRows
  readonly hintRows: readonly ScannedRow[]
  /** Storage keys of rows that cannot be read, as far as a start looks at them. */
  readonly damagedRows: readonly Uint8Array[]
  readonly sums: StoredSums
  readonly rows: number
  /** What this peer said of itself at the end of the run before; `undefined` when there was none. */
  readonly own: MemberRecord | undefined
  /** What that run left for this one. */
  readonly mintingId: Uint8Array | undefined
}

type ReadsRecord = (bytes: Uint8Array) => MemberRecord

/** Loads the state of `peer`; a new storage gets a replica id, durably. */
export function loadStoredState(storage: SimulatedStorage, peer: PeerId, random: Prng, recordOf: ReadsRecord = decodeMember): StoredState {
  const damagedRows = [prefixes.meta, prefixes.member, prefixes.hint].flatMap(prefix => storage.damagedKeys(prefix))
  ensureIndexed(storage)
  const view = loadView(storage, recordOf)
  const memory = loadMemory(storage, random)
  const own = view.get(peer)
  return {
    ...memory,
    view,
    hintRows: storage.rows(prefixes.hint),
    damagedRows,
    sums: {
      isComplete: storage.get(summedKey) !== undefined,
      rows: storage.rows(prefixes.sum),
      damaged: storage.damagedKeys(prefixes.sum)
    },
    rows: storage.rows(prefixes.row).length,
    own
  }
}

type Memory = Pick<StoredState, 'replica' | 'epochLease' | 'settledRing' | 'absenceRows' | 'mintingId'>

/** What the storage remembers of its own doings; nothing, once a part of it cannot be read. */
function loadMemory(storage: SimulatedStorage, random: Prng): Memory {
  const replica = textOf(storage.get(replicaIdKey))
  const isLost = [replicaIdKey, epochLeaseKey, settledRingKey].some(key => storage.isDamaged(key))
  if (replica === undefined || isLost) return newMemory(storage, random)
  const lease = storage.get(epochLeaseKey)
  return {
    replica: replica as ReplicaId,
    epochLease: lease === undefined ? 1 : decodeNumber(lease),
    settledRing: textOf(storage.get(settledRingKey)) ?? '',
    absenceRows: { contact: storage.get(contactKey), discard: storage.get(discardKey) },
    mintingId: storage.get(mintingIdKey)
  }
}

/** Epochs begin behind those of the copies that are there. */
function newMemory(storage: SimulatedStorage, random: Prng): Memory {
  const replica = freshReplicaId(random)
  const epochLease = 1 + storage.rows(prefixes.row).reduce((most, { value }) => Math.max(most, decodeRow(value).epoch), 0)
  storage.tamper({ type: 'put', key: replicaIdKey, value: encodeUtf8(replica) })
  storage.tamper({ type: 'put', key: epochLeaseKey, value: encodeNumber(epochLease) })
  return { replica, epochLease, settledRing: '', absenceRows: { contact: undefined, discard: undefined }, mintingId: undefined }
}

/** A storage without a complete index gets one from its rows. */
function ensureIndexed(storage: SimulatedStorage): void {
  if (storage.get(indexedKey) !== undefined) return
  storage.tamper({ type: 'delete', key: summedKey })
  for (const row of storage.rows(prefixes.row))
    for (const operation of [indexRowOf(row), ...tombstoneRowsOf(row)]) storage.tamper(operation)
  storage.tamper(indexedRow)
}

function loadView(storage: SimulatedStorage, recordOf: ReadsRecord): MembershipView {
  const records: MemberRecord[] = []
  for (const { value } of storage.rows(prefixes.member)) {
    try {
      records.push(recordOf(value))
    } catch (error) {
      // A member that cannot be read is learnt again from the others.
      if (!isStoreError(error)) throw error
    }
  }
  return viewOf(records)
}

function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : decodeUtf8(bytes)
}
