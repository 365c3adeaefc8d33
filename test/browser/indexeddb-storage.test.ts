import { openDB } from 'idb'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { indexedDbStorage } from '../../src/adapters/indexeddb/indexeddb-storage.ts'
import type { StorageUnderTest } from '../../src/conformance/storage-case.ts'
import { storageConformance } from '../../src/conformance/storage.ts'
import { bytesOf, collect, put, readOne } from '../../src/conformance/storage-tools.ts'
import type { StoreError } from '../../src/core/errors.ts'
import type { Storage } from '../../src/ports/storage.ts'

const ALL = { prefix: new Uint8Array() }

describe('IndexedDB storage passes the conformance suite', () => {
  storageConformance({ test, create: createPlace })
})

async function createPlace(options: { readonly bytesMax?: number }): Promise<StorageUnderTest> {
  const name = crypto.randomUUID()
  return {
    storage: () => indexedDbStorage(name, options),
    dispose: () => removeDatabase(name),
    makeNewer: async () => (await openDB(`dynamesh:${name}`, 2)).close(),
    damage: key => flipStoredBit(name, key)
  }
}

function removeDatabase(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(`dynamesh:${name}`)
    request.onsuccess = () => resolve()
    request.onerror = () => reject(request.error ?? new Error('not deleted'))
  })
}

/** Behind the storage's back: the row's last byte as the database has it. */
async function flipStoredBit(name: string, key: Uint8Array): Promise<void> {
  const database = await openDB(`dynamesh:${name}`)
  const row = (await database.get('rows', key as Uint8Array<ArrayBuffer>)) as Uint8Array
  row[row.length - 1] = (row[row.length - 1] as number) ^ 4
  await database.put('rows', row, key as Uint8Array<ArrayBuffer>)
  database.close()
}

describe('what happens to a database in a browser', () => {
  let name: string
  let storage: Storage

  beforeEach(async () => {
    name = crypto.randomUUID()
    storage = indexedDbStorage(name)
    await storage.open()
  })

  afterEach(async () => {
    await storage.close()
    await removeDatabase(name)
  })

  test('a connection that the browser closed is opened again, and nothing is lost', async () => {
    await storage.write([put('before', '1')])
    await storage.close()
    const connections = await connectionsOf(async () => storage.open())
    for (const connection of connections) connection.close()
    await Promise.all([storage.write([put('after', '2')]), storage.write([put('more', '3')])])
    expect(await collect(storage, ALL)).toEqual(['after=2', 'before=1', 'more=3'])
    expect(storage.status().bytes).toBe(18)
  })

  test('reads that run into a closed connection are repeated on a new one', async () => {
    await storage.write([put('a', '1')])
    await storage.close()
    const connections = await connectionsOf(async () => storage.open())
    for (const connection of connections) connection.close()
    expect(await Promise.all([readOne(storage, 'a'), readOne(storage, 'b'), readOne(storage, 'a')])).toEqual(['1', undefined, '1'])
  })

  test('a database that was removed while open is reported, and the next opening starts empty', async () => {
    await storage.write([put('a', '1')])
    await removeDatabase(name)
    await expect(storage.write([put('b', '1')])).rejects.toMatchObject({ code: 'ERR_STORE_EVICTED' })
    await expect(storage.read([bytesOf('a')])).rejects.toMatchObject({ code: 'ERR_STORE_EVICTED' })
    await storage.close()
    await storage.open()
    expect(await collect(storage, ALL)).toEqual([])
    expect(storage.status().bytes).toBe(0)
  })

  test('an opener whose lock was stolen cannot write any more', async () => {
    await storage.write([put('a', '1')])
    await navigator.locks.request(`dynamesh:${name}`, { steal: true }, async () => undefined)
    const thief = indexedDbStorage(name)
    await thief.open()
    await expect(storage.write([put('a', 'stale')])).rejects.toMatchObject({ code: 'ERR_STORE_LOCKED' })
    expect(await readOne(thief, 'a')).toBe('1')
    await thief.close()
  })

  test('an opener waits for a page that is just letting go', async () => {
    const second = indexedDbStorage(name)
    await Promise.all([second.open(), storage.write([put('a', '1')]).then(() => storage.close())])
    expect(await readOne(second, 'a')).toBe('1')
    await second.close()
  })

  test('by default a storage takes 256 MiB, and says whether the browser keeps it', () => {
    const status = storage.status()
    expect(status).toMatchObject({ location: `dynamesh:${name}`, bytesMax: 268_435_456 })
    expect([true, false]).toContain(status.persistent)
  })
})

describe('a database that cannot be a storage is refused', () => {
  test('one of something else, which stays as it is', async () => {
    const name = crypto.randomUUID()
    const foreign = await openDB(`dynamesh:${name}`, 1, { upgrade: database => void database.createObjectStore('thesis') })
    await foreign.put('thesis', 'three years of work', 1)
    foreign.close()
    await expect(indexedDbStorage(name).open()).rejects.toMatchObject({ code: 'ERR_CONFIG' })
    const again = await openDB(`dynamesh:${name}`)
    expect(await again.get('thesis', 1)).toBe('three years of work')
    again.close()
    await removeDatabase(name)
  })

  test('a newer one, with the release to install', async () => {
    const name = crypto.randomUUID()
    const storage = indexedDbStorage(name)
    await storage.open()
    await storage.close()
    const newer = await openDB(`dynamesh:${name}`, 5)
    await newer.put('meta', '4.2.0', 'needs')
    newer.close()
    const error = (await storage.open().catch((reason: unknown) => reason)) as StoreError
    expect(error).toMatchObject({ code: 'ERR_STORE_VERSION', details: { found: 5, supported: 1, needs: '4.2.0' } })
    expect(error.message).toContain('Install dynamesh 4.2.0 or newer')
    await removeDatabase(name)
  })

  test('an empty name', () => {
    expect(() => indexedDbStorage('')).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }))
  })
})

/** Connections that `run` opens, as the browser made them. */
async function connectionsOf(run: () => Promise<void>): Promise<IDBDatabase[]> {
  const connections: IDBDatabase[] = []
  const { open } = IDBFactory.prototype
  IDBFactory.prototype.open = function (this: IDBFactory, ...parameters: Parameters<typeof open>) {
    const request = open.apply(this, parameters)
    request.addEventListener('success', () => connections.push(request.result))
    return request
  }
  try {
    await run()
  } finally {
    IDBFactory.prototype.open = open
  }
  return connections
}
