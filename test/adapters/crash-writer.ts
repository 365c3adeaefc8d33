/**
 * The process that filesystem-crash.test.ts kills: writes pairs of rows and counters as fast as it can and prints what was acknowledged.
 *
 * Arguments: folder, seed, first index. Each line of the output is `pair <index>` or `count <writer> <number>`.
 */
import { writeSync } from 'node:fs'
import { filesystemStorage } from '../../src/adapters/filesystem/filesystem-storage.ts'
import { bytesOf } from '../../src/conformance/storage-tools.ts'
import { prng } from '../../src/core/prng.ts'
import { pairOf, WRITERS } from './crash-rows.ts'

const [folder, seed, first] = process.argv.slice(2) as [string, string, string]
const random = prng(seed)
const storage = filesystemStorage(folder, { reserveBytes: 0 })
await storage.open()
let next = Number(first)

async function writePairs(): Promise<never> {
  for (;;) {
    const index = next++
    await storage.write(pairOf(index))
    writeSync(1, `pair ${index}\n`)
    if (random.below(3) === 0)
      await storage.write([{ type: 'put', key: bytesOf(`noise/${index % 50}`), value: new Uint8Array(random.below(20_000)) }])
    if (random.below(3) === 0) await storage.write([{ type: 'delete', key: bytesOf(`noise/${random.below(50)}`) }])
  }
}

async function count(writer: number): Promise<never> {
  const key = bytesOf(`count/${writer}`)
  const [before] = await storage.read([key])
  for (let number = before === undefined ? 1 : new DataView(before.buffer, before.byteOffset).getUint32(0) + 1; ; number++) {
    const value = new Uint8Array(4)
    new DataView(value.buffer).setUint32(0, number)
    await storage.write([{ type: 'put', key, value }])
    writeSync(1, `count ${writer} ${number}\n`)
  }
}

await Promise.all(Array.from({ length: WRITERS }, (_, writer) => (writer % 2 === 0 ? writePairs() : count(writer))))
