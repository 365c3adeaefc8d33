/** Keys, records and rows to measure with, and the processor's clock. */
import { emptyContext } from '../../../src/core/versions/causal-context.ts'
import { encodeUtf8 } from '../../../src/core/codec.ts'
import { actorOf, type ReplicaId, type RequestId } from '../../../src/core/identifiers.ts'
import { emptyRecord, putSibling, type StoredRecord } from '../../../src/core/versions/record.ts'
import type { LocalRow } from '../../../src/protocol/storage-layout.ts'

export const partitions = 1024

export function keyOf(index: number): Uint8Array {
  return encodeUtf8(`key-${index}`)
}

/** The record of a key that was written `counter` times by one replica. */
export function recordOf(index: number, counter: number): StoredRecord {
  const actor = actorOf('0011223344556677' as ReplicaId, index + 1)
  return putSibling(emptyRecord, emptyContext, {
    dot: { actor, counter },
    request: '00'.repeat(16) as RequestId,
    wallTime: 1,
    value: new Uint8Array(100)
  })
}

export function rowOf(index: number, counter: number): LocalRow {
  return { epoch: index + 1, record: recordOf(index, counter) }
}

/** Time that this process has used, in microseconds: other processes lengthen it less than that of a clock. */
export function cpuUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}
