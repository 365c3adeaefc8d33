/**
 * What callers can get wrong, one test per entry: the code they get, what is known about the write, and that nothing stored is lost. The ids are
 * those of the catalogue of bad inputs that this project keeps with its design.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { crc32 } from '../../src/core/crc32.ts'
import { requestsInFlightMax, siblingsMax } from '../../src/core/limits.ts'
import { json, type ErrorCode, type Peer, type StoreError, type WriteOutcome } from '../../src/entry/nodejs.ts'
import { bytes, errorOf, keyTexts, reachableMembers, startCluster, startPeer, until } from './peers.ts'

const unhandled: unknown[] = []
const note = (error: unknown): void => void unhandled.push(error)

beforeAll(() => {
  process.on('unhandledRejection', note)
  process.on('uncaughtException', note)
})

afterAll(() => {
  process.off('unhandledRejection', note)
  process.off('uncaughtException', note)
  expect(unhandled).toEqual([])
  expect(Reflect.ownKeys(Object.prototype)).not.toContain('polluted')
})

/** A caller's mistake: what it does, and the error that it gets. */
type BadCall = readonly [id: string, input: string, code: ErrorCode, call: (peer: Peer) => unknown, outcome?: WriteOutcome]

/** What a caller without types may pass. */
const any = (value: unknown): never => value as never
const throwing = (name: string): object => Object.defineProperty({}, name, { enumerable: true, get: () => { throw new Error('trap') } })
const trap = new Proxy({}, { get: () => { throw new Error('trap') }, ownKeys: () => { throw new Error('trap') }, getPrototypeOf: () => { throw new Error('trap') } })
const revoked = ((): object => {
  const made = Proxy.revocable([], {})
  made.revoke()
  return made.proxy
})()
const nested = (depth: number): unknown => Array.from({ length: depth }).reduce<unknown>(inner => [inner], 0)
const detached = (): Uint8Array => {
  const view = new Uint8Array(8)
  structuredClone(view.buffer, { transfer: [view.buffer] })
  return view
}

const calls: readonly BadCall[] = [
  ['B001', 'an empty key', 'ERR_KEY_EMPTY', peer => peer.put('', undefined, 'v')],
  ['B001', 'an empty key in bytes', 'ERR_KEY_EMPTY', peer => peer.get(new Uint8Array(0))],
  ...[undefined, null, 42, Number.NaN, 1n, true, {}, [], Symbol('key'), () => 'k', new Date(0), new ArrayBuffer(4), new DataView(new ArrayBuffer(4)), new Uint16Array(2), trap, revoked, new Proxy(new Uint8Array(3), {})].map(
    (key, index): BadCall => ['B002', `key ${index}: ${typeof key}`, 'ERR_KEY_TYPE', peer => peer.put(any(key), undefined, 'v')]
  ),
  ['B002', 'a view whose memory was transferred away, as a key', 'ERR_KEY_TYPE', peer => peer.put(detached(), undefined, 'v')],
  ['B004', 'a lone surrogate', 'ERR_KEY_NOT_UTF8', peer => peer.put('\uD800', undefined, 'v')],
  ['B004', 'a lone surrogate at the end', 'ERR_KEY_NOT_UTF8', peer => peer.place('key\uDFFF')],
  ['B006', 'a key of 1,025 bytes', 'ERR_KEY_TOO_LARGE', peer => peer.put('k'.repeat(1025), undefined, 'v')],
  ['B006', 'a key of 513 characters and 1,026 bytes', 'ERR_KEY_TOO_LARGE', peer => peer.put('é'.repeat(513), undefined, 'v')],
  ...[undefined, null, 42, {}, [1], Symbol('value'), new DataView(new ArrayBuffer(4)), new ArrayBuffer(4), new Float64Array(1), trap, revoked, Promise.resolve('v')].map(
    (value, index): BadCall => ['B011', `value ${index}: ${typeof value}`, 'ERR_VALUE_TYPE', peer => peer.put('k', undefined, any(value))]
  ),
  ['B011', 'a value with a lone surrogate', 'ERR_VALUE_TYPE', peer => peer.put('k', undefined, '\uDC00')],
  ['B011', 'a view whose memory was transferred away, as a value', 'ERR_VALUE_TYPE', peer => peer.put('k', undefined, detached())],
  ['B011', 'an update whose function is async', 'ERR_VALUE_TYPE', peer => peer.update('k', any(async () => 'v'))],
  ['B011', 'an update without a function', 'ERR_OPTIONS', peer => peer.update('k', any('v'))],
  ['B013', 'a value of 1 MiB and a byte', 'ERR_VALUE_TOO_LARGE', peer => peer.put('k', undefined, new Uint8Array(1024 * 1024 + 1))],
  ['B013', 'a text of more bytes than characters', 'ERR_VALUE_TOO_LARGE', peer => peer.put('k', undefined, '€'.repeat(350_000))],
  ...([['r', 0], ['r', 1.5], ['r', '2'], ['r', Number.NaN], ['r', null], ['r', 2n], ['r', 2 ** 53]] as const).map(
    ([name, value]): BadCall => ['B019', `get with ${name}: ${String(value)}`, 'ERR_QUORUM_RANGE', peer => peer.get('k', any({ [name]: value }))]
  ),
  ...([-1, Number.NaN, Number.POSITIVE_INFINITY, [2], {}] as const).map(
    (w, index): BadCall => ['B019', `put with w ${index}: ${String(w)}`, 'ERR_QUORUM_RANGE', peer => peer.put('k', undefined, 'v', any({ w }))]
  ),
  ['B020', 'w: 4 with N = 3', 'ERR_QUORUM_RANGE', peer => peer.put('k', undefined, 'v', { w: 4 })],
  ['B020', 'r: 4 with N = 3', 'ERR_QUORUM_RANGE', peer => peer.update('k', () => 'v', { r: 4 })],
  ...([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 600_001, '100', null] as const).map(
    (timeoutMs): BadCall => ['B021', `timeoutMs: ${String(timeoutMs)}`, 'ERR_TIMEOUT_RANGE', peer => peer.put('k', undefined, 'v', any({ timeoutMs }))]
  ),
  ['B025', 'a signal that is none', 'ERR_OPTIONS', peer => peer.get('k', any({ signal: { aborted: false } }))],
  ['B025', 'what only inherits from a signal', 'ERR_OPTIONS', peer => peer.get('k', { signal: Object.create(AbortSignal.prototype) as AbortSignal })],
  ...['', 'not a token', '====', 'A', 'x'.repeat(100)].map((context): BadCall => ['B026', `context ${JSON.stringify(context)}`, 'ERR_CONTEXT_MALFORMED', peer => peer.put('k', context, 'v')]),
  ...[0, false, {}, [], Symbol('context'), () => 'x', trap, new Uint16Array(40)].map(
    (context, index): BadCall => ['B026', `context ${index}: ${typeof context}`, 'ERR_CONTEXT_MALFORMED', peer => peer.put('k', any(context), 'v')]
  ),
  ['B026', 'bytes of no context', 'ERR_CONTEXT_MALFORMED', peer => peer.put('k', crypto.getRandomValues(new Uint8Array(64)), 'v')],
  ['B026', 'the context of a delete is checked before anything is asked', 'ERR_CONTEXT_MALFORMED', peer => peer.delete('k', 'nonsense')],
  ['B029', 'a context of 130,000 bytes', 'ERR_CONTEXT_TOO_LARGE', peer => peer.put('k', new Uint8Array(130_000), 'v')],
  ['B029', 'a context of 1,000,000 characters', 'ERR_CONTEXT_TOO_LARGE', peer => peer.put('k', 'A'.repeat(1_000_000), 'v')],
  ['B043', 'an option that throws when it is read', 'ERR_OPTIONS', peer => peer.put('k', undefined, 'v', any(throwing('w')))],
  ['B043', 'an unknown option that throws when it is read', 'ERR_OPTIONS', peer => peer.get('k', any(throwing('x')))],
  ['B043', 'options that throw whatever is done with them', 'ERR_OPTIONS', peer => peer.get('k', any(trap))],
  ['B043', 'a revoked proxy', 'ERR_OPTIONS', peer => peer.get('k', any(revoked))],
  ['B043', 'null', 'ERR_OPTIONS', peer => peer.get('k', any(null))],
  ['B043', 'a number', 'ERR_OPTIONS', peer => peer.get('k', any(7))],
  ['B043', 'a function', 'ERR_OPTIONS', peer => peer.get('k', any(() => ({ r: 1 })))],
  ['B043', 'an array', 'ERR_OPTIONS', peer => peer.get('k', any([{ r: 1 }]))],
  ['B043', 'a Map', 'ERR_OPTIONS', peer => peer.get('k', any(new Map([['r', 1]])))],
  ['B043', 'an instance of a class', 'ERR_OPTIONS', peer => peer.get('k', any(new (class Options { r = 1 })()))],
  ['B043', 'a symbol for a name', 'ERR_OPTIONS', peer => peer.get('k', any({ [Symbol('r')]: 1 }))],
  ['B043', 'toString that throws', 'ERR_QUORUM_RANGE', peer => peer.get('k', any({ r: { toString: () => { throw new Error('trap') } } }))],
  ['B043', 'sloppy that is no boolean', 'ERR_OPTIONS', peer => peer.get('k', any({ sloppy: 0 }))],
  ['B043', 'a request id that is none', 'ERR_OPTIONS', peer => peer.put('k', undefined, 'v', { requestId: 'F'.repeat(32) })],
  ['B043', 'w for a get', 'ERR_OPTIONS', peer => peer.get('k', any({ w: 1 }))],
  ['B043', 'keys from no object', 'ERR_OPTIONS', peer => keysOf(peer, 'prefix')],
  ['B043', 'keys of no limit', 'ERR_OPTIONS', peer => keysOf(peer, { limit: Number.POSITIVE_INFINITY })],
  ['B043', 'keys behind a number', 'ERR_KEY_TYPE', peer => keysOf(peer, { after: 5 })],
  ['B043', 'cutNetwork of a text', 'ERR_OPTIONS', peer => peer.cutNetwork(any('yes'))],
  ['B043', 'leave with a signal that is none', 'ERR_OPTIONS', peer => peer.leave(any({ signal: 1 }))],
  ['B043', 'watch with an unknown option', 'ERR_OPTIONS', peer => peer.watch('k', any({ sginal: undefined }))],
  ...[0, -5, Number.NaN, 1e20].map((ttl): BadCall => ['B044', `ttl: ${ttl}, which is no option here`, 'ERR_OPTIONS', peer => peer.put('k', undefined, 'v', any({ ttl }))]),
  ['B106', 'join with addresses of which none can be used', 'ERR_BOOTSTRAP_ADDR', peer => peer.join(['nonsense', '/ip4/127.0.0.1/udp/1'])],
  ['B106', 'join with no list', 'ERR_OPTIONS', peer => peer.join(any('/ip4/127.0.0.1/tcp/4001'))],
  ['B106', 'join with nothing', 'ERR_OPTIONS', peer => peer.join(any(undefined))],
  ['B106', 'join with numbers', 'ERR_OPTIONS', peer => peer.join(any([1, 2]))]
]

async function keysOf(peer: Peer, options: unknown): Promise<void> {
  for await (const _row of peer.keys(any(options))) expect.unreachable()
}

describe('a call that is refused leaves everything as it was', () => {
  test.each(calls)('%s %s: %s', async (_id, _input, code, call, outcome = 'none') => {
    const peer = await startPeer()
    const { context } = await peer.put('k', undefined, 'kept')
    const error = await errorOf(() => call(peer))
    expect(error).toMatchObject({ code, outcome, class: error.name })
    expect(error.message).not.toMatch(/kept|\[object|undefined,/)
    expect(JSON.parse(JSON.stringify(error.details))).toEqual(error.details)
    expect(await keyTexts(peer)).toEqual(['k'])
    expect(await peer.get('k')).toMatchObject({ texts: ['kept'], context })
  })

  test('B013: the error of a value that is too large has both numbers', async () => {
    const peer = await startPeer()
    const error = await errorOf(() => peer.put('k', undefined, '€'.repeat(350_000)))
    expect(error.details).toEqual({ bytes: 1_050_000, bytesMax: 1_048_576 })
    expect(error.message).toMatch(/1050000.*1048576/)
    expect((await peer.put('k', undefined, new Uint8Array(1024 * 1024))).siblings).toBe(1)
  })

  test('B043: an unknown option is told with the nearest that exists, and all problems at once', async () => {
    const peer = await startPeer()
    const error = await errorOf(() => peer.put('k', undefined, 'v', any({ timeoutMS: 5, W: 1, w: 9, xyz: 1 })))
    expect(error.details['problems']).toEqual([
      '"timeoutMS" is not an option; did you mean timeoutMs?',
      '"W" is not an option; did you mean w?',
      '"xyz" is not an option',
      'w must be an integer in 1..3, got 9'
    ])
  })

  test('B043: every option is read once', async () => {
    const peer = await startPeer()
    let reads = 0
    await peer.get('k', Object.defineProperty({}, 'r', { enumerable: true, get: () => ++reads }))
    expect(reads).toBe(1)
  })
})

describe('keys are bytes', () => {
  test.each([
    ['B003', '__proto__'],
    ['B003', 'constructor'],
    ['B003', 'toString'],
    ['B007', '../../etc/passwd'],
    ['B007', '../../x'],
    ['B007', 'a/b'],
    ['B007', 'C:\\x'],
    ['B007', '.'],
    ['B007', '..'],
    ['B007', 'CON'],
    ['B007', 'nul'],
    ['B007', 'dot.'],
    ['B007', 'space '],
    ['B008', 'nul\u0000byte'],
    ['B008', 'line\nfeed'],
    ['B008', '\u001B[31mred'],
    ['B008', '\u202Ertl'],
    ['B009', 'k'.repeat(1024)],
    ['B009', '😀']
  ])('%s %j is an ordinary key', async (_id, key) => {
    const peer = await startPeer()
    await peer.put(key, undefined, `value of ${key}`)
    expect((await peer.get(key)).texts).toEqual([`value of ${key}`])
    expect((await peer.get(bytes(key))).texts).toEqual([`value of ${key}`])
    expect(await keyTexts(peer)).toEqual([key])
    expect(Object.keys(Object.prototype)).toEqual([])
  })

  test('B005: composed and decomposed forms are two keys', async () => {
    const peer = await startPeer()
    await peer.put('é', undefined, 'composed')
    await peer.put('e\u0301', undefined, 'decomposed')
    expect((await peer.get('é')).texts).toEqual(['composed'])
    expect((await peer.get('e\u0301')).texts).toEqual(['decomposed'])
    expect(await keyTexts(peer)).toEqual(['e\u0301', 'é'])
  })

  test('B008: bytes that are no text are a key and a value too', async () => {
    const peer = await startPeer()
    const key = Uint8Array.of(0xff, 0, 0xfe)
    await peer.put(key, undefined, key)
    expect(await peer.get(key)).toMatchObject({ values: [key], texts: [undefined] })
    for await (const row of peer.keys()) expect(row).toMatchObject({ key, text: undefined })
  })

  test('B014: shared memory, Buffers and views of a part are copied when they are given', async () => {
    const peer = await startPeer()
    const shared = new Uint8Array(new SharedArrayBuffer(3))
    shared.set([1, 2, 3])
    const writing = peer.put('shared', undefined, shared)
    shared.fill(9)
    await writing
    expect((await peer.get('shared')).values).toEqual([Uint8Array.of(1, 2, 3)])
    await peer.put(Buffer.from('buffer'), undefined, Buffer.from('value'))
    expect((await peer.get('buffer')).texts).toEqual(['value'])
    await peer.put('part', undefined, new Uint8Array(bytes('abcdef').buffer, 2, 2))
    expect((await peer.get('part')).texts).toEqual(['cd'])
  })
})

describe('contexts', () => {
  test('B026: cut anywhere or with any bit flipped it is refused, and the siblings stay', async () => {
    const peer = await startPeer()
    await peer.put('k', undefined, 'one')
    await peer.put('k', undefined, 'two')
    const { context } = await peer.get('k')
    for (let length = 0; length < context.length; length++) {
      expect(await errorOf(() => peer.put('k', context.slice(0, length), 'lost'))).toMatchObject({ code: 'ERR_CONTEXT_MALFORMED', outcome: 'none' })
    }
    for (let bit = 0; bit < context.length * 8; bit++) {
      const flipped = context.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(await errorOf(() => peer.put('k', flipped, 'lost'))).toMatchObject({ class: 'ContextError' })
    }
    expect((await peer.get('k')).texts.toSorted()).toEqual(['one', 'two'])
  })

  test('B028: of another key, another cluster or another version it is refused, and says to read again', async () => {
    const [peer, other] = [await startPeer(), await startPeer({ cluster: 'other' })]
    const { context } = await peer.put('k', undefined, 'kept')
    const foreign = await other.put('k', undefined, 'theirs')
    const newer = context.slice()
    newer[0] = 2
    new DataView(newer.buffer).setUint32(newer.length - 4, crc32(newer.subarray(0, -4)))
    for (const call of [() => peer.put('other key', context, 'v'), () => peer.put('k', foreign.context, 'v'), () => peer.put('k', newer, 'v'), () => peer.delete('k', foreign.context)]) {
      const error = await errorOf(call)
      expect(error).toMatchObject({ code: 'ERR_CONTEXT_FOREIGN', outcome: 'none' })
      expect(error.message).toMatch(/Read again/)
    }
    expect(await keyTexts(peer)).toEqual(['k'])
    expect((await peer.get('k')).texts).toEqual(['kept'])
  })

  test('B034: a delete without context is refused unless it is forced', async () => {
    const peer = await startPeer()
    await peer.put('k', undefined, 'one')
    await peer.put('k', undefined, 'two')
    expect(await errorOf(() => peer.delete('k', undefined))).toMatchObject({ code: 'ERR_CONTEXT_REQUIRED', outcome: 'none' })
    expect(await errorOf(() => peer.delete('k', null))).toMatchObject({ code: 'ERR_CONTEXT_REQUIRED' })
    expect((await peer.get('k')).values).toHaveLength(2)
    expect(await peer.delete('k', undefined, { force: true })).toMatchObject({ existed: true })
    expect((await peer.get('k')).values).toEqual([])
  })

  test('B035: a delete of a key that is not there writes nothing', async () => {
    const peer = await startPeer()
    expect(await peer.delete('k', undefined)).toMatchObject({ existed: false })
    expect(await peer.delete('k', (await peer.get('k')).context)).toMatchObject({ existed: false })
    expect(await keyTexts(peer)).toEqual([])
  })
})

describe('limits', () => {
  test('B010: past keysMax new keys are refused, known ones can still be written', async () => {
    const peer = await startPeer({ keysMax: 3 })
    for (const key of ['a', 'b', 'c']) await peer.put(key, undefined, 'v')
    expect(await errorOf(() => peer.put('d', undefined, 'v'))).toMatchObject({ code: 'ERR_MAX_KEYS', class: 'LimitError', outcome: 'none' })
    expect((await peer.put('a', undefined, 'again')).siblings).toBe(2)
    expect(peer.metrics()).toMatchObject({ 'put.refused.max-keys': 1 })
    expect(await keyTexts(peer)).toEqual(['a', 'b', 'c'])
  })

  test('B031, B032: blind writes become siblings up to the bound; then the error carries what is to be merged', async () => {
    const peer = await startPeer()
    for (let count = 0; count < siblingsMax; count++) await peer.put('k', undefined, `${count}`)
    const error = await errorOf(() => peer.put('k', undefined, 'one too many'))
    expect(error).toMatchObject({ code: 'ERR_TOO_MANY_SIBLINGS', outcome: 'none' })
    const { values, context } = error.details as { values: readonly Uint8Array[]; context: Uint8Array }
    expect(values).toHaveLength(siblingsMax)
    expect((await peer.get('k')).values).toHaveLength(siblingsMax)
    await peer.put('k', context, 'merged')
    expect((await peer.get('k')).texts).toEqual(['merged'])
  })

  test('B040: of 100,000 puts at once as many are taken as the bound says, the others are refused at once and can be tried again', async () => {
    const peer = await startPeer()
    const settled = await Promise.allSettled(Array.from({ length: 100_000 }, (_, index) => peer.put(`k${index}`, undefined, 'v')))
    const refused = settled.filter(each => each.status === 'rejected').map(each => each.reason as StoreError)
    expect(settled.length - refused.length).toBe(requestsInFlightMax)
    expect(new Set(refused.map(({ code, outcome, retryable }) => `${code} ${outcome} ${retryable}`))).toEqual(new Set(['ERR_OVERLOADED none true']))
    expect(peer.status().keys).toBe(requestsInFlightMax)
    expect((await peer.put('k99999', undefined, 'v')).siblings).toBe(1)
  })
})

describe('quorums that are not reached', () => {
  test('B022, B023: say how many answered, and carry dot and partial values', async () => {
    const [first, second] = await startCluster(2)
    if (first === undefined || second === undefined) return
    await first.put('k', undefined, 'before', { w: 2 })
    second.cutNetwork(true)
    await until(first, () => reachableMembers(first) === 1)
    const write = await errorOf(() => first.put('k', undefined, 'v', { timeoutMs: 100 }))
    expect(write).toMatchObject({ code: 'ERR_WRITE_QUORUM', outcome: 'indeterminate', details: { acked: 1, needed: 2, acknowledged: [first.peerId] } })
    expect(write.details['dot']).toMatch(/:2$/)
    const read = await errorOf(() => first.get('k', { timeoutMs: 100 }))
    expect(read).toMatchObject({ code: 'ERR_READ_QUORUM', details: { needed: 2, replied: [first.peerId] } })
    expect(read.details['values']).toHaveLength(2)
    const { requestId } = write.details as { requestId: string }
    expect((await first.put('k', undefined, 'v', { w: 1, requestId })).dot).toBe(write.details['dot'])
  })
})

describe('a stopped peer', () => {
  test('B037: refuses every call, and can be stopped and shown again', async () => {
    const peer = await startPeer()
    await peer.put('k', undefined, 'v')
    const keys = peer.keys()
    const collection = peer.collection('c', { codec: json<string>(), merge: values => values.join() })
    await peer.stop()
    await peer.stop()
    const refused: readonly (() => unknown)[] = [
      () => peer.get('k'),
      () => peer.put('k', undefined, 'v'),
      () => peer.update('k', () => 'v'),
      () => peer.delete('k', undefined),
      () => peer.watch('k'),
      () => keys.next(),
      () => peer.join([]),
      () => peer.cutNetwork(true),
      () => peer.leave(),
      () => collection.get('1')
    ]
    for (const call of refused) expect(await errorOf(call)).toMatchObject({ code: 'ERR_CLOSED', class: 'ClosedError', outcome: 'none' })
    expect(peer.status()).toMatchObject({ state: 'stopped', keys: 1 })
    expect([peer.members().length, peer.ring().partitions, typeof peer.metrics()]).toEqual([1, 1024, 'object'])
  })
})

describe('the JSON codec', () => {
  const cycle: Record<string, unknown> = {}
  cycle['a'] = { b: cycle }
  const named = Object.assign([1], { name: 2 })
  test.each([
    ['B016', 'a cycle', cycle, '$.a.b'],
    ['B016', 'a BigInt', { a: { b: 1n } }, '$.a.b'],
    ['B016', 'NaN', { a: [0, Number.NaN] }, '$.a[1]'],
    ['B016', 'Infinity', [Number.NEGATIVE_INFINITY], '$[0]'],
    ['B016', 'minus zero', { a: -0 }, '$.a'],
    ['B016', 'a Date', { at: new Date(0) }, '$.at'],
    ['B016', 'a Map', new Map(), '$'],
    ['B016', 'a function', { f: () => 1 }, '$.f'],
    ['B016', 'undefined', undefined, '$'],
    ['B016', 'undefined in an array', [undefined], '$[0]'],
    ['B016', 'a hole', { a: Array.from({ length: 0 }, Number).concat(new Array<number>(2)) }, '$.a'],
    ['B016', 'an array with names', named, '$'],
    ['B016', 'a symbol for a value', [Symbol('s')], '$[0]'],
    ['B016', 'a symbol for a name', { [Symbol('s')]: 1 }, '$'],
    ['B016', 'toJSON', { toJSON: () => 1 }, '$'],
    ['B016', 'bytes', { b: new Uint8Array(1) }, '$.b'],
    ['B016', 'a getter that throws', throwing('a'), ''],
    ['B016', 'a proxy that throws', trap, '']
  ])('%s refuses %s, with its path', async (_id, _what, value, path) => {
    const error = await errorOf(() => json().encode(value))
    expect(error).toMatchObject({ code: 'ERR_VALUE_NOT_SERIALIZABLE', outcome: 'none' })
    expect(error.message).toContain(path === '' ? 'trap' : `at ${path} `)
  })

  test('B017: takes 64 levels and no more', async () => {
    const codec = json<unknown>()
    expect(codec.decode(codec.encode(nested(64)))).toEqual(nested(64))
    expect(await errorOf(() => codec.encode(nested(65)))).toMatchObject({ code: 'ERR_VALUE_TOO_DEEP' })
    expect(await errorOf(() => codec.encode(nested(10_000)))).toMatchObject({ code: 'ERR_VALUE_TOO_DEEP' })
  })

  test('B017: an own __proto__ stays an own property', () => {
    const codec = json<object>()
    const read = codec.decode(codec.encode(JSON.parse('{"__proto__":{"polluted":true}}') as object))
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype)
    expect(Object.keys(read)).toEqual(['__proto__'])
    expect('polluted' in {}).toBe(false)
  })
})
