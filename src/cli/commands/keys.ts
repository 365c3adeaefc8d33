/** `dynamesh keys`: the keys that one peer stores. Dynamo has no list of all keys of a cluster: no peer has it. */
import type { KeyInfo } from '../../store/api.ts'
import type { KeyRange } from '../access/access.ts'
import type { Command, Invocation } from '../invocation/command.ts'
import { keyText, printableJson } from '../terminal/escape.ts'
import { exitCode, interruptedCode } from '../outcome/exit-code.ts'
import { withAccess } from '../access/open-access.ts'
import { hexBytes, typedBytes } from '../requests/request-options.ts'
import { commonFlags, localFlags } from '../invocation/shared-flags.ts'

export const keysCommand: Command = {
  name: 'keys',
  summary: 'List the keys that a peer stores.',
  description: [
    'One key per line, in byte order: the keys that the peer itself stores, as an owner or for one that is away. Other peers of the cluster may have more. Keys with characters that could act on a terminal are printed as JSON strings, keys that are not text as hex:…'
  ],
  arguments: [],
  flags: {
    prefix: { kind: 'text', value: 'TEXT', help: 'Only keys that begin with TEXT.' },
    after: { kind: 'text', value: 'KEY', help: 'Only keys behind KEY, to continue a list.' },
    limit: { kind: 'integer', value: 'COUNT', min: 1, help: 'At most so many keys. Default: all.' },
    long: { kind: 'switch', short: 'l', help: 'Also siblings, bytes, and whether the peer owns the key.' },
    deleted: { kind: 'switch', help: 'Also keys of which only the delete is still stored.' },
    'key-hex': { kind: 'switch', help: '--prefix and --after are written in hexadecimal digits.' },
    ...localFlags,
    ...commonFlags
  },
  examples: [
    ['dynamesh keys', 'all keys of the peer on ./dynamesh-data'],
    ['dynamesh keys --prefix cart: --long', 'keys of one kind, with details'],
    ['dynamesh keys --json | head', 'one JSON object per line']
  ],
  run: async (invocation, terminal) => {
    const isJson = invocation.switch('json')
    const isLong = invocation.switch('long')
    return withAccess(invocation, terminal, async access => {
      let left = invocation.number('limit') ?? Number.POSITIVE_INFINITY
      if (isLong && !isJson) await terminal.print('SIBLINGS     BYTES  OWNED  KEY')
      for await (const info of access.keys(range(invocation))) {
        if (terminal.interrupted.aborted) return interruptedCode(terminal.interrupted)
        if (info.deleted && !invocation.switch('deleted')) continue
        await terminal.print(isJson ? printableJson(plain(info)) : isLong ? longLine(info) : keyText(info.key))
        if (--left <= 0) break
      }
      return exitCode.ok
    })
  }
}

/** Deletes are left out here, so the peer itself can only be given the limit when they are asked for. */
function range(invocation: Invocation): KeyRange {
  const prefix = bytes(invocation, 'prefix')
  const after = bytes(invocation, 'after')
  const limit = invocation.switch('deleted') ? invocation.number('limit') : undefined
  return {
    ...(prefix === undefined ? {} : { prefix }),
    ...(after === undefined ? {} : { after }),
    ...(limit === undefined ? {} : { limit })
  }
}

function bytes(invocation: Invocation, name: string): Uint8Array | undefined {
  const text = invocation.text(name)
  if (text === undefined) return undefined
  return invocation.switch('key-hex')
    ? hexBytes(text, `--${name}`)
    : typedBytes(text, `--${name}`, 'write it in hexadecimal digits with --key-hex')
}

function longLine(info: KeyInfo): string {
  const siblings = info.deleted ? 'deleted' : String(info.siblings)
  return `${siblings.padStart(8)}  ${String(info.bytes).padStart(8)}  ${info.owned ? 'yes' : 'no '}    ${keyText(info.key)}`
}

function plain({ key, text, ...rest }: KeyInfo): object {
  return { key: keyText(key), ...(text === undefined ? { hex: Buffer.from(key).toString('hex') } : { text }), ...rest }
}
