import { describe, expect, test } from 'vitest'
import { bytes, errorOf, keyTexts, startCluster, startPeer, until } from './peers.ts'

describe('a peer alone', () => {
  test('stores from its first line, and says that N, R and W have shrunk to what exists', async () => {
    const peer = await startPeer()
    const written = await peer.put('cart:1', undefined, 'apples')
    const read = await peer.get('cart:1')
    expect(read).toMatchObject({ texts: ['apples'], r: 1, n: 1, replied: [peer.peerId] })
    expect(written).toMatchObject({ w: 1, n: 1, siblings: 1, coordinator: peer.peerId, acknowledged: [peer.peerId], hinted: [] })
    expect(read.siblings[0]).toMatchObject({ writer: peer.peerId, writerReplica: peer.replicaId, dot: written.dot })
    expect(peer.status()).toMatchObject({ state: 'up', keys: 1, members: 1 })
  })

  test('knows nothing of a key that nobody wrote', async () => {
    const peer = await startPeer()
    const read = await peer.get('nothing')
    expect(read).toMatchObject({ values: [], texts: [], siblings: [] })
    expect(await peer.put('nothing', read.context, 'now something')).toMatchObject({ siblings: 1 })
  })

  test('tells an empty value from an absent one', async () => {
    const peer = await startPeer()
    await peer.put('empty', undefined, new Uint8Array(0))
    expect((await peer.get('empty')).values).toEqual([new Uint8Array(0)])
  })

  test('writes without having read become siblings, and a write with the context supersedes what was read', async () => {
    const peer = await startPeer()
    await peer.put('k', undefined, 'one')
    expect((await peer.put('k', undefined, 'two')).siblings).toBe(2)
    const { context, texts } = await peer.get('k')
    expect(texts.toSorted()).toEqual(['one', 'two'])
    await peer.put('k', undefined, 'three')
    await peer.put('k', context, 'one and two')
    expect((await peer.get('k')).texts.toSorted()).toEqual(['one and two', 'three'])
  })

  test('a context travels as bytes or as base64url text', async () => {
    const peer = await startPeer()
    const { context } = await peer.put('k', undefined, 'one')
    await peer.put('k', Buffer.from(context).toString('base64url'), 'two')
    expect((await peer.get('k')).texts).toEqual(['two'])
  })

  test('the context of a put covers that put, so that the next write needs no read', async () => {
    const peer = await startPeer()
    const first = await peer.put('k', undefined, '1')
    const second = await peer.put('k', first.context, '2')
    await peer.put('k', second.context, '3')
    expect((await peer.get('k')).texts).toEqual(['3'])
  })

  test('deletes with the context of a read, tells a deleted key from one that never was, and leaves no value behind', async () => {
    const peer = await startPeer()
    await peer.put('k', undefined, 'one')
    const { context } = await peer.get('k')
    expect(await peer.delete('k', context)).toMatchObject({ existed: true })
    expect((await peer.get('k')).values).toEqual([])
    expect(await peer.delete('k', undefined)).toMatchObject({ existed: false })
  })

  test('a delete that did not see a write leaves that write, and shows both', async () => {
    const peer = await startPeer()
    const { context } = await peer.put('k', undefined, 'one')
    await peer.put('k', undefined, 'two')
    await peer.delete('k', context)
    const read = await peer.get('k')
    expect(read.texts).toEqual(['two'])
    expect(read.siblings.map(({ text }) => text)).toContain(undefined)
  })

  test('update creates, changes and deletes', async () => {
    const peer = await startPeer()
    await peer.update('n', values => `${values.length}`)
    await peer.update('n', ([value]) => `${new TextDecoder().decode(value)}+`)
    expect((await peer.get('n')).texts).toEqual(['0+'])
    await peer.update('n', () => undefined)
    expect((await peer.get('n')).values).toEqual([])
  })

  test('an error of the caller inside update reaches the caller, and nothing is written', async () => {
    const peer = await startPeer()
    await peer.put('n', undefined, 'kept')
    await expect(
      peer.update('n', () => {
        throw new RangeError('mine')
      })
    ).rejects.toThrow(RangeError)
    expect((await peer.get('n')).texts).toEqual(['kept'])
  })

  test('a retry of the same request id counts once and answers the same', async () => {
    const peer = await startPeer()
    const first = await peer.put('k', undefined, 'one')
    const again = await peer.put('k', undefined, 'one', { requestId: first.requestId })
    expect(again.dot).toBe(first.dot)
    expect((await peer.get('k')).values).toHaveLength(1)
  })

  test('what the caller does with its bytes afterwards changes nothing', async () => {
    const peer = await startPeer()
    const key = bytes('key')
    const value = bytes('value')
    const writing = peer.put(key, undefined, value)
    key.fill(0)
    value.fill(0)
    const written = await writing
    for (const list of [written.acknowledged, written.hinted]) (list as string[]).push('forged')
    const read = await peer.get('key')
    expect(read.texts).toEqual(['value'])
    read.values[0]?.fill(0)
    read.context.fill(0)
    for await (const row of peer.keys()) row.key.fill(0)
    peer.place('key').key.fill(0)
    expect((await peer.get('key')).texts).toEqual(['value'])
    expect((await peer.put('key', undefined, 'value', { requestId: written.requestId })).acknowledged).toEqual([peer.peerId])
    expect(() => (peer.ring().owners[0] as string[]).push('forged')).toThrow(TypeError)
    expect(await keyTexts(peer)).toEqual(['key'])
  })

  test('lists its keys in byte order, by prefix, behind a key and up to a limit', async () => {
    const peer = await startPeer()
    for (const key of ['b:2', 'a', 'b:10', 'b:1', 'c']) await peer.put(key, undefined, 'v')
    const list = async (options?: Parameters<typeof peer.keys>[0]): Promise<unknown[]> => {
      const found: unknown[] = []
      for await (const { text } of peer.keys(options)) found.push(text)
      return found
    }
    expect(await list()).toEqual(['a', 'b:1', 'b:10', 'b:2', 'c'])
    expect(await list({ prefix: '' })).toHaveLength(5)
    expect(await list({ prefix: 'b:' })).toEqual(['b:1', 'b:10', 'b:2'])
    expect(await list({ prefix: 'b:', after: 'b:1', limit: 1 })).toEqual(['b:10'])
    const { context } = await peer.get('a')
    await peer.delete('a', context)
    for await (const row of peer.keys({ limit: 1 }))
      expect(row).toMatchObject({ text: 'a', deleted: true, owned: true, siblings: 1, bytes: 0 })
  })

  test('says where a key lives without asking anybody', async () => {
    const peer = await startPeer({ partitions: 8 })
    const place = peer.place('hello')
    expect(place).toMatchObject({
      position: '5d41402abc4b2a76b9719d911017c592',
      partition: 2,
      owners: [peer.peerId],
      preferenceList: [peer.peerId]
    })
    expect(peer.ring()).toMatchObject({ partitions: 8, replicas: 3, digest: peer.status().ringDigest })
  })
})

describe('three peers', () => {
  test('every peer reads what any other wrote', async () => {
    const peers = await startCluster(3)
    await Promise.all(peers.map((peer, index) => peer.put(`k${index}`, undefined, `v${index}`)))
    for (const peer of peers) {
      for (const index of peers.keys()) expect((await peer.get(`k${index}`)).texts).toEqual([`v${index}`])
    }
    expect(peers.map(peer => peer.ring().digest)).toEqual(Array.from({ length: 3 }, () => peers[0]?.ring().digest))
    expect(await peers[0]?.get('k0', { r: 3 })).toMatchObject({ r: 3, n: 3 })
    expect((await peers[1]?.put('k0', undefined, 'x', { w: 3 }))?.acknowledged).toHaveLength(3)
  })

  test('a retry that asks for more acknowledgements than the first try gets them, for the same write', async () => {
    const [first] = await startCluster(3)
    if (first === undefined) return
    const once = await first.put('k', undefined, 'v', { w: 1 })
    const again = await first.put('k', undefined, 'v', { w: 3, requestId: once.requestId })
    expect(again).toMatchObject({ dot: once.dot, siblings: 1, w: 3 })
    expect(again.acknowledged).toHaveLength(3)
  })

  test('two updaters of one key at a time lose nothing', async () => {
    const peers = await startCluster(3)
    const add = (peer: (typeof peers)[number], item: string): Promise<unknown> =>
      peer.update('set', values =>
        JSON.stringify([...new Set([...values.flatMap(value => JSON.parse(new TextDecoder().decode(value)) as string[]), item])])
      )
    const [first, second] = peers
    for (let round = 0; round < 10; round++) {
      await Promise.all([
        first === undefined ? undefined : add(first, `a${round}`),
        second === undefined ? undefined : add(second, `b${round}`)
      ])
    }
    const { texts } = (await peers[2]?.get('set', { r: 3 })) ?? { texts: [] }
    const items = new Set(texts.flatMap(text => JSON.parse(text ?? '[]') as string[]))
    expect([...items].toSorted()).toEqual(
      Array.from({ length: 10 }, (_, round) => [`a${round}`, `b${round}`])
        .flat()
        .toSorted()
    )
  })

  test('a peer of weight 0 stores nothing and reads and writes all the same', async () => {
    const [first] = await startCluster(3)
    const client = await startPeer({ weight: 0, join: [first?.status().addresses[0] ?? ''] })
    await until(client, () => client.ring().owners[0]?.length === 3)
    await client.put('k', undefined, 'through a client')
    expect((await client.get('k')).texts).toEqual(['through a client'])
    expect(client.members().find(({ self }) => self)).toMatchObject({ weight: 0, partitionsOwned: 0 })
    expect(await keyTexts(client)).toEqual([])
    expect((await first?.get('k'))?.siblings[0]).toMatchObject({ writer: client.peerId })
  })
})

describe('giving up', () => {
  test('a signal that was aborted before stops the call before anything happens', async () => {
    const peer = await startPeer()
    const signal = AbortSignal.abort(new Error('mine'))
    for (const call of [
      () => peer.get('k', { signal }),
      () => peer.put('k', undefined, 'v', { signal }),
      () => peer.update('k', () => 'v', { signal }),
      () => peer.delete('k', undefined, { signal })
    ]) {
      expect(await errorOf(call)).toMatchObject({ code: 'ERR_ABORTED', name: 'AbortError', outcome: 'none', cause: signal.reason })
    }
    expect(peer.status().keys).toBe(0)
  })

  test('a signal that is aborted meanwhile leaves a write indeterminate, with the id to retry it by', async () => {
    const [first, second, third] = await startCluster(3)
    if (first === undefined || second === undefined || third === undefined) return
    second.cutNetwork(true)
    third.cutNetwork(true)
    await until(first, () => first.members().filter(({ reachability }) => reachability === 'suspect').length === 2)
    const giving = new AbortController()
    const writing = errorOf(() => first.put('k', undefined, 'v', { signal: giving.signal, timeoutMs: 20_000 }))
    giving.abort()
    const error = await writing
    expect(error).toMatchObject({ code: 'ERR_ABORTED', outcome: 'indeterminate' })
    const again = await first.put('k', undefined, 'v', { requestId: String(error.details['requestId']), w: 1 })
    expect(again.siblings).toBe(1)
    const reading = new AbortController()
    const read = errorOf(() => first.get('k', { r: 3, signal: reading.signal, timeoutMs: 20_000 }))
    reading.abort()
    expect(await read).toMatchObject({ code: 'ERR_ABORTED', outcome: 'none' })
  })
})
