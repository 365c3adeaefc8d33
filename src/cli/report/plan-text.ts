/** A planned change of the members, for people: what moves, and how the ring is before and after. */
import type { ChangePlan } from '../../store/member-api.ts'
import { bytesText } from './bytes-text.ts'
import { pairs, table, type Column } from '../terminal/table.ts'

const COLUMNS: readonly Column[] = [{ title: '' }, { title: 'NOW', align: 'right' }, { title: 'THEN', align: 'right' }]

type Health = ChangePlan['before']
type Spread = Health['owners']

export function planText(plan: ChangePlan): string {
  const head = pairs([
    ...whoText(plan),
    ['moves', movedText(plan)],
    ['at least', `${plan.copiesMin} would move in any ring${ratioText(plan)}`],
    ['quorums', `most owners change at once in ${counted(plan.quorumsReplaced, 'partition', 'partitions')}`],
    ...plan.warnings.map(warning => ['warning', warning] as const)
  ])
  return `${head}\n\n${table(COLUMNS, healthRows(plan))}`
}

/** How much moves: copies of partitions, and what is known of their size. */
export function movedText({ copies, size }: ChangePlan): string {
  const moved = counted(copies, 'copy of a partition', 'copies of partitions')
  if (size === undefined) return `${moved}; how large they are, a peer that stores some can tell`
  return `${moved}: ${size.keysAreExact ? '' : 'about '}${counted(size.keys, 'key', 'keys')}, about ${bytesText(size.bytes)}`
}

function whoText({ joining, leaving, evicted }: ChangePlan): (readonly [string, ...string[]])[] {
  const made = joining.filter(peer => peer.startsWith('newcomer-')).length
  const known = joining.filter(peer => !peer.startsWith('newcomer-'))
  const lines: (readonly [string, ...string[]])[] = [
    ['join', ...(made === 0 ? [] : [counted(made, 'new peer', 'new peers')]), ...known],
    ['leave', ...leaving],
    ['evict', ...evicted]
  ]
  return lines.filter(line => line.length > 1)
}

function ratioText({ copies, copiesMin }: ChangePlan): string {
  return copiesMin === 0 ? '' : ` (this is ${(copies / copiesMin).toFixed(2)} times that)`
}

function healthRows({ before, after }: ChangePlan): readonly (readonly string[])[] {
  const row = (name: string, text: (health: Health) => string): readonly string[] => [name, text(before), text(after)]
  return [
    row('members that store data', health => String(health.members)),
    row('owners, least and mean', health => spreadText(health.owners)),
    row('durable owners, least and mean', health => spreadText(health.durableOwners)),
    row('partitions with owners crowded in a zone', health => String(health.zoneViolations)),
    row('largest load for its weight, by the mean', health => health.loadMaxToMean.toFixed(3))
  ]
}

function spreadText({ least, mean }: Spread): string {
  return `${least}, ${mean.toFixed(2)}`
}

function counted(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`
}
