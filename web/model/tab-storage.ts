/**
 * Which database belongs to this tab.
 *
 * A tab keeps the name of its database in sessionStorage, so a reload is the same peer. A duplicated tab gets a copy of
 * sessionStorage, so having the name is not owning it: whoever holds the Web Lock of the name owns it. Names of tabs that
 * were closed are listed in localStorage and taken up again by new tabs, so that databases do not pile up.
 */

const sessionKey = 'dynamesh:storage'
const listKey = 'dynamesh:storages'
/** Most names remembered per origin; a new tab past it takes a fresh name that is not remembered. */
const namesMax = 64
/** How long a reloaded page waits for its former self to let go of the database. */
const reloadWaitMs = 3000

/** What this module needs of a tab: both storages may be denied by the browser's settings. */
export interface TabPlatform {
  readonly session: Pick<Storage, 'getItem' | 'setItem'> | undefined
  readonly local: Pick<Storage, 'getItem' | 'setItem'> | undefined
  readonly locks: Pick<LockManager, 'request'> | undefined
  readonly isReload: boolean
  /** Names that this page has claimed already: a peer that was stopped starts again with its own. */
  readonly held: Set<string>
  readonly randomName: () => string
}

const heldByPage = new Set<string>()

/** The platform of the page that runs this. */
export function tabPlatform(): TabPlatform {
  const [navigation] = performance.getEntriesByType('navigation')
  return {
    session: allowed(() => sessionStorage),
    local: allowed(() => localStorage),
    locks: allowed(() => navigator.locks),
    isReload: navigation instanceof PerformanceNavigationTiming && navigation.type === 'reload',
    held: heldByPage,
    randomName: () => crypto.randomUUID().slice(0, 8)
  }
}

/** Claims a database name of `cluster` for as long as this page lives. */
export async function claimStorageName(cluster: string, tab: TabPlatform = tabPlatform()): Promise<string> {
  const prefix = `dynamesh:${cluster}:`
  const own = tab.session?.getItem(sessionKey)
  const known = rememberedNames(tab).filter(name => name.startsWith(prefix))
  const candidates = own?.startsWith(prefix) === true ? [own, ...known.filter(name => name !== own)] : known
  for (const name of candidates) {
    const waitMs = name === own && tab.isReload ? reloadWaitMs : 0
    if (tab.held.has(name) || (await claim(name, waitMs, tab))) return remember(name, tab)
  }
  const fresh = `${prefix}${tab.randomName()}`
  await claim(fresh, 0, tab)
  return remember(fresh, tab)
}

function remember(name: string, tab: TabPlatform): string {
  tab.held.add(name)
  const names = rememberedNames(tab)
  try {
    tab.session?.setItem(sessionKey, name)
    if (!names.includes(name) && names.length < namesMax) tab.local?.setItem(listKey, JSON.stringify([...names, name]))
  } catch {
    // A full or denied storage costs only the memory of the name: the next load is a new peer.
  }
  return name
}

function rememberedNames(tab: TabPlatform): readonly string[] {
  try {
    const names: unknown = JSON.parse(tab.local?.getItem(listKey) ?? '[]')
    return Array.isArray(names) ? names.filter(name => typeof name === 'string').slice(0, namesMax) : []
  } catch {
    return []
  }
}

/** True when the lock is now held by this page; it is never given back before the page ends. */
function claim(name: string, waitMs: number, tab: TabPlatform): Promise<boolean> {
  const { locks } = tab
  if (locks === undefined) return Promise.resolve(true)
  return new Promise(resolve => {
    const options: LockOptions = waitMs > 0 ? { signal: AbortSignal.timeout(waitMs) } : { ifAvailable: true }
    const hold = (lock: Lock | null): Promise<never> | undefined => {
      resolve(lock !== null)
      return lock === null ? undefined : new Promise<never>(() => undefined)
    }
    locks.request(`dynamesh-tab:${name}`, options, hold).catch(() => resolve(false))
  })
}

function allowed<Part>(part: () => Part): Part | undefined {
  try {
    return part()
  } catch {
    return undefined
  }
}
