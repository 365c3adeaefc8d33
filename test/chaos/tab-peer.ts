/** A peer of the chaos run in a real Chromium tab. */
import { createWriteStream, type WriteStream } from 'node:fs'
import type { BrowserContext, Page } from 'playwright'
import { StoreError, type ErrorCode, type WriteOutcome } from '../../src/core/errors.ts'
import type { DeleteOptions, GetOptions, PeerStatus, PutOptions } from '../../src/entry/nodejs.ts'
import type { StorageRow } from '../../src/ports/storage.ts'
import type { ChaosPeer, DeleteAnswer, MemorySample, ReadAnswer, StoredKeys, WriteAnswer } from './chaos-peer.ts'
import { liveBytes } from './inspector.ts'
import type { PlainAnswer, tabFunctions } from './tab-script.ts'

type TabFunctions = typeof tabFunctions

export interface TabSettings {
  readonly name: string
  readonly cluster: string
  readonly join: readonly string[]
  readonly url: string
  readonly logFile: string
}

export class TabPeer implements ChaosPeer {
  readonly name: string
  readonly complaints: string[] = []
  readonly #browser: BrowserContext
  readonly #settings: TabSettings
  readonly #log: WriteStream
  #page: Page | undefined
  #peerId = ''
  #isServing = false
  #startedAtMs = 0
  #life = 0

  constructor(browser: BrowserContext, settings: TabSettings) {
    this.name = settings.name
    this.#browser = browser
    this.#settings = settings
    this.#log = createWriteStream(settings.logFile, { flags: 'a' })
  }

  get isServing(): boolean {
    return this.#isServing
  }

  get peerId(): string {
    return this.#peerId
  }

  /** Opens a tab, also after the last one went away: a new tab takes the lowest database that is free, so first the browser must have noticed. */
  async open(): Promise<void> {
    const page = await this.#browser.newPage()
    this.#page = page
    page.on('pageerror', error => this.complaints.push(`uncaught: ${error.stack ?? error.message}`))
    page.on('console', message => this.#log.write(`${new Date().toISOString()} ${message.text()}\n`))
    await page.goto(this.#settings.url)
    await page.evaluate(lock => navigator.locks.request(lock, () => undefined), `dynamesh:${this.name}`)
    await this.#start()
  }

  /** As the user's reload button. */
  async reload(): Promise<void> {
    this.#isServing = false
    await this.#collectErrors()
    await this.#shown().reload()
    await this.#start()
  }

  /** As the cross on the tab. */
  async close(): Promise<void> {
    this.#isServing = false
    await this.#collectErrors()
    await this.#shown().close()
  }

  /** Ends the tab's process without a goodbye, then closes what is left of it. */
  async crash(): Promise<void> {
    this.#isServing = false
    const page = this.#shown()
    const crashed = new Promise<void>(resolve => page.once('crash', () => resolve()))
    const session = await this.#browser.newCDPSession(page)
    session.send('Page.crash').catch(() => {})
    await crashed
    await page.close()
  }

  async get(key: string, options: GetOptions): Promise<ReadAnswer> {
    const { siblings, context } = resultOf(await this.#request('get', key, options))
    return { siblings, context: fromText(context) }
  }

  async put(key: string, context: Uint8Array | undefined, value: string, options: PutOptions): Promise<WriteAnswer> {
    const written = resultOf(await this.#request('put', key, toText(context), value, options))
    return { ...written, context: fromText(written.context) }
  }

  async delete(key: string, context: Uint8Array | undefined, options: DeleteOptions): Promise<DeleteAnswer> {
    const deleted = resultOf(await this.#request('delete', key, toText(context), options))
    return { ...deleted, context: fromText(deleted.context) }
  }

  status(): Promise<PeerStatus> {
    return this.#call('status')
  }

  async keys(): Promise<StoredKeys> {
    return new Map(await this.#call('keys'))
  }

  async memory(): Promise<MemorySample> {
    const ageMs = performance.now() - this.#startedAtMs
    const life = this.#life
    const session = await this.#browser.newCDPSession(this.#shown())
    const heapBytes = await liveBytes(method => session.send(method as 'HeapProfiler.collectGarbage'))
    await session.detach()
    return { life, ageMs, heapBytes, residentBytes: undefined }
  }

  async stop(): Promise<void> {
    this.#isServing = false
    await this.#collectErrors()
    await this.#call('stop')
  }

  async rows(): Promise<readonly StorageRow[]> {
    const rows = await this.#call('rows', this.name)
    return rows.map(([key, value]) => ({ key: fromText(key), value: fromText(value) }))
  }

  async #start(): Promise<void> {
    const { cluster, join } = this.#settings
    await this.#shown().waitForFunction(() => 'tabFunctions' in globalThis)
    this.#peerId = await this.#call('start', cluster, join, this.name)
    this.#startedAtMs = performance.now()
    this.#life++
    this.#isServing = true
  }

  async #collectErrors(): Promise<void> {
    for (const text of await this.#call('broken')) this.complaints.push(`reported: ${text}`)
  }

  #shown(): Page {
    if (this.#page === undefined) throw new Error(`${this.name} was never opened`)
    return this.#page
  }

  /** A call that a caller of the peer makes: the tab may go away under it. */
  async #request<Name extends 'get' | 'put' | 'delete'>(
    name: Name,
    ...words: Parameters<TabFunctions[Name]>
  ): Promise<Awaited<ReturnType<TabFunctions[Name]>>> {
    try {
      return await this.#call(name, ...words)
    } catch (cause) {
      throw new StoreError('ERR_CLOSED', `The tab went away: ${String(cause)}`, { outcome: 'indeterminate', cause })
    }
  }

  async #call<Name extends keyof TabFunctions>(
    name: Name,
    ...words: Parameters<TabFunctions[Name]>
  ): Promise<Awaited<ReturnType<TabFunctions[Name]>>> {
    const answer: unknown = await this.#shown().evaluate(call, { name, words })
    return answer as Awaited<ReturnType<TabFunctions[Name]>>
  }
}

/** Runs in the tab. */
async function call({ name, words }: { readonly name: string; readonly words: readonly unknown[] }): Promise<unknown> {
  const functions = Reflect.get(globalThis, 'tabFunctions') as Readonly<Record<string, (...given: readonly unknown[]) => unknown>>
  return functions[name]?.(...words)
}

function resultOf<Result>(answer: PlainAnswer<Result>): Result {
  if ('result' in answer) return answer.result
  const { code, outcome, message } = answer.failure
  throw new StoreError(code as ErrorCode, message, { outcome: outcome as WriteOutcome })
}

const toText = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString('base64url')
const fromText = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64url'))
