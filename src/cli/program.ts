/**
 * The program behind `dynamesh`: finds the command, lets it run, and turns what comes out into an exit code. The only place that
 * catches everything: an error reaches people as a sentence, never as a stack trace.
 */
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { parseInvocation, usageError } from './invocation/arguments.ts'
import type { Command } from './invocation/command.ts'
import { deleteCommand } from './commands/delete.ts'
import { demoCommand } from './commands/demo.ts'
import { evictCommand } from './commands/evict.ts'
import { getCommand } from './commands/get.ts'
import { keysCommand } from './commands/keys.ts'
import { leaveCommand } from './commands/leave.ts'
import { membersCommand } from './commands/members.ts'
import { planCommand } from './commands/plan.ts'
import { putCommand } from './commands/put.ts'
import { ringCommand } from './commands/ring.ts'
import { simulateCommand } from './commands/simulate.ts'
import { startCommand } from './commands/start.ts'
import { statusCommand } from './commands/status.ts'
import { suggestion } from './invocation/did-you-mean.ts'
import { printableJson } from './terminal/escape.ts'
import { exitCode, exitCodeOf, interruptedCode } from './outcome/exit-code.ts'
import { failureJson, failureText, toStoreError } from './outcome/failure.ts'
import { commandHelp, programHelp } from './invocation/help.ts'
import { BrokenPipe, processTerminal, type Terminal } from './terminal/terminal.ts'

/** All commands, in the order of the help. */
export const commands: readonly Command[] = [
  startCommand,
  getCommand,
  putCommand,
  deleteCommand,
  keysCommand,
  membersCommand,
  ringCommand,
  statusCommand,
  planCommand,
  leaveCommand,
  evictCommand,
  demoCommand,
  simulateCommand
]

/** Runs the program in this process and ends it. */
export async function main(words: readonly string[]): Promise<void> {
  const terminal = processTerminal()
  watchSurprises(terminal, words.includes('--verbose'))
  const code = await runProgram(words, terminal)
  await Promise.all([process.stdout, process.stderr].map(stream => new Promise<void>(resolve => stream.write('', () => resolve()))))
  process.exit(code)
}

/**
 * What nobody awaited must not end in a stack trace, nor in the exit code of something else: an exception ends the process as an internal
 * error, a rejected promise is told and a running peer goes on.
 */
function watchSurprises(terminal: Terminal, isVerbose: boolean): void {
  const tell = (error: unknown): void => terminal.note(failureText('dynamesh', toStoreError(error), isVerbose))
  process.on('unhandledRejection', tell)
  process.on('uncaughtException', error => {
    tell(error)
    process.exit(exitCode.internal)
  })
  // Node.js prints its own warnings by a listener.
  if (!isVerbose) process.removeAllListeners('warning')
}

/** Runs one command line; answers the exit code and never rejects. */
export async function runProgram(words: readonly string[], terminal: Terminal): Promise<number> {
  const [name = '', ...rest] = words
  try {
    return await dispatch(name, rest, terminal)
  } catch (error) {
    if (error instanceof BrokenPipe) return exitCode.ok
    return fail(error, `dynamesh${commands.some(command => command.name === name) ? ` ${name}` : ''}`, words, terminal)
  }
}

async function dispatch(name: string, words: readonly string[], terminal: Terminal): Promise<number> {
  if (name === '--version' || name === '-v') return printed(terminal, version())
  if (name === '--help' || name === '-h' || (name === 'help' && words.length === 0))
    return printed(terminal, programHelp(commands, version()))
  if (name === 'help') return printed(terminal, commandHelp(findCommand(words[0] ?? '')))
  if (name === '') {
    terminal.note(programHelp(commands, version()))
    return exitCode.usage
  }
  const command = findCommand(name)
  const invocation = parseInvocation(command, words)
  if (invocation.switch('help')) return printed(terminal, commandHelp(command))
  return command.run(invocation, terminal)
}

function findCommand(name: string): Command {
  const found = commands.find(command => command.name === name)
  if (found !== undefined) return found
  const names = commands.map(command => command.name)
  throw usageError(`There is no command '${name}'.${suggestion(name, names, 'dynamesh ') || ` There are: ${names.join(', ')}.`}`)
}

function fail(thrown: unknown, command: string, words: readonly string[], terminal: Terminal): number {
  const error = toStoreError(thrown)
  terminal.tellParent({ type: 'failed', code: error.code, message: error.message })
  const flags = words.includes('--') ? words.slice(0, words.indexOf('--')) : words
  if (flags.includes('--json')) terminal.note(printableJson(failureJson(error)))
  else terminal.note(failureText(command, error, flags.includes('--verbose')))
  if (terminal.interrupted.aborted) return interruptedCode(terminal.interrupted)
  return exitCodeOf(error)
}

async function printed(terminal: Terminal, text: string): Promise<number> {
  await terminal.print(text)
  return exitCode.ok
}

/** The version of this package. */
function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown'
}
