import { describe, expect, test } from 'vitest'
import { errorOf, nextEvent, startPeer } from './peers.ts'

const silent = (): void => {}

describe('listeners', () => {
  test('one that throws is reported, and the others and the store go on', async () => {
    const peer = await startPeer()
    const heard: string[] = []
    peer.addEventListener('key:changed', () => {
      throw new Error('mine')
    })
    peer.addEventListener('key:changed', ({ detail }) => heard.push(new TextDecoder().decode(detail.key)))
    const reported = nextEvent(peer, 'error')
    await peer.put('k', undefined, 'v')
    expect(await reported).toMatchObject({
      code: 'ERR_INTERNAL',
      message: expect.stringMatching(/listener of key:changed.*mine/) as string,
      outcome: 'none'
    })
    expect(heard).toEqual(['k'])
    expect((await peer.get('k')).texts).toEqual(['v'])
  })

  test('one whose promise rejects is reported, not left unhandled', async () => {
    const peer = await startPeer()
    const rejecting: () => unknown = () => Promise.reject(new Error('later'))
    peer.addEventListener('key:changed', rejecting)
    const reported = nextEvent(peer, 'error')
    await peer.put('k', undefined, 'v')
    expect((await reported).message).toMatch(/later/)
  })

  test('one of error that throws does not call itself', async () => {
    const peer = await startPeer()
    let calls = 0
    peer.addEventListener('error', () => {
      calls += 1
      throw new Error('again')
    })
    peer.addEventListener('key:changed', () => {
      throw new Error('first')
    })
    await peer.put('k', undefined, 'v')
    expect(calls).toBe(1)
  })

  test('may call the peer from inside an event', async () => {
    const peer = await startPeer()
    const echoed = nextEvent(peer, 'key:changed').then(() => undefined)
    const echo = Promise.withResolvers<unknown>()
    peer.addEventListener('key:changed', () => echo.resolve(peer.put('echo', undefined, 'v')), { once: true })
    await peer.put('k', undefined, 'v')
    await Promise.all([echoed, echo.promise])
    expect((await peer.get('echo')).texts).toEqual(['v'])
  })

  test('once means once; removed and aborted ones hear nothing', async () => {
    const peer = await startPeer()
    const heard: string[] = []
    const removed = (): void => void heard.push('removed')
    const aborting = new AbortController()
    peer.addEventListener('network:cut', () => heard.push('once'), { once: true })
    peer.addEventListener('network:cut', removed)
    peer.addEventListener('network:cut', () => heard.push('aborted'), { signal: aborting.signal })
    peer.addEventListener('network:cut', () => heard.push('aborted before'), { signal: AbortSignal.abort() })
    peer.addEventListener('network:cut', ({ detail }) => heard.push(`cut ${detail.cut}`))
    peer.removeEventListener('network:cut', removed)
    aborting.abort()
    peer.cutNetwork(true)
    peer.cutNetwork(true)
    peer.cutNetwork(false)
    expect(heard).toEqual(['once', 'cut true', 'cut false'])
  })

  test.each([
    ['a listener that is no function', 'error', {}, {}],
    ['a name that is no text', Symbol('error'), silent, {}],
    ['options that are no object', 'error', silent, 'once'],
    ['an unknown option', 'error', silent, { onse: true }],
    ['a signal that is none', 'error', silent, { signal: {} }]
  ])('%s is refused', async (_what, name, listener, options) => {
    const peer = await startPeer()
    expect(await errorOf(() => peer.addEventListener(name as 'error', listener as () => void, options as never))).toMatchObject({
      code: 'ERR_OPTIONS'
    })
  })
})
