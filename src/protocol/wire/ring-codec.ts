/** Bytes of what peers tell each other about the ring that they see, and about what moves because of it, as `wire.proto` describes them. */
import type { Reader, Writer } from '../../core/codec.ts'
import type { PeerId } from '../../core/identifiers.ts'
import type { Pong, TransferDone, TransferQuery } from './message.ts'
import { pushPeer, writePeers } from './peer-list.ts'
import { need } from './wire-check.ts'

const DIGEST_BYTES = 8
const REPEATED_TWO: readonly number[] = [2]

export function writePong(out: Writer, { id, ring }: Pong): void {
  out.uint(1, id)
  out.hex(2, ring)
}

export function readPong(reader: Reader): Pong {
  let id = 0
  let ring = ''
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) id = reader.uint()
    else if (field === 2) ring = reader.hex(DIGEST_BYTES)
    else reader.unknown(field)
  }
  need(id > 0 && ring !== '', 'an answer to a probe')
  return { type: 'pong', id, ring }
}

export function writeTransferQuery(out: Writer, { ring, refill }: TransferQuery): void {
  out.hex(1, ring)
  out.uint(2, refill)
}

export function readTransferQuery(reader: Reader): TransferQuery {
  let ring = ''
  let refill = 0
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) ring = reader.hex(DIGEST_BYTES)
    else if (field === 2) refill = reader.uint()
    else reader.unknown(field)
  }
  need(ring !== '', 'a question about a transfer')
  return { type: 'transfer-query', ring, refill }
}

export function writeTransferDone(out: Writer, { ring, lacking }: TransferDone): void {
  out.hex(1, ring)
  writePeers(out, 2, lacking)
}

export function readTransferDone(reader: Reader): TransferDone {
  let ring = ''
  const lacking: PeerId[] = []
  for (let field = reader.field(); field !== 0; field = reader.field(REPEATED_TWO)) {
    if (field === 1) ring = reader.hex(DIGEST_BYTES)
    else if (field === 2) pushPeer(lacking, reader)
    else reader.unknown(field)
  }
  need(ring !== '', 'the end of a transfer')
  return { type: 'transfer-done', ring, lacking }
}
