/** README's first browser code, as written, in several tabs of one browser: what a newcomer tries first. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright'
import { build, preview, type PreviewServer } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePorts } from '../../src/cli/start/listen.ts'
import { readmeBlocks } from '../package/readme-blocks.ts'
import { EdgePeer } from './fixture/edge-peer.ts'
import { startBrowser } from './page-demo.ts'

const patient = { timeout: 60_000 }
const entry = fileURLToPath(new URL('../../src/entry/browser.ts', import.meta.url))

let folder: string
let server: PreviewServer
let edge: EdgePeer
let browser: Browser
let context: BrowserContext
let left: Page
let right: Page
const complaints: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dynamesh-tabs-'))
  ;[server, edge, browser] = await Promise.all([servePage(folder), startEdge(join(folder, 'edge')), startBrowser()])
  context = await browser.newContext()
  left = await openTab()
  right = await openTab()
})

afterAll(async () => {
  await browser?.close()
  await edge?.end()
  await server?.close()
  await rm(folder, { recursive: true, force: true })
})

/** Bundles the code of the README as its reader would, with the library's sources instead of an installed package. */
async function servePage(root: string): Promise<PreviewServer> {
  for (const { file, text } of readmeBlocks().filter(block => ['index.html', 'main.js'].includes(block.file)))
    await writeFile(join(root, file), text)
  const common = { root, configFile: false, logLevel: 'error' } as const
  await build({ ...common, resolve: { alias: { dynamesh: entry } }, build: { target: 'es2023' } })
  return preview({ ...common, preview: { host: '127.0.0.1', port: 0 } })
}

async function startEdge(data: string): Promise<EdgePeer> {
  const [port = 0, webSocketPort = 0] = await freePorts('127.0.0.1', 2)
  return EdgePeer.start({ name: 'edge', cluster: 'shop', folder: data, port, webSocketPort, join: [] })
}

async function openTab(): Promise<Page> {
  const page = await context.newPage()
  page.on('pageerror', error => complaints.push(error.stack ?? error.message))
  const query = edge.addresses('websocket').map(address => `join=${encodeURIComponent(address)}`)
  await page.goto(`${server.resolvedUrls?.local[0] ?? ''}?${query.join('&')}`)
  return started(page)
}

/** The README enables the button when the peer runs. */
async function started(page: Page): Promise<Page> {
  await page.locator('#add button:enabled').waitFor(patient)
  return page
}

async function addItem(page: Page, item: string): Promise<void> {
  await page.getByLabel('Item').fill(item)
  await page.getByRole('button').click()
}

async function showsCart(page: Page, ...items: readonly string[]): Promise<void> {
  await expect.poll(() => page.locator('#cart li').allInnerTexts(), patient).toEqual(items)
}

/** All peers that the edge peer has met and not seen leave, but for itself. */
const tabPeers = async (): Promise<readonly string[]> =>
  (await edge.members())
    .map(({ peerId }) => peerId)
    .filter(peerId => peerId !== edge.peerId)
    .toSorted()

const databases = (page: Page): Promise<readonly string[]> =>
  page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name ?? '').toSorted())

/** Which database the tab has, by its memory. */
const numberOf = (page: Page): Promise<string | null> => page.evaluate(() => sessionStorage.getItem('dynamesh:tab:shop-data'))

describe('two tabs of one browser', () => {
  test('are two peers with a database each, and see one cart', async () => {
    await expect.poll(async () => (await tabPeers()).length, patient).toBe(2)
    expect(await databases(left)).toEqual(['dynamesh:shop-data', 'dynamesh:shop-data~2'])
    expect(await Promise.all([left, right].map(numberOf))).toEqual(['1', '2'])
    await addItem(left, 'milk')
    await showsCart(right, 'milk')
    await addItem(right, 'eggs')
    await showsCart(left, 'eggs', 'milk')
  })

  test('are the same peers after both were reloaded', async () => {
    const before = await tabPeers()
    await Promise.all([left.reload(), right.reload()])
    await Promise.all([left, right].map(started))
    expect(await Promise.all([left, right].map(numberOf))).toEqual(['1', '2'])
    await addItem(right, 'bread')
    for (const page of [left, right]) await showsCart(page, 'bread', 'eggs', 'milk')
    expect(await tabPeers()).toEqual(before)
  })

  test('leave their databases to the next: a closed tab and a new one are the same peer', async () => {
    const before = await tabPeers()
    await left.close()
    await right.evaluate(() => navigator.locks.request('dynamesh:shop-data', () => undefined))
    left = await openTab()
    await showsCart(left, 'bread', 'eggs', 'milk')
    expect(await numberOf(left)).toBe('1')
    expect(await databases(left)).toEqual(['dynamesh:shop-data', 'dynamesh:shop-data~2'])
    expect(await tabPeers()).toEqual(before)
  })

  test('become three when one is duplicated, which copies what it remembers', async () => {
    const before = await tabPeers()
    const [copy] = await Promise.all([context.waitForEvent('page'), left.evaluate(() => void window.open(location.href))])
    await started(copy)
    expect(await numberOf(copy)).toBe('3')
    expect(await numberOf(left)).toBe('1')
    await expect.poll(tabPeers, patient).toHaveLength(3)
    expect(await tabPeers()).toEqual(expect.arrayContaining([...before]))
    await addItem(copy, 'tea')
    for (const page of [left, right]) await showsCart(page, 'bread', 'eggs', 'milk', 'tea')
  })

  test('have complained about nothing', () => {
    expect(complaints).toEqual([])
  })
})
