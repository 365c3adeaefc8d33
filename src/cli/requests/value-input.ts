/** The value of a `put`, byte for byte: from --value, a file, or standard input. Read up to the limit, never further than needed. */
import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { StoreError } from '../../core/errors.ts'
import { valueBytesMax } from '../../core/limits.ts'
import { usageError } from '../invocation/arguments.ts'
import type { Invocation } from '../invocation/command.ts'
import { reason } from '../terminal/named-file.ts'
import { typedBytes } from './request-options.ts'
import type { Terminal } from '../terminal/terminal.ts'

/** Standard input is counted up to so many bytes, to say how much too large it is. */
const countedBytesMax: number = 16 * valueBytesMax

/** Reads the value that the invocation names. */
export async function readValue(invocation: Invocation, terminal: Terminal): Promise<Uint8Array> {
  const text = invocation.text('value')
  const file = invocation.argument('FILE')
  if (text !== undefined && file !== undefined) throw usageError(`The value is given twice: by --value and as the file ${file}.`)
  if (text !== undefined) return checked(typedBytes(text, '--value', 'give it as a FILE or on standard input'), '--value')
  if (file !== undefined && file !== '-') return interruptible(terminal, file, readFileBounded(terminal, file))
  if (file === undefined && terminal.stdinIsTerminal)
    throw usageError('put needs a value: --value TEXT, a FILE, or - to type it here and end with Ctrl-D.')
  return interruptible(terminal, 'standard input', collect(terminal.stdin, 'Standard input'))
}

async function readFileBounded(terminal: Terminal, file: string): Promise<Uint8Array> {
  try {
    await using handle = await open(resolve(terminal.folder, file), 'r')
    const { size } = await handle.stat()
    if (size > valueBytesMax) throw tooLarge(file, `${size}`)
    return await collect(handle.createReadStream({ autoClose: false }), file)
  } catch (error) {
    if (error instanceof StoreError) throw error
    throw new StoreError('ERR_IO', `${file} cannot be read: ${reason(error)}. Nothing was written.`, { cause: error })
  }
}

/** A pipe, named or not, may never end. */
async function interruptible(terminal: Terminal, what: string, reading: Promise<Uint8Array>): Promise<Uint8Array> {
  const over = new AbortController()
  const interruption = new Promise<never>((_, reject) => {
    const refuse = (): void => reject(new StoreError('ERR_ABORTED', `Interrupted while reading ${what}; nothing was written.`))
    terminal.interrupted.addEventListener('abort', refuse, { once: true, signal: over.signal })
    if (terminal.interrupted.aborted) refuse()
  })
  try {
    return await Promise.race([reading, interruption])
  } finally {
    over.abort()
  }
}

async function collect(source: AsyncIterable<Uint8Array>, what: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of source) {
    bytes += part.length
    if (bytes <= valueBytesMax) parts.push(part)
    if (bytes > countedBytesMax) throw tooLarge(what, `more than ${countedBytesMax}`)
  }
  if (bytes > valueBytesMax) throw tooLarge(what, `${bytes}`)
  return Buffer.concat(parts)
}

function checked(value: Uint8Array, what: string): Uint8Array {
  if (value.length > valueBytesMax) throw tooLarge(what, `${value.length}`)
  return value
}

function tooLarge(what: string, size: string): StoreError {
  return new StoreError('ERR_VALUE_TOO_LARGE', `${what} has ${size} bytes and a value may have ${valueBytesMax}. Nothing was written.`)
}
