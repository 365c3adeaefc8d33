import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { filesystemStorage } from '../../src/adapters/filesystem/filesystem-storage.ts'
import { bytesOf, collect, del, put, textOf } from '../../src/conformance/storage-tools.ts'
import { isStoreError } from '../../src/core/errors.ts'
import { prng } from '../../src/core/prng.ts'
import type { Storage } from '../../src/ports/storage.ts'

const ALL = { prefix: new Uint8Array() }
let place: string
let folder: string

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'dynamesh-failure-'))
  folder = join(place, 'storage')
})

afterEach(async () => rm(place, { recursive: true }))

async function opened(path: string = folder): Promise<Storage> {
  const storage = filesystemStorage(path)
  await storage.open()
  return storage
}

/** Files of the folder with their contents. */
async function contents(path: string): Promise<Map<string, string>> {
  const names = (await readdir(path, { recursive: true, withFileTypes: true })).filter(entry => entry.isFile())
  const files = names.map(entry => join(entry.parentPath, entry.name)).toSorted()
  return new Map(await Promise.all(files.map(async file => [file, await readFile(file, 'latin1')] as const)))
}

async function errorOf(attempt: Promise<unknown>): Promise<Record<string, unknown>> {
  const error: unknown = await attempt.catch((reason: unknown) => reason)
  if (!isStoreError(error)) throw new Error(`expected a StoreError, got ${String(error)}`)
  return { code: error.code, message: error.message, outcome: error.outcome, errno: error.details['errno'] }
}

describe('a folder that cannot be a storage is refused and left as it was', () => {
  test('a folder with other files in it', async () => {
    await mkdir(folder)
    await writeFile(join(folder, 'thesis.txt'), 'three years of work')
    expect(await errorOf(opened())).toMatchObject({ code: 'ERR_CONFIG', message: expect.stringContaining('thesis.txt') as string })
    expect([...(await contents(folder)).values()]).toEqual(['three years of work'])
  })

  test.runIf(process.platform === 'linux')('a folder where the system takes none is refused, without trying for ever', async () => {
    await symlink(join(place, 'nowhere'), join(place, 'link'))
    expect(await errorOf(opened(join(place, 'link', 'storage')))).toMatchObject({ code: 'ERR_IO', errno: 'ENOENT' })
    expect(await errorOf(opened('/proc/dynamesh/storage'))).toMatchObject({ code: 'ERR_IO', errno: 'ENOENT' })
  })

  test('a folder in folders that are not there yet is made with them, also by two at once', async () => {
    const deep = join(place, 'one', 'two', 'storage')
    const both = await Promise.allSettled([opened(deep), opened(deep)])
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    for (const result of both) if (result.status === 'fulfilled') await result.value.close()
  })

  test('a folder of a newer format is not changed by a single byte', async () => {
    await (await opened()).close()
    await writeFile(join(folder, 'FORMAT'), 'dynamesh storage format 7\nneeds dynamesh >= 4.2.0\n')
    const before = await contents(folder)
    expect(await errorOf(opened())).toMatchObject({
      code: 'ERR_STORE_VERSION',
      message: expect.stringContaining('Install dynamesh 4.2.0 or newer') as string
    })
    expect(await contents(folder)).toEqual(before)
  })

  test('a folder whose format file is damaged', async () => {
    await (await opened()).close()
    await writeFile(join(folder, 'FORMAT'), 'dynamesh stoRage format 1\n')
    expect(await errorOf(opened())).toMatchObject({ code: 'ERR_RECORD_CORRUPT', message: expect.stringContaining('FORMAT') as string })
  })

  test('a path that leads through a file', async () => {
    await writeFile(folder, '')
    expect(await errorOf(opened(join(folder, 'below')))).toMatchObject({ code: 'ERR_IO', errno: 'ENOTDIR' })
  })

  test('an empty name', () => {
    expect(() => filesystemStorage('')).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }))
  })
})

describe('a folder has one opener', () => {
  test('another spelling of its path and a link to it are the same folder', async () => {
    const storage = await opened()
    await symlink(folder, join(place, 'link'))
    expect(await errorOf(opened(join(place, 'link')))).toMatchObject({
      code: 'ERR_STORE_LOCKED',
      message: expect.stringContaining('link') as string
    })
    await storage.close()
  })

  test('another process is told which folder is in use', async () => {
    const storage = await opened()
    const script = fileURLToPath(new URL('full-disk-writer.ts', import.meta.url))
    await expect(promisify(execFile)(process.execPath, [script, folder])).rejects.toThrow(
      new RegExp(`ERR_STORE_LOCKED|storage ${folder} is in use`)
    )
    await storage.close()
  })

  test('of openers that race for a new folder exactly one gets it, and it is whole afterwards', async () => {
    for (let round = 0; round < 20; round++) {
      const raced = join(place, `race-${round}`)
      const openers = Array.from({ length: 8 }, () => filesystemStorage(raced))
      const results = await Promise.allSettled(openers.map(opener => opener.open()))
      const winner = results.findIndex(result => result.status === 'fulfilled')
      expect(results.filter(result => result.status === 'fulfilled')).toHaveLength(1)
      for (const result of results) if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'ERR_STORE_LOCKED' })
      await openers[winner]?.write([put('row', 'value')])
      await Promise.all(openers.map(opener => opener.close()))
      const again = await opened(raced)
      expect(await collect(again, ALL)).toEqual(['row=value'])
      await again.close()
    }
  })

  test('of processes that race for a new folder exactly one gets it', async () => {
    const openers = Array.from({ length: 4 }, () => openerProcess(folder))
    const answers = await Promise.all(openers.map(opener => opener.answer))
    expect(answers.toSorted()).toEqual(['ERR_STORE_LOCKED', 'ERR_STORE_LOCKED', 'ERR_STORE_LOCKED', 'opened'])
    await Promise.all(openers.map(opener => opener.end()))
  })

  test('an opener that was turned away does not open the folder to other processes', async () => {
    const storage = await opened()
    expect(await errorOf(opened())).toMatchObject({ code: 'ERR_STORE_LOCKED' })
    const other = openerProcess(folder)
    expect(await other.answer).toBe('ERR_STORE_LOCKED')
    await other.end()
    await storage.close()
  })

  test('a folder is free again after an open that failed', async () => {
    await (await opened()).close()
    await writeFile(join(folder, 'FORMAT'), 'dynamesh storage format 7\nneeds dynamesh >= 4.2.0\n')
    expect(await errorOf(opened())).toMatchObject({ code: 'ERR_STORE_VERSION' })
    await writeFile(join(folder, 'FORMAT'), 'dynamesh storage format 1\nneeds dynamesh >= 0.1.0\n')
    await (await opened()).close()
  })
})

describe('a disk without room', () => {
  test('growing writes are refused before the disk is full; deletes and reads go on', async () => {
    const storage = await opened()
    await storage.write([put('a', 'value'), put('b', 'value')])
    await storage.close()
    const cramped = filesystemStorage(folder, { reserveBytes: Number.MAX_SAFE_INTEGER })
    await cramped.open()
    expect(await errorOf(cramped.write([put('c', 'value')]))).toMatchObject({
      code: 'ERR_QUOTA',
      outcome: 'none',
      message: expect.stringContaining(folder) as string
    })
    await cramped.write([del('a')])
    await cramped.write([put('b', 'other')])
    expect(await collect(cramped, ALL)).toEqual(['b=other'])
    await cramped.close()
  })

  test('when a shared commit hits the end of the disk, only the write that does not fit fails, and the others are durable', async () => {
    const script = fileURLToPath(new URL('full-disk-writer.ts', import.meta.url))
    // The limit is on the size of any one file, which the engine meets as it meets a full disk: in the middle of a flush.
    const { stdout } = await promisify(execFile)('sh', ['-c', 'ulimit -f 1024; exec "$0" "$1" "$2"', process.execPath, script, folder])
    const result = JSON.parse(stdout) as { shared: unknown[]; later: unknown; rows: string[]; bytes: number }
    expect(result.shared[7]).toEqual({ code: 'ERR_QUOTA', outcome: 'indeterminate', errno: 'EFBIG' })
    expect(result.shared.filter(outcome => outcome === 'written')).toHaveLength(19)
    expect(result.later).toBe('written')
    expect(result.rows).toHaveLength(20)
    expect(result.rows).not.toContain('half=x')
    const storage = await opened()
    expect(await collect(storage, ALL)).toEqual(result.rows)
    expect(storage.status().bytes).toBe(result.bytes)
    await storage.close()
  })
})

describe('a process without file descriptors', () => {
  test('B086: opening and writing fail with EMFILE, and go on as if nothing had been once there are some', async () => {
    const script = fileURLToPath(new URL('no-files-left-writer.ts', import.meta.url))
    const { stdout } = await promisify(execFile)('sh', ['-c', 'ulimit -n 100; exec "$0" "$1" "$2"', process.execPath, script, folder])
    const result = JSON.parse(stdout) as Record<string, unknown>
    expect(result['opening']).toMatchObject({ code: 'ERR_IO', errno: 'EMFILE' })
    expect(result['refused']).toMatchObject({ code: 'ERR_IO', errno: 'EMFILE', outcome: 'indeterminate' })
    expect(result).toMatchObject({ openedAgain: 'done', later: 'done', lost: [] })
  })
})

describe('damage on the disk', () => {
  test('a log that is cut at any byte opens as it was after some whole write', async () => {
    const storage = await opened()
    const states = ['']
    for (let index = 0; index < 30; index++) {
      await storage.write([put(`row/${index % 7}`, `${index}`.repeat(index)), del(`row/${(index + 3) % 7}`), put('last', `${index}`)])
      states.push((await collect(storage, ALL)).join('\n'))
    }
    await storage.close()
    const [log, size] = await newestLog(folder)
    const random = prng('cut')
    const reached = new Set<number>()
    for (let round = 0; round < 40; round++) {
      const copy = join(place, `cut-${round}`)
      await cp(folder, copy, { recursive: true })
      await truncate(join(copy, 'rows', log), random.below(size))
      const cut = await opened(copy)
      const state = states.indexOf((await collect(cut, ALL)).join('\n'))
      expect(state).toBeGreaterThanOrEqual(0)
      reached.add(state)
      await cut.close()
    }
    expect(reached.size).toBeGreaterThan(10)
  })

  test('a flipped bit in any file never changes what is read: it is an error, or the row is reported or missing', async () => {
    const rows = Array.from({ length: 200 }, (_, index) => [`row/${index}`, `value ${index} `.repeat(5)] as const)
    const storage = await opened()
    await storage.write(rows.map(([key, value]) => put(key, value)))
    await storage.close()
    await (await opened()).close()
    const random = prng('flip')
    const seen = { errors: 0, damaged: 0, intact: 0 }
    for (let round = 0; round < 60; round++) {
      const copy = join(place, `flip-${round}`)
      await cp(folder, copy, { recursive: true })
      await flipBit(copy, random.below)
      const flipped = filesystemStorage(copy)
      try {
        await flipped.open()
        let wrong = 0
        for (const [key, value] of rows) {
          const found = await readOrError(flipped, key)
          if (found === 'damaged') seen.damaged++
          else if (found === value) seen.intact++
          else if (found !== undefined) wrong++
        }
        expect(wrong).toBe(0)
      } catch (error) {
        if (!isStoreError(error)) throw error
        expect(['ERR_RECORD_CORRUPT', 'ERR_IO']).toContain(error.code)
        seen.errors++
      }
      await flipped.close()
    }
    expect(seen.damaged).toBeGreaterThan(0)
    expect(seen.intact).toBeGreaterThan(rows.length)
  })

  test('a stretch of the log that cannot be read is counted', async () => {
    const storage = await opened()
    for (let index = 0; index < 200; index++) await storage.write([put(`row/${index}`, 'x'.repeat(1000))])
    await storage.close()
    const [log] = await newestLog(folder)
    const path = join(folder, 'rows', log)
    const bytes = await readFile(path)
    bytes.writeUInt8(bytes.readUInt8(1000) ^ 1, 1000)
    await writeFile(path, bytes)
    const damaged = await opened()
    expect(damaged.status().recovered).toBeGreaterThan(0)
    expect((await collect(damaged, ALL)).length).toBeLessThan(200)
    await damaged.close()
  })
})

/** Another process that opens the folder, and keeps it open until it is told to end. */
function openerProcess(path: string): { readonly answer: Promise<string>; end(): Promise<void> } {
  const script = fileURLToPath(new URL('folder-opener.ts', import.meta.url))
  const child = spawn(process.execPath, [script, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const answer = once(createInterface({ input: child.stdout }), 'line').then(([line]) => String(line))
  return {
    answer,
    end: async () => {
      child.stdin.end()
      await ended
    }
  }
}

async function readOrError(storage: Storage, key: string): Promise<string | undefined> {
  try {
    const [value] = await storage.read([bytesOf(key)])
    return textOf(value)
  } catch (error) {
    if (isStoreError(error) && error.code === 'ERR_RECORD_CORRUPT') return 'damaged'
    throw error
  }
}

async function newestLog(path: string): Promise<[name: string, bytes: number]> {
  const names = (await readdir(join(path, 'rows'))).filter(name => name.endsWith('.log')).toSorted()
  const name = names.at(-1) as string
  return [name, (await readFile(join(path, 'rows', name))).length]
}

async function flipBit(path: string, below: (bound: number) => number): Promise<void> {
  const names = (await readdir(join(path, 'rows'))).filter(name => /^(MANIFEST|CURRENT|\d)/.test(name)).toSorted()
  const file = join(path, 'rows', names[below(names.length)] as string)
  const bytes = await readFile(file)
  if (bytes.length === 0) return
  const offset = below(bytes.length)
  bytes.writeUInt8(bytes.readUInt8(offset) ^ (1 << below(8)), offset)
  await writeFile(file, bytes)
}
