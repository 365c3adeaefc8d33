/** `dynamesh delete`: deletes what a key has now, by a write of a tombstone. See `write-context.ts` for what it supersedes. */
import { toBase64Url } from '../../core/bytes.ts'
import { StoreError } from '../../core/errors.ts'
import type { DeleteResult } from '../../store/api.ts'
import type { Access } from '../access/access.ts'
import { usageError } from '../invocation/arguments.ts'
import type { Command, Invocation } from '../invocation/command.ts'
import { keyText, printableJson } from '../terminal/escape.ts'
import { exitCode } from '../outcome/exit-code.ts'
import { withAccess } from '../access/open-access.ts'
import { keyArgument, putOptions } from '../requests/request-options.ts'
import { accessFlags, commonFlags, keyFlags, writeFlags } from '../invocation/shared-flags.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { writeContext } from '../requests/write-context.ts'

export const deleteCommand: Command = {
  name: 'delete',
  summary: 'Delete a key.',
  description: [
    'Deletes the value that the key has now. If it has several concurrent values (siblings), nothing is deleted and the exit code is 2, unless --resolve says that all of them are meant. If it has none, the exit code is 1.',
    'A value that somebody else writes at the same moment is not lost: it stays.'
  ],
  arguments: [{ name: 'KEY', required: true }],
  flags: {
    resolve: { kind: 'switch', help: 'Delete all siblings that the key has now.' },
    ...keyFlags,
    ...writeFlags,
    ...accessFlags,
    ...commonFlags
  },
  examples: [
    ['dynamesh delete hello', 'the value of a key'],
    ['dynamesh delete cart:42 --resolve', 'all of several concurrent values']
  ],
  run: async (invocation, terminal) => {
    const key = keyArgument(invocation)
    if (invocation.switch('resolve') && (invocation.has('context') || invocation.has('context-file'))) {
      throw usageError('--resolve and --context both say what is deleted; give one of them.')
    }
    const result = await withAccess(invocation, terminal, access => remove(invocation, terminal, access, key))
    if (!result.existed) throw new StoreError('ERR_NOT_FOUND', `${keyText(key)}: not found`)
    if (invocation.switch('json'))
      await terminal.print(printableJson({ key: keyText(key), existed: true, context: toBase64Url(result.context) }, 2))
    else terminal.note(`deleted ${keyText(key)}`)
    return exitCode.ok
  }
}

async function remove(invocation: Invocation, terminal: Terminal, access: Access, key: Uint8Array): Promise<DeleteResult> {
  const { context, read } = await writeContext(invocation, terminal, access, key)
  if (read !== undefined && read.values.length === 0) return { existed: false, context: read.context }
  if (terminal.interrupted.aborted) throw new StoreError('ERR_ABORTED', 'Interrupted before anything was deleted.')
  return access.delete(key, context, putOptions(invocation, terminal))
}
