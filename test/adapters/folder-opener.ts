/**
 * A process that filesystem-failure.test.ts lets open a storage: prints `opened`, or the code of the error, and keeps the storage open until
 * standard input ends.
 *
 * Argument: folder.
 */
import { filesystemStorage } from '../../src/adapters/filesystem/filesystem-storage.ts'
import { isStoreError } from '../../src/core/errors.ts'

const storage = filesystemStorage(process.argv[2] as string)
try {
  await storage.open()
  console.log('opened')
} catch (error) {
  console.log(isStoreError(error) ? error.code : String(error))
}
for await (const _chunk of process.stdin) break
await storage.close()
