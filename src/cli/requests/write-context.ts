/**
 * What a write from the command line supersedes. A program keeps the context of what it has read; a person at a prompt has just
 * the key. So without a context the key is read first and the write supersedes what is there, as long as that is one value: of
 * several, a person has to say that all of them are meant. A value that somebody else writes in between is not lost, it becomes
 * a sibling.
 */
import { StoreError } from '../../core/errors.ts'
import type { GetResult } from '../../store/api.ts'
import type { Access } from '../access/access.ts'
import type { Invocation } from '../invocation/command.ts'
import { keyText } from '../terminal/escape.ts'
import { getOptions, givenContext } from './request-options.ts'
import { siblingTable } from '../report/sibling-list.ts'
import type { Terminal } from '../terminal/terminal.ts'

/** What is known before a write: the context to send, and the read that it comes from, if there was one. */
export interface WriteContext {
  readonly context: Uint8Array | undefined
  readonly read: GetResult | undefined
}

/** The context given by flags, or that of a read now. Refuses siblings unless --resolve says that all of them are superseded. */
export async function writeContext(invocation: Invocation, terminal: Terminal, access: Access, key: Uint8Array): Promise<WriteContext> {
  const context = await givenContext(invocation, terminal)
  if (context !== undefined) return { context, read: undefined }
  const read = await access.get(key, getOptions(invocation, terminal))
  if (read.values.length > 1 && !invocation.switch('resolve')) throw siblingsError(terminal, key, read)
  return { context: read.context, read }
}

function siblingsError(terminal: Terminal, key: Uint8Array, { values, siblings }: GetResult): StoreError {
  terminal.note(siblingTable(siblings))
  const message = `${keyText(key)} has ${values.length} concurrent values; nothing was written. Look at them with \`dynamesh get\`, then supersede all of them with --resolve.`
  return new StoreError('ERR_CONFLICT', message, { details: { siblings: siblings.length } })
}
