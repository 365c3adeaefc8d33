/** Bytes of the messages about members, as `wire.proto` describes them. */
import type { Reader, Writer } from '../../core/codec.ts'
import { peerIdBytesMax, type PeerId } from '../../core/identifiers.ts'
import { frameBytesMax, messageEntriesMax, viewBranchesMax } from '../../core/limits.ts'
import { readMember, type MemberRecord } from '../../core/members/member-record.ts'
import { branchDigestBytes } from '../../core/members/view-branches.ts'
import type { Message, ViewSummary } from './message.ts'
import { need } from './wire-check.ts'

const REPEATED_ONE: readonly number[] = [1]
const NOTHING: Uint8Array = new Uint8Array(0)

export function writeViewSummary(out: Writer, { entries, branches, covers }: ViewSummary): void {
  for (const entry of entries) out.message(1, body => writeViewEntry(body, entry))
  out.bytes(2, branches)
  out.bytes(3, covers)
}

function writeViewEntry(out: Writer, entry: ViewSummary['entries'][number]): void {
  out.string(1, entry.peerId)
  out.uint(2, entry.incarnation)
  out.uint(3, entry.sequence)
}

function readViewEntry(reader: Reader): ViewSummary['entries'][number] {
  let peerId = ''
  let incarnation = 0
  let sequence = 0
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) peerId = reader.string(peerIdBytesMax)
    else if (field === 2) incarnation = reader.uint()
    else if (field === 3) sequence = reader.uint()
    else reader.unknown(field)
  }
  need(peerId !== '', 'a view entry')
  return { peerId: peerId as PeerId, incarnation, sequence }
}

export function readViewSummary(reader: Reader): Message {
  const entries: ViewSummary['entries'][number][] = []
  let branches = NOTHING
  let covers = NOTHING
  for (let field = reader.field(); field !== 0; field = reader.field(REPEATED_ONE)) {
    if (field === 1) entries.push(readViewEntry(reader.message(1024)))
    else if (field === 2) branches = readSome(reader, viewBranchesMax * branchDigestBytes)
    else if (field === 3) covers = readSome(reader, 1 + viewBranchesMax / 8)
    else reader.unknown(field)
    need(entries.length <= messageEntriesMax, 'a view summary of bounded size')
  }
  need(branches.length === 0 || isBranchCount(branches.length / branchDigestBytes), 'the digests of 2 to 256 branches')
  need(branches.length === 0 || entries.length + covers.length === 0, 'either branches or members')
  need(covers.length === 0 || isCover(covers), 'a bit for each branch')
  return { type: 'view-summary', entries, branches, covers }
}

/** Bytes that are left out when there are none. */
function readSome(reader: Reader, bytesMax: number): Uint8Array {
  const bytes = reader.bytes(bytesMax)
  need(bytes.length > 0, 'no empty list written out')
  return bytes
}

function isBranchCount(count: number): boolean {
  return Number.isInteger(count) && count > 1 && count <= viewBranchesMax && (count & (count - 1)) === 0
}

function isCover(covers: Uint8Array): boolean {
  const count = 2 ** (covers[0] ?? 0)
  const spare = covers.length === 2 ? (covers[1] ?? 0) >> count : 0
  return isBranchCount(count) && covers.length === 1 + Math.ceil(count / 8) && (count >= 8 || spare === 0)
}

export function readViewRecords(reader: Reader): Message {
  const records: MemberRecord[] = []
  for (let field = reader.field(); field !== 0; field = reader.field(REPEATED_ONE)) {
    if (field === 1) records.push(readMember(reader.message(frameBytesMax)))
    else reader.unknown(field)
    need(records.length <= messageEntriesMax, 'member records of bounded number')
  }
  return { type: 'view-records', records }
}
