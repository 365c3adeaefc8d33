/** The disks of peers that have stopped: equal byte for byte where they must be, and the records that are on them. */
import { equalBytes, toHex } from '../../src/core/bytes.ts'
import { decodeUtf8 } from '../../src/core/codec.ts'
import { mergeRecords, type StoredRecord } from '../../src/core/versions/record.ts'
import { encodeRecord } from '../../src/core/versions/record-codec.ts'
import type { RingInfo } from '../../src/entry/nodejs.ts'
import { decodeRow, keyOfRow, prefixes } from '../../src/protocol/storage-layout.ts'
import type { ChaosPeer } from './chaos-peer.ts'
import { ownersOf } from './convergence.ts'

export interface Disks {
  /** What the owners of each key hold, merged where they differ. */
  readonly records: ReadonlyMap<string, StoredRecord>
  readonly differences: readonly string[]
}

/** Reads all disks and compares them. */
export async function readDisks(peers: readonly ChaosPeer[], ring: RingInfo): Promise<Disks> {
  const copies = new Map<string, { readonly peer: ChaosPeer; readonly record: StoredRecord }[]>()
  const differences: string[] = []
  for (const peer of peers) {
    for (const { key, value } of await peer.rows()) {
      if (key[0] === prefixes.hint[0]) differences.push(`a hint is left on the disk of ${peer.name}`)
      if (key[0] !== prefixes.row[0]) continue
      const name = decodeUtf8(keyOfRow(key)) ?? toHex(keyOfRow(key))
      copies.set(name, [...(copies.get(name) ?? []), { peer, record: decodeRow(value).record }])
    }
  }
  const records = new Map<string, StoredRecord>()
  for (const [key, held] of copies) {
    records.set(key, held.map(({ record }) => record).reduce(mergeRecords))
    const owners = ownersOf(ring, key)
    const isComplete = held.length === owners.length && held.every(({ peer }) => owners.includes(peer.peerId))
    const [first, ...others] = held.map(({ record }) => encodeRecord(record))
    const isEqual = first !== undefined && others.every(other => equalBytes(first, other))
    if (!isComplete || !isEqual)
      differences.push(`${key}: ${held.length} copies${isEqual ? '' : ' that differ'} for ${owners.length} owners`)
  }
  return { records, differences }
}
