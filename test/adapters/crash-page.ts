/**
 * What runs in the page that indexeddb-crash.test.ts kills and reloads: writes pairs of rows as fast as it can and tells what was
 * acknowledged, and looks afterwards at what is there.
 */
import { indexedDbStorage } from '../../src/adapters/indexeddb/indexeddb-storage.ts'
import type { StorageOperation } from '../../src/ports/storage.ts'
import { isStoreError } from '../../src/core/errors.ts'
import { bytesOf, textOf } from '../../src/conformance/storage-tools.ts'

/** What the test calls in the page, as `crashPage`. */
export interface CrashPage {
  /** Writes for as long as the page lives, eight at a time, and calls `acknowledged` with each number that is durable. */
  writeForever(first: number): Promise<void>
  /** Numbers whose two rows are there as they were written; throws for rows of any other kind. */
  writtenNumbers(): Promise<{ readonly numbers: readonly number[]; readonly isAccounted: boolean }>
  /** Writes large rows until one is refused: with which error, and how many were acknowledged. */
  writeUntilRefused(): Promise<{ readonly code: string; readonly outcome: string; readonly rows: number }>
  /** Deletes one large row, reads all others, writes a further one, and answers how many there are after the storage was opened again. */
  deleteAndGoOn(rows: number, mayWrite: boolean): Promise<number>
}

declare const acknowledged: (number: number) => void

const storage = indexedDbStorage('crash')

const valueOf = (number: number): Uint8Array => new Uint8Array(number % 300).fill(number)

async function writeForever(first: number): Promise<void> {
  await storage.open()
  let next = first
  const writer = async (): Promise<never> => {
    for (;;) {
      const number = next++
      await storage.write(['a', 'b'].map(half => ({ type: 'put', key: bytesOf(`${half}/${number}`), value: valueOf(number) })))
      acknowledged(number)
    }
  }
  for (let index = 0; index < 8; index++) void writer()
}

async function writtenNumbers(): Promise<{ readonly numbers: readonly number[]; readonly isAccounted: boolean }> {
  await storage.open()
  const [first, second] = [new Set<number>(), new Set<number>()]
  let bytes = 0
  for await (const { key, value } of storage.scan({ prefix: new Uint8Array() })) {
    const [half, digits] = (textOf(key) as string).split('/')
    const number = Number(digits)
    if (textOf(value) !== textOf(valueOf(number))) throw new Error(`row ${half}/${digits} is not as it was written`)
    ;(half === 'a' ? first : second).add(number)
    bytes += key.length + value.length
  }
  if (first.size !== second.size || [...first].some(number => !second.has(number))) throw new Error('half a batch was applied')
  const isAccounted = storage.status().bytes === bytes
  await storage.close()
  return { numbers: [...first], isAccounted }
}

const large = indexedDbStorage('large', { bytesMax: Number.MAX_SAFE_INTEGER })
const largeRow = (number: number): StorageOperation => ({
  type: 'put',
  key: bytesOf(`large/${number}`),
  value: new Uint8Array(256 * 1024).fill(number)
})

async function writeUntilRefused(): Promise<{ readonly code: string; readonly outcome: string; readonly rows: number }> {
  await large.open()
  for (let rows = 0; ; rows++) {
    try {
      await large.write([largeRow(rows)])
    } catch (error) {
      if (!isStoreError(error)) throw error
      return { code: error.code, outcome: error.outcome, rows }
    }
  }
}

async function deleteAndGoOn(rows: number, mayWrite: boolean): Promise<number> {
  await large.write([{ type: 'delete', key: bytesOf(`large/${mayWrite ? 0 : 1}`) }])
  if (mayWrite) await large.write([largeRow(rows)])
  await large.close()
  await large.open()
  let found = 0
  let bytes = 0
  for await (const { key, value } of large.scan({ prefix: new Uint8Array() })) {
    const number = Number((textOf(key) as string).split('/')[1])
    if (value.some(byte => byte !== (number & 255))) throw new Error(`row ${number} is not as it was written`)
    found += 1
    bytes += key.length + value.length
  }
  if (large.status().bytes !== bytes) throw new Error('the bytes are not those of the rows')
  return found
}

Object.assign(globalThis, { crashPage: { writeForever, writtenNumbers, writeUntilRefused, deleteAndGoOn } satisfies CrashPage })
