/**
 * Under which replica id a run of a peer numbers its writes, when its storage might be an older state of itself: restored from a backup, set
 * back by a snapshot of a virtual machine, or copied.
 *
 * Such a storage has forgotten writes that others may know, and would number new ones the same; one of the two would then vanish without a
 * trace. From inside it cannot be told from the storage of a peer that crashed. So each run numbers its writes under an id of its own, with one
 * exception: a run that ends in good order leaves its id for the next one, as its very last row. The next run takes it if it is the row of the
 * run right before, and only minutes old. After a crash, or a long time, there is a new id, which costs each key that is then written here one
 * more entry in its version vector.
 *
 * Not covered: a copy of a storage that was taken after a good end, and put back within those minutes. That is noticed only when the peer meets
 * somebody who knows its later run (`membership.ts`).
 */
import { toHex } from '../../core/bytes.ts'
import { Reader, Writer } from '../../core/codec.ts'
import { isStoreError } from '../../core/errors.ts'
import { identifierBytes, type ReplicaId } from '../../core/identifiers.ts'
import { mintingIdMsMax } from '../../core/limits.ts'
import { runOf, type MemberRecord } from '../../core/members/member-record.ts'
import type { Prng } from '../../core/prng.ts'
import type { BatchOperation } from '../effect.ts'
import { metaKey } from '../storage-layout.ts'

/** Meta row of the id that a run leaves for the next. */
export const mintingIdKey: Uint8Array = metaKey('minting-id')

/** The id that was left is taken up once. */
export const takeMintingId: BatchOperation = { type: 'delete', key: mintingIdKey }

/** A replica id that nobody has had. */
export function freshReplicaId(random: Prng): ReplicaId {
  return toHex(Uint8Array.from({ length: 8 }, () => random.below(256))) as ReplicaId
}

/** Longest name of a run. */
const runBytesMax = 64

interface LeftMintingId {
  readonly id: ReplicaId
  /** Name of the run that left it; see `runOf`. */
  readonly run: string
  readonly wallMs: number
}

/** A run, by the id that it numbers its writes under and what it said of itself. */
export interface MintingRun {
  readonly mintingId: ReplicaId
  readonly member: MemberRecord | undefined
}

/** The last row that a run of a peer writes when it ends in good order, after everything else. */
export function leaveMintingId({ mintingId, member }: MintingRun, wallMs: number): BatchOperation {
  const out = new Writer(64)
  out.hex(1, mintingId)
  out.string(2, member === undefined ? '' : runOf(member))
  out.uint(3, wallMs)
  return { type: 'put', key: mintingIdKey, value: out.finish() }
}

/** The id for a run that follows the one that said `last` of itself (if any): the id that it left, or else `fresh`. */
export function mintingIdOf(
  row: Uint8Array | undefined,
  last: Pick<MemberRecord, 'incarnation' | 'sequence'> | undefined,
  wallMs: number,
  fresh: ReplicaId
): ReplicaId {
  const left = row === undefined ? undefined : decode(row)
  if (left === undefined || last === undefined || left.run !== runOf(last)) return fresh
  const ageMs = wallMs - left.wallMs
  return ageMs >= 0 && ageMs <= mintingIdMsMax ? left.id : fresh
}

function decode(row: Uint8Array): LeftMintingId | undefined {
  try {
    const reader = new Reader(row)
    let id = ''
    let run = ''
    let wallMs = 0
    for (let field = reader.field(); field !== 0; field = reader.field()) {
      if (field === 1) id = reader.hex(identifierBytes.replica)
      else if (field === 2) run = reader.string(runBytesMax)
      else if (field === 3) wallMs = reader.uint()
      else reader.unknown(field)
    }
    return id === '' ? undefined : { id: id as ReplicaId, run, wallMs }
  } catch (error) {
    if (!isStoreError(error)) throw error
    return undefined
  }
}
