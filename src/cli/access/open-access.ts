/** Opens the way to the ring that a command's flags name: the control socket of a peer on this machine, or a client peer over the network. */
import { resolve } from 'node:path'
import type { Access, LocalAccess } from './access.ts'
import { usageError } from '../invocation/arguments.ts'
import type { Invocation } from '../invocation/command.ts'
import { controlClient } from './control/client.ts'
import { dataFolderDefault } from '../invocation/shared-flags.ts'
import type { Terminal } from '../terminal/terminal.ts'

/** Gives `use` the peer that the flags name, and lets go of it afterwards. */
export async function withAccess<Result>(
  invocation: Invocation,
  terminal: Terminal,
  use: (access: Access) => Promise<Result>
): Promise<Result> {
  const access = await openAccess(invocation, terminal)
  try {
    return await use(access)
  } finally {
    await access.close()
  }
}

/** The peer that runs on the folder of --data. */
export function localAccess(invocation: Invocation, terminal: Terminal): Promise<LocalAccess> {
  const folder = resolve(terminal.folder, invocation.text('data') ?? dataFolderDefault)
  return controlClient(folder, { signal: terminal.interrupted })
}

async function openAccess(invocation: Invocation, terminal: Terminal): Promise<Access> {
  if (!invocation.has('join')) {
    const stray = ['cluster', 'partitions', 'replicas'].find(name => invocation.has(name))
    if (stray !== undefined)
      throw usageError(`--${stray} is for a client over the network; add --join ADDR, or leave it out to ask the peer of --data.`)
    return localAccess(invocation, terminal)
  }
  const cluster = invocation.text('cluster')
  if (invocation.has('data')) throw usageError('--data asks a peer on this machine and --join asks one over the network; give one of them.')
  if (cluster === undefined) throw usageError('--join needs --cluster NAME, the name of the cluster to join.')
  const { clientPeer } = await import('./client-peer.ts')
  return clientPeer(invocation, terminal, cluster)
}
