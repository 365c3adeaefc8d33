/**
 * What a storage knows of the peer it belongs to: key pair, replica id, cluster, members, hints. Read, and where the storage is new made,
 * before the peer starts.
 */
import { toHex } from '../core/bytes.ts'
import { decodeUtf8 } from '../core/codec.ts'
import { isStoreError, StoreError } from '../core/errors.ts'
import type { ReplicaId } from '../core/identifiers.ts'
import { decodeMember, type MemberRecord } from '../core/members/member-record.ts'
import { mendsMax } from '../core/limits.ts'
import { viewOf, type MembershipView } from '../core/members/membership-view.ts'
import type { Random } from '../ports/random.ts'
import type { Storage, StorageOperation, StorageRow } from '../ports/storage.ts'
import type { ClusterConfiguration } from '../protocol/membership/hello.ts'
import { contactKey } from '../protocol/absence/contact-note.ts'
import { discardKey } from '../protocol/absence/discard.ts'
import { replicaIdKey } from '../protocol/membership/membership.ts'
import type { AbsenceRows } from '../protocol/absence/rejoin.ts'
import { mintingIdKey } from '../protocol/replica/minting-id.ts'
import { decodeNumber, decodeRow, encodeNumber, epochLeaseKey, metaKey, prefixes } from '../protocol/storage-layout.ts'
import { settledRingKey } from '../protocol/moving/transfer.ts'
import { intactRows, readOrDamaged } from './intact-rows.ts'
import { ensureIndexed, storedSums } from './stored-index.ts'
import type { StoredSums } from '../protocol/key-index/partition-sums.ts'
import { utf8 } from './text.ts'

export interface StorageState {
  /** 32 secret bytes of the peer's key. */
  readonly seed: Uint8Array
  readonly replica: ReplicaId
  readonly view: MembershipView
  readonly epochLease: number
  readonly settledRing: string
  readonly absenceRows: AbsenceRows
  readonly hintRows: readonly StorageRow[]
  /** What the last run left for this one. */
  readonly mintingId: Uint8Array | undefined
  /** Storage keys of rows that were found damaged and left out. */
  readonly damagedRows: readonly Uint8Array[]
  readonly sums: StoredSums
}

/** What cannot be had again from anybody lies in two rows each: as long as one can be read, the other is written again. */
const seedKeys = twoKeys('seed')
const clusterKeys = twoKeys('cluster')

/**
 * Loads the state of an open storage; a new one gets a key pair, a replica id and its cluster, durably. A storage that lost some of its memory
 * gets a new replica id: it might mint again what it has forgotten. Rows that are damaged are left out: they count as lost.
 *
 * @throws `ERR_STORE_CLUSTER` when the storage belongs to another cluster or configuration; `ERR_RECORD_CORRUPT` when both rows of its key pair or
 * its cluster are damaged
 */
export async function loadStorageState(storage: Storage, configuration: ClusterConfiguration, random: Random): Promise<StorageState> {
  const damagedRows: Uint8Array[] = []
  const found = (key: Uint8Array): void => {
    if (damagedRows.length < mendsMax) damagedRows.push(key)
  }
  const made: StorageOperation[] = []
  const seed = await loadTwice(storage, seedKeys, made)
  const cluster = await loadTwice(storage, clusterKeys, made)
  const { memory, made: remembered } = await loadMemory(storage, random, found)
  made.push(...remembered)
  const description = utf8(JSON.stringify([configuration.cluster, configuration.partitions, configuration.replicas]))
  const keepTwice = (keys: TwoKeys, value: Uint8Array): Uint8Array => {
    for (const key of keys) made.push({ type: 'put', key, value })
    return value
  }
  checkCluster(cluster ?? keepTwice(clusterKeys, description), configuration)
  const state = {
    seed: seed ?? keepTwice(seedKeys, random.bytes(32)),
    ...memory,
    view: await loadView(storage, found),
    hintRows: await collect(intactRows(storage, { prefix: prefixes.hint }, found)),
    damagedRows
  }
  if (made.length > 0) await storage.write(made)
  await ensureIndexed(storage)
  return { ...state, sums: await storedSums(storage) }
}

type TwoKeys = readonly [first: Uint8Array, second: Uint8Array]

function twoKeys(name: string): TwoKeys {
  return [metaKey(name), metaKey(`${name}-again`)]
}

/** A value that lies in two rows; `made` gets the row that is missing or damaged. */
async function loadTwice(storage: Storage, keys: TwoKeys, made: StorageOperation[]): Promise<Uint8Array | undefined> {
  const rows = [await readOrDamaged(storage, keys[0]), await readOrDamaged(storage, keys[1])] as const
  const value = rows.find(row => row instanceof Uint8Array)
  if (value === undefined && rows.includes('damaged')) throw unknownPeerError(storage.status().location)
  for (const [index, key] of keys.entries())
    if (value !== undefined && !(rows[index] instanceof Uint8Array)) made.push({ type: 'put', key, value })
  return value
}

function unknownPeerError(location: string): StoreError {
  const message = `The storage ${location} is damaged: the rows that say which peer it belongs to cannot be read. Move it away and start again: a new peer is filled from the other replicas.`
  return new StoreError('ERR_RECORD_CORRUPT', message, { details: { location } })
}

type Memory = Pick<StorageState, 'replica' | 'epochLease' | 'settledRing' | 'absenceRows' | 'mintingId'>

/** What the storage remembers of its own doings; nothing, once a part of it was lost. */
async function loadMemory(
  storage: Storage,
  random: Random,
  damaged: (key: Uint8Array) => void
): Promise<{ readonly memory: Memory; readonly made: readonly StorageOperation[] }> {
  const keys = [replicaIdKey, epochLeaseKey, settledRingKey, contactKey, discardKey, mintingIdKey] as const
  const rows = await Promise.all(keys.map(key => readOrDamaged(storage, key, damaged)))
  const [replica, lease, settled, contact, discard, mintingId] = rows
  const isLost = storage.status().recovered > 0 || replica === 'damaged' || lease === 'damaged' || settled === 'damaged'
  if (isLost || replica === undefined) return newMemory(random, isLost ? await firstEpochBehindCopies(storage, damaged) : 1)
  const memory: Memory = {
    replica: textOf(replica) as ReplicaId,
    epochLease: lease === undefined ? 1 : decodeNumber(lease),
    settledRing: settled === undefined ? '' : textOf(settled),
    absenceRows: { contact: unless(contact), discard: unless(discard) },
    mintingId: unless(mintingId)
  }
  return { memory, made: [] }
}

/** A new replica id. Its rows are durable before anything is written under it. */
function newMemory(random: Random, epochLease: number): { readonly memory: Memory; readonly made: readonly StorageOperation[] } {
  const replica = toHex(random.bytes(8)) as ReplicaId
  const made: readonly StorageOperation[] = [
    { type: 'put', key: replicaIdKey, value: utf8(replica) },
    { type: 'put', key: epochLeaseKey, value: encodeNumber(epochLease) }
  ]
  return {
    memory: { replica, epochLease, settledRing: '', absenceRows: { contact: undefined, discard: undefined }, mintingId: undefined },
    made
  }
}

/** Copies keep their epochs under the new replica id, so one that is born again must not get an epoch that any of them has. */
async function firstEpochBehindCopies(storage: Storage, damaged: (key: Uint8Array) => void): Promise<number> {
  let most = 0
  for await (const { value } of intactRows(storage, { prefix: prefixes.row }, damaged)) most = Math.max(most, epochOf(value))
  return most + 1
}

/** The epoch of a stored copy; 0 when it cannot be decoded, which counts as lost. */
function epochOf(value: Uint8Array): number {
  try {
    return decodeRow(value).epoch
  } catch (error) {
    if (!isStoreError(error)) throw error
    return 0
  }
}

/** A row, or nothing where it is damaged. */
function unless(row: Uint8Array | 'damaged' | undefined): Uint8Array | undefined {
  return row === 'damaged' ? undefined : row
}

function checkCluster(stored: Uint8Array, configuration: ClusterConfiguration): void {
  const [cluster, partitions, replicas] = parseDescription(stored)
  if (cluster === configuration.cluster && partitions === configuration.partitions && replicas === configuration.replicas) return
  throw new StoreError(
    'ERR_STORE_CLUSTER',
    `This storage belongs to cluster ${JSON.stringify(cluster)} with ${String(partitions)} partitions and ${String(replicas)} replicas, ` +
      `not to ${JSON.stringify(configuration.cluster)} with ${configuration.partitions} and ${configuration.replicas}. Use another folder or database name.`
  )
}

function parseDescription(stored: Uint8Array): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(textOf(stored))
    return Array.isArray(parsed) ? parsed : []
  } catch {
    return []
  }
}

async function loadView(storage: Storage, damaged: (key: Uint8Array) => void): Promise<MembershipView> {
  const records: MemberRecord[] = []
  for await (const { value } of intactRows(storage, { prefix: prefixes.member }, damaged)) {
    try {
      records.push(decodeMember(value))
    } catch (error) {
      // A member that cannot be read is learnt again from the others.
      if (!isStoreError(error)) throw error
    }
  }
  return viewOf(records)
}

async function collect(rows: AsyncIterable<StorageRow>): Promise<readonly StorageRow[]> {
  const collected: StorageRow[] = []
  for await (const row of rows) collected.push({ key: row.key.slice(), value: row.value.slice() })
  return collected
}

function textOf(bytes: Uint8Array): string {
  return decodeUtf8(bytes) ?? ''
}
