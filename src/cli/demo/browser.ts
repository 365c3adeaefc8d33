/** Opens a page in the person's browser, by the means of each system. */
import { spawn } from 'node:child_process'
import process from 'node:process'

/** Asks the system to open `url`; false when it cannot. */
export function openBrowser(url: string): Promise<boolean> {
  const [command, ...words] = opener(url)
  return new Promise(resolve => {
    const child = spawn(command, words, { stdio: 'ignore', detached: true })
    child.once('error', () => resolve(false))
    child.once('spawn', () => {
      child.unref()
      resolve(true)
    })
  })
}

function opener(url: string): readonly [string, ...string[]] {
  if (process.platform === 'darwin') return ['open', url]
  if (process.platform === 'win32') return ['cmd', '/c', 'start', '', url]
  return ['xdg-open', url]
}
