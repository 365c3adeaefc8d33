import { describe, expect, test } from 'vitest'
import { json, type Collection, type Peer } from '../../src/entry/nodejs.ts'
import { errorOf, reachableMembers, startCluster, startPeer, until } from './peers.ts'

interface Cart {
  readonly items: readonly string[]
}

const merge = (carts: readonly Cart[]): Cart => ({ items: [...new Set(carts.flatMap(({ items }) => items))].toSorted() })

function cartsOf(peer: Peer): Collection<Cart> {
  return peer.collection<Cart>('cart', { codec: json<Cart>(), merge })
}

describe('a collection', () => {
  test('stores values of the application under name:id', async () => {
    const peer = await startPeer()
    const carts = cartsOf(peer)
    expect(await carts.get('1')).toMatchObject({ value: undefined, values: [] })
    await carts.put('1', undefined, { items: ['milk'] })
    expect((await peer.get('cart:1')).texts).toEqual(['{"items":["milk"]}'])
    const { value, context } = await carts.get('1')
    expect(value).toEqual({ items: ['milk'] })
    expect(await carts.delete('1', context)).toMatchObject({ existed: true })
    expect((await carts.get('1')).value).toBeUndefined()
  })

  test('merges siblings when it reads, and writes the merge when it updates', async () => {
    const peer = await startPeer()
    const carts = cartsOf(peer)
    await carts.put('1', undefined, { items: ['milk'] })
    await carts.put('1', undefined, { items: ['bread'] })
    expect(await carts.get('1')).toMatchObject({ value: { items: ['bread', 'milk'] }, values: [{}, {}] })
    await carts.update('1', cart => ({ items: [...(cart?.items ?? []), 'eggs'] }))
    expect((await carts.get('1')).values).toEqual([{ items: ['bread', 'milk', 'eggs'] }])
  })

  test('update applies the change once, however often it has to merge again', async () => {
    const peers = await startCluster(3)
    const counting = { codec: json<readonly string[]>(), merge: (lists: readonly (readonly string[])[]) => [...new Set(lists.flat())] }
    let changes = 0
    const add = (peer: Peer, item: string): Promise<unknown> =>
      peer.collection('list', counting).update('1', list => {
        changes += 1
        return [...(list ?? []), item]
      })
    await Promise.all(peers.flatMap((peer, index) => Array.from({ length: 5 }, (_, round) => add(peer, `${index}.${round}`))))
    expect(changes).toBe(15)
    const { value } = (await peers[0]?.collection('list', counting).get('1', { r: 3 })) ?? { value: [] }
    expect(value?.toSorted()).toEqual([0, 1, 2].flatMap(index => Array.from({ length: 5 }, (_, round) => `${index}.${round}`)))
  })

  test('the cart of the paper: nothing that was added on either side of a cut is lost', async () => {
    const [first, second] = await startCluster(2)
    if (first === undefined || second === undefined) return
    await cartsOf(first).update('1', () => ({ items: ['milk'] }))
    first.cutNetwork(true)
    await Promise.all([until(first, () => reachableMembers(first) === 1), until(second, () => reachableMembers(second) === 1)])
    await cartsOf(first).update('1', cart => ({ items: [...(cart?.items ?? []), 'bread'] }), { r: 1, w: 1 })
    await cartsOf(second).update('1', cart => ({ items: [...(cart?.items ?? []), 'eggs'] }), { r: 1, w: 1 })
    first.cutNetwork(false)
    await Promise.all([first, second].map(peer => until(peer, () => reachableMembers(peer) === 2 && peer.status().hints.length === 0)))
    await cartsOf(second).update('1', cart => cart ?? { items: [] })
    expect((await cartsOf(first).get('1', { r: 2 })).values).toEqual([{ items: ['bread', 'eggs', 'milk'] }])
  })

  test('watch shows the merged value as it changes', async () => {
    const peer = await startPeer()
    const carts = cartsOf(peer)
    const changes = carts.watch('1')[Symbol.asyncIterator]()
    expect((await changes.next()).value).toMatchObject({ value: undefined })
    await carts.put('1', undefined, { items: ['milk'] })
    expect((await changes.next()).value).toMatchObject({ value: { items: ['milk'] } })
    await changes.return?.()
  })

  test("with 'last-write-wins' a read shows the value written last, whatever the order, and keeps all until the next write", async () => {
    const peer = await startPeer()
    const settings = peer.collection('settings', { codec: json<string>(), merge: 'last-write-wins' })
    await settings.put('theme', undefined, 'dark')
    for (const theme of ['light', 'blue', 'amber']) {
      await settings.put('theme', undefined, theme)
      expect((await settings.get('theme')).value).toBe(theme)
    }
    expect((await settings.get('theme')).values.toSorted()).toEqual(['amber', 'blue', 'dark', 'light'])
    await settings.update('theme', theme => `${theme} and grey`)
    expect((await settings.get('theme')).values).toEqual(['amber and grey'])
  })

  test("with 'last-write-wins' a delete that was written last wins over a value", async () => {
    const peer = await startPeer()
    const settings = peer.collection('settings', { codec: json<string>(), merge: 'last-write-wins' })
    const { context } = await settings.put('theme', undefined, 'dark')
    await settings.put('theme', undefined, 'light')
    await settings.delete('theme', context)
    expect(await settings.get('theme')).toMatchObject({ value: undefined, values: ['light'] })
    const seen: (string | undefined)[] = []
    await settings.update('theme', theme => {
      seen.push(theme)
      return 'new'
    })
    expect(seen).toEqual([undefined])
    expect((await settings.get('theme')).values).toEqual(['new'])
  })

  test("with 'last-write-wins' one of two writes made apart is lost, the same one on both peers", async () => {
    const [first, second] = await startCluster(2)
    if (first === undefined || second === undefined) throw new Error('no cluster')
    const settingsOf = (peer: Peer): Collection<string> => peer.collection('settings', { codec: json<string>(), merge: 'last-write-wins' })
    first.cutNetwork(true)
    await Promise.all([until(first, () => reachableMembers(first) === 1), until(second, () => reachableMembers(second) === 1)])
    await settingsOf(first).update('theme', () => 'dark', { r: 1, w: 1 })
    await settingsOf(second).update('theme', () => 'light', { r: 1, w: 1 })
    first.cutNetwork(false)
    await Promise.all([first, second].map(peer => until(peer, () => reachableMembers(peer) === 2 && peer.status().hints.length === 0)))
    const [one, other] = [await settingsOf(first).get('theme', { r: 2 }), await settingsOf(second).get('theme', { r: 2 })]
    expect(one.values).toHaveLength(2)
    expect(other.value).toBe(one.value)
    await settingsOf(first).update('theme', theme => theme ?? 'none')
    expect((await settingsOf(second).get('theme', { r: 2 })).values).toEqual([one.value])
  })

  test('a value that something else wrote is an error of its own, and the bytes can still be read', async () => {
    const peer = await startPeer()
    await peer.put('cart:1', undefined, 'not JSON')
    expect(await errorOf(() => cartsOf(peer).get('1'))).toMatchObject({ code: 'ERR_VALUE_MALFORMED' })
    expect((await peer.get('cart:1')).texts).toEqual(['not JSON'])
  })

  test.each([
    ['an empty name', '', {}],
    ['a name with a colon, which another collection could share keys with', 'a:b', {}],
    ['a name that is no text', 7, {}],
    ['no merge', 'cart', { merge: undefined }],
    ['a merge of an unknown name', 'cart', { merge: 'first-write-wins' }],
    ['no codec', 'cart', { codec: undefined }],
    ['a codec that only encodes', 'cart', { codec: { encode: () => new Uint8Array(0) } }],
    ['an unknown option', 'cart', { codecs: json() }]
  ])('%s is refused', async (_what, name, options) => {
    const peer = await startPeer()
    expect(await errorOf(() => peer.collection(name as string, { codec: json<Cart>(), merge, ...options } as never))).toMatchObject({
      code: 'ERR_OPTIONS'
    })
  })

  test.each([[undefined], [null], [1], [Symbol('id')], [{}]])('an id that is no text is refused: %s', async id => {
    const peer = await startPeer()
    const carts = cartsOf(peer)
    for (const call of [
      () => carts.get(id as string),
      () => carts.put(id as string, undefined, { items: [] }),
      () => carts.update(id as string, () => ({ items: [] })),
      () => carts.delete(id as string, undefined)
    ]) {
      expect(await errorOf(call)).toMatchObject({ code: 'ERR_KEY_TYPE' })
    }
  })
})
