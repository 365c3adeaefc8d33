/**
 * By which ways a run makes replicas equal. Hints, reads and exchanges of anti-entropy all do, so that one of them could be broken and the
 * others would hide it: in some runs messages of the others are withheld, and those that are left must do.
 */
import type { Prng } from '../../core/prng.ts'
import type { Effect } from '../../protocol/effect.ts'
import { linkFaultKinds, type FaultKind } from '../faults/fault-kinds.ts'

/** `hints`: neither reads nor exchanges repair anything. `reads`, `exchanges`: hints, and of these only the one. */
export type Healing = 'everything' | 'exchanges' | 'reads' | 'hints'

const choices: readonly Healing[] = ['everything', 'everything', 'everything', 'exchanges', 'reads', 'hints']

/**
 * Faults after which hints alone must do: nobody forgets what it is about to hand over, and every disk takes a hint. Peers may leave, but not join: a
 * write under way meanwhile may miss a new owner, and is then found by an exchange.
 */
const curedByHints: ReadonlySet<FaultKind> = new Set<FaultKind>([
  ...linkFaultKinds,
  'pause',
  'slow-disk',
  'clock-jump',
  'clock-drift',
  'late-timers',
  'leave',
  'mixed-configuration'
])

export function drawHealing(random: Prng): Healing {
  return choices[random.below(choices.length)] ?? 'everything'
}

/** Those of `kinds` that a run with this healing can do with. */
export function curable(healing: Healing, kinds: readonly FaultKind[]): readonly FaultKind[] {
  return healing === 'hints' ? kinds.filter(kind => curedByHints.has(kind)) : kinds
}

/** True for a message that is lost in a run with this healing. */
export function isWithheld(healing: Healing, { lane, message }: Extract<Effect, { kind: 'send' }>): boolean {
  if (healing === 'everything') return false
  if (message.type === 'repair') return healing === 'hints' || (lane === 'request' && healing === 'exchanges')
  return message.type.startsWith('exchange-') && healing !== 'exchanges'
}
