/**
 * Durable writes per second of the filesystem storage beside the engine underneath it, in one run: `node test/bench/storage.ts`.
 *
 * Writers at 1, 64 and 1024 concurrent each wait for their write before the next one, with values of 200 bytes. The raw engine gets the
 * same rows as batches of exactly that many, flushed each: as good as perfect group commit without checksums, accounting and quotas.
 * Rounds alternate between the two, so that both meet the same disk and the same neighbours; the ratio is the figure to compare.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { filesystemStorage } from '../../src/adapters/filesystem/filesystem-storage.ts'
import { memoryStorage } from '../../src/adapters/memory/memory-storage.ts'
import type { Storage } from '../../src/ports/storage.ts'

const VALUE_BYTES = 200
const ROUNDS = 5
const SHAPES = [
  { concurrent: 1, writes: 500 },
  { concurrent: 64, writes: 16_000 },
  { concurrent: 1024, writes: 60_000 }
]

const folder = await mkdtemp(join(tmpdir(), 'dynamesh-bench-'))
const values = Array.from({ length: 64 }, (_, index) =>
  new Uint8Array(VALUE_BYTES).map((_byte, position) => (index * 31 + position * 7) & 255)
)
let nextKey = 0

try {
  const ours = filesystemStorage(join(folder, 'ours'), { reserveBytes: 0 })
  const memory = memoryStorage()
  const raw = new ClassicLevel<Uint8Array, Uint8Array>(join(folder, 'raw'), { keyEncoding: 'view', valueEncoding: 'view' })
  await Promise.all([ours.open(), memory.open(), raw.open()])
  console.log('concurrent  raw engine/s  filesystem/s  ratio  read+write/s  ratio  memory/s')
  for (const { concurrent, writes } of SHAPES) {
    const rates = { raw: [] as number[], ours: [] as number[], updates: [] as number[], memory: [] as number[] }
    for (let round = 0; round < ROUNDS; round++) {
      rates.raw.push(await rate(writes, () => writeRaw(raw, concurrent, writes)))
      rates.ours.push(await rate(writes, () => writeStorage(ours, concurrent, writes)))
      rates.updates.push(await rate(writes, () => updateStorage(ours, concurrent, writes)))
      rates.memory.push(await rate(writes, () => writeStorage(memory, concurrent, writes)))
    }
    const [rawRate, ourRate, updateRate, memoryRate] = [median(rates.raw), median(rates.ours), median(rates.updates), median(rates.memory)]
    const ratio = (rateOf: number): string => (rateOf / rawRate).toFixed(2).padStart(6)
    console.log(
      column(concurrent, 10),
      column(rawRate, 13),
      column(ourRate, 13),
      ratio(ourRate),
      column(updateRate, 13),
      ratio(updateRate),
      column(memoryRate, 9)
    )
  }
  await reads(ours, raw)
  await Promise.all([ours.close(), memory.close(), raw.close()])
} finally {
  await rm(folder, { recursive: true })
}

async function writeRaw(raw: ClassicLevel<Uint8Array, Uint8Array>, concurrent: number, writes: number): Promise<void> {
  for (let written = 0; written < writes; written += concurrent) {
    const batch = raw.batch()
    for (let index = 0; index < concurrent; index++) batch.put(freshKey(), valueAt(index))
    await batch.write({ sync: true })
  }
}

async function writeStorage(storage: Storage, concurrent: number, writes: number): Promise<void> {
  const perWriter = Math.ceil(writes / concurrent)
  const writer = async (): Promise<void> => {
    for (let index = 0; index < perWriter; index++) await storage.write([{ type: 'put', key: freshKey(), value: valueAt(index) }])
  }
  await Promise.all(Array.from({ length: concurrent }, writer))
}

/** As the store does it: reads the row, then writes it. */
async function updateStorage(storage: Storage, concurrent: number, writes: number): Promise<void> {
  const perWriter = Math.ceil(writes / concurrent)
  const writer = async (): Promise<void> => {
    for (let index = 0; index < perWriter; index++) {
      const key = freshKey()
      await storage.read([key])
      await storage.write([{ type: 'put', key, value: valueAt(index) }])
    }
  }
  await Promise.all(Array.from({ length: concurrent }, writer))
}

async function reads(ours: Storage, raw: ClassicLevel<Uint8Array, Uint8Array>): Promise<void> {
  const keys = Array.from({ length: 20_000 }, (_, index) => keyOf((index * 7919) % nextKey))
  const rawRate = await rate(keys.length, async () => {
    for (const key of keys) raw.getSync(key)
  })
  const ourRate = await rate(keys.length, async () => {
    for (const key of keys) await ours.read([key])
  })
  let rows = 0
  const scanRate = await rate(1, async () => {
    for await (const row of ours.scan({ prefix: new Uint8Array() })) rows += row.key.length > 0 ? 1 : 0
  })
  console.log(
    `point reads/s: raw ${Math.round(rawRate)}, filesystem ${Math.round(ourRate)} (${(ourRate / rawRate).toFixed(2)}); scan rows/s: ${Math.round(rows * scanRate)}`
  )
}

async function rate(operations: number, run: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await run()
  return (operations * 1000) / (performance.now() - start)
}

/** Keys in no particular order, as positions of keys on a ring are. */
function keyOf(index: number): Uint8Array {
  const key = new Uint8Array(16)
  const view = new DataView(key.buffer)
  view.setUint32(0, Math.imul(index, 0x9e3779b1) >>> 0)
  view.setUint32(4, index)
  return key
}

function freshKey(): Uint8Array {
  return keyOf(nextKey++)
}

function valueAt(index: number): Uint8Array {
  return values[index % values.length] as Uint8Array
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] as number
}

function column(value: number, width: number): string {
  return Math.round(value).toString().padStart(width)
}
