/** Bytes of the messages about members, as `wire.proto` describes them. */
import type { Reader, Writer } from '../core/codec.ts'
import { peerIdBytesMax, type PeerId } from '../core/identifiers.ts'
import { frameBytesMax, messageEntriesMax } from '../core/limits.ts'
import { readMember, type MemberRecord } from '../core/member-record.ts'
import type { Message, ViewSummary } from './message.ts'
import { need } from './wire-check.ts'

const REPEATED_ONE: readonly number[] = [1]

export function writeViewEntry(out: Writer, entry: ViewSummary['entries'][number]): void {
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
  for (let field = reader.field(); field !== 0; field = reader.field(REPEATED_ONE)) {
    if (field === 1) entries.push(readViewEntry(reader.message(1024)))
    else reader.unknown(field)
    need(entries.length <= messageEntriesMax, 'a view summary of bounded size')
  }
  return { type: 'view-summary', entries }
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
