/**
 * From words on the command line to an {@link Invocation}. `node:util` splits the words; what they mean, and every complaint about
 * them, is ours: each names the flag and the value that was typed.
 */
import { parseArgs } from 'node:util'
import { StoreError } from '../../core/errors.ts'
import { Invocation, type Command, type Flag, type Flags, type FlagValue } from './command.ts'
import { suggestion } from './did-you-mean.ts'

const DURATION_UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 }

interface OptionToken {
  readonly name: string
  readonly rawName: string
  readonly value: string | undefined
  readonly inlineValue: boolean | undefined
}

/** A complaint about how the program was called. */
export function usageError(message: string): StoreError {
  return new StoreError('ERR_USAGE', message)
}

/** Parses the words after the command's name. */
export function parseInvocation(command: Command, words: readonly string[]): Invocation {
  const tokens = tokenize(command.flags, words)
  const values = new Map<string, FlagValue>()
  const positionals: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    else if (token.kind === 'option') addOption(values, command.flags, token)
  }
  if (!values.has('help')) checkPositionals(command, positionals)
  return new Invocation(command, values, positionals)
}

/** The value of a flag from its text; `where` is how the flag was written, for the complaint. */
export function parseFlagText(flag: Flag, where: string, text: string): FlagValue {
  if (flag.kind === 'integer') return parseInteger(flag, where, text)
  if (flag.kind === 'duration') return parseDuration(where, text)
  return text
}

function tokenize(flags: Flags, words: readonly string[]): ReturnType<typeof parseTokens> {
  const options: Record<string, { type: 'string' | 'boolean'; multiple: true; short?: string }> = {}
  for (const [name, flag] of Object.entries(flags)) {
    options[name] = {
      type: flag.kind === 'switch' ? 'boolean' : 'string',
      multiple: true,
      ...(flag.short === undefined ? {} : { short: flag.short })
    }
  }
  return parseTokens(words, options)
}

type Token =
  | { readonly kind: 'positional'; readonly value: string }
  | ({ readonly kind: 'option' } & OptionToken)
  | { readonly kind: 'option-terminator' }

function parseTokens(
  words: readonly string[],
  options: Record<string, { type: 'string' | 'boolean'; multiple: true; short?: string }>
): readonly Token[] {
  return parseArgs({ args: [...words], options, strict: false, allowPositionals: true, tokens: true }).tokens
}

function addOption(values: Map<string, FlagValue>, flags: Flags, token: OptionToken): void {
  const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined
  if (flag === undefined) throw unknownFlag(flags, token)
  const value = optionValue(flag, token)
  if (flag.kind === 'list') {
    const before = values.get(token.name)
    values.set(token.name, [...(typeof before === 'object' ? before : []), String(value)])
    return
  }
  if (flag.kind !== 'switch' && values.has(token.name)) throw usageError(`${token.rawName} is given more than once; it takes one value.`)
  values.set(token.name, value)
}

function optionValue(flag: Flag, token: OptionToken): FlagValue {
  if (flag.kind === 'switch') {
    if (token.value === undefined) return true
    throw usageError(`${token.rawName} takes no value, but '${token.value}' was given.`)
  }
  const placeholder = flag.value ?? 'VALUE'
  if (token.value === undefined) throw usageError(`${token.rawName} needs a value: ${token.rawName} ${placeholder}.`)
  if (token.inlineValue !== true && token.value.startsWith('--')) {
    throw usageError(
      `${token.rawName} needs a value, but '${token.value}' follows; if that is the value, write ${token.rawName}=${token.value}.`
    )
  }
  return parseFlagText(flag, token.rawName, token.value)
}

function parseInteger(flag: Flag, where: string, text: string): number {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = flag
  const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  throw usageError(`${where} takes a whole number from ${min} to ${max}, and '${text}' is not one.`)
}

function parseDuration(where: string, text: string): number {
  const [, digits, unit = ''] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m)$/.exec(text) ?? []
  const valueMs = Math.round(Number(digits) * (DURATION_UNITS_MS[unit] ?? Number.NaN))
  if (Number.isSafeInteger(valueMs)) return valueMs
  throw usageError(`${where} takes a time with its unit, like 500ms, 5s or 1m, and '${text}' is not one.`)
}

function unknownFlag(flags: Flags, token: OptionToken): StoreError {
  const names = Object.keys(flags)
  const help = 'Add --help to see the flags of this command.'
  return usageError(`There is no flag ${token.rawName}.${suggestion(token.name, names, '--') || ` ${help}`}`)
}

function checkPositionals(command: Command, positionals: readonly string[]): void {
  const missing = command.arguments.find((argument, index) => argument.required && positionals[index] === undefined)
  if (missing !== undefined) throw usageError(`${command.name} needs ${missing.name}: ${usageLine(command)}`)
  const extra = positionals[command.arguments.length]
  if (extra !== undefined && command.arguments.at(-1)?.repeated !== true)
    throw usageError(`There is one argument too many: '${extra}'. Usage: ${usageLine(command)}`)
}

/** `dynamesh name ARGUMENTS [flags]`. */
export function usageLine(command: Command): string {
  const parts = command.arguments.map(({ name, required, repeated }) => {
    const word = repeated === true ? `${name}…` : name
    return required ? word : `[${word}]`
  })
  return ['dynamesh', command.name, ...parts, '[flags]'].join(' ')
}
