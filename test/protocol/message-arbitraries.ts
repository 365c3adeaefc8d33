/** Any message that a peer may send. */
import * as fc from 'fast-check'
import { emptyContext, withDots, type CausalContext } from '../../src/core/versions/causal-context.ts'
import { Writer } from '../../src/core/codec.ts'
import type { Dot } from '../../src/core/versions/dot.ts'
import type { Actor, PeerId, ReplicaId, RequestId } from '../../src/core/identifiers.ts'
import type { MemberRecord } from '../../src/core/members/member-record.ts'
import { emptyRecord, putSibling, type StoredRecord } from '../../src/core/versions/record.ts'
import type { Message, PutStatus, ReapMessage, ReplicaStatus } from '../../src/protocol/wire/message.ts'
import { writeMessage } from '../../src/protocol/wire/message-codec.ts'

const hex = (bytes: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(found => Array.from(found, byte => byte.toString(16).padStart(2, '0')).join(''))

const actors = ['0'.repeat(24), `${'0'.repeat(23)}1`, 'f'.repeat(24), '0123456789abcdef00000001'] as const
const count = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }))
const id = count
const peer = fc.constantFrom('ada', 'ben', '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp').map(name => name as PeerId)
const key = fc.uint8Array({ minLength: 1, maxLength: 40 })
const value = fc.option(fc.uint8Array({ maxLength: 60 }), { nil: undefined })
const request = hex(16).map(text => text as RequestId)
const dot: fc.Arbitrary<Dot> = fc.record({
  actor: fc.constantFrom(...actors).map(text => text as Actor),
  counter: fc.integer({ min: 1, max: 9 })
})
const context: fc.Arbitrary<CausalContext> = fc.array(dot, { maxLength: 12 }).map(dots => withDots(emptyContext, dots))

const record: fc.Arbitrary<StoredRecord> = fc
  .array(fc.record({ actor: fc.constantFrom(...actors), value, request, wallTime: fc.nat({ max: Number.MAX_SAFE_INTEGER }) }), {
    minLength: 1,
    maxLength: 5
  })
  .map(writes =>
    writes.reduce<StoredRecord>(
      (made, { actor, ...write }, index) =>
        putSibling(made, emptyContext, { ...write, dot: { actor: actor as Actor, counter: index + 1 } }),
      emptyRecord
    )
  )

const member: fc.Arbitrary<MemberRecord> = fc
  .record({
    peerId: peer,
    incarnation: fc.nat(),
    sequence: fc.nat(),
    status: fc.constantFrom('joining', 'up', 'leaving', 'left'),
    weight: fc.nat({ max: 64 }),
    durable: fc.boolean(),
    zone: fc.constantFrom(undefined, 'east', 'Zürich'),
    replica: hex(8).map(text => text as ReplicaId),
    addresses: fc.array(fc.constantFrom('/ip4/1.2.3.4/tcp/1', '/dns4/edge.example/tcp/443/wss'), { maxLength: 3 }),
    signature: fc.uint8Array({ minLength: 1, maxLength: 64 })
  })
  .map(fields => ({
    ...fields,
    status: fields.status as MemberRecord['status'],
    ending: fields.status === 'left' ? 1 + fields.sequence : 0,
    issuer: fields.peerId
  }))

const replicaStatuses: readonly ReplicaStatus[] = ['ok', 'overloaded', 'full', 'failed', 'hints-full', 'max-keys', 'not-owner']
const putStatuses: readonly PutStatus[] = [...replicaStatuses, 'quorum', 'too-many-siblings']
const status = fc.constantFrom(...replicaStatuses)
const peers = fc.uniqueArray(peer, { maxLength: 3 })
const entry = fc.record({ key, record })
const digest = hex(8)
const packed = (itemBytes: number, minItems = 0): fc.Arbitrary<Uint8Array> =>
  fc.integer({ min: minItems, max: 4 }).chain(items => fc.uint8Array({ minLength: items * itemBytes, maxLength: items * itemBytes }))
const word = fc.nat({ max: 2 ** 32 - 1 })
const numbersBelow = (bound: number): fc.Arbitrary<number[]> =>
  fc.uniqueArray(fc.nat({ max: bound - 1 }), { maxLength: 9 }).map(numbers => numbers.sort((a, b) => a - b))
const trieNode = fc.record({
  depth: fc.nat({ max: 48 }),
  prefix: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  digests: packed(4),
  entries: packed(10)
})

const reap = <Type extends ReapMessage['type']>(
  type: Type,
  least: number
): fc.Arbitrary<Omit<ReapMessage, 'type'> & { readonly type: Type }> =>
  fc.record({
    type: fc.constant(type),
    id,
    ring: digest,
    entries: fc.array(fc.record({ key, hash: digest }), { minLength: least, maxLength: 4 })
  })

/** Messages by type; the compiler holds that none is missing. */
export const messagesByType: { readonly [Type in Message['type']]: fc.Arbitrary<Extract<Message, { readonly type: Type }>> } = {
  'forward-put': fc.record({
    type: fc.constant('forward-put'),
    id,
    key,
    context,
    value,
    request,
    w: fc.integer({ min: 1, max: 16 }),
    sloppy: fc.boolean(),
    timeoutMs: fc.integer({ min: 1, max: 600_000 })
  }),
  'put-result': fc.record({
    type: fc.constant('put-result'),
    id,
    status: fc.constantFrom(...putStatuses),
    dot: fc.option(dot, { nil: undefined }),
    acknowledged: peers,
    hinted: peers,
    siblings: fc.nat(),
    n: fc.nat({ max: 16 })
  }),
  replicate: fc.record({ type: fc.constant('replicate'), id, key, record, hintFor: peers }),
  replicated: fc.record({ type: fc.constant('replicated'), id, status }),
  fetch: fc.record({ type: fc.constant('fetch'), id, key, whole: fc.boolean() }),
  fetched: fc.record({ type: fc.constant('fetched'), id, status, record: fc.option(record, { nil: undefined }), lacking: peers }),
  repair: fc.record({ type: fc.constant('repair'), key, record }),
  handoff: fc.record({ type: fc.constant('handoff'), id, entries: fc.array(entry, { minLength: 1, maxLength: 4 }) }),
  'handed-off': fc.record({
    type: fc.constant('handed-off'),
    id,
    stored: numbersBelow(4096)
  }),
  offer: fc.record({
    type: fc.constant('offer'),
    id,
    partitions: fc
      .uniqueArray(fc.record({ partition: fc.nat({ max: 65_535 }), sum: fc.record({ high: word, low: word, count: word }) }), {
        minLength: 1,
        maxLength: 5,
        selector: ({ partition }) => partition
      })
      .map(partitions => partitions.sort((a, b) => a.partition - b.partition))
  }),
  'offer-answer': fc.record({ type: fc.constant('offer-answer'), id, held: numbersBelow(256) }),
  'offer-keys': fc.oneof(
    fc.record({
      type: fc.constant('offer-keys'),
      id,
      partition: fc.nat({ max: 65_535 }),
      entries: packed(16, 1),
      isLast: fc.boolean()
    }),
    fc.record({
      type: fc.constant('offer-keys'),
      id,
      partition: fc.nat({ max: 65_535 }),
      entries: fc.constant(new Uint8Array(0)),
      isLast: fc.constant(true)
    })
  ),
  'offer-wanted': fc.oneof(
    fc.record({ type: fc.constant('offer-wanted'), id, status: fc.constant('taken'), wanted: numbersBelow(256) }),
    fc.record({ type: fc.constant('offer-wanted'), id, status: fc.constantFrom('busy', 'refused'), wanted: fc.constant([]) })
  ),
  ping: fc.record({ type: fc.constant('ping'), id }),
  pong: fc.record({ type: fc.constant('pong'), id, ring: digest }),
  'view-digest': fc.record({ type: fc.constant('view-digest'), digest }),
  'view-summary': fc.oneof(
    fc.record({
      type: fc.constant('view-summary'),
      entries: fc.array(fc.record({ peerId: peer, incarnation: fc.nat(), sequence: fc.nat() }), { maxLength: 4 }),
      branches: fc.constant(new Uint8Array()),
      covers: fc.oneof(
        fc.constant(new Uint8Array()),
        fc.integer({ min: 0, max: 15 }).map(bits => Uint8Array.of(2, bits)),
        fc.tuple(fc.nat(255), fc.nat(255)).map(bits => Uint8Array.of(4, ...bits))
      )
    }),
    fc.record({
      type: fc.constant('view-summary'),
      entries: fc.constant([]),
      branches: fc.integer({ min: 1, max: 4 }).chain(log => fc.uint8Array({ minLength: 8 * 2 ** log, maxLength: 8 * 2 ** log })),
      covers: fc.constant(new Uint8Array())
    })
  ),
  'view-request': fc.record({ type: fc.constant('view-request'), peers }),
  'view-records': fc.record({ type: fc.constant('view-records'), records: fc.array(member, { maxLength: 3 }) }),
  'contact-query': fc.record({ type: fc.constant('contact-query'), id }),
  'contact-answer': fc.record({ type: fc.constant('contact-answer'), id, sinceAgeMs: fc.nat(), gapAgeMs: fc.nat(), isWhole: fc.boolean() }),
  'transfer-query': fc.record({ type: fc.constant('transfer-query'), ring: digest, refill: fc.nat() }),
  'transfer-done': fc.record({ type: fc.constant('transfer-done'), ring: digest, lacking: peers }),
  'exchange-open': fc.record({ type: fc.constant('exchange-open'), id, ring: digest, digest }),
  'exchange-nodes': fc.record({ type: fc.constant('exchange-nodes'), id, nodes: fc.array(trieNode, { minLength: 1, maxLength: 4 }) }),
  'exchange-differences': fc.record({
    type: fc.constant('exchange-differences'),
    id,
    yourGaps: packed(6, 0),
    myGaps: packed(10, 0),
    changed: packed(10, 1)
  }),
  'exchange-versions': fc.record({
    type: fc.constant('exchange-versions'),
    id,
    versions: fc.array(
      fc.oneof(
        fc.record({ key, context, dots: fc.array(dot, { maxLength: 3 }) }),
        fc
          .record({ key, context })
          .map(version => ({ ...version, dots: [...version.context.vector].map(([actor, counter]) => ({ actor, counter })) }))
      ),
      { minLength: 1, maxLength: 4 }
    )
  }),
  'exchange-wanted': fc.record({ type: fc.constant('exchange-wanted'), id, places: packed(6, 1) }),
  'reap-ask': reap('reap-ask', 1),
  'reap-agreed': reap('reap-agreed', 0),
  'reap-drop': reap('reap-drop', 1),
  'reap-dropped': reap('reap-dropped', 0)
}

export const anyMessage: fc.Arbitrary<Message> = fc.oneof(...Object.values<fc.Arbitrary<Message>>(messagesByType))

export function bytesOf(message: Message): Uint8Array {
  const out = new Writer()
  writeMessage(out, message)
  return out.finish()
}
