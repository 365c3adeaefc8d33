/** Diagnostics of a peer on standard error: warnings always, the rest with --verbose. Stdout stays for results. */
import { printable, printableJson } from './escape.ts'
import type { Terminal } from './terminal.ts'

/** What a peer calls with its diagnostics; the `logger` option of `createPeer`. */
export interface TerminalLogger {
  debug(message: string, details?: Readonly<Record<string, unknown>>): void
  info(message: string, details?: Readonly<Record<string, unknown>>): void
  warn(message: string, details?: Readonly<Record<string, unknown>>): void
}

export function terminalLogger(terminal: Terminal, isVerbose: boolean): TerminalLogger {
  const write = (level: string, message: string, details?: Readonly<Record<string, unknown>>): void => {
    const suffix = details === undefined || !isVerbose ? '' : ` ${printableJson(details)}`
    terminal.note(`${level}: ${printable(message)}${suffix}`)
  }
  const quiet = (): void => {}
  return {
    debug: isVerbose ? (message, details) => write('debug', message, details) : quiet,
    info: isVerbose ? (message, details) => write('info', message, details) : quiet,
    warn: (message, details) => write('warning', message, details)
  }
}
