/** `dynamesh status`: how one peer is doing. */
import type { PeerStatus } from '../../store/api.ts'
import { setTimeout as pause } from 'node:timers/promises'
import type { Access } from '../access/access.ts'
import { bytesText } from '../report/bytes-text.ts'
import type { Command } from '../invocation/command.ts'
import { printableJson } from '../terminal/escape.ts'
import { exitCode } from '../outcome/exit-code.ts'
import { isMoved, MoveLines, movesText } from '../report/move-lines.ts'
import { withAccess } from '../access/open-access.ts'
import { accessFlags, commonFlags } from '../invocation/shared-flags.ts'
import { shortPeer } from '../report/short-peer.ts'
import { pairs } from '../terminal/table.ts'
import type { Terminal } from '../terminal/terminal.ts'

/** How often a peer is asked that is watched. */
const watchEveryMs = 250

export const statusCommand: Command = {
  name: 'status',
  summary: 'Show how a peer is doing.',
  description: ['State, addresses, connections, what is stored, and hints: writes that wait here for an owner that was away.'],
  arguments: [],
  flags: {
    watch: { kind: 'switch', help: 'Follow what moves because the ring changed, until all of it is where it belongs.' },
    ...accessFlags,
    ...commonFlags
  },
  examples: [
    ['dynamesh status', 'the peer on ./dynamesh-data'],
    ['dynamesh status --watch', 'how far a join, a leave or an eviction has come, rate and time left'],
    ['dynamesh status --data /var/lib/dynamesh --json', 'another one, for programs']
  ],
  run: async (invocation, terminal) => {
    const isJson = invocation.switch('json')
    await withAccess(invocation, terminal, async access => {
      if (invocation.switch('watch')) return watch(access, isJson, terminal)
      const status = await access.status()
      return terminal.print(isJson ? printableJson(status, 2) : statusText(status))
    })
    return exitCode.ok
  }
}

/** Shows what moves until it is done, or somebody has seen enough. */
async function watch(access: Access, isJson: boolean, terminal: Terminal): Promise<void> {
  const lines = new MoveLines(terminal)
  let told = ''
  let { moves, state } = await access.status()
  while (!terminal.interrupted.aborted) {
    const text = printableJson({ state, moves })
    if (!isJson) lines.show(moves)
    else if (text !== told) await terminal.print(text)
    told = text
    if (isMoved(moves) && state !== 'joining' && state !== 'leaving') break
    await pause(watchEveryMs, undefined, { signal: terminal.interrupted }).catch(() => {})
    ;({ moves, state } = await access.status())
  }
  lines.end()
  if (!isJson) await terminal.print(`${state}; ${movesText(moves)}`)
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
    ['moves', movesText(status.moves)],
    ['background', `at most ${Math.round(status.backgroundRecordsPerSecond)} records/s of handoff, moves and repair`],
    ...status.warnings.map(warning => ['warning', warning] as const),
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
