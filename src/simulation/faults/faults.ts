/**
 * Lets the faults of a schedule happen to a cluster, one after the other. Every fault ends by itself, and all of them at {@link Faults.stop}.
 */
import type { PeerId } from '../../core/identifiers.ts'
import { isGone } from '../../core/members/member-record.ts'
import type { Prng } from '../../core/prng.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { bitFlip, diskErrorLasting, diskErrorOnce, diskFull, diskLoss, diskRollback, mendDisk, slowDisk, tornWrite } from './disk-faults.ts'
import { startAgain, type FaultAction, type FaultKind, type FaultProfile } from './fault-kinds.ts'
import type { FaultSchedule, FiredFault, ScheduledFault } from './fault-schedule.ts'
import { absence, crashAtJoin, join, leave, leaveDeserted, longAbsence, mixedConfiguration, vanish } from './member-faults.ts'
import { clog, flapping, oneWay, partitionBridge, partitionHalves, partitionOne, reset } from './network-faults.ts'
import { clockDrift, clockJump, crash, crashLoop, crashMidStep, lateTimers, mendPeer, pause, throttledTimers } from './peer-faults.ts'
import type { SimulatedPeer } from '../cluster/simulated-peer.ts'

const actions: Readonly<Record<FaultKind, FaultAction>> = {
  'partition-halves': partitionHalves,
  'partition-one': partitionOne,
  'partition-bridge': partitionBridge,
  'one-way': oneWay,
  flapping,
  reset,
  clog,
  crash,
  'crash-mid-step': crashMidStep,
  'crash-loop': crashLoop,
  pause,
  'slow-disk': slowDisk,
  'disk-error-once': diskErrorOnce,
  'disk-error-lasting': diskErrorLasting,
  'disk-full': diskFull,
  'disk-loss': diskLoss,
  'disk-rollback': diskRollback,
  'torn-write': tornWrite,
  'bit-flip': bitFlip,
  'clock-jump': clockJump,
  'clock-drift': clockDrift,
  'late-timers': lateTimers,
  'throttled-timers': throttledTimers,
  join,
  'crash-at-join': crashAtJoin,
  leave,
  'leave-deserted': leaveDeserted,
  absence,
  'long-absence': longAbsence,
  vanish,
  'mixed-configuration': mixedConfiguration
}

/** Time after which an operator takes out who has left. */
const unheardMs = 60_000

export class Faults {
  readonly #cluster: Cluster
  readonly #schedule: FaultSchedule
  readonly #profile: FaultProfile
  readonly #counts: Partial<Record<FaultKind, number>> = {}
  readonly #events: FiredFault[] = []
  #victim: SimulatedPeer | undefined
  #isOver = false

  constructor(cluster: Cluster, schedule: FaultSchedule, profile: FaultProfile) {
    this.#cluster = cluster
    this.#schedule = schedule
    this.#profile = profile
  }

  start(): void {
    this.#await(1)
  }

  /** How often each kind happened. */
  get counts(): Readonly<Partial<Record<FaultKind, number>>> {
    return this.#counts
  }

  /** The peer whose disk took damage. */
  get victim(): PeerId | undefined {
    return this.#victim?.peer
  }

  /** What happened, in order. */
  get events(): readonly FiredFault[] {
    return this.#events
  }

  /** Ends all faults: the network is whole, disks work, every peer that has not left runs. */
  stop(): void {
    this.#isOver = true
    const cluster = this.#cluster
    cluster.network.quality = { ...cluster.network.quality, lossPerMille: 0, duplicatePerMille: 0, tailPerMille: 0 }
    cluster.heal()
    for (const stranger of cluster.strangers) stranger.stop()
    for (const name of cluster.peers) {
      const peer = cluster.peer(name)
      mendPeer(peer)
      mendDisk(peer)
      startAgain(cluster, name)
    }
    cluster.time.after(unheardMs, () => takeOutUnheard(cluster, this.#forgetful()))
    // A peer that sees nobody evicts nobody: it may be the one that is cut off. The next one to come lets it do without the one that vanished.
    if (cluster.vanished.size > 0 && cluster.running().length === 1) cluster.add()
  }

  /** The peer whose disk lost what the peer had said of itself. */
  #forgetful(): PeerId | undefined {
    return this.#counts['disk-loss'] !== undefined || this.#counts['disk-rollback'] !== undefined ? this.victim : undefined
  }

  #await(number: number): void {
    const fault = this.#schedule.entry(number)
    if (fault === undefined) return
    this.#cluster.time.after(fault.afterMs, () => {
      if (this.#isOver) return
      if (this.#schedule.happens(number)) this.#fire(fault)
      this.#await(number + 1)
    })
  }

  /** The one peer whose disk takes damage. */
  #victimOf(random: Prng): SimulatedPeer | undefined {
    const stores = this.#cluster.running().filter(({ ringPeer }) => (ringPeer?.member?.weight ?? 0) > 0)
    this.#victim ??= stores[random.below(Math.max(stores.length, 1))]
    return this.#victim
  }

  #fire({ number, kind, random }: ScheduledFault): void {
    const cluster = this.#cluster
    const what = actions[kind]({
      cluster,
      random,
      profile: this.#profile,
      victim: () => this.#victimOf(random),
      isOver: () => this.#isOver
    })
    if (what === undefined) return
    this.#counts[kind] = (this.#counts[kind] ?? 0) + 1
    this.#events.push({ number, kind, atMs: cluster.time.nowMs, what })
    cluster.trace.add(cluster.time.nowMs, '', `FAULT ${number} ${kind} ${what}`)
  }
}

/**
 * A peer that leaves goes unheard where nobody answers for long. Whoever waits for it in order to join waits for ever, unless its operator says that it is gone.
 * The last words of one whose disk was lost or rolled back may be heard, and yet be outranked by what it said before, where it never
 * met again the one who had heard that: then it seems to be up, but away, until its operator says so.
 */
function takeOutUnheard(cluster: Cluster, forgetful: PeerId | undefined): void {
  for (const peer of cluster.running()) {
    const { ringPeer } = peer
    for (const gone of cluster.departed) {
      const seen = ringPeer?.view.get(gone)?.status
      const isAwaited = cluster.unheard.has(gone) && ringPeer?.status === 'joining' && seen === 'leaving'
      if (isAwaited || (gone === forgetful && seen !== undefined && !isGone(seen))) peer.evict(gone)
    }
  }
}
