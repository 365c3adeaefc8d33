import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createServer, type ViteDevServer } from 'vite'
import { prng } from '../../src/core/prng.ts'
import { chromiumFlags, findBrowser } from '../setup/browser.ts'
import type { CrashPage } from './crash-page.ts'

declare const crashPage: CrashPage

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PAGE = '<!doctype html><title>crash test</title><script type="module" src="/test/adapters/crash-page.ts"></script>'
const ROUNDS = Number(process.env['DYNAMESH_BROWSER_CRASH_ROUNDS'] ?? 3)

let place: string
let server: ViteDevServer
let address: string
/** Browsers that a failed test left behind are ended, too. */
const running = new Set<RunningBrowser>()

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'dynamesh-browser-crash-'))
  server = await createServer({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    appType: 'custom',
    cacheDir: join(place, 'vite'),
    optimizeDeps: { include: ['idb'], entries: [] },
    server: { host: '127.0.0.1', port: 0, hmr: false, ws: false, watch: null },
    plugins: [{ name: 'crash-page', configureServer: ({ middlewares }) => void middlewares.use('/crash', servePage) }]
  })
  await server.listen()
  const bound = server.httpServer?.address()
  address = `http://127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}/crash`
})

afterAll(async () => {
  await Promise.all([...running].map(kill))
  await server.close()
  await rm(place, { recursive: true, force: true, maxRetries: 5 })
})

function servePage(_request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('content-type', 'text/html').end(PAGE)
}

/** A browser of its own, with its profile on the disk: an ordinary test context would keep its databases in memory. */
interface RunningBrowser {
  readonly process: ChildProcess
  readonly browser: Browser
  readonly page: Page
}

async function start(profile: string): Promise<RunningBrowser> {
  const path = findBrowser()
  if (path === undefined) throw new Error('there is no Chromium: run npm test, which installs one')
  const flags = ['--headless', '--remote-debugging-port=0', `--user-data-dir=${profile}`, ...chromiumFlags, 'about:blank']
  const process = spawn(path, flags, { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
  const browser = await chromium.connectOverCDP(await debuggingAddress(process))
  const page = await (browser.contexts()[0] ?? (await browser.newContext())).newPage()
  await page.goto(address)
  const started = { process, browser, page }
  running.add(started)
  return started
}

async function debuggingAddress(process: ChildProcess): Promise<string> {
  if (process.stderr === null) throw new Error('the browser has no standard error')
  for await (const line of createInterface({ input: process.stderr })) {
    const match = /DevTools listening on (ws:\/\/\S+)/.exec(line)
    if (match?.[1] !== undefined) return match[1]
  }
  throw new Error('the browser ended before it could be used')
}

/** Kills the browser and all that it started, at once. */
async function kill(started: RunningBrowser): Promise<void> {
  const { process: child, browser } = started
  running.delete(started)
  const ended = new Promise(resolve => child.once('exit', resolve))
  if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  await ended
  await browser.close()
}

/** Writes in the page until `count` more numbers were acknowledged, and goes on writing. */
async function writeUntil(page: Page, first: number, count: number, acknowledged: Set<number>): Promise<void> {
  const limit = acknowledged.size + count
  await new Promise<void>((resolve, reject) => {
    const collect = (number: number): void => {
      acknowledged.add(number)
      if (acknowledged.size === limit) resolve()
    }
    const writing = page
      .exposeFunction('acknowledged', collect)
      .then(async () => page.evaluate(async from => crashPage.writeForever(from), first))
    writing.catch(reject)
  })
}

async function expectAllThere(page: Page, acknowledged: ReadonlySet<number>): Promise<void> {
  const { numbers, isAccounted } = await page.evaluate(async () => crashPage.writtenNumbers())
  const found = new Set(numbers)
  expect([...acknowledged].filter(number => !found.has(number))).toEqual([])
  expect(isAccounted).toBe(true)
}

/** Ends the browser in good order, so that all it knows of its profile is on the disk. */
async function quit({ process: child, browser }: RunningBrowser): Promise<void> {
  const ended = new Promise(resolve => child.once('exit', resolve))
  const session = await browser.newBrowserCDPSession()
  await session.send('Browser.close')
  await ended
}

/** A profile that knows its origins. */
async function settledProfile(name: string): Promise<string> {
  const profile = join(place, name)
  const first = await start(profile)
  await expectAllThere(first.page, new Set())
  running.delete(first)
  await quit(first)
  return profile
}

test(
  `a browser killed in the middle of writing loses nothing that it acknowledged (${ROUNDS} rounds)`,
  async () => {
    const random = prng('browser crash')
    const acknowledged = new Set<number>()
    const profile = await settledProfile('killed')
    for (let round = 0; round < ROUNDS; round++) {
      const writing = await start(profile)
      await expectAllThere(writing.page, acknowledged)
      await writeUntil(writing.page, round * 1_000_000, 50 + random.below(500), acknowledged)
      await kill(writing)
    }
    const last = await start(profile)
    await expectAllThere(last.page, acknowledged)
    await kill(last)
  },
  30_000 + ROUNDS * 20_000
)

test("half a record at the end of the browser's log, as a kill may leave it, costs nothing at the second start either", async () => {
  const profile = await settledProfile('torn')
  const acknowledged = new Set<number>()
  const writing = await start(profile)
  await writeUntil(writing.page, 0, 100, acknowledged)
  await kill(writing)
  const torn = await tearLog(profile)
  const first = await start(profile)
  const { numbers } = await first.page.evaluate(async () => crashPage.writtenNumbers())
  // Only what the torn record itself held may be gone.
  const kept = new Set([...acknowledged].filter(number => numbers.includes(number)))
  expect(acknowledged.size - kept.size).toBeLessThanOrEqual(16)
  await gone(torn)
  await kill(first)
  const second = await start(profile)
  await expectAllThere(second.page, kept)
  await kill(second)
}, 60_000)

/** Cuts some bytes off the newest log of the origin's databases; answers its path. */
async function tearLog(profile: string): Promise<string> {
  const databases = join(profile, 'Default', 'IndexedDB')
  const folder = (await readdir(databases)).find(name => name.endsWith('.leveldb')) ?? ''
  const logs = (await readdir(join(databases, folder))).filter(name => name.endsWith('.log')).toSorted()
  const log = join(databases, folder, logs.at(-1) ?? '')
  const { size } = await stat(log)
  expect(size).toBeGreaterThan(1000)
  await truncate(log, size - 7)
  return log
}

/** Resolves once the file is no longer there. */
async function gone(file: string): Promise<void> {
  await expect.poll(() => existsSync(file), { timeout: 20_000, interval: 50 }).toBe(false)
}

test('a page that is reloaded while it writes opens its storage again and finds all that was acknowledged', async () => {
  const reloading = await start(join(place, 'reloaded'))
  const acknowledged = new Set<number>()
  await writeUntil(reloading.page, 0, 100, acknowledged)
  await reloading.page.reload()
  await expectAllThere(reloading.page, acknowledged)
  await kill(reloading)
}, 60_000)

test('B085: a quota that is used up refuses a write with nothing written; reads and deletes go on, and writes once there is room', async () => {
  const started = await start(join(place, 'quota'))
  const { page } = started
  const session = await page.context().newCDPSession(page)
  const { origin } = new URL(address)
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 2 * 1024 * 1024 })
  const refused = await page.evaluate(async () => crashPage.writeUntilRefused())
  expect(refused).toMatchObject({ code: 'ERR_QUOTA', outcome: 'none' })
  expect(refused.rows).toBeGreaterThan(2)
  expect(await page.evaluate(async rows => crashPage.deleteAndGoOn(rows, false), refused.rows)).toBe(refused.rows - 1)
  await session.send('Storage.overrideQuotaForOrigin', { origin })
  expect(await page.evaluate(async rows => crashPage.deleteAndGoOn(rows, true), refused.rows)).toBe(refused.rows - 1)
  await kill(started)
}, 60_000)
