/** Flags of reads and writes as options of a peer, and the key argument as bytes. */
import { fromBase64Url, fromHex } from '../../core/bytes.ts'
import { StoreError } from '../../core/errors.ts'
import { contextTokenBytesMax } from '../../core/limits.ts'
import type { GetOptions, PutOptions } from '../../store/api.ts'
import { usageError } from '../invocation/arguments.ts'
import type { Invocation } from '../invocation/command.ts'
import { decodeUtf8 } from '../terminal/escape.ts'
import { readNamedFile } from '../terminal/named-file.ts'
import type { Terminal } from '../terminal/terminal.ts'

/** Longest file of a context: its base64url text, and white space around it. */
const contextTextBytesMax: number = 2 * contextTokenBytesMax

/** The bytes of argument `name`: UTF-8 text, or hexadecimal digits with --key-hex. */
export function keyArgument(invocation: Invocation, name = 'KEY'): Uint8Array {
  const text = invocation.argument(name) ?? ''
  return invocation.switch('key-hex') ? hexBytes(text, name) : typedBytes(text, name, 'write it in hexadecimal digits with --key-hex')
}

/** The bytes of a text as it was typed. Node.js reads words that are not UTF-8 with replacement characters, so that different ones would become one. */
export function typedBytes(text: string, what: string, advice: string): Uint8Array {
  if (!/[\uFFFD\p{Cs}]/u.test(text)) return new TextEncoder().encode(text)
  throw usageError(`${what} has characters that cannot be told apart from bytes that are not UTF-8; ${advice}.`)
}

export function hexBytes(text: string, what: string): Uint8Array {
  const bytes = fromHex(text)
  if (bytes === undefined)
    throw usageError(`${what} '${text}' is not hexadecimal: with --key-hex it takes an even number of the digits 0-9 and a-f.`)
  return bytes
}

export function getOptions(invocation: Invocation, terminal: Terminal): GetOptions {
  const r = invocation.number('r')
  return { ...requestOptions(invocation, terminal), ...(r === undefined ? {} : { r }) }
}

export function putOptions(invocation: Invocation, terminal: Terminal): PutOptions {
  const w = invocation.number('w')
  const requestId = invocation.text('request-id')
  return { ...requestOptions(invocation, terminal), ...(w === undefined ? {} : { w }), ...(requestId === undefined ? {} : { requestId }) }
}

function requestOptions(invocation: Invocation, terminal: Terminal): GetOptions {
  const timeoutMs = invocation.number('timeout')
  return {
    signal: terminal.interrupted,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(invocation.switch('strict') ? { sloppy: false } : {})
  }
}

/** The context given by --context or --context-file, or `undefined` when neither is. */
export async function givenContext(invocation: Invocation, terminal: Terminal): Promise<Uint8Array | undefined> {
  const text = invocation.text('context')
  const file = invocation.text('context-file')
  if (text !== undefined && file !== undefined) throw usageError('--context and --context-file say the same thing; give one of them.')
  if (text !== undefined) return parseContext(text, '--context')
  if (file === undefined) return undefined
  return parseContext((decodeUtf8(await readNamedFile(terminal, file, contextTextBytesMax)) ?? '').trim(), `The context in ${file}`)
}

function parseContext(text: string, where: string): Uint8Array {
  const bytes = fromBase64Url(text)
  if (bytes !== undefined && bytes.length > 0) return bytes
  throw new StoreError(
    'ERR_CONTEXT_MALFORMED',
    `${where} is not a context: it takes the base64url text that \`dynamesh get --json\` prints as "context". Nothing was written.`
  )
}
