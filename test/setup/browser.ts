/**
 * Finds a Chromium for the tests that need a real browser, and installs one where none is.
 *
 * Order: what the environment names, then what the operating system has, then Playwright's own download. Tests of this
 * file narrow the search with `DYNAMESH_TEST_BROWSERS`, a list of paths that replaces all others.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { chromium } from 'playwright'

type Environment = Readonly<Record<string, string | undefined>>

/** Starts Chromium the same way everywhere: no sandbox (containers), no background traffic, no QUIC. */
export const chromiumFlags: readonly string[] = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync'
]

const systemNames = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']
const systemPaths = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium'
]

/** Paths where a browser may be, best first. */
function candidates(environment: Environment): string[] {
  const only = environment['DYNAMESH_TEST_BROWSERS']
  if (only !== undefined) return only.split(delimiter)
  const named = [environment['CHROME_PATH'], environment['CHROMIUM_PATH']]
  const onPath = (environment['PATH'] ?? '').split(delimiter).flatMap(folder => systemNames.map(name => join(folder, name)))
  return [...named, ...systemPaths, ...onPath, chromium.executablePath()].filter(
    (path): path is string => path !== undefined && path !== ''
  )
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The path of an installed Chromium, or `undefined`. */
export function findBrowser(environment: Environment = process.env): string | undefined {
  return candidates(environment).find(path => path !== '' && isExecutable(path))
}

/** The commands that would install a browser here, in the order in which they are worth trying. */
export function installCommands(userId: number | undefined, hasSudo: boolean, hasApt: boolean): readonly (readonly string[])[] {
  const apt = userId === 0 ? [] : ['sudo', '-n']
  const mayUseApt = hasApt && (userId === 0 || hasSudo)
  const viaApt = [
    [...apt, 'apt-get', 'update'],
    [...apt, 'apt-get', 'install', '-y', '--no-install-recommends', 'chromium']
  ]
  return [...(mayUseApt ? viaApt : []), ['npx', 'playwright', 'install', 'chromium']]
}

/** What a person is told when neither finding nor installing a browser worked. */
export const noBrowserMessage = [
  'No Chromium was found, and none could be installed.',
  'Install one (Debian, Ubuntu: `sudo apt-get install chromium`; anywhere: `npx playwright install --with-deps chromium`)',
  'or name an installed one: `CHROME_PATH=/path/to/chrome npm test`.'
].join('\n')

/** Finds a browser, else installs one. Throws with {@link noBrowserMessage} when that fails too. */
export function ensureBrowser(environment: Environment = process.env): string {
  const found = findBrowser(environment)
  if (found !== undefined) return found
  const works = (command: string, ...args: string[]): boolean =>
    spawnSync(command, args, { stdio: 'ignore', env: environment }).status === 0
  for (const [command = '', ...args] of installCommands(process.getuid?.(), works('sudo', '-n', 'true'), works('apt-get', '--version'))) {
    const installed = install(command, args, environment)
    if (installed !== undefined) return installed
  }
  throw new Error(noBrowserMessage)
}

function install(command: string, args: readonly string[], environment: Environment): string | undefined {
  console.error(`No browser found; running: ${[command, ...args].join(' ')}`)
  try {
    execFileSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env: environment })
  } catch (error) {
    console.error(`  did not work: ${error instanceof Error ? error.message : String(error)}`)
  }
  return findBrowser(environment)
}
