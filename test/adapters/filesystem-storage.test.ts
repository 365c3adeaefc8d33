import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { describe, test } from 'vitest'
import { filesystemStorage } from '../../src/adapters/filesystem/filesystem-storage.ts'
import type { StorageUnderTest } from '../../src/conformance/storage-case.ts'
import { storageConformance } from '../../src/conformance/storage.ts'

describe('filesystem storage passes the conformance suite', () => {
  storageConformance({ test, create: createPlace })
})

async function createPlace(options: { readonly bytesMax?: number }): Promise<StorageUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'dynamesh-storage-'))
  const format = join(folder, 'FORMAT')
  return {
    storage: () => filesystemStorage(folder, options),
    dispose: () => rm(folder, { recursive: true }),
    makeNewer: () => writeFile(format, 'dynamesh storage format 2\nneeds dynamesh >= 9.9.9\n'),
    makeCurrent: () => writeFile(format, 'dynamesh storage format 1\nneeds dynamesh >= 0.1.0\n'),
    damage: key => flipStoredBit(folder, key)
  }
}

/** Behind the storage's back: the row's last byte as the engine has it. */
async function flipStoredBit(folder: string, key: Uint8Array): Promise<void> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(join(folder, 'rows'), { keyEncoding: 'view', valueEncoding: 'view' })
  const storedKey = Uint8Array.of(1, ...key)
  const row = Uint8Array.from((await level.get(storedKey)) as Uint8Array)
  row[row.length - 1] = (row[row.length - 1] as number) ^ 4
  await level.put(storedKey, row)
  await level.close()
}
