/** `dynamesh status`: how one peer is doing. */
import type { PeerStatus } from '../../store/api.ts'
import { withAccess } from '../access.ts'
import type { Command } from '../command.ts'
import { printableJson } from '../escape.ts'
import { exitCode } from '../exit-code.ts'
import { accessFlags, commonFlags } from '../shared-flags.ts'
import { shortPeer } from '../sibling-list.ts'
import { pairs } from '../table.ts'

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const

export const statusCommand: Command = {
  name: 'status',
  summary: 'Show how a peer is doing.',
  description: ['State, addresses, connections, what is stored, and hints: writes that wait here for an owner that was away.'],
  arguments: [],
  flags: { ...accessFlags, ...commonFlags },
  examples: [
    ['dynamesh status', 'the peer on ./dynamesh-data'],
    ['dynamesh status --data /var/lib/dynamesh --json', 'another one, for programs']
  ],
  run: async (invocation, terminal) => {
    const status = await withAccess(invocation, terminal, access => access.status())
    await terminal.print(invocation.switch('json') ? printableJson(status, 2) : statusText(status))
    return exitCode.ok
  }
}

function statusText(status: PeerStatus): string {
  const { storage } = status
  const limit = storage.bytesMax === undefined ? '' : ` of at most ${bytesText(storage.bytesMax)}`
  const recovered = storage.recovered === 0 ? '' : `; ${storage.recovered} damaged rows were set aside`
  const connections = status.connections.map(
    connection => `${shortPeer(connection.peer)} by ${connection.transport}${connection.relayed ? ', relayed' : ''}`
  )
  const hints = status.hints.map(hint => `${hint.count} for ${shortPeer(hint.target)}, ${bytesText(hint.bytes)}`)
  return pairs([
    ['peer', status.peerId],
    ['cluster', status.cluster],
    ['state', status.networkCut ? `${status.state}, network cut` : status.state],
    ['members', String(status.members)],
    ['ring', status.ringDigest],
    ['addresses', ...orDash(status.addresses)],
    ['connections', ...orDash(connections)],
    ['storage', `${storage.location}${storage.persistent ? '' : ' (not kept)'}`],
    ['stored', `${status.keys} key${status.keys === 1 ? '' : 's'}, ${bytesText(storage.bytes)}${limit}${recovered}`],
    ['hints', ...(hints.length === 0 ? ['none'] : hints)],
    ['replica', status.replicaId]
  ])
}

function orDash(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? ['-'] : lines
}

/** `bytes` with a unit that leaves at most four digits. */
function bytesText(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`
}
