/**
 * What the storage suite is written with: short forms for rows, and a random walk beside a plain map.
 */
import { compareBytes, equalBytes, toHex } from '../core/bytes.ts'
import type { Prng } from '../core/prng.ts'
import type { ScanRange, Storage, StorageOperation, StorageRow } from '../ports/storage.ts'
import { expectSame, expectTrue } from './assertions.ts'
import type { StorageUnderTest } from './storage-case.ts'

const ENCODER = new TextEncoder()
const DECODER = new TextDecoder()

/** UTF-8 bytes of a text. */
export function bytesOf(text: string): Uint8Array {
  return ENCODER.encode(text)
}

/** Text of UTF-8 bytes. */
export function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : DECODER.decode(bytes)
}

/** A put of texts. */
export function put(key: string, value: string): StorageOperation {
  return { type: 'put', key: bytesOf(key), value: bytesOf(value) }
}

/** A delete of a text key. */
export function del(key: string): StorageOperation {
  return { type: 'delete', key: bytesOf(key) }
}

/** The value of one text key as text. */
export async function readOne(storage: Storage, key: string): Promise<string | undefined> {
  const [value] = await storage.read([bytesOf(key)])
  return textOf(value)
}

/** Rows of a scan as `key=value`; `rows` also collects what came before an error. */
export async function collect(storage: Storage, range: ScanRange, rows: StorageRow[] = []): Promise<string[]> {
  for await (const row of storage.scan(range)) rows.push(row)
  return rows.map(row => `${textOf(row.key)}=${textOf(row.value)}`)
}

/** Writes, deletes, scans and restarts at random, and compares with a map after every few steps. */
export async function models(opened: Storage, place: StorageUnderTest, random: Prng): Promise<void> {
  const model = new Map<string, { readonly key: Uint8Array; readonly value: Uint8Array }>()
  let storage = opened
  for (let step = 0; step < 120; step++) {
    const batches = Array.from({ length: 1 + random.below(8) }, () => randomBatch(random))
    await Promise.all(batches.map(batch => storage.write(batch)))
    for (const operation of batches.flat()) {
      if (operation.type === 'put') model.set(toHex(operation.key), operation)
      else model.delete(toHex(operation.key))
    }
    if (step % 10 === 9) await compareWithModel(storage, [...model.values()], random)
    if (step % 40 === 39) {
      await storage.close()
      storage = place.storage()
      await storage.open()
    }
  }
  await compareWithModel(storage, [...model.values()], random)
  await storage.close()
}

function randomBatch(random: Prng): readonly StorageOperation[] {
  return Array.from({ length: random.below(6) }, () => {
    const key = randomKey(random)
    const value = Uint8Array.from({ length: random.below(40) }, () => random.below(256))
    return random.below(4) === 0 ? { type: 'delete', key } : { type: 'put', key, value }
  })
}

/** Few and extreme bytes, so that keys collide, nest and touch the ends of ranges. */
function randomKey(random: Prng): Uint8Array {
  return Uint8Array.from({ length: random.below(4) }, () => [0, 1, 127, 128, 254, 255][random.below(6)] as number)
}

async function compareWithModel(storage: Storage, rows: StorageRow[], random: Prng): Promise<void> {
  rows.sort((a, b) => compareBytes(a.key, b.key))
  const bytes = rows.reduce((sum, row) => sum + row.key.length + row.value.length, 0)
  expectSame(storage.status().bytes, bytes, 'accounted bytes')
  const after = randomKey(random)
  for (const range of [
    { prefix: new Uint8Array() },
    { prefix: randomKey(random) },
    { prefix: randomKey(random).subarray(0, 1), after, limit: 1 + random.below(5) }
  ]) {
    const expected = rows.filter(row => isInRange(row.key, range)).slice(0, 'limit' in range ? range.limit : Infinity)
    const found: StorageRow[] = []
    for await (const row of storage.scan(range)) found.push(row)
    expectSame(
      found.map(row => toHex(row.key)),
      expected.map(row => toHex(row.key)),
      'the keys of a scan'
    )
    expectTrue(
      found.every((row, index) => equalBytes(row.value, (expected[index] as StorageRow).value)),
      'values as in the model'
    )
  }
}

function isInRange(key: Uint8Array, { prefix, after }: ScanRange): boolean {
  return equalBytes(key.subarray(0, prefix.length), prefix) && (after === undefined || compareBytes(key, after) > 0)
}

/** Opens a storage on `place` anew, and closes it whatever happens. */
export async function withReopened(place: StorageUnderTest, run: (storage: Storage) => Promise<void>): Promise<void> {
  const storage = place.storage()
  await storage.open()
  try {
    await run(storage)
  } finally {
    await storage.close()
  }
}

/** Keys that sort by their number. */
export function numbered(index: number): string {
  return `n${index.toString().padStart(6, '0')}`
}
