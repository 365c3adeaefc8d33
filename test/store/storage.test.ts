/** What happens to a peer whose storage, or whose own code, fails. */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { memoryStorage, StoreError, type Storage } from '../../src/entry/nodejs.ts'
import { metaKey, rowKey } from '../../src/protocol/storage-layout.ts'
import {
  addressOf,
  bytes,
  errorOf,
  keyTexts,
  nextEvent,
  reachableMembers,
  startCluster,
  startPeer,
  temporaryFolder,
  until
} from './peers.ts'
import { rottingStorage } from './rotting-storage.ts'

/** A storage in memory, some of whose calls a test replaces. */
function brokenStorage(): { readonly storage: Storage; broken: Partial<Storage> } {
  const whole = memoryStorage()
  const state: { storage: Storage; broken: Partial<Storage> } = {
    broken: {},
    storage: {
      open: () => (state.broken.open ?? whole.open.bind(whole))(),
      close: () => (state.broken.close ?? whole.close.bind(whole))(),
      read: keys => (state.broken.read ?? whole.read.bind(whole))(keys),
      write: batch => (state.broken.write ?? whole.write.bind(whole))(batch),
      scan: range => (state.broken.scan ?? whole.scan.bind(whole))(range),
      status: () => (state.broken.status ?? whole.status.bind(whole))()
    }
  }
  return state
}

/** Rejects with whatever it is given, as a storage in plain JavaScript may. */
const failing =
  (reason: unknown): (() => Promise<never>) =>
  async () => {
    throw reason as Error
  }

describe('a storage that fails', () => {
  test('B086: writes are refused with its error and its outcome, reads of what is known go on, and so does everything once it works again', async () => {
    const state = brokenStorage()
    const peer = await startPeer({ storage: state.storage })
    await peer.put('k', undefined, 'kept')
    state.broken = { write: failing(new StoreError('ERR_IO', 'EIO')) }
    expect(await errorOf(() => peer.put('k', undefined, 'lost'))).toMatchObject({ code: 'ERR_IO', class: 'StorageError', retryable: true })
    expect((await peer.get('k')).texts).toEqual(['kept'])
    state.broken = {}
    await peer.put('k2', undefined, 'works again')
    expect((await peer.get('k')).texts).toEqual(['kept'])
  })

  test.each([
    ['an error that is no StoreError', new Error('EIO')],
    ['nothing at all', undefined],
    ['a text', 'EIO']
  ])('B086: rejecting with %s is ERR_IO', async (_what, reason) => {
    const state = brokenStorage()
    const peer = await startPeer({ storage: state.storage })
    state.broken = { write: failing(reason), read: failing(reason) }
    expect(await errorOf(() => peer.put('k', undefined, 'v'))).toMatchObject({ code: 'ERR_IO' })
    state.broken = {
      write: () => {
        throw reason as Error
      }
    }
    expect(await errorOf(() => peer.put('k2', undefined, 'v'))).toMatchObject({ code: 'ERR_IO' })
  })

  test('B085: a full storage is told, refuses growth, and takes writes again after a delete', async () => {
    const peer = await startPeer({ storageBytesMax: 20_000 })
    const full = nextEvent(peer, 'storage:full')
    await peer.put('k', undefined, new Uint8Array(12_000))
    expect(await errorOf(() => peer.put('more', undefined, new Uint8Array(12_000)))).toMatchObject({
      code: 'ERR_QUOTA',
      class: 'QuotaError',
      outcome: 'none'
    })
    expect((await full).message).toMatch(/full/)
    const { context, values } = await peer.get('k')
    expect(values[0]).toHaveLength(12_000)
    await peer.delete('k', context)
    await peer.put('more', undefined, new Uint8Array(12_000))
  })

  test('B085: while one owner is full the others take the write', async () => {
    const [first, second] = await startCluster(2)
    if (first === undefined || second === undefined) return
    const third = await startPeer({ storageBytesMax: 4000, join: [addressOf(first)] })
    await until(first, () => reachableMembers(first) === 3)
    const written = await first.put('k', undefined, new Uint8Array(10_000))
    expect(written.acknowledged).not.toContain(third.peerId)
    expect((await third.get('k')).values[0]).toHaveLength(10_000)
  })

  test('B080: a damaged row is told, counts as lost, and is refilled from the other owners', async () => {
    const storage = rottingStorage()
    const first = await startPeer({ storage })
    const second = await startPeer({ join: [addressOf(first)] })
    await until(first, () => reachableMembers(first) === 2)
    await first.put('k', undefined, 'kept', { w: 2 })
    await first.stop()
    storage.rot(rowKey(bytes('k')))
    const again = await startPeer({ storage, join: [addressOf(second)] })
    await until(again, () => reachableMembers(again) === 2)
    const corrupt = nextEvent(again, 'storage:corrupt')
    expect((await again.get('k', { r: 2 })).texts).toEqual(['kept'])
    expect((await corrupt).message).toMatch(/damaged/)
    await storage.mended()
    expect(again.metrics()['storage.damaged-rows']).toBe(1)
  })

  test('B080: a damaged row that a listing of keys comes upon is left out, told, and does not stay', async () => {
    const storage = rottingStorage()
    const first = await startPeer({ storage })
    await first.put('a', undefined, 'lost')
    await first.put('b', undefined, 'kept')
    await first.stop()
    storage.rot(rowKey(bytes('a')))
    const again = await startPeer({ storage })
    const corrupt = nextEvent(again, 'storage:corrupt')
    expect(await keyTexts(again)).toEqual(['b'])
    await corrupt
    await storage.mended()
    // What the damaged row was is not known any more, so the keys of its partition are counted anew.
    await expect.poll(() => again.status().keys).toBe(1)
  })

  test.each(['seed', 'cluster'])('B080: the row %s lies there twice: one that is damaged is copied back', async name => {
    const storage = rottingStorage()
    const first = await startPeer({ storage })
    const { peerId } = first
    for (const damaged of [name, `${name}-again`]) {
      await (damaged === name ? first : await startPeer({ storage })).stop()
      storage.rot(metaKey(damaged))
      const again = await startPeer({ storage })
      expect(again.peerId).toBe(peerId)
      expect(storage.rotten).toBe(0)
      await again.stop()
    }
    for (const damaged of [name, `${name}-again`]) storage.rot(metaKey(damaged))
    const error = await errorOf(() => startPeer({ storage }))
    expect(error).toMatchObject({ code: 'ERR_RECORD_CORRUPT', class: 'CorruptionError' })
    expect(error.message).toMatch(/Move it away/)
  })

  test.each([
    ['replica', false],
    ['epoch-lease', false],
    ['indexed', true]
  ])('B080: a damaged row %s is told at the start; the replica id stays: %s', async (name, isKept) => {
    const storage = rottingStorage()
    const first = await startPeer({ storage })
    const { replicaId } = first
    await first.put('k', undefined, 'kept')
    await first.stop()
    storage.rot(metaKey(name))
    const again = await startPeer({ storage })
    expect(again.replicaId === replicaId).toBe(isKept)
    expect((await again.get('k')).texts).toEqual(['kept'])
    await storage.mended()
  })

  test('B082: a folder from a backup goes on under a new replica id, says so, and loses nothing', async () => {
    const folder = await temporaryFolder()
    const [live, backup] = [join(folder, 'live'), join(folder, 'backup')]
    const first = await startPeer()
    const options = { join: [addressOf(first)] }
    const before = await startPeer({ ...options, storage: live })
    await until(first, () => reachableMembers(first) === 2)
    await before.stop()
    await cp(live, backup, { recursive: true })
    const { replicaId } = before
    for (const value of ['after the backup', 'and another life later']) {
      const after = await startPeer({ ...options, storage: live })
      await until(first, () => reachableMembers(first) === 2)
      await after.put(value, undefined, value, { w: 2 })
      await after.stop()
      await until(first, () => reachableMembers(first) === 1)
    }
    const warned = Promise.withResolvers<string>()
    const logger = {
      debug: () => undefined,
      info: () => undefined,
      warn: (message: string) => (message.includes('older than') ? warned.resolve(message) : undefined)
    }
    const restored = await startPeer({ ...options, storage: backup, logger })
    expect(await warned.promise).toMatch(/new replica id/)
    expect(restored.replicaId).not.toBe(replicaId)
    await until(restored, () => reachableMembers(restored) === 2)
    await restored.put('after the backup', undefined, 'written by the restored', { w: 2 })
    expect((await first.get('after the backup', { r: 2 })).texts.toSorted()).toEqual(['after the backup', 'written by the restored'])
    expect((await restored.get('and another life later', { r: 2 })).texts).toEqual(['and another life later'])
  })

  test('one that cannot be opened, or read at the start, is the error of createPeer, and is closed again', async () => {
    const state = brokenStorage()
    state.broken = { open: failing(new StoreError('ERR_STORE_VERSION', 'newer')) }
    expect(await errorOf(() => startPeer({ storage: state.storage }))).toMatchObject({ code: 'ERR_STORE_VERSION' })
    state.broken = { read: failing(new StoreError('ERR_IO', 'EIO')) }
    expect(await errorOf(() => startPeer({ storage: state.storage }))).toMatchObject({ code: 'ERR_IO' })
    state.broken = {}
    const peer = await startPeer({ storage: state.storage })
    await peer.put('k', undefined, 'v')
  })

  test('a Storage of the caller works like one by name', async () => {
    const storage = memoryStorage()
    const first = await startPeer({ storage })
    expect(await errorOf(() => startPeer({ storage }))).toMatchObject({ code: 'ERR_STORE_LOCKED' })
    await first.put('k', undefined, 'v')
    await first.stop()
    const again = await startPeer({ storage })
    expect(again.peerId).toBe(first.peerId)
    expect((await again.get('k')).texts).toEqual(['v'])
  })
})

describe('a mistake inside', () => {
  test.each([
    ['too few values', () => Promise.resolve([])],
    ['no values', () => Promise.resolve(undefined as never)],
    ['values that are no bytes', () => Promise.resolve(['text' as never])]
  ])('a storage that reads %s costs that read, not the peer', async (_what, read) => {
    const state = brokenStorage()
    const peer = await startPeer({ storage: state.storage })
    await peer.put('k', undefined, 'kept')
    state.broken = { read }
    await Promise.allSettled([peer.get('other', { timeoutMs: 100 }), peer.put('another', undefined, 'v', { timeoutMs: 100 })])
    state.broken = {}
    await peer.put('k2', undefined, 'v')
    expect([(await peer.get('k')).texts, (await peer.get('k2')).texts]).toEqual([['kept'], ['v']])
  })

  test('a step that fails is an error event, costs its caller an ERR_INTERNAL at most, and the peer goes on', async () => {
    const state = brokenStorage()
    const peer = await startPeer({ storage: state.storage })
    await peer.put('k', undefined, 'kept')
    const told = nextEvent(peer, 'error')
    // A row that throws when it is decoded: what a broken invariant inside a step looks like from outside.
    const trap = new Proxy(bytes('row'), {
      get: () => {
        throw new TypeError('trap')
      }
    })
    state.broken = { read: () => Promise.resolve([trap]) }
    const outcome = await errorOf(() => peer.get('other', { timeoutMs: 200 }))
    expect(['ERR_INTERNAL', 'ERR_READ_QUORUM']).toContain(outcome.code)
    expect(await told).toMatchObject({ code: 'ERR_INTERNAL', outcome: 'indeterminate' })
    expect(peer.metrics()['internal.errors']).toBeGreaterThan(0)
    state.broken = {}
    await peer.put('k2', undefined, 'v')
    expect((await peer.get('k')).texts).toEqual(['kept'])
  })
})
