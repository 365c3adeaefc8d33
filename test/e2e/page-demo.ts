/** What the page's tests stand on: the built page, a real `dynamesh demo`, and real tabs that keep a record of their complaints. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Browser, BrowserContext, Page } from 'playwright'
import { chromium } from 'playwright'
import { chromiumFlags, findBrowser } from '../setup/browser.ts'

const project = fileURLToPath(new URL('../..', import.meta.url))
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== 'VITEST' && name !== 'NODE_ENV'))

/** Builds `dist/web` from the sources as they are. */
export async function buildPage(): Promise<void> {
  const vite = join(project, 'node_modules/vite/bin/vite.js')
  await promisify(execFile)(process.execPath, [vite, 'build', '--logLevel', 'warn'], { cwd: project, env: environment })
}

export interface DemoRun {
  readonly url: string
  readonly peers: readonly { readonly name: string; readonly peerId: string }[]
  stop(): Promise<void>
}

/** Starts `dynamesh demo` with three edge peers, their data in a folder of its own. */
export async function startDemo(): Promise<DemoRun> {
  const folder = await mkdtemp(join(tmpdir(), 'dynamesh-page-'))
  const args = ['src/cli/main.ts', 'demo', '--json', '--port', '0', '--data', folder]
  const child = spawn(process.execPath, args, { cwd: project, env: environment, stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const stop = async (): Promise<void> => {
    child.kill('SIGINT')
    await exited
    await rm(folder, { recursive: true, force: true })
  }
  for await (const line of createInterface({ input: child.stdout })) {
    const said = JSON.parse(line) as { event?: string; url?: string; peers?: DemoRun['peers'] }
    if (said.event === 'ready' && said.url !== undefined && said.peers !== undefined) return { url: said.url, peers: said.peers, stop }
  }
  throw new Error('the demo ended before it was ready')
}

/** Starts Chromium; further flags may be added. */
export function startBrowser(flags: readonly string[] = []): Promise<Browser> {
  const executablePath = findBrowser()
  return chromium.launch({ args: [...chromiumFlags, ...flags], ...(executablePath === undefined ? {} : { executablePath }) })
}

/** A tab, with what it complained about: console errors, uncaught errors, violations of the content security policy. */
export interface Tab {
  readonly page: Page
  readonly complaints: string[]
}

/** Opens the page in a new tab and waits until its peer runs. */
export async function openTab(context: BrowserContext, url: string): Promise<Tab> {
  const page = await context.newPage()
  const complaints = listen(page)
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', event =>
      console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`)
    )
  })
  await page.goto(url)
  await page.getByRole('heading', { name: 'Members' }).waitFor()
  return { page, complaints }
}

function listen(page: Page): string[] {
  const complaints: string[] = []
  page.on('console', message => message.type() === 'error' && complaints.push(message.text()))
  page.on('pageerror', error => complaints.push(`uncaught: ${error.message}`))
  return complaints
}
