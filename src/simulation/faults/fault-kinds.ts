/** The kinds of faults by name, and what each needs to happen. */
import type { PeerId } from '../../core/identifiers.ts'
import type { Prng } from '../../core/prng.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { SimulatedPeer } from '../cluster/simulated-peer.ts'

/** All kinds of faults that a schedule can draw. */
export const faultKinds = [
  'partition-halves',
  'partition-one',
  'partition-bridge',
  'one-way',
  'flapping',
  'reset',
  'clog',
  'crash',
  'crash-mid-step',
  'crash-loop',
  'pause',
  'slow-disk',
  'disk-error-once',
  'disk-error-lasting',
  'disk-full',
  'disk-loss',
  'disk-rollback',
  'torn-write',
  'bit-flip',
  'clock-jump',
  'clock-drift',
  'late-timers',
  'throttled-timers',
  'join',
  'crash-at-join',
  'leave',
  'leave-deserted',
  'absence',
  'long-absence',
  'vanish',
  'mixed-configuration'
] as const

export type FaultKind = (typeof faultKinds)[number]

/** Kinds that harm connections, and what travels on them, alone. */
export const linkFaultKinds: readonly FaultKind[] = [
  'partition-halves',
  'partition-one',
  'partition-bridge',
  'one-way',
  'flapping',
  'reset',
  'clog'
]

/** Kinds that take what was acknowledged. All of them hit the same peer of a run, whose clients ask for two copies at least. */
export const damagingKinds: readonly FaultKind[] = ['disk-loss', 'disk-rollback', 'torn-write', 'bit-flip', 'vanish']

/** What faults must have brought about in a run of many seeds: a member declared gone while it was absent, a stranger refused, a
 * deleted key forgotten, a copy discarded that others had forgotten meanwhile. */
export const consequences = ['evicted', 'refused', 'reaped', 'discarded'] as const

/** Faults that any message may meet, by rates that the seed draws; the schedule has no entries for them. */
export const messageFaults = ['lost', 'repeated', 'late'] as const

export type MessageFault = (typeof messageFaults)[number]

export interface FaultProfile {
  /** Longest fault. */
  readonly longestMs: number
  /** Longest pause of a peer. */
  readonly pauseMsMax: number
  /** Fewest members with a weight that must remain when peers leave. */
  readonly membersMin: number
  readonly membersMax: number
  /** Shortest long absence: the age at which deletes are forgotten. */
  readonly longAbsenceMs: number
}

/** What a fault sees when it happens. */
export interface FaultScene {
  readonly cluster: Cluster
  readonly profile: FaultProfile
  /** The draws of this one fault. */
  readonly random: Prng
  /** The peer whose disk takes damage: the first one drawn is it for the whole run. */
  victim(): SimulatedPeer | undefined
  /** True once no fault may do further harm. */
  isOver(): boolean
}

/** Lets a fault happen; answers what it did, or `undefined` when it cannot be at the moment. */
export type FaultAction = (scene: FaultScene) => string | undefined

/** How long a fault lasts. */
export function drawDuration({ random, profile }: FaultScene): number {
  return 20 + random.below(profile.longestMs)
}

/** Lets `undo` happen at the end of the fault's duration, and answers that duration for the trace. */
export function undoLater(scene: FaultScene, undo: () => void): string {
  const durationMs = drawDuration(scene)
  scene.cluster.time.after(durationMs, undo)
  return `for ${durationMs} ms`
}

/** A peer that runs, if any does. */
export function drawRunning({ cluster, random }: FaultScene): SimulatedPeer | undefined {
  const running = cluster.running()
  return running[random.below(Math.max(running.length, 1))]
}

export function shuffled<Item>(random: Prng, items: readonly Item[]): readonly Item[] {
  const result = [...items]
  for (let index = result.length - 1; index > 0; index--) {
    const other = random.below(index + 1)
    const [a, b] = [result[index], result[other]]
    if (a !== undefined && b !== undefined) [result[index], result[other]] = [b, a]
  }
  return result
}

/** Starts a peer, unless it said that it had left: then it does not come back. */
export function startAgain(cluster: Cluster, peer: PeerId): void {
  if (!cluster.departed.has(peer)) cluster.peer(peer).start()
}
