/** What a running peer says: first who it is and how to reach it, then what changes around it. As JSON, one object per line. */
import process from 'node:process'
import type { Peer, PeerStatus } from '../../store/api.ts'
import { printableJson } from '../terminal/escape.ts'
import { invocationText, shellQuoted, typedPath } from '../invocation/invocation-text.ts'
import { dataFolderDefault } from '../invocation/shared-flags.ts'
import { hasMoves, isMoved, MoveLines, movesText } from '../report/move-lines.ts'
import { shortPeer } from '../report/short-peer.ts'
import { pairs } from '../terminal/table.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { terminalLogger, type TerminalLogger } from '../report/terminal-logger.ts'

/** Tells that the peer is running. */
export async function reportReady(peer: Peer, data: string, terminal: Terminal, isJson: boolean): Promise<void> {
  const { addresses } = peer.status()
  const text = isJson ? readyJson(peer, addresses, data) : readyText(peer, addresses, data, terminal)
  await terminal.print(text).catch(() => {})
  terminal.tellParent({ type: 'ready', peerId: peer.peerId, addresses, data })
}

/** Tells how far a peer has come that is to join others, and when it is one of them, unless `signal` aborts before. */
export function reportJoined(peer: Peer, terminal: Terminal, signal: AbortSignal): void {
  const over = new AbortController()
  const others = (): number => peer.members().filter(member => !member.self && member.status === 'up').length
  const look = (): void => {
    if (peer.status().state !== 'up' || others() === 0) return
    over.abort()
    terminal.note(`joined; the cluster has ${others() + 1} members`)
  }
  const isAlone = peer.members().every(member => member.self)
  for (const name of ['member:up', 'members:known', 'ring:changed'] as const)
    peer.addEventListener(name, look, { signal: AbortSignal.any([signal, over.signal]) })
  look()
  if (over.signal.aborted) return
  terminal.note(
    isAlone
      ? 'no peer of --join answered yet; this one serves already, and keeps trying'
      : 'serves already, and counts once it has what it will own'
  )
}

/** Tells what happens around the peer until `signal` aborts. */
export function reportEvents(peer: Peer, terminal: Terminal, isJson: boolean, signal: AbortSignal): void {
  const tell = (event: string, detail: object, text: string): void => {
    if (isJson) terminal.print(printableJson({ event, ...detail })).catch(() => {})
    else terminal.note(text)
  }
  for (const name of ['member:up', 'member:leaving', 'member:left', 'member:evicted', 'member:suspect', 'member:reachable'] as const) {
    peer.addEventListener(
      name,
      ({ detail }) => tell(name, { peerId: detail.peerId }, `${shortPeer(detail.peerId)} ${MEMBER_WORDS[name]}`),
      { signal }
    )
  }
}

/** Tells how far a change of the ring has come, and what the ring cannot do any more, until `signal` aborts. */
export function reportMoves(peer: Peer, terminal: Terminal, isJson: boolean, signal: AbortSignal): void {
  const lines = new MoveLines(terminal)
  const tell = (moves: PeerStatus['moves']): void => {
    if (isJson) return void terminal.print(printableJson({ event: 'moves:progress', moves })).catch(() => {})
    if (hasMoves(moves) && !isMoved(moves)) return lines.show(moves)
    lines.end()
    if (hasMoves(moves)) terminal.note(`moved: ${movesText(moves)}`)
  }
  let warned: readonly string[] = []
  const warn = (warnings: readonly string[]): void => {
    const news = warnings.filter(warning => !warned.includes(warning))
    const isOver = warnings.length === 0 && warned.length > 0
    warned = warnings
    if (isJson) {
      if (news.length > 0 || isOver) terminal.print(printableJson({ event: 'ring:warning', warnings })).catch(() => {})
      return
    }
    for (const warning of news) terminal.note(`warning: ${warning}`)
    if (isOver) terminal.note('the ring is as it should be again: no warning is left')
  }
  peer.addEventListener('moves:progress', ({ detail }) => tell(detail), { signal })
  peer.addEventListener('ring:changed', ({ detail }) => warn(detail.warnings), { signal })
  signal.addEventListener('abort', () => lines.end(), { once: true })
  if (!isMoved(peer.status().moves)) tell(peer.status().moves)
  warn(peer.ring().warnings)
}

/** Warnings of the peer, from its first moment on: refusals, addresses that cannot be used, failures of the storage. */
export function startLogger(terminal: Terminal, isVerbose: boolean, isJson: boolean): TerminalLogger {
  if (!isJson) return terminalLogger(terminal, isVerbose)
  return terminalLogger(terminal, isVerbose, (_text, what, details) => {
    terminal.print(printableJson({ event: 'warning', what, ...details })).catch(() => {})
  })
}

const MEMBER_WORDS = {
  'member:up': 'is up',
  'member:leaving': 'is leaving',
  'member:left': 'left',
  'member:evicted': 'was evicted',
  'member:suspect': 'does not answer',
  'member:reachable': 'answers'
} as const

function readyJson(peer: Peer, addresses: readonly string[], data: string): string {
  const members = peer.members().filter(member => !member.self && member.status === 'up')
  const { peerId, cluster } = peer
  return printableJson({
    event: 'ready',
    peerId,
    cluster,
    addresses,
    data,
    pid: process.pid,
    members: members.map(member => member.peerId)
  })
}

function readyText(peer: Peer, addresses: readonly string[], data: string, terminal: Terminal): string {
  const call = invocationText(terminal.environment, process.argv[1] ?? 'dynamesh', terminal.folder)
  const folder = typedPath(terminal.folder, data)
  const where = folder === typedPath(terminal.folder, dataFolderDefault) ? '' : ` --data ${shellQuoted(folder)}`
  return `${pairs([
    ['peer', peer.peerId],
    ['cluster', peer.cluster],
    ['data', folder],
    ['join by', ...(addresses.length === 0 ? ['-'] : addresses)],
    ['try', `${call} put hello --value world${where}`, `${call} get hello${where}`]
  ])}\nCtrl-C stops it.`
}
