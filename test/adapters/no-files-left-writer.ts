/**
 * The process that filesystem-failure.test.ts runs with few file descriptors: uses them all up, opens and writes a storage meanwhile, gives them
 * back, goes on, and prints how each step ended and what can be read.
 *
 * Argument: folder.
 */
import { closeSync, openSync } from 'node:fs'
import { filesystemStorage } from '../../src/adapters/filesystem/filesystem-storage.ts'
import { collect, put } from '../../src/conformance/storage-tools.ts'
import { isStoreError } from '../../src/core/errors.ts'

const storage = filesystemStorage(process.argv[2] as string, { reserveBytes: 0 })
/** More than the engine's log takes before it needs a new file. */
const large = 'x'.repeat(1_000_000)
const written: string[] = []
let refused: unknown

async function outcome(action: () => Promise<void>): Promise<unknown> {
  try {
    await action()
    return 'done'
  } catch (error) {
    return isStoreError(error) ? { code: error.code, outcome: error.outcome, errno: error.details['errno'] } : String(error)
  }
}

function takeAllFiles(): readonly number[] {
  const files: number[] = []
  for (;;) {
    try {
      files.push(openSync('/dev/null', 'r'))
    } catch {
      return files
    }
  }
}

async function write(key: string): Promise<unknown> {
  const ended = await outcome(() => storage.write([put(key, large)]))
  if (ended === 'done') written.push(key)
  else refused ??= ended
  return ended
}

await storage.open()
await write('before')
await storage.close()

let files = takeAllFiles()
const opening = await outcome(() => storage.open())
for (const file of files) closeSync(file)
const openedAgain = await outcome(() => storage.open())

files = takeAllFiles()
for (let index = 0; index < 12 && refused === undefined; index++) await write(`during/${index}`)
for (const file of files) closeSync(file)
const later = await write('later')
const rows = (await collect(storage, { prefix: new Uint8Array() })).map(row => row.split('=')[0])
await storage.close()
console.log(JSON.stringify({ opening, openedAgain, refused, later, lost: written.filter(key => !rows.includes(key)), rows: rows.length }))
