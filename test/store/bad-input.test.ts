/** Bad inputs that need more than one call: keys, contexts, limits and peers at their end. The ids are those of the catalogue of bad inputs. */
import { describe, expect, test } from 'vitest'
import { crc32 } from '../../src/core/crc32.ts'
import { requestBytesInFlightMax, requestsInFlightMax, siblingsMax, valueBytesMax } from '../../src/core/limits.ts'
import { json, type StoreError } from '../../src/entry/nodejs.ts'
import { bytes, errorOf, keyTexts, reachableMembers, startCluster, startPeer, until } from './peers.ts'
import { nothingEscapes } from './traps.ts'

nothingEscapes()

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
      expect(await errorOf(() => peer.put('k', context.slice(0, length), 'lost'))).toMatchObject({
        code: 'ERR_CONTEXT_MALFORMED',
        outcome: 'none'
      })
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
    for (const call of [
      () => peer.put('other key', context, 'v'),
      () => peer.put('k', foreign.context, 'v'),
      () => peer.put('k', newer, 'v'),
      () => peer.delete('k', foreign.context)
    ]) {
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
    expect(new Set(refused.map(({ code, outcome, retryable }) => `${code} ${outcome} ${retryable}`))).toEqual(
      new Set(['ERR_OVERLOADED none true'])
    )
    expect(peer.status().keys).toBe(requestsInFlightMax)
    expect((await peer.put('k99999', undefined, 'v')).siblings).toBe(1)
  })

  test('B040: of large puts at once no more are taken than fit the bound of bytes, the others are refused at once and can be tried again', async () => {
    const peer = await startPeer()
    const value = new Uint8Array(valueBytesMax)
    const settled = await Promise.allSettled(Array.from({ length: 200 }, (_, index) => peer.put(`k${index}`, undefined, value)))
    const refused = settled.filter(each => each.status === 'rejected').map(each => each.reason as StoreError)
    expect(settled.length - refused.length).toBe(Math.floor(requestBytesInFlightMax / (valueBytesMax + 'k00'.length)))
    for (const error of refused) {
      expect(error).toMatchObject({ code: 'ERR_OVERLOADED', outcome: 'none', details: { bytesInFlightMax: requestBytesInFlightMax } })
    }
    expect((await peer.put('k199', undefined, value)).siblings).toBe(1)
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
    expect(write).toMatchObject({
      code: 'ERR_WRITE_QUORUM',
      outcome: 'indeterminate',
      details: { acked: 1, needed: 2, acknowledged: [first.peerId] }
    })
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
      () => keys[Symbol.asyncIterator]().next(),
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
