/**
 * What callers can get wrong, one test per entry: the code they get, what is known about the write, and that nothing stored is lost. The ids are
 * those of the catalogue of bad inputs that this project keeps with its design.
 */
import { describe, expect, test } from 'vitest'
import type { ErrorCode, Peer } from '../../src/entry/nodejs.ts'
import { errorOf, keyTexts, startPeer } from './peers.ts'
import { any, detached, nothingEscapes, revoked, throwing, trap } from './traps.ts'

nothingEscapes()

/** A caller's mistake: what it does, and the error that it gets. */
type BadCall = readonly [id: string, input: string, code: ErrorCode, call: (peer: Peer) => unknown]

const calls: readonly BadCall[] = [
  ['B001', 'an empty key', 'ERR_KEY_EMPTY', peer => peer.put('', undefined, 'v')],
  ['B001', 'an empty key in bytes', 'ERR_KEY_EMPTY', peer => peer.get(new Uint8Array(0))],
  ...[
    undefined,
    null,
    42,
    Number.NaN,
    1n,
    true,
    {},
    [],
    Symbol('key'),
    () => 'k',
    new Date(0),
    new ArrayBuffer(4),
    new DataView(new ArrayBuffer(4)),
    new Uint16Array(2),
    trap,
    revoked,
    new Proxy(new Uint8Array(3), {})
  ].map((key, index): BadCall => ['B002', `key ${index}: ${typeof key}`, 'ERR_KEY_TYPE', peer => peer.put(any(key), undefined, 'v')]),
  ['B002', 'a view whose memory was transferred away, as a key', 'ERR_KEY_TYPE', peer => peer.put(detached(), undefined, 'v')],
  ['B004', 'a lone surrogate', 'ERR_KEY_NOT_UTF8', peer => peer.put('\uD800', undefined, 'v')],
  ['B004', 'a lone surrogate at the end', 'ERR_KEY_NOT_UTF8', peer => peer.place('key\uDFFF')],
  ['B006', 'a key of 1,025 bytes', 'ERR_KEY_TOO_LARGE', peer => peer.put('k'.repeat(1025), undefined, 'v')],
  ['B006', 'a key of 513 characters and 1,026 bytes', 'ERR_KEY_TOO_LARGE', peer => peer.put('é'.repeat(513), undefined, 'v')],
  ...[
    undefined,
    null,
    42,
    {},
    [1],
    Symbol('value'),
    new DataView(new ArrayBuffer(4)),
    new ArrayBuffer(4),
    new Float64Array(1),
    trap,
    revoked,
    Promise.resolve('v')
  ].map((value, index): BadCall => [
    'B011',
    `value ${index}: ${typeof value}`,
    'ERR_VALUE_TYPE',
    peer => peer.put('k', undefined, any(value))
  ]),
  ['B011', 'a value with a lone surrogate', 'ERR_VALUE_TYPE', peer => peer.put('k', undefined, '\uDC00')],
  ['B011', 'a view whose memory was transferred away, as a value', 'ERR_VALUE_TYPE', peer => peer.put('k', undefined, detached())],
  [
    'B011',
    'an update whose function is async',
    'ERR_VALUE_TYPE',
    peer =>
      peer.update(
        'k',
        any(async () => 'v')
      )
  ],
  ['B011', 'an update without a function', 'ERR_OPTIONS', peer => peer.update('k', any('v'))],
  ['B013', 'a value of 1 MiB and a byte', 'ERR_VALUE_TOO_LARGE', peer => peer.put('k', undefined, new Uint8Array(1024 * 1024 + 1))],
  ['B013', 'a text of more bytes than characters', 'ERR_VALUE_TOO_LARGE', peer => peer.put('k', undefined, '€'.repeat(350_000))],
  ...(
    [
      ['r', 0],
      ['r', 1.5],
      ['r', '2'],
      ['r', Number.NaN],
      ['r', null],
      ['r', 2n],
      ['r', 2 ** 53]
    ] as const
  ).map(([name, value]): BadCall => [
    'B019',
    `get with ${name}: ${String(value)}`,
    'ERR_QUORUM_RANGE',
    peer => peer.get('k', any({ [name]: value }))
  ]),
  ...([-1, Number.NaN, Number.POSITIVE_INFINITY, [2], {}] as const).map((w, index): BadCall => [
    'B019',
    `put with w ${index}: ${String(w)}`,
    'ERR_QUORUM_RANGE',
    peer => peer.put('k', undefined, 'v', any({ w }))
  ]),
  ['B020', 'w: 4 with N = 3', 'ERR_QUORUM_RANGE', peer => peer.put('k', undefined, 'v', { w: 4 })],
  ['B020', 'r: 4 with N = 3', 'ERR_QUORUM_RANGE', peer => peer.update('k', () => 'v', { r: 4 })],
  ...([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 600_001, '100', null] as const).map((timeoutMs): BadCall => [
    'B021',
    `timeoutMs: ${String(timeoutMs)}`,
    'ERR_TIMEOUT_RANGE',
    peer => peer.put('k', undefined, 'v', any({ timeoutMs }))
  ]),
  ['B025', 'a signal that is none', 'ERR_OPTIONS', peer => peer.get('k', any({ signal: { aborted: false } }))],
  [
    'B025',
    'what only inherits from a signal',
    'ERR_OPTIONS',
    peer => peer.get('k', { signal: Object.create(AbortSignal.prototype) as AbortSignal })
  ],
  ...['', 'not a token', '====', 'A', 'x'.repeat(100)].map((context): BadCall => [
    'B026',
    `context ${JSON.stringify(context)}`,
    'ERR_CONTEXT_MALFORMED',
    peer => peer.put('k', context, 'v')
  ]),
  ...[0, false, {}, [], Symbol('context'), () => 'x', trap, new Uint16Array(40)].map((context, index): BadCall => [
    'B026',
    `context ${index}: ${typeof context}`,
    'ERR_CONTEXT_MALFORMED',
    peer => peer.put('k', any(context), 'v')
  ]),
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
  [
    'B043',
    'a function',
    'ERR_OPTIONS',
    peer =>
      peer.get(
        'k',
        any(() => ({ r: 1 }))
      )
  ],
  ['B043', 'an array', 'ERR_OPTIONS', peer => peer.get('k', any([{ r: 1 }]))],
  ['B043', 'a Map', 'ERR_OPTIONS', peer => peer.get('k', any(new Map([['r', 1]])))],
  [
    'B043',
    'an instance of a class',
    'ERR_OPTIONS',
    peer =>
      peer.get(
        'k',
        any(
          new (class Options {
            r = 1
          })()
        )
      )
  ],
  ['B043', 'a symbol for a name', 'ERR_OPTIONS', peer => peer.get('k', any({ [Symbol('r')]: 1 }))],
  [
    'B043',
    'toString that throws',
    'ERR_QUORUM_RANGE',
    peer =>
      peer.get(
        'k',
        any({
          r: {
            toString: () => {
              throw new Error('trap')
            }
          }
        })
      )
  ],
  ['B043', 'sloppy that is no boolean', 'ERR_OPTIONS', peer => peer.get('k', any({ sloppy: 0 }))],
  ['B043', 'a request id that is none', 'ERR_OPTIONS', peer => peer.put('k', undefined, 'v', { requestId: 'F'.repeat(32) })],
  ['B043', 'w for a get', 'ERR_OPTIONS', peer => peer.get('k', any({ w: 1 }))],
  ['B043', 'keys from no object', 'ERR_OPTIONS', peer => keysOf(peer, 'prefix')],
  ['B043', 'keys of no limit', 'ERR_OPTIONS', peer => keysOf(peer, { limit: Number.POSITIVE_INFINITY })],
  ['B043', 'keys behind a number', 'ERR_KEY_TYPE', peer => keysOf(peer, { after: 5 })],
  ['B043', 'cutNetwork of a text', 'ERR_OPTIONS', peer => peer.cutNetwork(any('yes'))],
  ['B043', 'leave with a signal that is none', 'ERR_OPTIONS', peer => peer.leave(any({ signal: 1 }))],
  ['B043', 'evict of a number', 'ERR_OPTIONS', peer => peer.evict(any(7))],
  ['B043', 'evict with a text for force', 'ERR_OPTIONS', peer => peer.evict('12D3KooW', any({ force: 'yes' }))],
  ['B043', 'evict of a name of 100,000 characters', 'ERR_MEMBER_UNKNOWN', peer => peer.evict('x'.repeat(100_000))],
  ['B043', 'a change that is none', 'ERR_OPTIONS', peer => peer.planChange({})],
  ['B043', 'a change of nothing', 'ERR_OPTIONS', peer => peer.planChange(any(undefined))],
  ['B043', 'a change that throws whatever is done with it', 'ERR_OPTIONS', peer => peer.planChange(any(trap))],
  ['B043', 'a change with an unknown field', 'ERR_OPTIONS', peer => peer.planChange(any({ joins: [{}] }))],
  ['B043', 'newcomers that are no list', 'ERR_OPTIONS', peer => peer.planChange(any({ join: { length: 1, 0: {} } }))],
  ['B043', '5,000 newcomers', 'ERR_OPTIONS', peer => peer.planChange({ join: Array.from({ length: 5000 }, () => ({})) })],
  ['B043', 'a newcomer that is a text', 'ERR_OPTIONS', peer => peer.planChange(any({ join: ['one'] }))],
  ['B043', 'a newcomer that is nothing', 'ERR_OPTIONS', peer => peer.planChange(any({ join: [null] }))],
  ['B043', 'a newcomer of weight 65', 'ERR_OPTIONS', peer => peer.planChange({ join: [{ weight: 65 }] })],
  ['B043', 'a newcomer in a zone without a name', 'ERR_OPTIONS', peer => peer.planChange({ join: [{ zone: '' }] })],
  ['B043', 'a newcomer that is this peer', 'ERR_OPTIONS', peer => peer.planChange({ join: [{ peerId: peer.peerId }] })],
  ['B043', 'the same newcomer twice', 'ERR_OPTIONS', peer => peer.planChange({ join: [{ peerId: 'x' }, { peerId: 'x' }] })],
  ['B043', 'somebody who leaves and is evicted', 'ERR_OPTIONS', peer => peer.planChange({ leave: [peer.peerId], evict: [peer.peerId] })],
  ['B043', 'somebody who leaves and is no member', 'ERR_MEMBER_UNKNOWN', peer => peer.planChange({ leave: ['whoever'] })],
  ['B043', 'watch with an unknown option', 'ERR_OPTIONS', peer => peer.watch('k', any({ sginal: undefined }))],
  ...[0, -5, Number.NaN, 1e20].map((ttl): BadCall => [
    'B044',
    `ttl: ${ttl}, which is no option here`,
    'ERR_OPTIONS',
    peer => peer.put('k', undefined, 'v', any({ ttl }))
  ]),
  ['B106', 'join with addresses of which none can be used', 'ERR_BOOTSTRAP_ADDR', peer => peer.join(['nonsense', '/ip4/127.0.0.1/udp/1'])],
  ['B106', 'join with no list', 'ERR_OPTIONS', peer => peer.join(any('/ip4/127.0.0.1/tcp/4001'))],
  ['B106', 'join with nothing', 'ERR_OPTIONS', peer => peer.join(any(undefined))],
  ['B106', 'join with numbers', 'ERR_OPTIONS', peer => peer.join(any([1, 2]))]
]

async function keysOf(peer: Peer, options: unknown): Promise<void> {
  for await (const _row of peer.keys(any(options))) expect.unreachable()
}

describe('a call that is refused leaves everything as it was', () => {
  test.each(calls.map(([id, input, code, call]) => ({ id, input, code, call })))('$id $input: $code', async ({ code, call }) => {
    const peer = await startPeer()
    const { context } = await peer.put('k', undefined, 'kept')
    const error = await errorOf(() => call(peer))
    expect(error).toMatchObject({ code, outcome: 'none', class: error.name })
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
