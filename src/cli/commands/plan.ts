/** `dynamesh plan`: what a change of the members would do, before anybody does it. */
import { membersMax, weightMax } from '../../core/limits.ts'
import type { NewMember } from '../../store/member-api.ts'
import { usageError } from '../invocation/arguments.ts'
import type { Command, Invocation } from '../invocation/command.ts'
import { printableJson } from '../terminal/escape.ts'
import { exitCode } from '../outcome/exit-code.ts'
import { withAccess } from '../access/open-access.ts'
import { planText } from '../report/plan-text.ts'
import { accessFlags, commonFlags } from '../invocation/shared-flags.ts'

const VERBS: ReadonlySet<string> = new Set(['join', 'leave', 'evict'])

export const planCommand: Command = {
  name: 'plan',
  summary: 'Tell what a change of the members would do.',
  description: [
    'CHANGE is `join` or `join COUNT` for new peers, `leave PEER…`, `evict PEER…`, or several of them, which then happen at once. `leave` alone is the peer that is asked. Nothing is done.',
    'It tells how many copies of partitions would move and how many would have to in any ring, their size as far as the peer that is asked can tell, and how safe and even the ring is now and then. --json adds every move: partition, new owners, and who gives.',
    'Which partitions a new peer gets depends on its peer id; how many hardly does.'
  ],
  arguments: [{ name: 'CHANGE', required: true, repeated: true }],
  flags: {
    weight: { kind: 'integer', value: 'WEIGHT', min: 0, max: weightMax, help: 'Weight of the new peers. Default: 4.' },
    zone: { kind: 'list', value: 'NAME', help: 'Zone of the new peers; given more than once, they take turns.' },
    'not-durable': { kind: 'switch', help: 'The new peers are not durable, as tabs are.' },
    ...accessFlags,
    ...commonFlags
  },
  examples: [
    ['dynamesh plan join', 'one more peer like those that `start` runs'],
    ['dynamesh plan join 3 --zone a --zone b --zone c', 'one more in each of three zones'],
    ['dynamesh plan leave', 'the peer on ./dynamesh-data leaves'],
    ['dynamesh plan evict 3dkYq8tBvW join', 'a new peer in the place of one that is gone for good']
  ],
  run: async (invocation, terminal) => {
    const words = parseChange(invocation.words('CHANGE'))
    const join = newMembers(words.join, invocation)
    const plan = await withAccess(invocation, terminal, async access => {
      const leave = await Promise.all(words.leave.map(async name => name ?? (await access.status()).peerId))
      return access.planChange({ join, leave, evict: words.evict })
    })
    await terminal.print(invocation.switch('json') ? printableJson(plan, 2) : planText(plan))
    return exitCode.ok
  }
}

/** What the words ask for; `undefined` is the peer that is asked. */
interface ChangeWords {
  readonly join: number
  readonly leave: readonly (string | undefined)[]
  readonly evict: readonly string[]
}

function parseChange(words: readonly string[]): ChangeWords {
  const change = { join: 0, leave: [] as (string | undefined)[], evict: [] as string[] }
  for (const [verb, ...names] of clausesOf(words)) {
    if (verb === 'join') change.join += countOf(names)
    else if (verb === 'leave') change.leave.push(...(names.length === 0 ? [undefined] : names))
    else if (names.length > 0) change.evict.push(...names)
    else throw usageError('plan evict needs PEER: the peer that is gone for good.')
  }
  if (change.join > membersMax) throw usageError(`A cluster has at most ${membersMax} members, and ${change.join} would join.`)
  return change
}

/** The words, cut before each verb. */
function clausesOf(words: readonly string[]): readonly (readonly string[])[] {
  const clauses: string[][] = []
  for (const word of words) {
    if (VERBS.has(word)) clauses.push([word])
    else if (clauses.length > 0) clauses.at(-1)?.push(word)
    else throw usageError(`plan takes join, leave or evict first, and '${word}' is none of them.`)
  }
  return clauses
}

function countOf(names: readonly string[]): number {
  const [count = '1', extra] = names
  if (extra !== undefined) throw usageError(`plan join takes one COUNT, and '${extra}' follows.`)
  if (!/^[1-9]\d{0,3}$/.test(count)) throw usageError(`plan join takes how many peers would join, and '${count}' is no such number.`)
  return Number(count)
}

function newMembers(count: number, invocation: Invocation): readonly NewMember[] {
  const zones = invocation.list('zone')
  const weight = invocation.number('weight')
  const flag = ['weight', 'zone', 'not-durable'].find(name => invocation.has(name))
  if (count === 0 && flag !== undefined) throw usageError(`--${flag} is about new peers, and none would join.`)
  return Array.from({ length: count }, (_, index) => {
    const zone = zones[index % Math.max(zones.length, 1)]
    return {
      durable: !invocation.switch('not-durable'),
      ...(weight === undefined ? {} : { weight }),
      ...(zone === undefined ? {} : { zone })
    }
  })
}
