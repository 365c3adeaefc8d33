/** Bytes of the messages that offer copies, as `wire.proto` describes them: canonical, and read strictly like all others. */
import type { Reader, Writer } from '../../core/codec.ts'
import { offerKeysMax, offerPartitionsMax, partitionsMax } from '../../core/limits.ts'
import { packNumbers, unpackNumbers } from './bit-list.ts'
import type { OfferedPartition, OfferMessage, TakeStatus } from './message.ts'
import { need } from './wire-check.ts'

const NO_BYTES: Uint8Array = new Uint8Array(0)
const PARTITION_BYTES = 16
const STATUSES: readonly TakeStatus[] = ['taken', 'busy', 'refused']

/** A record that is offered: the first bytes of its key's position, and its hash. */
export interface OfferedKey {
  readonly place: Uint8Array
  readonly hash: Uint8Array
}

/** Bytes of a place, of a hash. */
const halfBytes = 8
const keyBytes = 2 * halfBytes

export function packKeys(keys: readonly OfferedKey[]): Uint8Array {
  const bytes = new Uint8Array(keys.length * keyBytes)
  for (const [index, { place, hash }] of keys.entries()) {
    bytes.set(place.subarray(0, halfBytes), index * keyBytes)
    bytes.set(hash, index * keyBytes + halfBytes)
  }
  return bytes
}

export function unpackKeys(bytes: Uint8Array): readonly OfferedKey[] {
  return Array.from({ length: bytes.length / keyBytes }, (_, index) => {
    const key = bytes.subarray(index * keyBytes, (index + 1) * keyBytes)
    return { place: key.subarray(0, halfBytes), hash: key.subarray(halfBytes) }
  })
}

export function writeOffers(out: Writer, message: OfferMessage): void {
  out.uint(1, message.id)
  switch (message.type) {
    case 'offer':
      return out.bytes(2, packPartitions(message.partitions))
    case 'offer-answer':
      return out.bytes(2, packNumbers(message.held))
    case 'offer-keys':
      out.uint(2, message.partition)
      out.bytes(3, message.entries)
      return out.bool(4, message.isLast)
    case 'offer-wanted':
      out.uint(2, STATUSES.indexOf(message.status) + 1)
      return out.bytes(3, packNumbers(message.wanted))
  }
}

/** Types by number, from `firstType`. */
const TYPES = ['offer', 'offer-answer', 'offer-keys', 'offer-wanted'] as const
const firstType = 29

/** Reads the body of the message with this number. */
export function readOffers(field: number, reader: Reader): OfferMessage {
  switch (TYPES[field - firstType]) {
    case 'offer':
      return readOffer(reader)
    case 'offer-answer':
      return readOfferAnswer(reader)
    case 'offer-keys':
      return readOfferKeys(reader)
    default:
      return readOfferWanted(reader)
  }
}

function readOffer(reader: Reader): OfferMessage {
  const { id, bytes } = readIdAndBytes(reader, offerPartitionsMax * PARTITION_BYTES)
  need(bytes.length > 0 && bytes.length % PARTITION_BYTES === 0, 'an offer of whole partitions')
  const partitions = unpackPartitions(bytes)
  const inOrder = partitions.every(({ partition }, index) => partition > (partitions[index - 1]?.partition ?? -1))
  need(inOrder && (partitions.at(-1)?.partition ?? 0) < partitionsMax, 'partitions in ascending order')
  return { type: 'offer', id, partitions }
}

function readOfferAnswer(reader: Reader): OfferMessage {
  const { id, bytes } = readIdAndBytes(reader, offerPartitionsMax / 8)
  need(bytes.at(-1) !== 0, 'an answer to an offer')
  return { type: 'offer-answer', id, held: unpackNumbers(bytes) }
}

function readIdAndBytes(reader: Reader, bytesMax: number): { readonly id: number; readonly bytes: Uint8Array } {
  let id = 0
  let bytes = NO_BYTES
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) id = reader.uint()
    else if (field === 2) bytes = reader.bytes(bytesMax)
    else reader.unknown(field)
  }
  need(id > 0, 'part of an offer')
  return { id, bytes }
}

function readOfferKeys(reader: Reader): OfferMessage {
  const message = { type: 'offer-keys' as const, id: 0, partition: 0, entries: NO_BYTES, isLast: false }
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) message.id = reader.uint()
    else if (field === 2) message.partition = reader.uint(partitionsMax - 1)
    else if (field === 3) message.entries = reader.bytes(offerKeysMax * keyBytes)
    else if (field === 4) message.isLast = reader.bool()
    else reader.unknown(field)
  }
  const { id, entries, isLast } = message
  need(id > 0 && entries.length % keyBytes === 0 && (isLast || entries.length > 0), 'offered keys')
  return message
}

function readOfferWanted(reader: Reader): OfferMessage {
  let id = 0
  let status: TakeStatus | undefined
  let wanted = NO_BYTES
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) id = reader.uint()
    else if (field === 2) status = STATUSES[reader.uint(STATUSES.length) - 1]
    else if (field === 3) wanted = reader.bytes(offerKeysMax / 8)
    else reader.unknown(field)
  }
  need(id > 0 && status !== undefined && wanted.at(-1) !== 0 && (status === 'taken' || wanted.length === 0), 'an answer to offered keys')
  return { type: 'offer-wanted', id, status, wanted: unpackNumbers(wanted) }
}

function packPartitions(partitions: readonly OfferedPartition[]): Uint8Array {
  const bytes = new Uint8Array(partitions.length * PARTITION_BYTES)
  const view = new DataView(bytes.buffer)
  for (const [index, { partition, sum }] of partitions.entries()) {
    const at = index * PARTITION_BYTES
    view.setUint32(at, partition)
    view.setUint32(at + 4, sum.high)
    view.setUint32(at + 8, sum.low)
    view.setUint32(at + 12, sum.count)
  }
  return bytes
}

function unpackPartitions(bytes: Uint8Array): readonly OfferedPartition[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: bytes.length / PARTITION_BYTES }, (_, index) => {
    const at = index * PARTITION_BYTES
    const sum = { high: view.getUint32(at + 4), low: view.getUint32(at + 8), count: view.getUint32(at + 12) }
    return { partition: view.getUint32(at), sum }
  })
}
