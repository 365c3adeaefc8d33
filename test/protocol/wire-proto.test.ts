/** `wire.proto` tells the truth: an independent protobuf implementation reads what the codec writes, and writes it back byte for byte. */
import { readFileSync } from 'node:fs'
import protobuf from 'protobufjs'
import { describe, expect, test } from 'vitest'
import { encodeUtf8, Writer } from '../../src/core/codec.ts'
import { withDot, emptyContext } from '../../src/core/versions/causal-context.ts'
import type { Actor, PeerId, ReplicaId, RequestId } from '../../src/core/identifiers.ts'
import type { MemberRecord } from '../../src/core/members/member-record.ts'
import type { StoredRecord } from '../../src/core/versions/record.ts'
import type { Message } from '../../src/protocol/wire/message.ts'
import { readMessage, writeMessage } from '../../src/protocol/wire/message-codec.ts'

const description = protobuf.parse(readFileSync(new URL('../../src/protocol/wire/wire.proto', import.meta.url), 'utf8')).root
const described = description.lookupType('dynamesh.v1.Message')

const [ada, ben] = ['12D3KooWAda', '12D3KooWBen'] as PeerId[] as [PeerId, PeerId]
const actor = '00112233445566778899aabb' as Actor
const request = '00112233445566778899aabbccddeeff' as RequestId
const key = encodeUtf8('cart:42')
const ring = 'bfc819ec90cae6ce'

const dot = { actor, counter: 3 }
const context = withDot(withDot(emptyContext, { actor, counter: 1 }), dot)
const record: StoredRecord = {
  context,
  siblings: [
    { dot: { actor, counter: 1 }, request, wallTime: 1_700_000_000_000, value: encodeUtf8('milk') },
    { dot, request, wallTime: 1_700_000_000_001, value: undefined }
  ]
}
const member: MemberRecord = {
  peerId: ada,
  incarnation: 2,
  sequence: 7,
  status: 'up',
  weight: 4,
  durable: true,
  zone: 'east',
  replica: '0011223344556677' as ReplicaId,
  addresses: ['/ip4/127.0.0.1/tcp/4301'],
  ending: 3,
  issuer: ada,
  signature: new Uint8Array(64).fill(9)
}

/** One message of each type, with every field in use. */
const samples: { readonly [Type in Message['type']]: Extract<Message, { readonly type: Type }> } = {
  'forward-put': { type: 'forward-put', id: 1, key, context, value: encodeUtf8('eggs'), request, w: 2, sloppy: true, timeoutMs: 5000 },
  'put-result': { type: 'put-result', id: 300, status: 'ok', dot, acknowledged: [ada, ben], hinted: [ben], siblings: 2, n: 3 },
  replicate: { type: 'replicate', id: 2, key, record, hintFor: [ada] },
  replicated: { type: 'replicated', id: 2, status: 'overloaded' },
  fetch: { type: 'fetch', id: 3, key, whole: true },
  fetched: { type: 'fetched', id: 3, status: 'ok', record, lacking: [ada, ben] },
  repair: { type: 'repair', key, record },
  handoff: { type: 'handoff', id: 4, entries: [{ key, record }] },
  'handed-off': { type: 'handed-off', id: 4, stored: [0, 2, 9] },
  offer: { type: 'offer', id: 31, partitions: [{ partition: 7, sum: { high: 1, low: 2, count: 3 } }] },
  'offer-answer': { type: 'offer-answer', id: 31, held: [0, 9] },
  'offer-keys': { type: 'offer-keys', id: 32, partition: 7, entries: new Uint8Array(32).fill(5), isLast: true },
  'offer-wanted': { type: 'offer-wanted', id: 32, status: 'taken', wanted: [1] },
  ping: { type: 'ping', id: 5 },
  pong: { type: 'pong', id: 5, ring },
  'view-digest': { type: 'view-digest', digest: '00'.repeat(7) + 'ff' },
  'view-summary': {
    type: 'view-summary',
    entries: [{ peerId: ada, incarnation: 1, sequence: 2 }],
    branches: new Uint8Array(),
    covers: Uint8Array.of(1, 2)
  },
  'view-request': { type: 'view-request', peers: [ada, ben] },
  'view-records': { type: 'view-records', records: [member] },
  'contact-query': { type: 'contact-query', id: 8 },
  'contact-answer': { type: 'contact-answer', id: 8, sinceAgeMs: 90_000_000, gapAgeMs: 1, isWhole: true },
  'transfer-query': { type: 'transfer-query', ring, refill: 1025 },
  'transfer-done': { type: 'transfer-done', ring, lacking: [ada] },
  'exchange-open': { type: 'exchange-open', id: 6, ring, digest: '00'.repeat(7) + 'ff' },
  'exchange-nodes': {
    type: 'exchange-nodes',
    id: 6,
    nodes: [
      { depth: 0, prefix: 0, digests: new Uint8Array(64).fill(7), entries: new Uint8Array(0) },
      { depth: 14, prefix: 16_000, digests: new Uint8Array(0), entries: new Uint8Array(20).fill(8) }
    ]
  },
  'exchange-differences': {
    type: 'exchange-differences',
    id: 6,
    yourGaps: new Uint8Array(12).fill(7),
    myGaps: new Uint8Array(20).fill(8),
    changed: new Uint8Array(10).fill(9)
  },
  'exchange-versions': {
    type: 'exchange-versions',
    id: 6,
    versions: [
      { key, context, dots: [dot] },
      { key, context: { vector: new Map([[dot.actor, dot.counter]]), loose: [] }, dots: [dot] }
    ]
  },
  'exchange-wanted': { type: 'exchange-wanted', id: 6, places: new Uint8Array(12).fill(3) },
  'reap-ask': { type: 'reap-ask', id: 7, ring, entries: [{ key, hash: ring }] },
  'reap-agreed': { type: 'reap-agreed', id: 7, ring, entries: [{ key, hash: ring }] },
  'reap-drop': { type: 'reap-drop', id: 7, ring, entries: [{ key, hash: ring }] },
  'reap-dropped': { type: 'reap-dropped', id: 7, ring, entries: [{ key, hash: ring }] }
}

function bytesOf(message: Message): Uint8Array {
  const out = new Writer()
  writeMessage(out, message)
  return out.finish()
}

describe('each message', () => {
  test.each(Object.values(samples))('$type is what wire.proto says', message => {
    const bytes = bytesOf(message)
    const read = described.decode(bytes)
    expect(described.toObject(read, { oneofs: true })).toHaveProperty(
      'body',
      message.type.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
    )
    expect(new Uint8Array(described.encode(read).finish())).toEqual(new Uint8Array(bytes))
    expect(readMessage(bytes)).toEqual(message)
  })

  test('that wire.proto describes has a type', () => {
    const names = described.oneofsArray.flatMap(({ fieldsArray }) => fieldsArray.map(field => field.name))
    expect(names.map(name => name.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)).toSorted()).toEqual(
      Object.keys(samples).toSorted()
    )
  })
})
