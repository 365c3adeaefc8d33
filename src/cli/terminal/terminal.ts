/**
 * The outside of the program as its commands see it: three streams, the working folder, and the wish to stop. A test passes
 * its own; `program.ts` passes the process.
 */
import process from 'node:process'
import { StoreError } from '../../core/errors.ts'
import { printable, printableLines } from './escape.ts'

export interface Terminal {
  readonly stdin: AsyncIterable<Uint8Array>
  readonly stdinIsTerminal: boolean
  readonly stdoutIsTerminal: boolean
  readonly stderrIsTerminal: boolean
  /** Folder that relative paths start from. */
  readonly folder: string
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Aborts with the name of the signal, `SIGINT` or `SIGTERM`, when the program is asked to stop. */
  readonly interrupted: AbortSignal
  /** Writes lines of text, made printable, to standard output. Rejects with {@link BrokenPipe} when nobody reads it any more. */
  print(text: string): Promise<void>
  /** Writes bytes as they are to standard output. */
  printBytes(bytes: Uint8Array): Promise<void>
  /** Writes lines of text, made printable, to standard error. */
  note(text: string): void
  /** Draws a line on standard error in the place of the one drawn before; an empty one takes it away. Nothing where that is no terminal. */
  redraw(line: string): void
  /** Tells the process that started this one, when it asked to be told (`child_process.fork`). */
  tellParent(message: ParentMessage): void
}

/** What a program tells the process that forked it. */
export type ParentMessage =
  | { readonly type: 'ready'; readonly peerId: string; readonly addresses: readonly string[]; readonly data: string }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }

/** What a parent sends to stop a program that it forked; losing the parent means the same. */
export const stopMessage = 'stop'

/** Resolves when the program is asked to stop. */
export function untilInterrupted({ interrupted }: Terminal): Promise<void> {
  if (interrupted.aborted) return Promise.resolve()
  return new Promise(resolve => interrupted.addEventListener('abort', () => resolve(), { once: true }))
}

/** Standard output was closed by its reader, as `head` does: a reason to stop quietly, not an error. */
export class BrokenPipe extends Error {
  override readonly name = 'BrokenPipe'
}

/** A {@link Terminal} over this process. */
export function processTerminal(): Terminal {
  const interrupted = interruptions()
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})
  const drawing = drawnLine()
  return {
    stdin: process.stdin,
    stdinIsTerminal: process.stdin.isTTY,
    stdoutIsTerminal: process.stdout.isTTY,
    stderrIsTerminal: process.stderr.isTTY,
    folder: process.cwd(),
    environment: process.env,
    interrupted,
    print: text => write(printableLines(text) + '\n'),
    printBytes: write,
    note: text => drawing.above(printableLines(text) + '\n'),
    redraw: line => drawing.redraw(printable(line)),
    tellParent: message => {
      if (process.connected) process.send?.(message, undefined, {}, () => {})
    }
  }
}

/**
 * Wishes to stop, from signals or from a parent process. A second signal ends the process at once. A forked child leaves Ctrl-C, which
 * a terminal sends to parent and child alike, to its parent.
 */
function interruptions(): AbortSignal {
  const controller = new AbortController()
  const interrupt = (signal: 'SIGINT' | 'SIGTERM'): void => {
    if (signal === 'SIGINT' && process.connected) return
    if (controller.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143)
    controller.abort(signal)
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  process.on('disconnect', () => controller.abort('SIGTERM'))
  process.on('message', message => {
    if (message === stopMessage) controller.abort('SIGTERM')
  })
  // The parent that forked this process may be gone before anybody listened.
  if (process.send !== undefined && !process.connected) controller.abort('SIGTERM')
  return controller.signal
}

/** The line at the end of standard error that is drawn over and over; other lines go above it. */
function drawnLine(): { readonly redraw: (line: string) => void; readonly above: (text: string) => void } {
  const erase = '\r\u001b[K'
  let drawn = ''
  return {
    redraw: line => {
      if (!process.stderr.isTTY) return
      // One column is left free: a full line would go on in the next, and stay. A terminal that does not know its width says 0.
      const fits = line.slice(0, (process.stderr.columns || 80) - 1)
      if (fits !== drawn) process.stderr.write(erase + fits)
      drawn = fits
    },
    above: text => void process.stderr.write(drawn === '' ? text : erase + text + drawn)
  }
}

function write(data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(data, error => {
      if (error === null || error === undefined) resolve()
      else reject(outputError(error))
    })
  })
}

function outputError(error: Error): Error {
  const code = 'code' in error ? error.code : undefined
  if (code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED') return new BrokenPipe('standard output is closed', { cause: error })
  return new StoreError('ERR_IO', `Standard output cannot be written: ${error.message}.`, { cause: error })
}
