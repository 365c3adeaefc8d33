/** `dynamesh put`: stores bytes under a key. See `write-context.ts` for what it supersedes. */
import { toBase64Url } from '../../core/bytes.ts'
import { StoreError } from '../../core/errors.ts'
import type { PutResult } from '../../store/api.ts'
import type { Access } from '../access/access.ts'
import { usageError } from '../invocation/arguments.ts'
import type { Command, Invocation } from '../invocation/command.ts'
import { keyText, printableJson } from '../terminal/escape.ts'
import { exitCode } from '../outcome/exit-code.ts'
import { withAccess } from '../access/open-access.ts'
import { keyArgument, putOptions } from '../requests/request-options.ts'
import { accessFlags, commonFlags, keyFlags, writeFlags } from '../invocation/shared-flags.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { readValue } from '../requests/value-input.ts'
import { writeContext } from '../requests/write-context.ts'

export const putCommand: Command = {
  name: 'put',
  summary: 'Store a value under a key.',
  description: [
    'The value is the bytes of FILE, of standard input (FILE is - or left out), or the text of --value.',
    'Supersedes the value that the key has now. If the key has several concurrent values (siblings), nothing is written and the exit code is 2: look at them with `dynamesh get`, then write the merged value with --resolve. A value that somebody else writes at the same moment is not lost; it becomes a sibling.',
    'With --context, or --context-file, the write supersedes exactly what an earlier get had read. With --add-sibling it supersedes nothing. Neither reads first, so both work when too few peers answer a read.'
  ],
  arguments: [
    { name: 'KEY', required: true },
    { name: 'FILE', required: false }
  ],
  flags: {
    value: { kind: 'text', value: 'TEXT', help: 'The value as text (UTF-8), instead of a file.' },
    resolve: { kind: 'switch', help: 'Supersede all siblings that the key has now.' },
    'add-sibling': { kind: 'switch', help: 'Supersede nothing: the value stands beside those that the key has.' },
    ...keyFlags,
    ...writeFlags,
    ...accessFlags,
    ...commonFlags
  },
  examples: [
    ['dynamesh put hello --value world', 'a short text'],
    ['dynamesh put photo photo.jpg', 'a file, byte for byte'],
    ['tar c notes | dynamesh put notes', 'standard input'],
    ['dynamesh put cart:42 merged.json --resolve', 'one value instead of several siblings'],
    ['dynamesh put cart:42 cart.json --context-file cart.ctx', 'supersede what `dynamesh get cart:42 --context-file cart.ctx` had read']
  ],
  run: async (invocation, terminal) => {
    const key = keyArgument(invocation)
    checkModes(invocation)
    const value = await readValue(invocation, terminal)
    const result = await withAccess(invocation, terminal, access => write(invocation, terminal, access, key, value))
    await report(invocation, terminal, key, value, result)
    return exitCode.ok
  }
}

async function write(invocation: Invocation, terminal: Terminal, access: Access, key: Uint8Array, value: Uint8Array): Promise<PutResult> {
  const isSibling = invocation.switch('add-sibling')
  const context = isSibling ? undefined : (await writeContext(invocation, terminal, access, key)).context
  if (terminal.interrupted.aborted) throw new StoreError('ERR_ABORTED', 'Interrupted before anything was written.')
  return access.put(key, context, value, putOptions(invocation, terminal))
}

function checkModes(invocation: Invocation): void {
  const modes = ['resolve', 'add-sibling', 'context', 'context-file'].filter(name => invocation.has(name))
  if (modes.length > 1) throw usageError(`--${modes[0]} and --${modes[1]} both say what is superseded; give one of them.`)
}

async function report(invocation: Invocation, terminal: Terminal, key: Uint8Array, value: Uint8Array, result: PutResult): Promise<void> {
  if (invocation.switch('json')) {
    await terminal.print(printableJson({ key: keyText(key), bytes: value.length, ...result, context: toBase64Url(result.context) }, 2))
    return
  }
  const hinted = result.hinted.length === 0 ? '' : `, ${result.hinted.length} of them for an owner that is away`
  terminal.note(
    `stored ${keyText(key)}: ${value.length} byte${value.length === 1 ? '' : 's'} on ${peers(result.acknowledged.length)}${hinted}`
  )
  if (result.siblings > 1) terminal.note(`it has ${result.siblings} concurrent values now; see them with \`dynamesh get\``)
}

function peers(count: number): string {
  return `${count} peer${count === 1 ? '' : 's'}`
}
