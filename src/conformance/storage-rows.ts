/**
 * The part of the storage suite about rows: reading, writing and scanning them.
 */
import { valueBytesMax } from '../core/limits.ts'
import { prng } from '../core/prng.ts'
import type { ScanRange, Storage } from '../ports/storage.ts'
import { expectSame, expectTrue } from './assertions.ts'
import type { RegisterCase } from './storage-case.ts'
import { bytesOf, collect, del, models, numbered, put, readOne, textOf } from './storage-tools.ts'

/** Reads, writes, batches and what becomes of the bytes. */
export function readingAndWriting(check: RegisterCase): void {
  check('an absent key reads as undefined', async storage => {
    expectSame(await readOne(storage, 'nothing'), undefined, 'an absent row')
    expectSame(await storage.read([]), [], 'the answer to no keys')
  })
  check('values come back in the order of the keys that were asked for', async storage => {
    await storage.write([put('a', '1'), put('b', '2')])
    const values = await storage.read(['b', 'nothing', 'a', 'b'].map(bytesOf))
    expectSame(values.map(textOf), ['2', null, '1', '2'], 'the values')
  })
  check('many keys are read in one call', async storage => {
    await storage.write(Array.from({ length: 300 }, (_, index) => put(`k${index}`, `v${index}`)))
    const values = await storage.read(Array.from({ length: 301 }, (_, index) => bytesOf(`k${index}`)))
    expectSame(values.map(textOf), [...Array.from({ length: 300 }, (_, index) => `v${index}`), null], 'the values')
  })
  check('a later write overwrites, a delete removes, and deleting nothing is fine', async storage => {
    await storage.write([put('a', '1')])
    await storage.write([put('a', '2')])
    expectSame(await readOne(storage, 'a'), '2', 'the overwritten row')
    await storage.write([del('a'), del('never')])
    expectSame(await readOne(storage, 'a'), undefined, 'the deleted row')
  })
  check('within a batch the last change of a key wins', async storage => {
    await storage.write([put('a', '1'), del('a'), put('a', '3'), put('b', '1'), del('b')])
    expectSame(await collect(storage, { prefix: bytesOf('') }), ['a=3'], 'the rows')
  })
  check('an empty value is a value, and an empty batch is a write', async storage => {
    await storage.write([put('empty', '')])
    await storage.write([])
    expectSame(await readOne(storage, 'empty'), '', 'the empty value')
    expectSame(await collect(storage, { prefix: bytesOf('') }), ['empty='], 'the rows')
  })
  check('keys are any bytes: empty, zeros, 0xff and 1024 of them', async storage => {
    const keys = [[], [0], [0, 0], [255], [255, 255], Array.from({ length: 1024 }, (_, index) => index & 255)].map(bytes =>
      Uint8Array.from(bytes)
    )
    for (const [index, key] of keys.entries()) await storage.write([{ type: 'put', key, value: Uint8Array.of(index) }])
    expectSame(
      (await storage.read(keys)).map(value => value?.[0]),
      [0, 1, 2, 3, 4, 5],
      'the values'
    )
  })
  check('a value of 1 MiB comes back byte for byte, also through a scan', async storage => {
    const random = prng('large value')
    const value = Uint8Array.from({ length: valueBytesMax }, () => random.below(256))
    await storage.write([{ type: 'put', key: bytesOf('large'), value }])
    const [read] = await storage.read([bytesOf('large')])
    expectTrue(read !== undefined && read.every((byte, index) => byte === value[index]), 'the read value to be the written one')
    for await (const row of storage.scan({ prefix: bytesOf('large') })) {
      expectTrue(
        row.value.length === value.length && row.value.every((byte, index) => byte === value[index]),
        'the scanned value to be the written one'
      )
    }
  })
  check('changing bytes after a write, or bytes that were read, changes nothing stored', async storage => {
    const key = bytesOf('key')
    const value = bytesOf('value')
    await storage.write([{ type: 'put', key, value }])
    key.fill(0)
    value.fill(0)
    const [read] = await storage.read([bytesOf('key')])
    read?.fill(1)
    for await (const row of storage.scan({ prefix: bytesOf('') })) {
      row.key.fill(2)
      row.value.fill(2)
    }
    expectSame(await collect(storage, { prefix: bytesOf('') }), ['key=value'], 'the row')
  })
  check('bytes are plain Uint8Arrays on the way out, and any kind of them on the way in', async storage => {
    // A Node.js Buffer is a Uint8Array whose slice() does not copy: it must neither leak out nor be trusted to be a copy.
    class Sliced extends Uint8Array<ArrayBuffer> {
      override slice(start?: number, end?: number): Sliced {
        return this.subarray(start, end)
      }
    }
    const given = { key: Sliced.from(bytesOf('key')), value: Sliced.from(bytesOf('value')) }
    await storage.write([{ type: 'put', ...given }])
    given.key.fill(0)
    given.value.fill(0)
    const [read] = await storage.read([bytesOf('key')])
    expectSame(textOf(read), 'value', 'the value')
    expectTrue(Object.getPrototypeOf(read) === Uint8Array.prototype, 'the value to be a plain Uint8Array')
    for await (const row of storage.scan({ prefix: bytesOf('') })) {
      const isPlain = [row.key, row.value].every(bytes => Object.getPrototypeOf(bytes) === Uint8Array.prototype)
      expectTrue(isPlain, 'the bytes of a row to be plain Uint8Arrays')
    }
  })
  check('concurrent writes are all there once they resolved', async storage => {
    const writes = Array.from({ length: 2000 }, (_, index) =>
      storage.write([put(`k${index}`, `v${index}`), put(`c${index % 10}`, `v${index}`)])
    )
    await Promise.all(writes)
    const values = await storage.read(Array.from({ length: 2000 }, (_, index) => bytesOf(`k${index}`)))
    expectTrue(
      values.every((value, index) => textOf(value) === `v${index}`),
      'every write to be readable'
    )
    expectSame(await readOne(storage, 'c3'), 'v1993', 'a row that many wrote: the last in order of the calls')
  })
  check('a batch is applied whole: readers never see half of it', async storage => {
    await storage.write([put('x', '0'), put('y', '0')])
    for (let round = 1; round <= 50; round++) {
      const write = storage.write([put('x', `${round}`), put('y', `${round}`)])
      for (let reading = 0; reading < 5; reading++) {
        const [first, second] = await storage.read([bytesOf('x'), bytesOf('y')])
        expectSame(textOf(first), textOf(second), 'the second row of a batch')
      }
      await write
    }
  })
  check('random batches, scans and restarts agree with a plain map', async (storage, place) => models(storage, place, prng('model')))
}

/** Ranges, their order and their ends. */
export function scanning(check: RegisterCase): void {
  const fill = (storage: Storage): Promise<void> =>
    storage.write(['b', 'a', 'ab', 'abc', 'ac', 'aé', 'B', ''].map(key => put(key, `<${key}>`)))
  check('a scan returns the keys of its prefix in byte order', async storage => {
    await fill(storage)
    expectSame(
      await collect(storage, { prefix: bytesOf('') }),
      ['=<>', 'B=<B>', 'a=<a>', 'ab=<ab>', 'abc=<abc>', 'ac=<ac>', 'aé=<aé>', 'b=<b>'],
      'all rows'
    )
    expectSame(await collect(storage, { prefix: bytesOf('ab') }), ['ab=<ab>', 'abc=<abc>'], 'the rows of ab')
    expectSame(await collect(storage, { prefix: bytesOf('x') }), [], 'the rows of x')
  })
  check('a scan starts behind `after` and stops at `limit`', async storage => {
    await fill(storage)
    const keys = async (range: Omit<ScanRange, 'prefix'>): Promise<string[]> =>
      (await collect(storage, { prefix: bytesOf('a'), ...range })).map(row => row.split('=')[0] as string)
    expectSame(await keys({ after: bytesOf('ab') }), ['abc', 'ac', 'aé'], 'the keys behind ab')
    expectSame(await keys({ after: bytesOf('abb') }), ['abc', 'ac', 'aé'], 'the keys behind an absent one')
    expectSame(await keys({ after: bytesOf('A') }), ['a', 'ab', 'abc', 'ac', 'aé'], 'the keys behind one before the prefix')
    expectSame(await keys({ after: bytesOf('b') }), [], 'the keys behind one after the prefix')
    expectSame(await keys({ limit: 2 }), ['a', 'ab'], 'the first two keys')
    expectSame(await keys({ after: bytesOf('ab'), limit: 1 }), ['abc'], 'the one key behind ab')
    expectSame(await keys({ limit: 0 }), [], 'no keys')
  })
  check('prefixes that end in 0xff have an end', async storage => {
    const keys = [[1], [1, 255], [1, 255, 0], [1, 255, 255, 255], [2], [255], [255, 255], [255, 255, 9]].map(bytes =>
      Uint8Array.from(bytes)
    )
    await storage.write(keys.map(key => ({ type: 'put', key, value: key })))
    const lengths = async (...prefix: number[]): Promise<number> => (await collect(storage, { prefix: Uint8Array.from(prefix) })).length
    expectSame(await lengths(1, 255), 3, 'keys of 01ff')
    expectSame(await lengths(255), 3, 'keys of ff')
    expectSame(await lengths(255, 255), 2, 'keys of ffff')
    expectSame(await lengths(1), 4, 'keys of 01')
  })
  check('a scan crosses many pages of rows, small and large', async storage => {
    const value = 'v'.repeat(3000)
    await storage.write(Array.from({ length: 1500 }, (_, index) => put(numbered(index), index % 3 === 0 ? value : '')))
    const rows = await collect(storage, { prefix: bytesOf('n') })
    expectSame(rows.length, 1500, 'the number of rows')
    expectTrue(
      rows.every((row, index) => row === `${numbered(index)}=${index % 3 === 0 ? value : ''}`),
      'every row in its place'
    )
    expectSame((await collect(storage, { prefix: bytesOf('n'), limit: 1234 })).length, 1234, 'rows within the limit')
  })
  check('rows may be written and deleted while a scan runs: what stays is seen once and in order', async storage => {
    await storage.write(Array.from({ length: 1000 }, (_, index) => put(numbered(index), 'old')))
    const seen: string[] = []
    for await (const row of storage.scan({ prefix: bytesOf('n') })) {
      const key = textOf(row.key) as string
      seen.push(key)
      const index = Number(key.slice(1, 7))
      if (index % 100 === 0 && index < 1000)
        await storage.write([del(numbered(index + 1)), put(numbered(index + 900), 'new'), put(`${numbered(index)}+`, 'new')])
    }
    const kept = Array.from({ length: 1000 }, (_, index) => numbered(index)).filter((_, index) => index % 100 !== 1)
    expectTrue(
      kept.every(key => seen.includes(key)),
      'every row that stayed to be seen'
    )
    expectTrue(
      seen.every((key, index) => index === 0 || (seen[index - 1] as string) < key),
      'keys to ascend'
    )
  })
  check('a scan that is left early keeps nothing open', async storage => {
    await fill(storage)
    for await (const row of storage.scan({ prefix: bytesOf('a') })) if (row.key.length > 1) break
    await storage.write([put('after', '1')])
    expectSame(await readOne(storage, 'after'), '1', 'a write after the scan')
  })
  check('giving space back comes to its end, and leaves every row as it is', async storage => {
    await fill(storage)
    const before = await collect(storage, { prefix: bytesOf('') })
    let after = await storage.reclaim?.(undefined, 2)
    for (let stretch = 0; after !== undefined && stretch < 1000; stretch++) after = await storage.reclaim?.(after, 2)
    expectTrue(after === undefined, 'an end')
    expectSame(await collect(storage, { prefix: bytesOf('') }), before, 'the rows')
  })
}
