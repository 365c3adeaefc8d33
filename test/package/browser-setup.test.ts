/** `npm test` finds a browser, or installs one, or says in one message what to do. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ensureBrowser, findBrowser, installCommands, noBrowserMessage } from '../setup/browser.ts'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dynamesh-browser-'))
  mkdirSync(join(folder, 'bin'))
})

afterEach(() => {
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true, force: true })
})

/** Writes a program of this name into the only folder of PATH. */
function program(name: string, script: string): string {
  const path = join(folder, 'bin', name)
  writeFileSync(path, `#!/bin/sh\n${script}\n`)
  chmodSync(path, 0o755)
  return path
}

/** An environment where no browser is, and the only programs are the ones of this test. */
const bare = (browsers = join(folder, 'browser')): Record<string, string> => ({
  DYNAMESH_TEST_BROWSERS: browsers,
  PATH: join(folder, 'bin'),
  TARGET: join(folder, 'browser')
})
const installs = '/bin/cp /bin/sh "$TARGET"'

describe('finding', () => {
  test('the browser named in CHROME_PATH wins', () => {
    const path = program('my-chrome', 'exit 0')
    expect(findBrowser({ ...process.env, CHROME_PATH: path })).toBe(path)
  })

  test('a browser on PATH is found, and a file that cannot be executed is not taken', () => {
    const path = program('chromium', 'exit 0')
    expect(findBrowser(bare([join(folder, 'bin', 'none'), path].join(delimiter)))).toBe(path)
    chmodSync(path, 0o644)
    expect(findBrowser(bare(path))).toBeUndefined()
  })

  test('nothing is found where nothing is', () => {
    expect(findBrowser(bare())).toBeUndefined()
    expect(findBrowser(bare(''))).toBeUndefined()
  })
})

describe('installing', () => {
  test('root uses apt-get, others through sudo, and Playwright is what remains', () => {
    const viaPlaywright = ['npx', 'playwright', 'install', 'chromium']
    expect(installCommands(0, false, true).map(command => command[0])).toEqual(['apt-get', 'apt-get', 'npx'])
    expect(installCommands(1000, true, true).map(command => command[0])).toEqual(['sudo', 'sudo', 'npx'])
    expect(installCommands(1000, false, true)).toEqual([viaPlaywright])
    expect(installCommands(0, false, false)).toEqual([viaPlaywright])
  })

  test('a missing browser is installed with apt-get', () => {
    vi.spyOn(console, 'error').mockReturnValue()
    program('sudo', 'shift; exec "$@"')
    program('true', 'exit 0')
    program('apt-get', `case "$1" in install) ${installs};; esac`)
    expect(ensureBrowser(bare())).toBe(join(folder, 'browser'))
  })

  test('where apt-get fails, Playwright installs it', () => {
    vi.spyOn(console, 'error').mockReturnValue()
    program('apt-get', 'case "$1" in --version) exit 0;; esac; exit 100')
    program('npx', installs)
    expect(ensureBrowser(bare())).toBe(join(folder, 'browser'))
  })

  test('where nothing works, one message says what to do', () => {
    vi.spyOn(console, 'error').mockReturnValue()
    program('npx', 'exit 1')
    expect(() => ensureBrowser(bare())).toThrow(noBrowserMessage)
    expect(noBrowserMessage).toContain('CHROME_PATH')
  })
})
