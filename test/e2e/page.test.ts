/** The page with real edge peers and real tabs. */
import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DemoRun, Tab } from './page-demo.ts'
import { buildPage, openTab, startBrowser, startDemo } from './page-demo.ts'

const patient = { timeout: 60_000 }

let demo: DemoRun
let browser: Browser
let context: BrowserContext
let left: Tab
let right: Tab

beforeAll(async () => {
  await buildPage()
  demo = await startDemo()
  browser = await startBrowser()
  context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  left = await openTab(context, demo.url)
  right = await openTab(context, demo.url)
})

afterAll(async () => {
  await browser?.close()
  await demo?.stop()
})

const both = (): readonly Page[] => [left.page, right.page]
const siblings = (page: Page) => page.locator('.sibling')
const members = (page: Page) => page.locator('.members tbody tr')
const cutSwitch = (page: Page) => page.getByRole('switch', { name: 'Cut the network' })

async function openKey(page: Page, key: string): Promise<void> {
  await page.getByLabel('Name of the key to open').fill(key)
  await page.getByRole('button', { name: 'Open', exact: true }).click()
  await page.getByRole('heading', { name: key }).waitFor()
}

async function put(page: Page, text: string): Promise<void> {
  await page.locator('#value').fill(text)
  await page.getByRole('button', { name: /^Put/ }).click()
  await page.getByText(/^Put acknowledged by/).waitFor(patient)
}

async function setCut(pages: readonly Page[], isCut: boolean): Promise<void> {
  for (const page of pages) {
    await cutSwitch(page).setChecked(isCut)
    if (isCut) await page.getByText('Network cut: alone').waitFor()
  }
}

/** Waits until `page` shows exactly these texts as values, in any order. */
async function valuesAre(page: Page, ...texts: readonly string[]): Promise<void> {
  await expect
    .poll(async () => (await page.locator('.sibling .value').allInnerTexts()).map(plainValue).sort(), patient)
    .toEqual([...texts].sort())
}

const plainValue = (shown: string): string =>
  shown
    .replaceAll(/\s*only here/g, '')
    .replaceAll(/\n+/g, '\n')
    .trim()

/** Own name of the peer in `page`. */
const nameOf = (page: Page): Promise<string> => page.locator('.self strong').innerText()

describe('two tabs and three edge peers', () => {
  test('meet and see five members, all up', async () => {
    for (const page of both()) {
      await page.getByText('Up, 5 members', { exact: true }).waitFor(patient)
      await expect.poll(() => members(page).count()).toBe(5)
      for (const { name } of demo.peers) await page.locator('.members').getByText(name, { exact: true }).waitFor()
    }
    expect(await nameOf(left.page)).not.toBe(await nameOf(right.page))
  })

  test('reach each other over WebRTC and the edge peers over WebSockets', async () => {
    for (const [page, other] of [
      [left.page, right.page],
      [right.page, left.page]
    ] as const) {
      const otherRow = members(page).filter({ hasText: await nameOf(other) })
      await otherRow.getByText('WebRTC', { exact: true }).waitFor(patient)
      const edgeRow = members(page).filter({ hasText: demo.peers[0]?.name ?? '' })
      await edgeRow.getByText('WebSocket', { exact: true }).waitFor(patient)
    }
  })

  test('show the same ring', async () => {
    const digest = async (page: Page): Promise<string> => (await page.locator('.fold code').textContent()) ?? ''
    await expect.poll(async () => (await digest(left.page)) === (await digest(right.page)), patient).toBe(true)
  })

  test('see each other’s writes without being asked', async () => {
    for (const page of both()) await openKey(page, 'cart:live')
    await put(left.page, 'coffee')
    await valuesAre(right.page, 'coffee')
    await put(right.page, 'coffee\ntea')
    await valuesAre(left.page, 'coffee\ntea')
  })
})

describe('two tabs that were cut off', () => {
  test('show two siblings with their writers after they meet, and one value after a merge in one of them', async () => {
    for (const page of both()) await openKey(page, 'cart:43')
    await put(left.page, 'coffee')
    await valuesAre(right.page, 'coffee')
    await setCut(both(), true)
    await put(left.page, 'coffee\noranges')
    await put(right.page, 'coffee\nbicycle bell')
    await setCut(both(), false)
    for (const page of both()) {
      await valuesAre(page, 'coffee\noranges', 'coffee\nbicycle bell')
      const heads = (await page.locator('.sibling-head').allInnerTexts()).join(' ')
      for (const writer of both()) expect(heads).toContain(await nameOf(writer))
    }
    await left.page.getByRole('button', { name: 'Put the merge, replacing 2 siblings' }).click()
    for (const page of both()) {
      await expect.poll(() => siblings(page).count(), patient).toBe(1)
      const lines = plainValue(await page.locator('.sibling .value').innerText()).split('\n')
      expect(lines.sort()).toEqual(['bicycle bell', 'coffee', 'oranges'])
    }
  })

  test('say that a put for W=2 cannot be served, with its code and what is known about the write', async () => {
    const { page } = left
    await openKey(page, 'cart:44')
    await setCut([page], true)
    await expect.poll(() => page.getByRole('radio', { name: 'W = 1' }).isChecked()).toBe(true)
    await page.getByRole('radio', { name: 'W = 2' }).check()
    await page.locator('#value').fill('tea')
    await page.getByRole('button', { name: /^Put/ }).click()
    await page.locator('.result').getByText('ERR_WRITE_QUORUM').waitFor(patient)
    await page
      .locator('.result')
      .getByText(/Nothing was written|may still appear/)
      .first()
      .waitFor()
    await setCut([page], false)
    await page.getByText('Up, 5 members', { exact: true }).waitFor(patient)
    await expect.poll(() => page.getByRole('radio', { name: 'W = 2' }).isChecked()).toBe(true)
  })
})

describe('keys and values from strangers', () => {
  const markup = '<img src=x onerror="document.title=\'taken\'">'

  test('are text and never markup', async () => {
    for (const page of both()) await openKey(page, markup)
    await put(left.page, `${markup}\n<script>document.title='taken'</script>\njavascript:alert(1)`)
    await expect.poll(() => right.page.locator('.value').innerText(), patient).toContain('onerror')
    for (const page of both()) {
      expect(await page.locator('#page img, #page script, #page a[href^="javascript"]').count()).toBe(0)
      expect(await page.title()).not.toBe('taken')
      expect(await page.getByRole('heading', { level: 2, name: markup }).count()).toBe(1)
    }
  })

  test('of a whole mebibyte are cut with their length told, and the page stays usable', async () => {
    const { page } = left
    await openKey(page, 'long')
    await page.getByText('Nothing is stored under this key.').waitFor(patient)
    await page.getByRole('radio', { name: 'W = 1' }).check()
    await page.locator('#value').evaluate((field: HTMLTextAreaElement) => {
      field.value = 'x'.repeat(1024 * 1024)
      field.dispatchEvent(new Event('input', { bubbles: true }))
    })
    await page.getByRole('button', { name: /^Put/ }).click()
    await page.getByText('First 1,200 characters of 1.0 MiB.').waitFor(patient)
    expect((await page.locator('.sibling .value').innerText()).length).toBeLessThan(2000)
    await page.getByRole('radio', { name: 'W = 2' }).check()
    await openKey(page, 'cart:42')
  })
})

describe('everyone can use it', () => {
  test('every control has a name that is spoken', async () => {
    const session = await context.newCDPSession(left.page)
    const { nodes } = await session.send('Accessibility.getFullAXTree')
    const controls = nodes.filter(
      node => !node.ignored && node.properties?.some(({ name, value }) => name === 'focusable' && value.value === true) === true
    )
    const nameless = controls.filter(node => String(node.name?.value ?? '').trim() === '' && node.role?.value !== 'RootWebArea')
    expect(controls.length).toBeGreaterThan(20)
    expect(nameless.map(node => String(node.role?.value))).toEqual([])
  })

  test('headings go down one level at a time and there is one first', async () => {
    const levels = await left.page
      .locator('h1, h2, h3, h4, h5, h6')
      .evaluateAll(headings =>
        headings.filter(heading => heading.closest('dialog:not([open])') === null).map(heading => Number(heading.tagName.slice(1)))
      )
    expect(levels.filter(level => level === 1)).toHaveLength(1)
    expect(levels[0]).toBe(1)
    levels.forEach((level, index) => expect(level - (levels[index - 1] ?? 0)).toBeLessThanOrEqual(1))
  })

  test('the tab key reaches everything, shows where it is, and gets out again', async () => {
    const { page } = left
    // Until a key's first read is in, it cannot be put and the button cannot be reached.
    await expect.poll(() => page.getByRole('button', { name: /^Put/ }).isEnabled(), patient).toBe(true)
    // Focus is marked for those who use the keyboard, so the keyboard is used first.
    await page.keyboard.press('Tab')
    await page.locator('.skip-link').focus()
    const reached: string[] = []
    for (let step = 0; step < 150; step++) {
      const [name, isShown] = await page.evaluate(() => {
        const element = document.activeElement
        if (element === null || element === document.body) return ['', true] as const
        const marked =
          element instanceof SVGGElement
            ? element.querySelector('.member-rim')
            : element.matches('.choice input')
              ? element.nextElementSibling
              : element
        const style = marked === null ? undefined : getComputedStyle(marked)
        const isMarked =
          style !== undefined && ((style.outlineStyle !== 'none' && style.outlineWidth !== '0px') || style.strokeWidth === '4px')
        return [
          `${element.tagName} ${element.id} ${element.getAttribute('aria-label') ?? element.textContent?.slice(0, 40) ?? ''}`,
          isMarked
        ] as const
      })
      if (name === '' || (step > 0 && name === reached[0])) break
      expect(isShown, `focus is visible on ${name}`).toBe(true)
      reached.push(name)
      await page.keyboard.press('Tab')
    }
    expect(reached.length).toBeLessThan(150)
    for (const part of ['Cut the network', 'Open another tab', 'edge-1', 'key-name', 'value', 'Put', 'Get', 'Copy invite link']) {
      expect(
        reached.some(name => name.includes(part)),
        `${part} is reached`
      ).toBe(true)
    }
  })

  test('a member that has the focus is alone in colour, and its share is told', async () => {
    const { page } = left
    await page.getByRole('button', { name: /^edge-2: up, owns \d+ of 1024 partitions$/ }).focus()
    await page.getByText(/^edge-2 owns \d+ of 1024 partitions$/).waitFor()
    expect(await page.locator('.ring.is-looking .band.is-looked-at').count()).toBe(3)
    await page.keyboard.press('Escape')
    await expect.poll(() => page.locator('.ring.is-looking').count()).toBe(0)
  })

  test('who asked for reduced motion sees activity without anything moving', async () => {
    const { page } = left
    await page.emulateMedia({ reducedMotion: 'reduce' })
    await openKey(page, 'cart:still')
    const moving = page.evaluate(async () => {
      const flashes = document.querySelector('.flashes')
      if (flashes === null) throw new Error('no place for flashes')
      await new Promise<void>(resolve =>
        new MutationObserver(() => flashes.childElementCount > 0 && resolve()).observe(flashes, { childList: true })
      )
      return document.getAnimations().length
    })
    await put(page, 'tea')
    expect(await moving).toBe(0)
    await page.emulateMedia({ reducedMotion: null })
  })

  test.each([
    [390, 844],
    [320, 640],
    [768, 1024],
    [1440, 900]
  ])('nothing is cut off sideways at %i x %i', async (width, height) => {
    const { page } = left
    await page.setViewportSize({ width, height })
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
    await page.setViewportSize({ width: 1440, height: 900 })
  })
})

describe('a tab', () => {
  test('is the same peer after a reload', async () => {
    const { page } = right
    const before = await page.locator('.long-code').innerText()
    await page.reload()
    await page.getByRole('heading', { name: 'Members' }).waitFor(patient)
    expect(await page.locator('.long-code').innerText()).toBe(before)
    await page.getByText('Up, 5 members', { exact: true }).waitFor(patient)
  })

  test('is the same peer when it was stopped and started again', async () => {
    const { page } = right
    const before = await page.locator('.long-code').innerText()
    await page.getByRole('button', { name: 'Stop', exact: true }).click()
    await page.getByRole('heading', { name: 'This tab’s peer is stopped' }).waitFor(patient)
    await page.getByRole('button', { name: 'Start the peer' }).click()
    await page.getByText('Up, 5 members', { exact: true }).waitFor(patient)
    expect(await page.locator('.long-code').innerText()).toBe(before)
  })

  test('that is cut off keeps hints for the owners and says so, until it is back', async () => {
    const { page } = right
    await openKey(page, 'cart:46')
    await setCut([page], true)
    await put(page, 'tea')
    const hints = page.locator('.facts').filter({ hasText: 'Hints waiting' }).locator('.hints li')
    await expect.poll(() => hints.count(), patient).toBeGreaterThan(0)
    await setCut([page], false)
    await expect.poll(() => hints.count(), patient).toBe(0)
  })

  test('has complained about nothing in all this', () => {
    // A WebSocket or a data channel that ends when the network is cut is told by the browser itself, not by the page.
    const isOurs = (complaint: string): boolean => !/^(WebSocket connection to|Failed to load resource: net::)/.test(complaint)
    expect([...left.complaints, ...right.complaints].filter(isOurs)).toEqual([])
  })

  test('that was duplicated, and so has a copy of the session, is a peer of its own', async () => {
    const [copy] = await Promise.all([context.waitForEvent('page'), left.page.evaluate(() => void window.open(location.href))])
    await copy.getByRole('heading', { name: 'Members' }).waitFor(patient)
    expect(await copy.locator('.long-code').innerText()).not.toBe(await left.page.locator('.long-code').innerText())
    await copy.close()
  })
})

describe('an invite', () => {
  test.each([
    [
      '#cluster=elsewhere&join=%2Fip4%2F127.0.0.1%2Ftcp%2F1%2Fws%2Fp2p%2F12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp',
      /invite is for the cluster "elsewhere"/
    ],
    ['#cluster=demo&join=%2Fip4%2F127.0.0.1%2Ftcp%2F1%2Fws%2Fp2p%2F12D3Koo', /does not end in a whole peer id/]
  ])('%s joins nothing and says why', async (fragment, why) => {
    const page = await context.newPage()
    await page.goto(demo.url + fragment)
    await page.getByRole('alert').getByText(why).waitFor()
    await page.getByText('ERR_INVITE').waitFor()
    await page.close()
  })
})

describe('a page that may not be a peer', () => {
  test('says that it needs https:// or localhost', async () => {
    const insecure = await startBrowser(['--host-resolver-rules=MAP shop.test 127.0.0.1'])
    try {
      const page = await insecure.newPage()
      await page.goto(demo.url.replace(/\/\/[^:/]+/, '//shop.test'))
      await page.getByRole('heading', { name: 'This page needs https:// or localhost' }).waitFor()
      await page.getByText('ERR_INSECURE_CONTEXT').waitFor()
    } finally {
      await insecure.close()
    }
  })

  test('opened as a file, says so without its script', async () => {
    const page = await context.newPage()
    await page.goto(new URL('../../dist/web/index.html', import.meta.url).href)
    await page.getByText('the page was opened as a file').waitFor()
    await page.close()
  })

  test('without WebRTC is still a peer, and says how it reaches the others', async () => {
    const blocked = await browser.newContext()
    await blocked.addInitScript(() => {
      Object.defineProperty(globalThis, 'RTCPeerConnection', { value: undefined })
    })
    const tab = await openTab(blocked, demo.url)
    await tab.page.getByText('This browser has no WebRTC,').waitFor()
    await members(tab.page)
      .filter({ hasText: demo.peers[0]?.name ?? '' })
      .getByText('WebSocket', { exact: true })
      .waitFor(patient)
    await openKey(tab.page, 'cart:45')
    await put(tab.page, 'tea')
    await blocked.close()
  })
})
