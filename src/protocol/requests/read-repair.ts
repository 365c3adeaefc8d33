/**
 * Which replicas a read found stale (the paper, section 5: read repair). Only owners are repaired: a fallback that got a copy it has no
 * hint for would only have to give it back.
 */
import type { PeerId } from '../../core/identifiers.ts'
import { compareRecords, emptyRecord, type StoredRecord } from '../../core/versions/record.ts'

/** Owners whose reply lacks something that `merged` knows. */
export function staleReplicas(
  merged: StoredRecord,
  replies: ReadonlyMap<PeerId, StoredRecord | undefined>,
  owners: readonly PeerId[]
): readonly PeerId[] {
  if (merged === emptyRecord) return []
  return owners.filter(owner => replies.has(owner) && compareRecords(replies.get(owner) ?? emptyRecord, merged) !== 'equal')
}
