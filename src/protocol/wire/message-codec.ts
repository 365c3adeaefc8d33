/**
 * Bytes of the messages, as `wire.proto` describes them. Writing goes straight into the outgoing batch; reading is strict: what is
 * not the canonical encoding of a message throws a `StoreError` with an `ERR_WIRE_*` code.
 */
import { Reader, type Writer } from '../../core/codec.ts'
import type { CausalContext } from '../../core/versions/causal-context.ts'
import { readContext, readDot, writeContext, writeDot } from '../../core/versions/context-codec.ts'
import type { Dot } from '../../core/versions/dot.ts'
import { StoreError } from '../../core/errors.ts'
import { identifierBytes, type PeerId, type RequestId } from '../../core/identifiers.ts'
import { frameBytesMax, keyBytesMax, replicasMax, timeoutMsMax, valueBytesMax } from '../../core/limits.ts'
import { encodeMember } from '../../core/members/member-record.ts'
import type { StoredRecord } from '../../core/versions/record.ts'
import { readRecord, writeRecord } from '../../core/versions/record-codec.ts'
import { readContactAnswer, writeContactAnswer } from './contact-codec.ts'
import { readExchange, writeExchange } from './exchange-codec.ts'
import { readEntry, readHandedOff, readHandoff, writeEntry, writeHandedOff } from './handoff-codec.ts'
import type { Fetched, ForwardPut, Message, PutResult, PutStatus, Replicate, ReplicaStatus } from './message.ts'
import { readOffers, writeOffers } from './offer-codec.ts'
import { pushPeer, writePeers } from './peer-list.ts'
import { readReap, writeReap } from './reap-codec.ts'
import { readPong, readTransferDone, readTransferQuery, writePong, writeTransferDone, writeTransferQuery } from './ring-codec.ts'
import { readViewRecords, readViewSummary, writeViewSummary } from './view-codec.ts'
import { need } from './wire-check.ts'

const STATUSES: readonly PutStatus[] = [
  'ok',
  'overloaded',
  'full',
  'failed',
  'hints-full',
  'max-keys',
  'not-owner',
  'quorum',
  'too-many-siblings'
]
const REPLICA_STATUSES = 7

/** Field of the oneof by message type. */
const FIELDS: { readonly [Type in Message['type']]: number } = {
  'forward-put': 1,
  'put-result': 2,
  replicate: 3,
  replicated: 4,
  fetch: 5,
  fetched: 6,
  repair: 7,
  handoff: 8,
  'handed-off': 9,
  ping: 10,
  pong: 11,
  'view-digest': 12,
  'view-summary': 13,
  'view-request': 14,
  'view-records': 15,
  'transfer-query': 16,
  'transfer-done': 17,
  'exchange-open': 18,
  'exchange-nodes': 19,
  'exchange-differences': 20,
  'exchange-versions': 21,
  'exchange-wanted': 22,
  'reap-ask': 23,
  'reap-agreed': 24,
  'reap-drop': 25,
  'reap-dropped': 26,
  'contact-query': 27,
  'contact-answer': 28,
  offer: 29,
  'offer-answer': 30,
  'offer-keys': 31,
  'offer-wanted': 32
}

const FIELD_MAX = Math.max(...Object.values(FIELDS))

/** Appends `message`, without a length prefix. */
export function writeMessage(out: Writer, message: Message): void {
  out.message(FIELDS[message.type], body => writeBody(body, message))
}

/** Reads the one message that `bytes` hold. Byte strings in it are views of `bytes`. */
export function readMessage(bytes: Uint8Array): Message {
  const reader = new Reader(bytes)
  const field = reader.field()
  if (field < 1 || field > FIELD_MAX)
    throw new StoreError('ERR_WIRE_UNSUPPORTED', `The other peer sent a message of unknown type ${field}.`)
  const message = readBody(field, reader.message(frameBytesMax))
  reader.finish()
  return message
}

function writeBody(out: Writer, message: Message): void {
  switch (message.type) {
    case 'forward-put':
      return writeForwardPut(out, message)
    case 'put-result':
      return writePutResult(out, message)
    case 'replicate':
      out.uint(1, message.id)
      writeEntry(out, 2, message)
      return writePeers(out, 4, message.hintFor)
    case 'replicated':
      out.uint(1, message.id)
      return writeStatus(out, message.status)
    case 'fetch':
      out.uint(1, message.id)
      out.bytes(2, message.key)
      return out.bool(3, message.whole)
    case 'fetched':
      return writeFetched(out, message)
    case 'repair':
      return writeEntry(out, 1, message)
    case 'handoff':
      out.uint(1, message.id)
      for (const entry of message.entries) out.message(2, body => writeEntry(body, 1, entry))
      return
    case 'handed-off':
      return writeHandedOff(out, message)
    case 'ping':
    case 'contact-query':
      return out.uint(1, message.id)
    case 'pong':
      return writePong(out, message)
    case 'contact-answer':
      return writeContactAnswer(out, message)
    case 'view-digest':
      return out.hex(1, message.digest)
    case 'transfer-done':
      return writeTransferDone(out, message)
    case 'transfer-query':
      return writeTransferQuery(out, message)
    case 'view-summary':
      return writeViewSummary(out, message)
    case 'view-request':
      return writePeers(out, 1, message.peers)
    case 'view-records':
      for (const record of message.records) out.bytes(1, encodeMember(record))
      return
    case 'reap-ask':
    case 'reap-agreed':
    case 'reap-drop':
    case 'reap-dropped':
      return writeReap(out, message)
    case 'offer':
    case 'offer-answer':
    case 'offer-keys':
    case 'offer-wanted':
      return writeOffers(out, message)
    default:
      return writeExchange(out, message)
  }
}

function readBody(field: number, reader: Reader): Message {
  switch (field) {
    case 1:
      return readForwardPut(reader)
    case 2:
      return readPutResult(reader)
    case 3:
      return readReplicate(reader)
    case 4:
      return readReplicated(reader)
    case 5:
      return readFetch(reader)
    case 6:
      return readFetched(reader)
    case 7:
      return { type: 'repair', ...readEntry(reader) }
    case 8:
      return readHandoff(reader)
    case 9:
      return readHandedOff(reader)
    case 10:
      return { type: 'ping', id: readId(reader) }
    case 11:
      return readPong(reader)
    case 12:
      return { type: 'view-digest', digest: readDigest(reader) }
    case 13:
      return readViewSummary(reader)
    case 14:
      return { type: 'view-request', peers: readPeerList(reader) }
    case 15:
      return readViewRecords(reader)
    case 16:
      return readTransferQuery(reader)
    case 17:
      return readTransferDone(reader)
    case 27:
      return { type: 'contact-query', id: readId(reader) }
    case 28:
      return readContactAnswer(reader)
    default:
      if (field > 28) return readOffers(field, reader)
      return field < 23 ? readExchange(field, reader) : readReap(field, reader)
  }
}

function writeForwardPut(out: Writer, message: ForwardPut): void {
  out.uint(1, message.id)
  out.bytes(2, message.key)
  out.message(3, body => writeContext(body, message.context))
  if (message.value !== undefined) out.bytes(4, message.value, true)
  out.hex(5, message.request)
  out.uint(6, message.w)
  out.bool(7, message.sloppy)
  out.uint(8, message.timeoutMs)
}

function readForwardPut(reader: Reader): ForwardPut {
  const message = {
    type: 'forward-put' as const,
    id: 0,
    key: NO_BYTES,
    context: undefined as CausalContext | undefined,
    value: undefined as Uint8Array | undefined,
    request: '' as RequestId,
    w: 0,
    sloppy: false,
    timeoutMs: 0
  }
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) message.id = reader.uint()
    else if (field === 2) message.key = reader.bytes(keyBytesMax)
    else if (field === 3) message.context = readContext(reader.message(frameBytesMax))
    else if (field === 4) message.value = reader.bytes(valueBytesMax)
    else if (field === 5) message.request = reader.hex(identifierBytes.request) as RequestId
    else if (field === 6) message.w = reader.uint(replicasMax)
    else if (field === 7) message.sloppy = reader.bool()
    else if (field === 8) message.timeoutMs = reader.uint(timeoutMsMax)
    else reader.unknown(field)
  }
  const { context } = message
  need(context !== undefined && message.id > 0 && message.key.length > 0 && message.request !== '' && message.w > 0, 'a forwarded put')
  return { ...message, context }
}

function writePutResult(out: Writer, message: PutResult): void {
  out.uint(1, message.id)
  writeStatus(out, message.status)
  const { dot } = message
  if (dot !== undefined) out.message(3, body => writeDot(body, dot))
  writePeers(out, 4, message.acknowledged)
  writePeers(out, 5, message.hinted)
  out.uint(6, message.siblings)
  out.uint(7, message.n)
}

function readPutResult(reader: Reader): PutResult {
  const message = {
    type: 'put-result' as const,
    id: 0,
    status: undefined as PutStatus | undefined,
    dot: undefined as Dot | undefined,
    acknowledged: [] as PeerId[],
    hinted: [] as PeerId[],
    siblings: 0,
    n: 0
  }
  for (let field = reader.field(); field !== 0; field = reader.field(REPEATED_PUT_RESULT)) {
    if (field === 1) message.id = reader.uint()
    else if (field === 2) message.status = STATUSES[reader.uint(STATUSES.length) - 1]
    else if (field === 3) message.dot = readDot(reader.message(64))
    else if (field === 4) pushPeer(message.acknowledged, reader)
    else if (field === 5) pushPeer(message.hinted, reader)
    else if (field === 6) message.siblings = reader.uint()
    else if (field === 7) message.n = reader.uint(replicasMax)
    else reader.unknown(field)
  }
  const { status } = message
  need(message.id > 0 && status !== undefined, 'a put result')
  return { ...message, status }
}

function writeFetched(out: Writer, message: Extract<Message, { type: 'fetched' }>): void {
  out.uint(1, message.id)
  writeStatus(out, message.status)
  const { record } = message
  if (record !== undefined) out.message(3, body => writeRecord(body, record))
  writePeers(out, 4, message.lacking)
}

function readFetched(reader: Reader): Fetched {
  let id = 0
  let status: ReplicaStatus | undefined
  let record: StoredRecord | undefined
  const lacking: PeerId[] = []
  for (let field = reader.field(); field !== 0; field = reader.field(REPEATED_FOUR)) {
    if (field === 1) id = reader.uint()
    else if (field === 2) status = readReplicaStatus(reader)
    else if (field === 3) record = readRecord(reader.message(frameBytesMax))
    else if (field === 4) pushPeer(lacking, reader)
    else reader.unknown(field)
  }
  need(id > 0 && status !== undefined, 'a fetch result')
  return { type: 'fetched', id, status, record, lacking }
}

function readReplicate(reader: Reader): Replicate {
  let id = 0
  let key: Uint8Array = NO_BYTES
  let record: StoredRecord | undefined
  const hintFor: PeerId[] = []
  for (let field = reader.field(); field !== 0; field = reader.field(REPEATED_FOUR)) {
    if (field === 1) id = reader.uint()
    else if (field === 2) key = reader.bytes(keyBytesMax)
    else if (field === 3) record = readRecord(reader.message(frameBytesMax))
    else if (field === 4) pushPeer(hintFor, reader)
    else reader.unknown(field)
  }
  need(id > 0 && key.length > 0 && record !== undefined, 'a replica write')
  return { type: 'replicate', id, key, record, hintFor }
}

function readReplicated(reader: Reader): Message {
  let id = 0
  let status: ReplicaStatus | undefined
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) id = reader.uint()
    else if (field === 2) status = readReplicaStatus(reader)
    else reader.unknown(field)
  }
  need(id > 0 && status !== undefined, 'an acknowledgement')
  return { type: 'replicated', id, status }
}

function readFetch(reader: Reader): Message {
  let id = 0
  let key: Uint8Array = NO_BYTES
  let whole = false
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) id = reader.uint()
    else if (field === 2) key = reader.bytes(keyBytesMax)
    else if (field === 3) whole = reader.bool()
    else reader.unknown(field)
  }
  need(id > 0 && key.length > 0, 'a fetch')
  return { type: 'fetch', id, key, whole }
}

function readId(reader: Reader): number {
  let id = 0
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) id = reader.uint()
    else reader.unknown(field)
  }
  need(id > 0, 'a probe')
  return id
}

function readDigest(reader: Reader): string {
  let digest = ''
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) digest = reader.hex(8)
    else reader.unknown(field)
  }
  need(digest !== '', 'a digest')
  return digest
}

function readPeerList(reader: Reader): PeerId[] {
  const peers: PeerId[] = []
  for (let field = reader.field(); field !== 0; field = reader.field(REPEATED_ONE)) {
    if (field === 1) pushPeer(peers, reader)
    else reader.unknown(field)
  }
  return peers
}

function writeStatus(out: Writer, status: PutStatus): void {
  out.uint(2, STATUSES.indexOf(status) + 1)
}

function readReplicaStatus(reader: Reader): ReplicaStatus {
  return STATUSES[reader.uint(REPLICA_STATUSES) - 1] as ReplicaStatus
}

const NO_BYTES: Uint8Array = new Uint8Array(0)
const REPEATED_ONE: readonly number[] = [1]
const REPEATED_FOUR: readonly number[] = [4]
const REPEATED_PUT_RESULT: readonly number[] = [4, 5]
