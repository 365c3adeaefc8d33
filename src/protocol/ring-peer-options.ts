/** What a peer starts from: who it is, what its storage holds, and how much of what it may do. */
import type { ReplicaId } from '../core/identifiers.ts'
import type { ScannedRow } from './effect.ts'
import type { ClusterConfiguration } from './membership/hello.ts'
import type { MembershipParts } from './membership/membership.ts'
import type { NeighbourhoodOptions } from './membership/neighbourhood.ts'
import type { StoredSums } from './key-index/partition-sums.ts'
import type { AbsenceRows } from './absence/rejoin.ts'

type Memberships = Pick<MembershipParts, 'signer' | 'verifier' | 'random' | 'own' | 'view' | 'evictAfterMs' | 'recordOf'>

/** What a peer starts from. */
export interface RingPeerOptions extends Memberships, Pick<NeighbourhoodOptions, 'ringOf' | 'neighboursMax'> {
  readonly configuration: ClusterConfiguration
  /** First epoch that was never leased. */
  readonly epochLease: number
  /** Digest of the last ring that was worked through, or empty. */
  readonly settledRing: string
  /** Replica id that writes are numbered under; see `minting-id.ts`. @default the own one */
  readonly mintingId?: ReplicaId
  /** Hint rows found in storage. */
  readonly hintRows: readonly ScannedRow[]
  /** Storage keys of rows that were found damaged meanwhile. */
  readonly damagedRows?: readonly Uint8Array[]
  readonly sums: StoredSums
  readonly keysMax?: number
  /** Age at which a tombstone that all owners hold is reaped. */
  readonly tombstoneGraceMs: number
  readonly absenceRows: AbsenceRows
}
