/** `dynamesh members`: who is in the cluster, as one peer sees it. */
import type { MemberInfo } from '../../store/member-api.ts'
import type { Command } from '../invocation/command.ts'
import { printableJson } from '../terminal/escape.ts'
import { exitCode } from '../outcome/exit-code.ts'
import { withAccess } from '../access/open-access.ts'
import { accessFlags, commonFlags } from '../invocation/shared-flags.ts'
import { shortPeer } from '../report/short-peer.ts'
import { pairs, table, type Column } from '../terminal/table.ts'

const COLUMNS: readonly Column[] = [
  { title: 'PEER' },
  { title: 'STATUS' },
  { title: 'SEEN' },
  { title: 'WEIGHT', align: 'right' },
  { title: 'DURABLE' },
  { title: 'ZONE' },
  { title: 'PARTITIONS', align: 'right' },
  { title: 'LINK' }
]

/** Members that nobody needs to wait for. */
const GONE: ReadonlySet<MemberInfo['status']> = new Set(['left', 'evicted'])

export const membersCommand: Command = {
  name: 'members',
  summary: 'List the members of the cluster.',
  description: [
    'The members that the peer knows, what it thinks of each right now, and how many partitions each owns. Peers are shown by the end of their id; --long shows all of it, with addresses.'
  ],
  arguments: [],
  flags: {
    all: { kind: 'switch', short: 'a', help: 'Also those that left or were evicted.' },
    long: { kind: 'switch', short: 'l', help: 'Whole peer ids, replica ids and addresses.' },
    ...accessFlags,
    ...commonFlags
  },
  examples: [
    ['dynamesh members', 'a table'],
    ['dynamesh members --long', 'with addresses to join by'],
    ['dynamesh members --json', 'for programs']
  ],
  run: async (invocation, terminal) => {
    const known = await withAccess(invocation, terminal, access => access.members())
    const members = known.filter(member => invocation.switch('all') || !GONE.has(member.status))
    if (invocation.switch('json')) await terminal.print(printableJson(members, 2))
    else await terminal.print(invocation.switch('long') ? members.map(longText).join('\n\n') : table(COLUMNS, members.map(row)))
    return exitCode.ok
  }
}

function row(member: MemberInfo): readonly string[] {
  const zone = member.zone ?? '-'
  return [
    shortPeer(member.peerId),
    member.status,
    seen(member),
    String(member.weight),
    member.durable ? 'yes' : 'no',
    zone.length > 10 ? `${zone.slice(0, 9)}…` : zone,
    String(member.partitionsOwned),
    link(member)
  ]
}

function longText(member: MemberInfo): string {
  return pairs([
    ['peer', member.peerId],
    ['status', `${member.status}, ${seen(member)}`],
    ['weight', `${member.weight}${member.durable ? ', durable' : ''}`],
    ['zone', member.zone ?? '-'],
    ['partitions', String(member.partitionsOwned)],
    ['replica', `${member.replicaId}, incarnation ${member.incarnation}`],
    ['link', link(member)],
    ['addresses', ...(member.addresses.length === 0 ? ['-'] : member.addresses)]
  ])
}

function seen({ reachability }: MemberInfo): string {
  return reachability === 'self' ? 'this peer' : reachability
}

function link({ connection }: MemberInfo): string {
  if (connection === undefined) return '-'
  return connection.relayed ? `${connection.transport}, relayed` : connection.transport
}
