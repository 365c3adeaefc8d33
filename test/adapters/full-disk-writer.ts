/**
 * The process that filesystem-failure.test.ts runs under a limit on the size of files: writes one batch that cannot fit together with
 * many that can, goes on writing, and prints how each write ended and what can be read.
 *
 * Argument: folder.
 */
import { filesystemStorage } from '../../src/adapters/filesystem/filesystem-storage.ts'
import { collect, put } from '../../src/conformance/storage-tools.ts'
import { isStoreError } from '../../src/core/errors.ts'

const storage = filesystemStorage(process.argv[2] as string, { reserveBytes: 0 })
await storage.open()

async function outcome(write: Promise<void>): Promise<unknown> {
  try {
    await write
    return 'written'
  } catch (error) {
    return isStoreError(error) ? { code: error.code, outcome: error.outcome, errno: error.details['errno'] } : String(error)
  }
}

const large = 'x'.repeat(900_000)
const shared = await Promise.all(
  Array.from({ length: 20 }, (_, index) =>
    outcome(storage.write(index === 7 ? [put('half', 'x'), put('large', large)] : [put(`small/${index}`, 'x')]))
  )
)
const later = await outcome(storage.write([put('later', 'x')]))
const rows = await collect(storage, { prefix: new Uint8Array() })
await storage.close()
console.log(JSON.stringify({ shared, later, rows, bytes: storage.status().bytes }))
