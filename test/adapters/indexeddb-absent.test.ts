import { expect, test } from 'vitest'
import { indexedDbStorage } from '../../src/adapters/indexeddb/indexeddb-storage.ts'
import type { StoreError } from '../../src/core/errors.ts'

test('where there is no IndexedDB, opening says so, and that memory has to be chosen', async () => {
  const storage = indexedDbStorage('shop')
  const error = (await storage.open().catch((reason: unknown) => reason)) as StoreError
  expect(error).toMatchObject({ code: 'ERR_IDB_UNAVAILABLE', retryable: false })
  expect(error.message).toContain(`storage: 'memory'`)
  await expect(storage.read([])).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  await storage.close()
})
