import { describe, expect, test } from 'vitest'
import type { WatchChange } from '../../src/entry/nodejs.ts'
import { errorOf, nextEvent, reachableMembers, startCluster, startPeer, until } from './peers.ts'

/** The next change, or `undefined` at the end. */
async function next(changes: AsyncIterator<WatchChange>): Promise<readonly string[] | undefined> {
  const result = await changes.next()
  if (result.done === true) return undefined
  return result.value.values.map(value => new TextDecoder().decode(value)).toSorted()
}

describe('watching a key', () => {
  test('begins with what there is, nothing included, and goes on with every change', async () => {
    const peer = await startPeer()
    const changes = peer.watch('k')[Symbol.asyncIterator]()
    expect(await next(changes)).toEqual([])
    const first = await peer.put('k', undefined, 'one')
    expect(await next(changes)).toEqual(['one'])
    await peer.put('k', undefined, 'two')
    expect(await next(changes)).toEqual(['one', 'two'])
    const { context } = await peer.get('k')
    expect(first.siblings).toBe(1)
    await peer.delete('k', context)
    expect(await next(changes)).toEqual([])
    await changes.return?.()
  })

  test('a change carries a context that supersedes what it showed', async () => {
    const peer = await startPeer()
    await peer.put('k', undefined, 'one')
    await peer.put('k', undefined, 'two')
    for await (const { context, siblings, key } of peer.watch('k')) {
      expect(siblings.map(({ writer }) => writer)).toEqual([peer.peerId, peer.peerId])
      expect(key).toEqual(new TextEncoder().encode('k'))
      await peer.put('k', context, 'merged')
      break
    }
    expect((await peer.get('k')).texts).toEqual(['merged'])
  })

  test('sees what other peers write, also where this peer is no owner', async () => {
    const [first, second] = await startCluster(2, { replicas: 1, r: 1, w: 1 })
    if (first === undefined || second === undefined) return
    const key = Array.from({ length: 50 }, (_, index) => `k${index}`).find(each => second.place(each).owners[0] === second.peerId) ?? ''
    const changes = first.watch(key)[Symbol.asyncIterator]()
    expect(await next(changes)).toEqual([])
    await second.put(key, undefined, 'from elsewhere')
    expect(await next(changes)).toEqual(['from elsewhere'])
    await changes.return?.()
  })

  test('folds the changes that a slow reader missed into the newest, and loses no last state', async () => {
    const peer = await startPeer()
    const changes = peer.watch('k')[Symbol.asyncIterator]()
    expect(await next(changes)).toEqual([])
    let { context } = await peer.put('k', undefined, '0')
    for (let count = 1; count <= 50; count++) context = (await peer.put('k', context, `${count}`)).context
    expect(await next(changes)).toEqual(['50'])
    await changes.return?.()
  })

  test('an isolated peer sees its own writes', async () => {
    const [first] = await startCluster(3)
    if (first === undefined) return
    first.cutNetwork(true)
    await until(first, () => reachableMembers(first) === 1)
    const written = nextEvent(first, 'key:changed')
    await first.put('k', undefined, 'alone', { w: 1 })
    await written
    const changes = first.watch('k')[Symbol.asyncIterator]()
    expect(await next(changes)).toEqual(['alone'])
    await changes.return?.()
  })

  test('ends when its signal aborts, also one that was aborted before', async () => {
    const peer = await startPeer()
    const ending = new AbortController()
    const changes = peer.watch('k', { signal: ending.signal })[Symbol.asyncIterator]()
    expect(await next(changes)).toEqual([])
    const waiting = next(changes)
    ending.abort()
    expect(await waiting).toBeUndefined()
    expect(await next(changes)).toBeUndefined()
    expect(await next(peer.watch('k', { signal: ending.signal })[Symbol.asyncIterator]())).toBeUndefined()
  })

  test('ends when the peer stops', async () => {
    const peer = await startPeer()
    const changes = peer.watch('k')[Symbol.asyncIterator]()
    expect(await next(changes)).toEqual([])
    const waiting = next(changes)
    await peer.stop()
    expect(await waiting).toBeUndefined()
    expect(await errorOf(() => peer.watch('k'))).toMatchObject({ code: 'ERR_CLOSED' })
  })

  test('ends for a reader that returns while it waits', async () => {
    const peer = await startPeer()
    const changes = peer.watch('k')[Symbol.asyncIterator]()
    expect(await next(changes)).toEqual([])
    const waiting = next(changes)
    await changes.return?.()
    expect(await waiting).toBeUndefined()
  })

  test('two watchers of one key do not disturb each other', async () => {
    const peer = await startPeer()
    const [one, two] = [peer.watch('k')[Symbol.asyncIterator](), peer.watch('k')[Symbol.asyncIterator]()]
    expect([await next(one), await next(two)]).toEqual([[], []])
    await one.return?.()
    await peer.put('k', undefined, 'v')
    expect(await next(two)).toEqual(['v'])
    await two.return?.()
  })
})
