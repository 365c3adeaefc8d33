/**
 * `dynamesh start --config FILE`: the flags of the command as fields of a JSON object, `--ws-port` as `wsPort`. All that is wrong
 * with the fields is reported at once, each with file, line, column and field.
 */
import { StoreError } from '../../core/errors.ts'
import { parseFlagText } from '../invocation/arguments.ts'
import type { Flag, Flags, FlagValue } from '../invocation/command.ts'
import { suggestion } from '../invocation/did-you-mean.ts'
import { decodeUtf8 } from '../terminal/escape.ts'
import { JsonSourceError, parseJsonSource, type JsonEntry, type JsonNode, type TextPlace } from './json-source.ts'
import { readNamedFile } from '../terminal/named-file.ts'
import type { Terminal } from '../terminal/terminal.ts'

/** Largest configuration file in bytes; a larger one is refused. */
const configBytesMax: number = 1024 * 1024

interface Problem {
  readonly at: TextPlace
  readonly message: string
}

/** Reads `file`; answers values by the names of `flags`. Throws `ERR_CONFIG` with all problems. */
export async function readConfigFile(terminal: Terminal, file: string, flags: Flags): Promise<ReadonlyMap<string, FlagValue>> {
  const bytes = await readNamedFile(terminal, file, configBytesMax)
  const text = bytes.length > configBytesMax ? undefined : decodeUtf8(bytes)
  if (text === undefined)
    throw new StoreError('ERR_CONFIG', `${file} is not a configuration file: it takes UTF-8 text of at most ${configBytesMax} bytes.`)
  return configValues(file, text, flags)
}

/** The values in the configuration `text`. */
function configValues(file: string, text: string, flags: Flags): ReadonlyMap<string, FlagValue> {
  const root = parse(file, text)
  if (root.kind !== 'object') throw configError(file, [{ at: root.at, message: `expected an object { … }, found ${describe(root)}` }])
  const problems: Problem[] = []
  const values = new Map<string, FlagValue>()
  for (const entry of root.entries) {
    const name = flagName(entry.name)
    const flag = Object.hasOwn(flags, name) && fieldName(name) === entry.name ? flags[name] : undefined
    const value = flag === undefined ? unknownField(entry, flags) : fieldValue(entry, flag)
    if (isProblem(value)) problems.push(value)
    else values.set(name, value)
  }
  if (problems.length > 0) throw configError(file, problems)
  return values
}

function parse(file: string, text: string): JsonNode {
  try {
    return parseJsonSource(text)
  } catch (error) {
    if (error instanceof JsonSourceError) throw configError(file, [error])
    throw error
  }
}

function unknownField({ name, at }: JsonEntry, flags: Flags): Problem {
  return { at, message: `there is no field ${JSON.stringify(name)}.${suggestion(name, Object.keys(flags).map(fieldName))}` }
}

function fieldValue({ name, value: node }: JsonEntry, flag: Flag): FlagValue | Problem {
  if (flag.kind === 'list') return listValue(name, node)
  const value = node.kind === 'scalar' ? node.value : undefined
  if (flag.kind === 'switch') return typeof value === 'boolean' ? value : wrongType(name, node, 'true or false')
  if (flag.kind === 'integer')
    return typeof value === 'number' ? ranged(name, node, flag, String(value)) : wrongType(name, node, 'a number')
  if (typeof value !== 'string') return wrongType(name, node, 'a text')
  return ranged(name, node, flag, value)
}

function ranged(name: string, node: JsonNode, flag: Flag, text: string): FlagValue | Problem {
  try {
    return parseFlagText(flag, `field ${name}`, text)
  } catch (error) {
    return { at: node.at, message: error instanceof Error ? error.message : String(error) }
  }
}

function listValue(name: string, node: JsonNode): FlagValue | Problem {
  if (node.kind !== 'array') return wrongType(name, node, 'a list [ … ] of texts')
  const texts: string[] = []
  for (const [index, item] of node.items.entries()) {
    if (item.kind !== 'scalar' || typeof item.value !== 'string') return wrongType(`${name}[${index}]`, item, 'a text')
    texts.push(item.value)
  }
  return texts
}

function wrongType(name: string, node: JsonNode, expected: string): Problem {
  return { at: node.at, message: `field ${name} takes ${expected}, found ${describe(node)}` }
}

function describe(node: JsonNode): string {
  if (node.kind === 'object') return 'an object'
  if (node.kind === 'array') return 'a list'
  if (node.value === null) return 'null'
  return typeof node.value === 'string' ? 'a text' : `${node.value}`
}

function isProblem(value: FlagValue | Problem): value is Problem {
  return typeof value === 'object' && 'message' in value
}

function configError(file: string, problems: readonly Problem[]): StoreError {
  const lines = problems.map(({ at, message }) => `${file}:${at.line}:${at.column}: ${message}`)
  const fields = problems.map(({ at, message }) => ({ ...at, message }))
  return new StoreError('ERR_CONFIG', lines.join('; '), { details: { file, problems: fields } })
}

/** `wsPort` for `ws-port`. */
function fieldName(flag: string): string {
  return flag.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}

/** `ws-port` for `wsPort`. */
function flagName(field: string): string {
  return field.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
}
