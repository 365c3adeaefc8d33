/** How the program can be called again from another terminal, so that a printed command works when it is pasted. */
import { basename, relative, resolve } from 'node:path'
import { nodeVersionProblem } from '../../entry/nodejs-requirement.ts'

/**
 * The words that call this program. Inside a checkout `npx dynamesh` finds it, with the Node.js installed there; but where the
 * machine's own Node.js is too old, npm warns about that first, in many lines, and naming the file avoids it.
 */
export function invocationText(environment: Readonly<Record<string, string | undefined>>, script: string, folder: string): string {
  if (basename(script) === 'dynamesh') return environment['npm_command'] === undefined ? 'dynamesh' : 'npx dynamesh'
  const file = shellQuoted(relative(folder, resolve(folder, script)))
  const npm = / node\/v(\S+)/.exec(` ${environment['npm_config_user_agent'] ?? ''}`)
  if (npm === null) return `node ${file}`
  return nodeVersionProblem(npm[1] ?? '') === undefined ? 'npx dynamesh' : `npx node ${file}`
}

/** A folder as a person would type it from `folder`. */
export function typedPath(folder: string, path: string): string {
  const short = relative(folder, path)
  return short === '' ? '.' : short.startsWith('..') ? path : short
}

/** `text` as one word of a POSIX shell. */
export function shellQuoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
