/**
 * A storage for every tab. Web Locks are granted request by request, so several storages of one page meet as those of several tabs do; what
 * tells tabs apart is the memory, and each tab of these tests has its own. Tabs with the browser's sessionStorage are in `test/e2e/tabs.test.ts`.
 */
import { openDB } from 'idb'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { indexedDbStorage } from '../../src/adapters/indexeddb/indexeddb-storage.ts'
import { TabMemory, type TabSession } from '../../src/adapters/indexeddb/tab-memory.ts'
import { TabStorage, tabStorage } from '../../src/adapters/indexeddb/tab-storage.ts'
import { storageConformance } from '../../src/conformance/storage.ts'
import { collect, put, readOne } from '../../src/conformance/storage-tools.ts'
import type { StoreError } from '../../src/core/errors.ts'
import { browserTabsMax } from '../../src/core/limits.ts'
import type { Storage } from '../../src/ports/storage.ts'

/** Longer than any machine is busy, for numbers that will be given back; `impatient` is for those that will not. */
const patience = 50_000
const impatient = { ownWaitMs: 1 }

let name = ''

beforeEach(() => {
  name = crypto.randomUUID()
})

afterEach(() => removeDatabases(name))

/** Also waits until every connection to them is closed. */
async function removeDatabases(prefix: string): Promise<void> {
  const names = (await indexedDB.databases()).map(database => database.name ?? '')
  await Promise.all(names.filter(each => each.startsWith(`dynamesh:${prefix}`)).map(removeDatabase))
}

function removeDatabase(database: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(database)
    request.onsuccess = () => resolve()
    request.onerror = () => reject(request.error ?? new Error('not deleted'))
  })
}

/** A tab's sessionStorage with what it holds. */
class Session implements TabSession {
  readonly texts: Map<string, string>

  constructor(texts: Iterable<readonly [string, string]> = []) {
    this.texts = new Map(texts)
  }

  getItem(key: string): string | null {
    return this.texts.get(key) ?? null
  }

  setItem(key: string, text: string): void {
    this.texts.set(key, text)
  }
}

/** A page in a tab: `reloaded` is the next page of the same tab, `duplicated` a page of another tab that got a copy of its session. */
class TabPage {
  readonly #session: TabSession
  readonly #memory: TabMemory

  constructor(session: TabSession = new Session()) {
    this.#session = session
    this.#memory = new TabMemory(() => session)
  }

  storage({ tabsMax = browserTabsMax, ownWaitMs = patience }: { readonly tabsMax?: number; readonly ownWaitMs?: number } = {}): TabStorage {
    return new TabStorage(name, {}, { memory: this.#memory, tabsMax, ownWaitMs })
  }

  async open(limits: { readonly tabsMax?: number; readonly ownWaitMs?: number } = {}): Promise<TabStorage> {
    const storage = this.storage(limits)
    onTestFinished(() => storage.close())
    await storage.open()
    return storage
  }

  reloaded(): TabPage {
    return new TabPage(this.#session)
  }

  duplicated(): TabPage {
    return new TabPage(new Session((this.#session as Session).texts))
  }
}

/** Which of the numbered databases a storage has. */
const numberOf = (storage: Storage): string => storage.status().location.slice(`dynamesh:${name}`.length)

describe('a storage for one tab alone passes the conformance suite', () => {
  storageConformance({
    test,
    create: async options => {
      const place = crypto.randomUUID()
      const tab = { memory: new TabMemory(() => sessionStorage), tabsMax: 1, ownWaitMs: 1000 }
      return {
        storage: () => new TabStorage(place, options, tab),
        dispose: () => removeDatabases(place),
        makeNewer: async () => (await openDB(`dynamesh:${place}`, 2)).close()
      }
    }
  })
})

describe('tabs of one origin', () => {
  test('each have a database of their own', async () => {
    const tabs = [await new TabPage().open(), await new TabPage().open(), await new TabPage().open()]
    expect(tabs.map(numberOf)).toEqual(['', '~2', '~3'])
    await Promise.all(tabs.map(tab => tab.write([put('who', numberOf(tab))])))
    for (const tab of tabs) expect(await collect(tab, { prefix: new Uint8Array() })).toEqual([`who=${numberOf(tab)}`])
  })

  test('that open at the same moment have different ones, the lowest there are', async () => {
    const tabs = await Promise.all(Array.from({ length: 8 }, () => new TabPage().open()))
    expect(tabs.map(numberOf).toSorted()).toEqual(['', '~2', '~3', '~4', '~5', '~6', '~7', '~8'])
  })

  test('take up the databases of closed tabs, the lowest first, so that no new ones are made', async () => {
    const tabs = [await new TabPage().open(), await new TabPage().open(), await new TabPage().open()]
    await tabs[1]?.write([put('left', 'behind')])
    await tabs[1]?.close()
    await tabs[0]?.close()
    await lockIsFree(`dynamesh:${name}`)
    await lockIsFree(`dynamesh:${name}~2`)
    const [first, second] = [await new TabPage().open(), await new TabPage().open()]
    expect([first, second].map(numberOf)).toEqual(['', '~2'])
    expect(await readOne(second, 'left')).toBe('behind')
    expect((await indexedDB.databases()).filter(({ name: each }) => each?.startsWith(`dynamesh:${name}`))).toHaveLength(3)
  })

  test('are refused past the most there may be, saying how many that is', async () => {
    const tabs = [await new TabPage().open({ tabsMax: 2 }), await new TabPage().open({ tabsMax: 2 })]
    const error = (await new TabPage().open({ tabsMax: 2 }).catch((reason: unknown) => reason)) as StoreError
    expect(error).toMatchObject({ code: 'ERR_STORE_LOCKED', outcome: 'none', details: { location: `dynamesh:${name}`, tabsMax: 2 } })
    expect(error.message).toContain('in use in 2 tabs')
    await tabs[0]?.write([put('still', 'works')])
  })

  test('of other names do not count', async () => {
    const other = tabStorage(crypto.randomUUID())
    await other.open()
    expect(numberOf(await new TabPage().open())).toBe('')
    const { location } = other.status()
    await other.close()
    await removeDatabase(location)
  })

  test('give way to whoever asked for one database and no other', async () => {
    const exclusive = indexedDbStorage(name)
    await exclusive.open()
    const tab = await new TabPage().open()
    expect(numberOf(tab)).toBe('~2')
    await expect(indexedDbStorage(`${name}~2`, { lockWaitMs: 0 }).open()).rejects.toMatchObject({ code: 'ERR_STORE_LOCKED' })
    await exclusive.close()
  })
})

/** A lock that was given back is free once the browser says so, and all who ask later find it free. */
function lockIsFree(lock: string): Promise<void> {
  return navigator.locks.request(lock, () => undefined)
}

describe('a tab that is reloaded', () => {
  test('has the same database and data, though lower ones are free', async () => {
    const [low, page] = [await new TabPage().open(), new TabPage()]
    const before = await page.open()
    await before.write([put('a', '1')])
    await Promise.all([before.close(), low.close()])
    const after = await page.reloaded().open()
    expect(numberOf(after)).toBe('~2')
    expect(await readOne(after, 'a')).toBe('1')
  })

  test('waits for the page before it, which lets go a moment later', async () => {
    const page = new TabPage()
    const before = await page.open()
    const opening = page.reloaded().open()
    await someoneWaitsFor(`dynamesh:${name}`)
    await before.close()
    expect(numberOf(await opening)).toBe('')
  })

  test('is served before a new tab that opens meanwhile', async () => {
    const page = new TabPage()
    const before = await page.open()
    const opening = page.reloaded().open()
    await someoneWaitsFor(`dynamesh:${name}`)
    const [stranger] = await Promise.all([new TabPage().open(), before.close()])
    expect([await opening, stranger].map(numberOf)).toEqual(['', '~2'])
  })

  test('remembers the database also after its storage was closed and opened within the page', async () => {
    const page = new TabPage()
    const [low, first] = [await new TabPage().open(), await page.open()]
    await first.close()
    await low.close()
    expect(numberOf(await page.open())).toBe('~2')
    expect(numberOf(await page.duplicated().open(impatient))).toBe('')
  })

  test('that lost its database to another tab while its storage was closed remembers the new one', async () => {
    const page = new TabPage()
    await (await page.open()).close()
    await lockIsFree(`dynamesh:${name}`)
    const other = await new TabPage().open()
    const storage = await page.open(impatient)
    expect([other, storage].map(numberOf)).toEqual(['', '~2'])
    await Promise.all([other.close(), storage.close()])
    expect(numberOf(await page.reloaded().open())).toBe('~2')
  })
})

/** Resolves when a request for the lock is in the browser's queue. */
async function someoneWaitsFor(lock: string): Promise<void> {
  await expect.poll(async () => (await navigator.locks.query()).pending?.filter(each => each.name === lock).length).toBe(1)
}

describe('a tab that was duplicated', () => {
  test('finds its number taken, has the next free one, and keeps that', async () => {
    const page = new TabPage()
    await page.open()
    const copy = page.duplicated()
    const storage = await copy.open(impatient)
    expect(numberOf(storage)).toBe('~2')
    await storage.close()
    expect(numberOf(await copy.reloaded().open())).toBe('~2')
  })
})

describe('two storages of one name in one page', () => {
  test('are as two tabs, and the page remembers the first', async () => {
    const page = new TabPage()
    const [first, second] = [await page.open(), await page.open(impatient)]
    expect([first, second].map(numberOf)).toEqual(['', '~2'])
    await Promise.all([first.close(), second.close()])
    expect(numberOf(await page.reloaded().open())).toBe('')
  })
})

describe('an object that has settled on a database', () => {
  test('stays with it: it opens again with the same data', async () => {
    const page = new TabPage()
    const [low, storage] = [await new TabPage().open(), await page.open()]
    await storage.write([put('a', '1')])
    await storage.close()
    await low.close()
    await storage.open()
    expect(numberOf(storage)).toBe('~2')
    expect(await readOne(storage, 'a')).toBe('1')
  })

  test('and is refused when another tab has taken that meanwhile', async () => {
    const storage = await new TabPage().open(impatient)
    await storage.close()
    await lockIsFree(`dynamesh:${name}`)
    const other = await new TabPage().open()
    expect(numberOf(other)).toBe('')
    await expect(storage.open()).rejects.toMatchObject({ code: 'ERR_STORE_LOCKED', details: { location: `dynamesh:${name}` } })
  })

  test('opened twice at once is opened once', async () => {
    const page = new TabPage()
    const storage = page.storage()
    onTestFinished(() => storage.close())
    const results = await Promise.allSettled([storage.open(), storage.open()])
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(numberOf(await new TabPage().open())).toBe('~2')
  })
})

describe('what a tab remembers', () => {
  const denied = (): never => {
    throw new DOMException('Access is denied for this document.', 'SecurityError')
  }

  test('is not needed: where sessionStorage is denied, tabs have databases all the same', async () => {
    const tab = { memory: new TabMemory(denied), tabsMax: browserTabsMax, ownWaitMs: patience }
    const storages = [new TabStorage(name, {}, tab), new TabStorage(name, {}, tab)]
    for (const storage of storages) {
      onTestFinished(() => storage.close())
      await storage.open()
    }
    expect(storages.map(numberOf)).toEqual(['', '~2'])
  })

  test('may be full: the tab works, and knows nothing after a reload', async () => {
    const session: TabSession = {
      getItem: () => null,
      setItem: () => {
        throw new DOMException('full', 'QuotaExceededError')
      }
    }
    const storage = await new TabPage(session).open()
    await storage.write([put('a', '1')])
    expect(await readOne(storage, 'a')).toBe('1')
  })

  test.each(['0', '-1', '33', '1e1', '02', '2.0', 'NaN', '99999999999', ' 2', '__proto__', ''])(
    'is ignored when somebody else wrote it: %j',
    async text => {
      const session = new Session([[`dynamesh:tab:${name}`, text]])
      expect(numberOf(await new TabPage(session).open())).toBe('')
      expect(session.getItem(`dynamesh:tab:${name}`)).toBe('1')
    }
  )

  test('is in sessionStorage, by name', async () => {
    const storage = tabStorage(name, { bytesMax: 1000 })
    expect(storage.status().location).toBe(`dynamesh:${name}`)
    await storage.open()
    expect(storage.status()).toMatchObject({ location: `dynamesh:${name}`, bytesMax: 1000 })
    expect(sessionStorage.getItem(`dynamesh:tab:${name}`)).toBe('1')
    await storage.close()
    sessionStorage.removeItem(`dynamesh:tab:${name}`)
  })
})

describe('a database that cannot be a storage', () => {
  test('is an error, and no reason to take the next one', async () => {
    const foreign = await openDB(`dynamesh:${name}`, 1, { upgrade: database => void database.createObjectStore('thesis') })
    foreign.close()
    await expect(new TabPage().open()).rejects.toMatchObject({ code: 'ERR_CONFIG' })
    expect((await indexedDB.databases()).filter(({ name: each }) => each?.startsWith(`dynamesh:${name}`))).toHaveLength(1)
  })

  test('because its name is empty, is refused at once', () => {
    expect(() => tabStorage('')).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }))
  })
})
