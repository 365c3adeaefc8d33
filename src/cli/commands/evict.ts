/** `dynamesh evict`: declares a durable peer gone for good. */
import type { ChangePlan, EvictResult } from '../../store/member-api.ts'
import type { Access } from '../access/access.ts'
import type { Command, Invocation } from '../invocation/command.ts'
import { printableJson } from '../terminal/escape.ts'
import { exitCode } from '../outcome/exit-code.ts'
import { shellQuoted } from '../invocation/invocation-text.ts'
import { withAccess } from '../access/open-access.ts'
import { movedText } from '../report/plan-text.ts'
import { accessFlags, commonFlags } from '../invocation/shared-flags.ts'
import { pairs } from '../terminal/table.ts'

export const evictCommand: Command = {
  name: 'evict',
  summary: 'Take a peer that is gone for good out of the ring.',
  description: [
    'For a durable peer whose disk will not come back: nobody else takes it out of the ring. (Closed tabs go by themselves.) Others take over its partitions at once, from the owners that are left. PEER is its peer id, or a beginning or an end of it that no other member has, as `dynamesh members` shows them.',
    'A peer that was started anew on an empty folder is a new member; the old one is evicted like this.',
    'Should the evicted peer come back after all, it is a member again. `dynamesh plan evict PEER` tells what would move.'
  ],
  arguments: [{ name: 'PEER', required: true }],
  flags: {
    force: { kind: 'switch', help: 'Also when it answers: it comes back at once if it is really there.' },
    ...accessFlags,
    ...commonFlags
  },
  examples: [
    ['dynamesh evict 3dkYq8tBvW', 'by the end of its id, which members shows'],
    ['dynamesh evict 12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA --json', 'by all of it, for programs']
  ],
  run: async (invocation, terminal) => {
    const name = invocation.argument('PEER') ?? ''
    const [result, plan] = await withAccess(invocation, terminal, access =>
      evict(access, name, invocation.switch('force'), terminal.interrupted)
    )
    if (!invocation.switch('json')) for (const warning of plan?.warnings ?? []) terminal.note(`warning: ${warning}`)
    await terminal.print(invocation.switch('json') ? evictionJson(result, plan) : evictionText(result, plan, watchWords(invocation)))
    return exitCode.ok
  }
}

/** The plan is made before, while the ring still has the member. */
async function evict(
  access: Access,
  name: string,
  force: boolean,
  signal: AbortSignal
): Promise<readonly [EvictResult, ChangePlan | undefined]> {
  const plan = await access.planChange({ evict: [name] }).catch(() => undefined)
  return [await access.evict(name, { force, signal }), plan]
}

/** How to see what moves: a client over the network has nothing to see. */
function watchWords(invocation: Invocation): string | undefined {
  if (invocation.has('join')) return undefined
  const data = invocation.text('data')
  return data === undefined ? 'dynamesh status --watch' : `dynamesh status --watch --data ${shellQuoted(data)}`
}

function evictionJson({ peerId, changed }: EvictResult, plan: ChangePlan | undefined): string {
  const { copies, size, warnings } = plan ?? { copies: 0, size: undefined, warnings: [] }
  return printableJson({ peerId, changed, copies, size, warnings }, 2)
}

/** `watch` is the command that shows what moves. */
function evictionText({ peerId, changed }: EvictResult, plan: ChangePlan | undefined, watch: string | undefined): string {
  if (!changed) return `${peerId} was gone already; nothing was done`
  return pairs([
    ['evicted', peerId],
    ...(plan === undefined ? [] : [['moves', movedText(plan)] as const]),
    ...(watch === undefined ? [] : [['watch', watch] as const])
  ])
}
