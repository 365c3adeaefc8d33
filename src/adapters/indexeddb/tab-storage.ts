/**
 * A storage that works in every tab: one IndexedDB database per tab, told apart by a number.
 *
 * A database has one opener, so tabs of one page cannot share it: each is a peer of its own, with a disk of its own. The first tab takes the
 * database `name`, further ones take `name~2`, `name~3` and so on, always the lowest that is free, so that the databases of closed tabs are
 * used again instead of piling up. A tab remembers its number, and a reload waits a moment for it, since the page before may not have let go yet.
 *
 * It does not promise which tab gets which number once tabs were closed, nor that the tabs have the same contents: that is what replication
 * between their peers is for.
 */
import { isStoreError, StoreError } from '../../core/errors.ts'
import { browserTabsMax } from '../../core/limits.ts'
import type { ScanRange, Storage, StorageOperation, StorageRow, StorageStatus } from '../../ports/storage.ts'
import { indexedDbStorage } from './indexeddb-storage.ts'
import { Lifecycle } from '../rows/lifecycle.ts'
import { TabMemory } from './tab-memory.ts'

/** How long a tab waits for the number that it had: the page before a reload may hold it a little longer. */
const OWN_NUMBER_WAIT_MS = 1000

const thisTab = new TabMemory(() => sessionStorage)

/** Options of {@link tabStorage}. */
export interface TabStorageOptions {
  /** Most bytes of keys and values in each tab's database; a growing write past it is refused with `ERR_QUOTA`. @default 256 MiB */
  readonly bytesMax?: number
}

/**
 * A storage in the browser's IndexedDB, for every tab one: in the database `dynamesh:<name>`, or `dynamesh:<name>~2` and so on while other
 * tabs have the lower ones. It is chosen when the storage is opened; then `status().location` names it, and the object stays with it.
 *
 * `open` rejects with `ERR_STORE_LOCKED` when 32 tabs have a database of this name open, and else as `indexedDbStorage` does.
 */
export function tabStorage(name: string, options: TabStorageOptions = {}): Storage {
  return new TabStorage(name, options, { memory: thisTab, tabsMax: browserTabsMax, ownWaitMs: OWN_NUMBER_WAIT_MS })
}

/** The tab that a {@link TabStorage} is in. */
export interface Tab {
  readonly memory: TabMemory
  readonly tabsMax: number
  readonly ownWaitMs: number
}

/** See {@link tabStorage}. */
export class TabStorage implements Storage {
  readonly #name: string
  readonly #options: TabStorageOptions
  readonly #tab: Tab
  readonly #lifecycle: Lifecycle
  #storage: Storage
  /** Number of the database that this object has settled on. */
  #number: number | undefined

  constructor(name: string, options: TabStorageOptions, tab: Tab) {
    this.#name = name
    this.#options = options
    this.#tab = tab
    this.#storage = indexedDbStorage(name, options)
    this.#lifecycle = new Lifecycle(this.#storage.status().location)
  }

  async open(): Promise<void> {
    await this.#lifecycle.open(async () => {
      const number = this.#number === undefined ? await this.#openFree() : await this.#openNumber(this.#number, this.#tab.ownWaitMs)
      this.#number = number
      this.#tab.memory.hold(this.#name, number, this.#tab.tabsMax)
    })
  }

  async close(): Promise<void> {
    await this.#lifecycle.close(async () => {
      await this.#storage.close()
      if (this.#number !== undefined) this.#tab.memory.release(this.#name, this.#number)
    })
  }

  read(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#storage.read(keys)
  }

  write(batch: readonly StorageOperation[]): Promise<void> {
    return this.#storage.write(batch)
  }

  scan(range: ScanRange): AsyncIterable<StorageRow> {
    return this.#storage.scan(range)
  }

  status(): StorageStatus {
    return this.#storage.status()
  }

  /** Opens the database that this tab had, else the lowest that is free. */
  async #openFree(): Promise<number> {
    const { memory, tabsMax, ownWaitMs } = this.#tab
    const own = memory.recall(this.#name, tabsMax)
    const numbers = Array.from({ length: tabsMax }, (_, index) => index + 1).filter(number => number !== own)
    for (const number of own === undefined ? numbers : [own, ...numbers]) {
      try {
        return await this.#openNumber(number, number === own ? ownWaitMs : 0)
      } catch (error) {
        if (!isStoreError(error) || error.code !== 'ERR_STORE_LOCKED') throw error
      }
    }
    throw allTakenError(this.#storage.status().location, tabsMax)
  }

  async #openNumber(number: number, lockWaitMs: number): Promise<number> {
    const storage = indexedDbStorage(number === 1 ? this.#name : `${this.#name}~${number}`, { ...this.#options, lockWaitMs })
    await storage.open()
    this.#storage = storage
    return number
  }
}

function allTakenError(location: string, tabsMax: number): StoreError {
  const message = `The storage ${location} is in use in ${tabsMax} tabs, which is the most. Close one of them first, or choose another storage.`
  return new StoreError('ERR_STORE_LOCKED', message, { details: { location, tabsMax } })
}
