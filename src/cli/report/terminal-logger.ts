/**
 * Diagnostics of a peer on standard error: warnings, each once and not at every new attempt; the rest with --verbose. Standard output stays
 * for results.
 */
import { printable, printableJson } from '../terminal/escape.ts'
import { shortPeer } from './short-peer.ts'
import type { Terminal } from '../terminal/terminal.ts'

type Details = Readonly<Record<string, unknown>>

/** What a peer calls with its diagnostics; the `logger` option of `createPeer`. */
export interface TerminalLogger {
  debug(message: string, details?: Details): void
  info(message: string, details?: Details): void
  warn(message: string, details?: Details): void
}

/** Where warnings go; the default is a line on standard error. */
export type TellWarning = (text: string, message: string, details: Details) => void

/** Different warnings that are remembered; past it the oldest is forgotten, and told again. */
const warningsMax = 256

export function terminalLogger(terminal: Terminal, isVerbose: boolean, tell: TellWarning = text => terminal.note(text)): TerminalLogger {
  if (isVerbose) {
    const write =
      (level: string) =>
      (message: string, details?: Details): void =>
        terminal.note(`${level}: ${printable(message)}${details === undefined ? '' : ` ${printableJson(details)}`}`)
    return { debug: write('debug'), info: write('info'), warn: write('warning') }
  }
  const told = new Set<string>()
  const quiet = (): void => {}
  const warn = (message: string, details: Details = {}): void => {
    const text = warningText(message, details)
    if (told.has(text)) return
    const [oldest] = told
    if (told.size >= warningsMax && oldest !== undefined) told.delete(oldest)
    told.add(text)
    tell(text, message, details)
  }
  return { debug: quiet, info: quiet, warn }
}

/** A warning about an error says the error; another says its details. */
function warningText(message: string, { peer, code, ...details }: Details): string {
  const from = typeof peer === 'string' ? ` (${shortPeer(peer)})` : ''
  if (typeof details['message'] === 'string')
    return `warning: ${printable(details['message'])}${typeof code === 'string' ? ` [${code}]` : ''}${printable(from)}`
  const rest = [code, ...Object.values(details)]
    .filter(value => value !== undefined)
    .map(value => (typeof value === 'string' ? value : JSON.stringify(value)))
  return `warning: ${printable([message, ...rest].join(': '))}${printable(from)}`
}
