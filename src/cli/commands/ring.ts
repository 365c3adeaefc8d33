/** `dynamesh ring`: how the partitions are spread over the peers, or where one key lives. */
import type { KeyPlacement, RingInfo } from '../../store/api.ts'
import type { MemberInfo } from '../../store/member-api.ts'
import type { Command } from '../invocation/command.ts'
import { keyText, printableJson } from '../terminal/escape.ts'
import { exitCode } from '../outcome/exit-code.ts'
import { withAccess } from '../access/open-access.ts'
import { keyArgument } from '../requests/request-options.ts'
import { accessFlags, commonFlags, keyFlags } from '../invocation/shared-flags.ts'
import { shortPeer } from '../report/short-peer.ts'
import { bar, pairs, table } from '../terminal/table.ts'

const BAR_WIDTH = 30

export const ringCommand: Command = {
  name: 'ring',
  summary: 'Show who owns what, or where a key lives.',
  description: [
    'Without KEY: the digest that names the ring (equal on peers with the same view), and how many partitions each peer owns. With KEY: its position, its partition, the owners, and the other peers in the order in which they stand in for them.'
  ],
  arguments: [{ name: 'KEY', required: false }],
  flags: { ...keyFlags, ...accessFlags, ...commonFlags },
  examples: [
    ['dynamesh ring', 'partitions of each peer'],
    ['dynamesh ring cart:42', 'where a key lives'],
    ['dynamesh ring --json', 'the owners of every partition']
  ],
  run: async (invocation, terminal) => {
    const isJson = invocation.switch('json')
    await withAccess(invocation, terminal, async access => {
      if (invocation.argument('KEY') !== undefined) {
        const placement = await access.place(keyArgument(invocation))
        return terminal.print(isJson ? printableJson({ ...placement, key: keyText(placement.key) }, 2) : placementText(placement))
      }
      const [ring, members] = await Promise.all([access.ring(), access.members()])
      return terminal.print(isJson ? printableJson(ringJson(ring), 2) : ringText(ring, members))
    })
    return exitCode.ok
  }
}

/** Partitions by owner, most first. */
function shares(ring: RingInfo): readonly (readonly [peerId: string, partitions: number])[] {
  const counts = new Map<string, number>()
  for (const owners of ring.owners) for (const owner of owners) counts.set(owner, (counts.get(owner) ?? 0) + 1)
  return [...counts].toSorted(([idA, countA], [idB, countB]) => countB - countA || (idA < idB ? -1 : 1))
}

function ringJson(ring: RingInfo): object {
  const members = shares(ring).map(([peerId, partitionsOwned]) => ({ peerId, partitionsOwned, share: partitionsOwned / ring.partitions }))
  const { digest, partitions, replicas, warnings, owners } = ring
  return { digest, partitions, replicas, warnings, members, owners }
}

function ringText(ring: RingInfo, members: readonly MemberInfo[]): string {
  const self = members.find(member => member.self)?.peerId
  const columns = [
    { title: 'PEER' },
    { title: 'PARTITIONS', align: 'right' },
    { title: 'SHARE', align: 'right' },
    { title: '' },
    { title: '' }
  ] as const
  const rows = shares(ring).map(([peerId, count]) => {
    const share = count / ring.partitions
    return [shortPeer(peerId), String(count), `${(share * 100).toFixed(1)} %`, bar(share, BAR_WIDTH), peerId === self ? 'this peer' : '']
  })
  const head = pairs([
    ['ring', ring.digest],
    ['partitions', `${ring.partitions}, each on ${ring.replicas} peers when there are as many`],
    ...ring.warnings.map(warning => ['warning', warning] as const)
  ])
  return `${head}\n\n${table(columns, rows)}`
}

function placementText({ key, position, partition, owners, preferenceList }: KeyPlacement): string {
  const fallbacks = preferenceList.slice(owners.length)
  return pairs([
    ['key', keyText(key)],
    ['position', position],
    ['partition', String(partition)],
    ['owners', ...(owners.length === 0 ? ['-'] : owners)],
    ['fallbacks', ...(fallbacks.length === 0 ? ['-'] : fallbacks)]
  ])
}
