/** `dynamesh leave`: a peer of this machine goes for good, after the others have everything. */
import { StoreError } from '../../core/errors.ts'
import type { LeaveProgress, LocalAccess } from '../access/access.ts'
import type { Command } from '../invocation/command.ts'
import { printableJson } from '../terminal/escape.ts'
import { exitCode } from '../outcome/exit-code.ts'
import { gaveText, hasMoves, MoveLines } from '../report/move-lines.ts'
import { localAccess } from '../access/open-access.ts'
import { movedText } from '../report/plan-text.ts'
import { commonFlags, localFlags } from '../invocation/shared-flags.ts'
import { pairs } from '../terminal/table.ts'
import type { Terminal } from '../terminal/terminal.ts'

export const leaveCommand: Command = {
  name: 'leave',
  summary: 'Let the peer of this machine leave for good.',
  description: [
    'The peer serves until the other members that can be reached have everything that it stores, then it stops, and `dynamesh start` ends with exit code 0. This command shows how far it has come and ends with 0 when the peer has left.',
    'Ctrl-C ends this command, not the leaving; another `dynamesh leave` waits for the same. Ctrl-C of `dynamesh start` is no leaving: the data and the place in the ring stay, also when it was about to leave.',
    'While others exist and none can be reached, the peer waits for them. Where there are none, it leaves at once, and its data is in its folder and nowhere else.'
  ],
  arguments: [],
  flags: { ...localFlags, ...commonFlags },
  examples: [
    ['dynamesh leave', 'the peer on ./dynamesh-data'],
    ['dynamesh leave --data /var/lib/dynamesh --json', 'another one, for programs: one JSON object per line']
  ],
  run: async (invocation, terminal) => {
    const isJson = invocation.switch('json')
    const access = await localAccess(invocation, terminal)
    const before = await access.status()
    const { peerId, state } = before
    if (state !== 'leaving') await announce(access, peerId, isJson, terminal)
    const { moves, keys } = await untilLeft(access, before, isJson, terminal)
    await terminal.print(isJson ? printableJson({ event: 'left', peerId, moves, keys }) : leftText(peerId, { moves, keys }))
    return exitCode.ok
  }
}

/** What is about to happen. */
async function announce(access: LocalAccess, peerId: string, isJson: boolean, terminal: Terminal): Promise<void> {
  const plan = await access.planChange({ leave: [peerId] })
  if (isJson)
    return terminal.print(printableJson({ event: 'leaving', peerId, copies: plan.copies, size: plan.size, warnings: plan.warnings }))
  for (const warning of plan.warnings) terminal.note(`warning: ${warning}`)
  if (plan.after.members > 0) terminal.note(`leaving; ${movedText(plan)} to give`)
}

/** Shows how far it has come; answers the last state. */
async function untilLeft(access: LocalAccess, before: LeaveProgress, isJson: boolean, terminal: Terminal): Promise<LeaveProgress> {
  const lines = new MoveLines(terminal)
  let last = before
  const tell = (progress: LeaveProgress): void => {
    const isNews = JSON.stringify(progress) !== JSON.stringify(last)
    last = progress
    if (!isJson) lines.show(progress.moves)
    else if (isNews) terminal.print(printableJson({ event: 'progress', ...progress })).catch(() => {})
  }
  try {
    await access.leave(tell, terminal.interrupted)
  } catch (error) {
    if (!terminal.interrupted.aborted) throw error
    const message = 'The wait was interrupted; the peer goes on leaving while it runs. Another `dynamesh leave` waits for the same.'
    throw new StoreError('ERR_ABORTED', message, { cause: error })
  } finally {
    lines.end()
  }
  return last
}

function leftText(peerId: string, { moves, keys }: LeaveProgress): string {
  const kept = keys === 0 ? [] : [['kept', `${keys} ${keys === 1 ? 'key' : 'keys'} in its folder, which nobody took`] as const]
  return pairs([['left', peerId], ['gave', hasMoves(moves) ? gaveText(moves.give) : 'nothing'], ...kept])
}
