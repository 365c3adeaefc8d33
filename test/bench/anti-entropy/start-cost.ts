/** How long a peer with a large storage waits until it can compare itself with others, and what it reads meanwhile. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { filesystemStorage } from '../../../src/adapters/filesystem/filesystem-storage.ts'
import type { Storage, StorageOperation, StorageRow } from '../../../src/ports/storage.ts'
import type { Effect } from '../../../src/protocol/effect.ts'
import { indexOperation, KeyIndex } from '../../../src/protocol/key-index/key-index.ts'
import { encodeRow, prefixes, rowKey } from '../../../src/protocol/storage-layout.ts'
import { Tokens } from '../../../src/protocol/tokens.ts'
import { storedSums } from '../../../src/store/stored-index.ts'
import { cpuUs, keyOf, partitions, rowOf } from './sample.ts'

const now = { ms: 0, wallMs: 0 }

export async function printStart(keys: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'dynamesh-bench-'))
  const storage = filesystemStorage(folder, { reserveBytes: 0 })
  try {
    await storage.open()
    for (let from = 0; from < keys; from += 1000) await storage.write(pageOf(from, Math.min(from + 1000, keys)))
    console.log(`\n## Start with ${keys.toLocaleString('en')} keys on disk, values of 100 bytes\n`)
    console.log('until all partitions can be compared | ms | processor ms | rows read | bytes read')
    console.log('--- | --- | --- | --- | ---')
    await reopen(storage)
    await printOne('from a storage of an earlier version, without sums: index rows', storage)
    await reopen(storage)
    await printOne('after a stop in good order, or a crash while nothing was written: sums', storage)
    await writeToEveryPartition(storage, keys)
    await reopen(storage)
    await printOne('after a crash with writes to every partition: marks and index rows', storage)
    await printValues(storage)
  } finally {
    await storage.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Writes keys again until each partition has been written to, as a peer does that is killed before it writes any sum. */
async function writeToEveryPartition(storage: Storage, keys: number): Promise<void> {
  const index = new KeyIndex(partitions, new Tokens(1), await storedSums(storage))
  const written = new Set<number>()
  for (let each = 0; each < keys && written.size < partitions; each++) {
    const [key, row] = [keyOf(each), rowOf(each, 1)]
    const { operations, partition } = index.change(key, row, row)
    if (written.has(partition)) continue
    written.add(partition)
    await storage.write([{ type: 'put', key: rowKey(key), value: encodeRow(row) }, ...operations])
  }
}

async function reopen(storage: Storage): Promise<void> {
  await storage.close()
  await storage.open()
}

/** Starts an index, lets it find all sums, and stops it in good order. */
async function printOne(how: string, storage: Storage): Promise<void> {
  const [startMs, startUs] = [performance.now(), cpuUs()]
  const tokens = new Tokens(1)
  const sums = await storedSums(storage)
  const read = { rows: sums.rows.length, bytes: bytesOf(sums.rows) }
  const index = new KeyIndex(partitions, tokens, sums)
  let effects: Effect[] = []
  index.loader.start(now, effects)
  while (!index.isComplete) {
    const scans = effects.filter(effect => effect.kind === 'scan')
    effects = []
    for (const scan of scans) {
      const rows = await scanned(storage, scan)
      read.rows += rows.length
      read.bytes += bytesOf(rows)
      tokens.release(scan.token).scanned(now, scan.token, rows, effects)
    }
  }
  const [ms, us] = [performance.now() - startMs, cpuUs() - startUs]
  console.log(
    `${how} | ${ms.toFixed(0)} | ${(us / 1000).toFixed(0)} | ${read.rows.toLocaleString('en')} | ${(read.bytes / 1e6).toFixed(2)} MB`
  )
  const rest: Effect[] = []
  index.sums.rest(rest)
  for (let effect = rest.shift(); effect !== undefined; effect = rest.shift()) {
    if (effect.kind !== 'write') continue
    await storage.write(effect.batch)
    tokens.release(effect.token).written(now, effect.token, rest)
  }
}

async function printValues(storage: Storage): Promise<void> {
  await reopen(storage)
  const [startMs, startUs] = [performance.now(), cpuUs()]
  let [rows, bytes] = [0, 0]
  for await (const { key, value } of storage.scan({ prefix: prefixes.row })) {
    rows += 1
    bytes += key.length + value.length
  }
  const [ms, us] = [performance.now() - startMs, cpuUs() - startUs]
  console.log(
    `for comparison, only reading all values | ${ms.toFixed(0)} | ${(us / 1000).toFixed(0)} | ${rows.toLocaleString('en')} | ${(bytes / 1e6).toFixed(2)} MB`
  )
}

async function scanned(storage: Storage, { prefix, after, limit }: Extract<Effect, { kind: 'scan' }>): Promise<readonly StorageRow[]> {
  const rows: StorageRow[] = []
  for await (const row of storage.scan({ prefix, limit, ...(after === undefined ? {} : { after }) })) rows.push(row)
  return rows
}

function bytesOf(rows: readonly StorageRow[]): number {
  return rows.reduce((sum, { key, value }) => sum + key.length + value.length, 0)
}

function pageOf(from: number, to: number): readonly StorageOperation[] {
  return Array.from({ length: to - from }, (_, offset) => from + offset).flatMap(index => {
    const key = keyOf(index)
    const row = rowOf(index, 1)
    return [{ type: 'put' as const, key: rowKey(key), value: encodeRow(row) }, indexOperation(key, row)]
  })
}
