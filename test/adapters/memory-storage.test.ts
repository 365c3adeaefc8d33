import { describe, test } from 'vitest'
import { memoryStorage } from '../../src/adapters/memory/memory-storage.ts'
import { storageConformance } from '../../src/conformance/storage.ts'

describe('memory storage passes the conformance suite', () => {
  storageConformance({
    test,
    create: async options => {
      const storage = memoryStorage(options)
      return { storage: () => storage, dispose: async () => undefined }
    }
  })
})
