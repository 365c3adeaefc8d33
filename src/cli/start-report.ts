/** What a running peer says: first who it is and how to reach it, then what changes around it. As JSON, one object per line. */
import process from 'node:process'
import type { Peer } from '../store/api.ts'
import { printable, printableJson } from './escape.ts'
import { invocationText, shellQuoted, typedPath } from './invocation-text.ts'
import { dataFolderDefault } from './shared-flags.ts'
import { shortPeer } from './sibling-list.ts'
import { pairs } from './table.ts'
import type { Terminal } from './terminal.ts'

/** Different refusals that are remembered, so that each is told once and not at every new attempt; past it the oldest is forgotten. */
const refusalsMax = 256

/** Tells that the peer is running. */
export async function reportReady(peer: Peer, data: string, join: readonly string[], terminal: Terminal, isJson: boolean): Promise<void> {
  const { addresses, state } = peer.status()
  const text = isJson ? readyJson(peer, addresses, data) : readyText(peer, addresses, data, terminal)
  await terminal.print(text).catch(() => {})
  if (!isJson && join.length > 0 && state !== 'up') terminal.note('waiting for a peer of --join to answer; this one serves already, and keeps trying')
  terminal.tellParent({ type: 'ready', peerId: peer.peerId, addresses, data })
}

/** Tells what happens around the peer until `signal` aborts. */
export function reportEvents(peer: Peer, terminal: Terminal, isJson: boolean, signal: AbortSignal): void {
  const tell = (event: string, detail: object, text: string): void => {
    if (isJson) terminal.print(printableJson({ event, ...detail })).catch(() => {})
    else terminal.note(text)
  }
  const told = new Set<string>()
  for (const name of ['member:up', 'member:leaving', 'member:left', 'member:evicted', 'member:suspect', 'member:reachable'] as const) {
    peer.addEventListener(name, ({ detail }) => tell(name, { peerId: detail.peerId }, `${shortPeer(detail.peerId)} ${MEMBER_WORDS[name]}`), { signal })
  }
  peer.addEventListener(
    'peer:refused',
    ({ detail }) => {
      const text = `refused ${shortPeer(detail.peer)}: ${printable(detail.message)} [${detail.code}]`
      if (isNew(told, text)) tell('peer:refused', detail, text)
    },
    { signal }
  )
  for (const name of ['storage:full', 'storage:corrupt'] as const) {
    peer.addEventListener(name, ({ detail }) => tell(name, detail, `warning: ${printable(detail.message)}`), { signal })
  }
}

const MEMBER_WORDS = {
  'member:up': 'is up',
  'member:leaving': 'is leaving',
  'member:left': 'left',
  'member:evicted': 'was evicted',
  'member:suspect': 'does not answer',
  'member:reachable': 'answers'
} as const

function isNew(told: Set<string>, text: string): boolean {
  if (told.has(text)) return false
  const [oldest] = told
  if (told.size >= refusalsMax && oldest !== undefined) told.delete(oldest)
  told.add(text)
  return true
}

function readyJson(peer: Peer, addresses: readonly string[], data: string): string {
  const members = peer.members().filter(member => !member.self && member.status === 'up')
  const { peerId, cluster } = peer
  return printableJson({ event: 'ready', peerId, cluster, addresses, data, pid: process.pid, members: members.map(member => member.peerId) })
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
