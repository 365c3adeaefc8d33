import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { filesystemStorage } from '../../src/adapters/filesystem/filesystem-storage.ts'
import { textOf } from '../../src/conformance/storage-tools.ts'
import { equalBytes } from '../../src/core/bytes.ts'
import { prng } from '../../src/core/prng.ts'
import type { Storage } from '../../src/ports/storage.ts'
import { pairOf } from './crash-rows.ts'

const WRITER = fileURLToPath(new URL('crash-writer.ts', import.meta.url))
const ROUNDS = Number(process.env['DYNAMESH_CRASH_ROUNDS'] ?? 10)
const SEED = process.env['DYNAMESH_CRASH_SEED'] ?? 'crash'

/** What killed processes had acknowledged, over all rounds. */
interface Acknowledged {
  readonly pairs: Set<number>
  readonly counts: Map<string, number>
}

test(
  `a process killed at any moment loses nothing acknowledged and invents nothing (${ROUNDS} rounds)`,
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'dynamesh-crash-'))
    const random = prng(SEED)
    const acknowledged: Acknowledged = { pairs: new Set(), counts: new Map() }
    try {
      for (let round = 0; round < ROUNDS; round++) {
        await writeUntilKilled(folder, `${SEED}/${round}`, round * 1_000_000, 1 + random.below(600), acknowledged)
        const storage = filesystemStorage(folder)
        await storage.open()
        await expectNothingLost(storage, acknowledged)
        await expectNothingInvented(storage)
        await storage.close()
      }
      expect(acknowledged.pairs.size).toBeGreaterThan(ROUNDS)
    } finally {
      await rm(folder, { recursive: true })
    }
  },
  10_000 + ROUNDS * 5000
)

/** Kills the writer once it has acknowledged `kills` writes, in the middle of whatever it is doing then. */
async function writeUntilKilled(folder: string, seed: string, first: number, kills: number, acknowledged: Acknowledged): Promise<void> {
  const writer = spawn(process.execPath, [WRITER, folder, seed, `${first}`], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<NodeJS.Signals | null>(resolve => writer.once('exit', (_code, signal) => resolve(signal)))
  let lines = 0
  for await (const line of createInterface({ input: writer.stdout })) {
    const match = /^(?:pair (\d+)|count (\d+) (\d+))$/.exec(line)
    if (match === null) continue
    if (match[1] !== undefined) acknowledged.pairs.add(Number(match[1]))
    else acknowledged.counts.set(match[2] as string, Number(match[3]))
    if (++lines === kills) writer.kill('SIGKILL')
  }
  expect(await ended).toBe('SIGKILL')
}

async function expectNothingLost(storage: Storage, { pairs, counts }: Acknowledged): Promise<void> {
  const expected = [...pairs].flatMap(pairOf)
  const found = await storage.read(expected.map(row => row.key))
  const lost = expected.filter((row, index) => !equalBytes(row.value, found[index] ?? Uint8Array.of(0, 0)))
  expect(lost.map(row => textOf(row.key))).toEqual([])
  for (const [writer, number] of counts) {
    const [value] = await storage.read([new TextEncoder().encode(`count/${writer}`)])
    expect(value === undefined ? 0 : new DataView(value.buffer, value.byteOffset).getUint32(0)).toBeGreaterThanOrEqual(number)
  }
}

/** Every row is one that the writer writes, both rows of a pair are there or neither, and the accounting agrees. */
async function expectNothingInvented(storage: Storage): Promise<void> {
  const halves = { a: new Set<number>(), b: new Set<number>() }
  let bytes = 0
  for await (const { key, value } of storage.scan({ prefix: new Uint8Array() })) {
    bytes += key.length + value.length
    const match = /^([ab])\/(\d+)$/.exec(textOf(key) as string)
    if (match === null) {
      expect(textOf(key)).toMatch(/^(noise|count)\/\d+$/)
      continue
    }
    const [half, index] = [match[1] as 'a' | 'b', Number(match[2])]
    halves[half].add(index)
    expect(equalBytes(value, pairOf(index)[half === 'a' ? 0 : 1].value)).toBe(true)
  }
  expect(halves.a).toEqual(halves.b)
  expect(storage.status().bytes).toBe(bytes)
  expect(storage.status().recovered).toBe(0)
}
