/** `dynamesh get`: writes a value's bytes. Of several concurrent values it writes none unless it is told which: joined they would be garbage. */
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { toBase64Url } from '../../core/bytes.ts'
import { StoreError } from '../../core/errors.ts'
import { siblingsMax } from '../../core/limits.ts'
import type { GetResult } from '../../store/api.ts'
import { usageError } from '../invocation/arguments.ts'
import type { Command, Invocation } from '../invocation/command.ts'
import { keyText, printableJson } from '../terminal/escape.ts'
import { exitCode } from '../outcome/exit-code.ts'
import { withAccess } from '../access/open-access.ts'
import { getOptions, keyArgument } from '../requests/request-options.ts'
import { reason } from '../terminal/named-file.ts'
import { accessFlags, commonFlags, keyFlags, readFlags } from '../invocation/shared-flags.ts'
import { getJson, siblingTable } from '../report/sibling-list.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { writeFrames, writeValue } from '../requests/value-output.ts'

export const getCommand: Command = {
  name: 'get',
  summary: 'Write the value of a key to standard output.',
  description: [
    'Writes the bytes of the value as they are; on a terminal, characters that could act on it are escaped. A key without a value writes nothing and ends with exit code 1.',
    'A key with several concurrent values (siblings) writes nothing, lists them on standard error, and ends with exit code 2: choose one with --sibling, or take all with --all or --json. `dynamesh put --resolve` then makes one value of them.'
  ],
  arguments: [{ name: 'KEY', required: true }],
  flags: {
    sibling: { kind: 'integer', value: 'K', min: 1, max: siblingsMax * 16, help: 'Write sibling number K of the list.' },
    all: { kind: 'switch', help: 'Write all siblings, each as <bytes>:<value>, and a line end.' },
    raw: { kind: 'switch', help: 'Write the bytes as they are, onto a terminal too.' },
    'context-file': { kind: 'text', value: 'FILE', help: 'Write the context to FILE, for put --context-file.' },
    ...keyFlags,
    ...readFlags,
    ...accessFlags,
    ...commonFlags
  },
  examples: [
    ['dynamesh get hello', 'the value of a key'],
    ['dynamesh get photo > photo.jpg', 'byte for byte into a file'],
    ['dynamesh get cart:42 --json', 'all siblings, who wrote each, and the context'],
    ['dynamesh get cart:42 --sibling 2', 'one of several concurrent values'],
    ['dynamesh get hello --cluster shop --join /ip4/127.0.0.1/tcp/4301/p2p/12D3Koo…', 'without a peer on this machine']
  ],
  run: async (invocation, terminal) => {
    const key = keyArgument(invocation)
    const modes = ['all', 'sibling', 'json'].filter(name => invocation.has(name))
    if (modes.includes('sibling') && modes.length > 1)
      throw usageError('--sibling writes one value, --all and --json write all; give one of them.')
    const result = await withAccess(invocation, terminal, access => access.get(key, getOptions(invocation, terminal)))
    await saveContext(invocation, terminal, result)
    return output(invocation, terminal, key, result)
  }
}

async function output(invocation: Invocation, terminal: Terminal, key: Uint8Array, result: GetResult): Promise<number> {
  const isAll = invocation.switch('all')
  if (invocation.switch('json')) {
    await terminal.print(printableJson(getJson(key, result), 2))
    return result.values.length === 0 ? exitCode.notFound : result.values.length > 1 && !isAll ? exitCode.siblings : exitCode.ok
  }
  if (result.values.length === 0) throw notFound(key)
  const chosen = invocation.number('sibling')
  if (chosen !== undefined) return writeSibling(invocation, terminal, result, chosen)
  if (isAll) return writeAll(terminal, result)
  if (result.values.length > 1) return listSiblings(terminal, key, result)
  if (result.siblings.length > 1) terminal.note(`(a delete is concurrent with this value; the next put settles it)`)
  await writeValue(terminal, result.values[0] ?? new Uint8Array(), invocation.switch('raw'))
  return exitCode.ok
}

async function writeSibling(invocation: Invocation, terminal: Terminal, { siblings }: GetResult, chosen: number): Promise<number> {
  const sibling = siblings[chosen - 1]
  if (sibling === undefined)
    throw usageError(`--sibling ${chosen}: the key has ${siblings.length} sibling${siblings.length === 1 ? '' : 's'}, counted from 1.`)
  if (sibling.value === undefined) throw new StoreError('ERR_NOT_FOUND', `Sibling ${chosen} is a delete; it has no value.`)
  await writeValue(terminal, sibling.value, invocation.switch('raw'))
  return exitCode.ok
}

async function writeAll(terminal: Terminal, { siblings }: GetResult): Promise<number> {
  if (terminal.stdoutIsTerminal) await terminal.print(siblingTable(siblings))
  else await writeFrames(terminal, siblings)
  return exitCode.ok
}

function listSiblings(terminal: Terminal, key: Uint8Array, { siblings }: GetResult): number {
  terminal.note(`${keyText(key)} has ${siblings.length} concurrent values; none is written to standard output.`)
  terminal.note(siblingTable(siblings))
  terminal.note('Choose one with --sibling K, or take all with --all or --json; make one of them with `dynamesh put --resolve`.')
  return exitCode.siblings
}

async function saveContext(invocation: Invocation, terminal: Terminal, { context }: GetResult): Promise<void> {
  const file = invocation.text('context-file')
  if (file === undefined) return
  try {
    await writeFile(resolve(terminal.folder, file), toBase64Url(context) + '\n')
  } catch (error) {
    throw new StoreError('ERR_IO', `The context cannot be written to ${file}: ${reason(error)}.`, { cause: error })
  }
}

function notFound(key: Uint8Array): StoreError {
  return new StoreError('ERR_NOT_FOUND', `${keyText(key)}: not found`)
}
