/** Dropped rows give their space back to the disk: the folder shrinks. */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { filesystemStorage } from '../../src/adapters/filesystem/filesystem-storage.ts'
import type { Storage } from '../../src/ports/storage.ts'

const rows = 16_000
const keyOf = (row: number): Uint8Array => new TextEncoder().encode(`r${String(row * 7919).padStart(9, '0')}`)
const value = new Uint8Array(500)
const isDropped = (row: number): boolean => row % 3 === 0
const reclaimRows = 2000

let folder = ''
let storage: Storage

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dynamesh-reclaim-'))
  storage = filesystemStorage(folder, {})
  await storage.open()
})

afterEach(async () => {
  await storage.close()
  await rm(folder, { recursive: true })
})

async function folderBytes(): Promise<number> {
  const names = await readdir(folder, { recursive: true })
  const sizes = await Promise.all(names.map(async name => (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0))
  return sizes.reduce((sum, size) => sum + size, 0)
}

async function each(change: (row: number) => Promise<void> | undefined): Promise<void> {
  const writes: Promise<void>[] = []
  for (let row = 0; row < rows; row++) {
    const write = change(row)
    if (write !== undefined) writes.push(write)
    if (writes.length >= 500) await Promise.all(writes.splice(0))
  }
  await Promise.all(writes)
}

/** Answers in how many stretches. */
async function reclaimAll(): Promise<number> {
  let stretches = 0
  let after: Uint8Array | undefined
  do {
    // Whoever writes meanwhile is not kept from it.
    const [next] = await Promise.all([storage.reclaim?.(after, reclaimRows), storage.write([{ type: 'put', key: keyOf(1), value }])])
    after = next
    stretches += 1
  } while (after !== undefined)
  return stretches
}

test('a folder of which a third of the rows was dropped is a third smaller after it, rewritten in bounded stretches', async () => {
  await each(row => storage.write([{ type: 'put', key: keyOf(row), value }]))
  await reclaimAll()
  const full = await folderBytes()
  await each(row => (isDropped(row) ? storage.write([{ type: 'delete', key: keyOf(row) }]) : undefined))
  expect(await reclaimAll()).toBeGreaterThanOrEqual(Math.floor((rows * 2) / 3 / reclaimRows))
  expect(await folderBytes()).toBeLessThan(full * 0.75)
  const found = await storage.read(Array.from({ length: rows }, (_, row) => keyOf(row)))
  for (const [row, bytes] of found.entries()) expect(bytes?.length).toBe(isDropped(row) ? undefined : value.length)
})
