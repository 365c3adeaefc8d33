/** A {@link Terminal} for tests: what is written is kept, standard input and the wish to stop are given. */
import { runProgram } from '../../src/cli/program.ts'
import { printableLines } from '../../src/cli/terminal/escape.ts'
import type { ParentMessage, Terminal } from '../../src/cli/terminal/terminal.ts'

export interface TestTerminalOptions {
  readonly stdin?: Uint8Array | string
  readonly isTerminal?: boolean
  readonly folder?: string
  readonly interrupted?: AbortSignal
}

/** What a program wrote and answered. */
export interface ProgramResult {
  readonly code: number
  readonly stdout: Buffer
  readonly text: string
  readonly stderr: string
  readonly messages: readonly ParentMessage[]
}

/** Runs a command line within this process. */
export async function runCommand(words: readonly string[], options: TestTerminalOptions = {}): Promise<ProgramResult> {
  const output: Uint8Array[] = []
  const notes: string[] = []
  const messages: ParentMessage[] = []
  const terminal: Terminal = {
    stdin: once(typeof options.stdin === 'string' ? Buffer.from(options.stdin) : options.stdin),
    stdinIsTerminal: options.stdin === undefined,
    stdoutIsTerminal: options.isTerminal ?? false,
    stderrIsTerminal: options.isTerminal ?? false,
    folder: options.folder ?? process.cwd(),
    environment: {},
    interrupted: options.interrupted ?? new AbortController().signal,
    print: async text => void output.push(Buffer.from(`${printableLines(text)}\n`)),
    printBytes: async bytes => void output.push(Buffer.from(bytes)),
    redraw: line => void (options.isTerminal === true ? notes.push(`\r${line}`) : 0),
    note: text => void notes.push(`${printableLines(text)}\n`),
    tellParent: message => void messages.push(message)
  }
  const code = await runProgram(words, terminal)
  const stdout = Buffer.concat(output)
  return { code, stdout, text: stdout.toString(), stderr: notes.join(''), messages }
}

async function* once(bytes: Uint8Array | undefined): AsyncIterable<Uint8Array> {
  if (bytes !== undefined) yield bytes
}
