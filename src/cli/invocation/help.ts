/** The text of `--help`, made from the same data that the parser uses, so that it cannot be out of date. At most 80 columns. */
import { usageLine } from './arguments.ts'
import type { Command, Flag } from './command.ts'
import { exitCodeHelp } from '../outcome/exit-code.ts'

const COLUMNS = 80

/** Help of one command. */
export function commandHelp(command: Command): string {
  const sections = [`Usage: ${usageLine(command)}`, ...command.description.map(paragraph => wrap(paragraph, '', COLUMNS))]
  sections.push(`Flags:\n${flagsHelp(command)}`)
  sections.push(`Examples:\n${command.examples.map(([line, what]) => `  # ${what}\n  ${line}`).join('\n')}`)
  sections.push('Exit codes: see dynamesh --help')
  return sections.join('\n\n')
}

/** Help of the program. */
export function programHelp(commands: readonly Command[], version: string): string {
  const codes = exitCodeHelp.map(([code, meaning]) => row(String(code).padStart(5), meaning, 7)).join('\n')
  return [
    wrap(`dynamesh ${version}: Amazon's Dynamo as a peer-to-peer store for browsers and edge servers.`, '', COLUMNS),
    'Usage: dynamesh COMMAND [arguments] [flags]',
    `Commands:\n${commands.map(command => row(`  ${command.name}`, command.summary, 12)).join('\n')}`,
    `Every command:\n${[
      row('  --help, -h', 'what the command does, its flags, and examples', 16),
      row('  --json', 'print JSON, for programs', 16),
      row('  --verbose', 'also print diagnostics, and stack traces of errors', 16),
      row('  --version', 'the version of dynamesh', 16)
    ].join('\n')}`,
    `Exit codes:\n${codes}`,
    `Try it:\n  dynamesh demo\n  dynamesh start --cluster shop\n  dynamesh put hello --value world\n  dynamesh get hello`
  ].join('\n\n')
}

function flagsHelp(command: Command): string {
  const flags = Object.entries(command.flags)
  const left = flags.map(([name, flag]) => flagText(name, flag))
  const width = Math.min(26, Math.max(...left.map(text => text.length)) + 2)
  return flags.map(([, flag], index) => row(left[index] ?? '', flag.help, width)).join('\n')
}

function flagText(name: string, flag: Flag): string {
  const value = flag.kind === 'switch' ? '' : ` ${flag.value ?? 'VALUE'}`
  return `  --${name}${flag.short === undefined ? '' : `, -${flag.short}`}${value}`
}

function row(left: string, right: string, width: number): string {
  const lines = wrap(right, ' '.repeat(width), COLUMNS)
  return left.length + 2 > width ? `${left}\n${lines}` : left.padEnd(width) + lines.slice(width)
}

/** `text` in lines of at most `columns`, each starting with `indent`. */
function wrap(text: string, indent: string, columns: number): string {
  const lines: string[] = []
  let line = indent
  for (const word of text.split(' ')) {
    if (line.length > indent.length && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = indent
    }
    line += line.length > indent.length ? ` ${word}` : word
  }
  return [...lines, line].join('\n')
}
