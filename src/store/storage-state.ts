/**
 * What a storage knows of the peer it belongs to: key pair, replica id, cluster, members, hints. Read, and where the storage is new made,
 * before the peer starts.
 */
import { toHex } from '../core/bytes.ts'
import { decodeUtf8 } from '../core/codec.ts'
import { isStoreError, StoreError } from '../core/errors.ts'
import type { PeerId, ReplicaId } from '../core/identifiers.ts'
import { decodeMember } from '../core/member-record.ts'
import { emptyView, type MembershipView } from '../core/membership-view.ts'
import type { Random } from '../ports/random.ts'
import type { Storage, StorageOperation, StorageRow } from '../ports/storage.ts'
import type { ClusterConfiguration } from '../protocol/hello.ts'
import { replicaIdKey } from '../protocol/membership.ts'
import { decodeNumber, epochLeaseKey, metaKey, prefixes } from '../protocol/storage-layout.ts'
import { settledRingKey } from '../protocol/transfer.ts'
import { intactRows } from './intact-rows.ts'
import { ensureIndexed } from './stored-index.ts'
import { utf8 } from './text.ts'

export interface StorageState {
  /** 32 secret bytes of the peer's key. */
  readonly seed: Uint8Array
  readonly replica: ReplicaId
  readonly view: MembershipView
  readonly epochLease: number
  readonly settledRing: string
  readonly hintRows: readonly StorageRow[]
}

const seedKey = metaKey('seed')
const clusterKey = metaKey('cluster')

/**
 * Loads the state of an open storage; a new one gets a key pair, a replica id and its cluster, durably. A storage that lost some of its memory
 * gets a new replica id: it might mint again what it has forgotten. Rows that are damaged are left out: they count as lost.
 *
 * @throws `ERR_STORE_CLUSTER` when the storage belongs to another cluster or configuration
 */
export async function loadStorageState(storage: Storage, configuration: ClusterConfiguration, random: Random): Promise<StorageState> {
  const [seed, cluster] = await storage.read([seedKey, clusterKey])
  const memory = await loadMemory(storage)
  const made: StorageOperation[] = []
  const keep = (key: Uint8Array, value: Uint8Array): Uint8Array => {
    made.push({ type: 'put', key, value })
    return value
  }
  const description = utf8(JSON.stringify([configuration.cluster, configuration.partitions, configuration.replicas]))
  checkCluster(cluster ?? keep(clusterKey, description), configuration)
  const state = {
    seed: seed ?? keep(seedKey, random.bytes(32)),
    replica: textOf(memory.replica ?? keep(replicaIdKey, utf8(toHex(random.bytes(8))))) as ReplicaId,
    view: await loadView(storage),
    epochLease: memory.lease === undefined ? 1 : decodeNumber(memory.lease),
    settledRing: memory.settled === undefined ? '' : textOf(memory.settled),
    hintRows: await collect(intactRows(storage, { prefix: prefixes.hint }, ignore))
  }
  if (made.length > 0) await storage.write(made)
  await ensureIndexed(storage)
  return state
}

/** What the storage remembers of its own doings; nothing, once a part of it was lost. */
async function loadMemory(storage: Storage): Promise<{
  readonly replica?: Uint8Array | undefined
  readonly lease?: Uint8Array | undefined
  readonly settled?: Uint8Array | undefined
}> {
  if (storage.status().recovered > 0) return {}
  try {
    const [replica, lease, settled] = await storage.read([replicaIdKey, epochLeaseKey, settledRingKey])
    return { replica, lease, settled }
  } catch (error) {
    if (isStoreError(error) && error.code === 'ERR_RECORD_CORRUPT') return {}
    throw error
  }
}

function ignore(): void {
  // A damaged row counts as lost; the read that needs it reports it.
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

async function loadView(storage: Storage): Promise<MembershipView> {
  let view = emptyView
  for await (const { value } of intactRows(storage, { prefix: prefixes.member }, ignore)) {
    try {
      view = view.with(decodeMember(value))
    } catch (error) {
      // A member that cannot be read is learnt again from the others.
      if (!isStoreError(error)) throw error
    }
  }
  return view
}

async function collect(rows: AsyncIterable<StorageRow>): Promise<readonly StorageRow[]> {
  const collected: StorageRow[] = []
  for await (const row of rows) collected.push({ key: row.key.slice(), value: row.value.slice() })
  return collected
}

function textOf(bytes: Uint8Array): string {
  return decodeUtf8(bytes) ?? ''
}

/** First incarnation of this start: past the one that the storage remembers. */
export function nextIncarnation(view: MembershipView, peer: PeerId): number {
  const own = view.get(peer)
  return own === undefined ? 1 : own.incarnation + 1
}
