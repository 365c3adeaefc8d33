/**
 * The part of the storage suite about the storage as a whole: opening and closing, accounting, damage and formats.
 */
import type { Storage, StorageRow } from '../ports/storage.ts'
import { expectError, expectSame, expectTrue } from './assertions.ts'
import type { RegisterCase } from './storage-case.ts'
import { bytesOf, collect, del, numbered, put, readOne, textOf, withReopened } from './storage-tools.ts'

/** Opening, closing and what outlives them. */
export function lifecycle(check: RegisterCase): void {
  check('what was written is there after closing and opening again', async (storage, place) => {
    await storage.write([put('a', '1'), put('b', '2')])
    await storage.write([del('b'), put('c', '')])
    await storage.close()
    await withReopened(place, async reopened => {
      expectSame(await collect(reopened, { prefix: bytesOf('') }), ['a=1', 'c='], 'the rows')
    })
  })
  check('closing waits for writes under way', async (storage, place) => {
    const writes = Array.from({ length: 100 }, (_, index) => storage.write([put(`k${index}`, 'v')]))
    await Promise.all([storage.close(), ...writes])
    await withReopened(place, async reopened => {
      expectSame((await collect(reopened, { prefix: bytesOf('k') })).length, 100, 'the number of rows')
    })
  })
  check('a closed storage refuses every call, and closing twice is fine', async storage => {
    await storage.close()
    await storage.close()
    await expectError(storage.read([bytesOf('a')]), 'ERR_CLOSED')
    await expectError(storage.write([put('a', '1')]), 'ERR_CLOSED')
    await expectError(collect(storage, { prefix: bytesOf('') }), 'ERR_CLOSED')
  })
  check('a storage that was never opened refuses every call and can be closed', async (storage, place) => {
    await storage.close()
    const unopened = place.storage()
    await expectError(unopened.read([bytesOf('a')]), 'ERR_CLOSED')
    await expectError(unopened.write([put('a', '1')]), 'ERR_CLOSED')
    await unopened.close()
  })
  check('closing during a scan ends it with an error instead of a short result', async storage => {
    await storage.write(Array.from({ length: 1000 }, (_, index) => put(numbered(index), 'v')))
    const scanAndClose = async (): Promise<void> => {
      for await (const row of storage.scan({ prefix: bytesOf('n') })) if (textOf(row.key) === numbered(10)) await storage.close()
    }
    await expectError(scanAndClose(), 'ERR_CLOSED')
  })
  check('a second opener is refused and disturbs nothing', async (storage, place) => {
    await storage.write([put('a', '1')])
    const error = await expectError(place.storage().open(), 'ERR_STORE_LOCKED')
    expectTrue(error.message.includes(storage.status().location), 'the message to name the storage')
    await expectError(storage.open(), 'ERR_STORE_LOCKED')
    await storage.write([put('b', '2')])
    expectSame(await collect(storage, { prefix: bytesOf('') }), ['a=1', 'b=2'], 'the rows')
  })
  check('the same object opens again after closing', async storage => {
    await storage.write([put('a', '1')])
    for (let round = 0; round < 3; round++) {
      await storage.close()
      await storage.open()
    }
    expectSame(await readOne(storage, 'a'), '1', 'the row')
  })
}

/** Bytes and their limit. */
export function accounting(check: RegisterCase): void {
  check('bytes of keys and values are accounted exactly, over restarts too', async (storage, place) => {
    expectSame(storage.status().bytes, 0, 'bytes of an empty storage')
    await storage.write([put('abc', '12345'), put('d', '')])
    expectSame(storage.status().bytes, 9, 'bytes after two rows')
    await storage.write([put('abc', '1'), put('abc', '12'), del('nothing')])
    expectSame(storage.status().bytes, 6, 'bytes after overwriting')
    await storage.close()
    await withReopened(place, async reopened => {
      expectSame(reopened.status().bytes, 6, 'bytes after a restart')
      await reopened.write([del('abc'), del('d')])
      expectSame(reopened.status().bytes, 0, 'bytes after deleting all')
    })
  })
  check('growth past the limit is refused whole; deletes and shrinking writes always pass', growthCase, { bytesMax: 100 })
  check(
    'among concurrent writes only those that do not fit are refused',
    async storage => {
      const writes = Array.from({ length: 30 }, (_, index) => storage.write([put(numbered(index), 'x'.repeat(13))]))
      const results = await Promise.allSettled(writes)
      const accepted = results.filter(result => result.status === 'fulfilled').length
      expectSame(accepted, 5, 'accepted writes of 20 bytes within 100')
      expectSame(storage.status().bytes, 100, 'bytes')
      expectSame((await collect(storage, { prefix: bytesOf('') })).length, 5, 'rows')
    },
    { bytesMax: 100 }
  )
}

async function growthCase(storage: Storage): Promise<void> {
  await storage.write([put('a', 'x'.repeat(98))])
  const error = await expectError(storage.write([put('b', ''), put('c', '1')]), 'ERR_QUOTA')
  expectSame(error.outcome, 'none', 'the outcome of the refused write')
  expectSame(await readOne(storage, 'b'), undefined, 'a row of the refused batch')
  expectSame(storage.status().bytes, 99, 'bytes')
  await storage.write([put('b', '')])
  await storage.write([put('a', 'y'.repeat(98))])
  await storage.write([del('a'), put('c', 'z'.repeat(90))])
  await storage.write([del('b')])
  expectSame(storage.status().bytes, 91, 'bytes')
  expectSame(storage.status().bytesMax, 100, 'the limit')
}

/** Places that changed while nobody looked. */
export function damageAndFormats(check: RegisterCase): void {
  check('a damaged row is reported with its key, never returned, and healed by overwriting it', async (storage, place) => {
    if (place.damage === undefined) return
    await storage.write([put('a', 'first'), put('b', 'second'), put('c', 'third')])
    await storage.close()
    await place.damage(bytesOf('b'))
    await withReopened(place, async reopened => {
      const error = await expectError(readOne(reopened, 'b'), 'ERR_RECORD_CORRUPT')
      expectSame(textOf(error.details['key'] as Uint8Array), 'b', 'the key in the details')
      expectSame([await readOne(reopened, 'a'), await readOne(reopened, 'c')], ['first', 'third'], 'its neighbours')
      const rows: StorageRow[] = []
      const scanning = await expectError(collect(reopened, { prefix: bytesOf('') }, rows), 'ERR_RECORD_CORRUPT')
      expectSame(
        rows.map(row => textOf(row.key)),
        ['a'],
        'the rows before the damaged one'
      )
      const behind = await collect(reopened, { prefix: bytesOf(''), after: scanning.details['key'] as Uint8Array })
      expectSame(behind, ['c=third'], 'the rows behind it')
      await reopened.write([put('b', 'again')])
      expectSame(await collect(reopened, { prefix: bytesOf('') }), ['a=first', 'b=again', 'c=third'], 'the rows')
      expectSame(reopened.status().bytes, 6 + 6 + 6, 'bytes')
    })
  })
  check('a storage of a newer format is refused and left untouched', async (storage, place) => {
    if (place.makeNewer === undefined) return
    await storage.write([put('a', '1')])
    await storage.close()
    await place.makeNewer()
    const error = await expectError(place.storage().open(), 'ERR_STORE_VERSION')
    expectTrue(/install/i.test(error.message), 'the message to say what to install')
    await expectError(place.storage().open(), 'ERR_STORE_VERSION')
    await place.makeCurrent?.()
    if (place.makeCurrent === undefined) return
    await withReopened(place, async reopened => expectSame(await readOne(reopened, 'a'), '1', 'the row'))
  })
}
