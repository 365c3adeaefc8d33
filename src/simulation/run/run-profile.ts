/** What a seed decides about a run before it begins: the cluster, its network and disks, the clients, and which faults may happen. */
import type { Prng } from '../../core/prng.ts'
import { damagingKinds, faultKinds, messageFaults, type FaultKind, type FaultProfile, type MessageFault } from '../faults/fault-kinds.ts'
import { calmKinds } from '../checks/conduct-checks.ts'
import { drawForgetting, drawGrace, drawOrderLoss, faultPause, forgettingWorkload, isBearable, type Forgetting } from './forgetting.ts'
import { curable, drawHealing, type Healing } from './healing.ts'
import type { PeerProfile } from '../cluster/peer-life.ts'
import type { NetworkQuality } from '../cluster/simulated-network.ts'
import type { DiskDelays } from '../cluster/simulated-storage.ts'
import type { WorkloadProfile } from './workload.ts'

/** Of a failing run's faults, those that are let happen again: entries of the schedule by number, faults of messages by name. */
export type FaultSelection = readonly (number | MessageFault)[]

/** What names a run. */
export interface RunInput {
  readonly seed: number | string
  /** Peers at the start. @default drawn from the seed, 1..7 */
  readonly peers?: number
  /** Calls of clients. @default 200 */
  readonly operations?: number
  /** Kinds of faults that may happen. @default drawn from the seed */
  readonly faults?: readonly FaultKind[]
  /** Of the faults drawn, those that happen: numbers of the schedule, and `lost`, `repeated`, `late` for messages. @default all */
  readonly only?: FaultSelection
}

export interface RunProfile {
  readonly peers: number
  readonly replicas: number
  readonly evictAfterMs: number
  /** Short in some runs: then deletes must be reaped (`forgetting.ts`). */
  readonly tombstoneGraceMs: number
  /** Orders to forget a delete, of a thousand, that are lost on purpose. */
  readonly orderLossPerMille: number
  /** Members that a peer keeps connections to; `undefined` for all. */
  readonly neighboursMax: number | undefined
  readonly network: Partial<NetworkQuality>
  readonly disks: Partial<DiskDelays>
  readonly workload: WorkloadProfile
  readonly kinds: readonly FaultKind[]
  readonly healing: Healing
  /** True for a run with a perfect network, where at most whole peers come and go. */
  readonly isCalm: boolean
  /** Mean pause between two faults. */
  readonly faultsEveryMs: number
  readonly faults: FaultProfile
  /** Faults of messages that may happen. */
  readonly messageFaults: readonly MessageFault[]
  /** What the peer with this number says about itself. */
  peer(index: number): PeerProfile
}

/** From so many peers on, each may be connected to a few of them only. */
const manyPeers = 6

/** Draws a run; what `input` names is not drawn. */
export function drawRun(random: Prng, input: RunInput): RunProfile {
  const drawnReplicas = random.below(4) === 0 ? 1 + random.below(5) : 3
  const drawnPeers = 1 + random.below(7)
  const peers = input.peers ?? drawnPeers
  const { healing, isCalm, forgetting } = drawManner(random, input)
  const moving = random.fork('moving')
  const isMoving = isCalm && input.faults === undefined && moving.below(2) === 0
  const replicas = isMoving ? 1 + moving.below(3) : drawnReplicas
  const kindsDrawn = (): readonly FaultKind[] =>
    drawKinds(random.fork('kinds'), isCalm ? drawCalmKinds(random.fork('calm kinds')) : faultKinds, forgetting)
  const drawn = input.faults ?? (isMoving ? movingKinds : kindsDrawn())
  const tombstoneGraceMs = drawGrace(random.fork('grace'), forgetting)
  const kinds = usableKinds(curable(healing, drawn), replicas, peers).filter(kind => isBearable(forgetting, kind))
  // Where a disk takes damage, every write is on two, and every peer stores.
  const takesDamage = kinds.some(kind => damagingKinds.includes(kind))
  const workload = drawWorkload(random.fork('workload'), input.operations ?? 200, replicas, takesDamage)
  const rates = random.fork('rates')
  const members = random.fork('members')
  const evictAfterMs = drawEviction(members, forgetting)
  // Absent members are found out after a minute or two: clients that act slowly are still there then.
  const isPatient = evictAfterMs < 600_000 && members.below(3) === 0 && kinds.some(kind => kind === 'absence' || kind === 'vanish')
  const neighboursMax = drawNeighbours(random.fork('neighbours'), peers)
  const network = isCalm ? calmNetwork(random.fork('network')) : withOnly(drawNetwork(random.fork('network')), input.only)
  const profiles = random.fork('profiles')
  const isMixed = profiles.below(2) === 0 || forgetting === 'outliving'
  const peerDraw = { isMixed, hasSkew: profiles.below(2) === 0 && forgetting === 'never', takesDamage }
  return {
    peers,
    replicas,
    evictAfterMs,
    tombstoneGraceMs,
    orderLossPerMille: drawOrderLoss(random.fork('order loss'), forgetting),
    neighboursMax,
    disks: isMoving ? { readMs: 1 + moving.below(10), writeMs: 1 + moving.below(100) } : {},
    network: neighboursMax === undefined ? network : { ...network, gossip: 'mesh' },
    workload: forgettingWorkload(isPatient ? { ...workload, thinkMs: workload.thinkMs * 8 } : workload, forgetting, tombstoneGraceMs),
    kinds,
    healing,
    isCalm: isCalm && kinds.every(kind => calmKinds.includes(kind)),
    faultsEveryMs: faultPause(200 + rates.below(3000), forgetting, tombstoneGraceMs, kinds),
    faults: {
      longestMs: 200 + rates.below(10_000),
      // With few kinds there are many pauses: were they long, the peers would do nothing else.
      pauseMsMax: rates.below(8) === 0 && healing !== 'hints' ? 900_000 : 1000 + rates.below(20_000),
      membersMin: replicas,
      membersMax: peers + 3,
      longAbsenceMs: tombstoneGraceMs
    },
    messageFaults: messageFaults.filter(fault => input.only?.includes(fault) ?? true),
    peer: index => drawProfile(profiles.fork(`${index}`), index, peerDraw)
  }
}

/** What kind of run it is, which decides about much else. */
function drawManner(random: Prng, { faults }: RunInput): Pick<RunProfile, 'healing' | 'isCalm'> & { readonly forgetting: Forgetting } {
  if (faults?.includes('long-absence') === true) return { healing: 'everything', isCalm: false, forgetting: 'outliving' }
  const healing = drawHealing(random.fork('healing'))
  const isCalm = random.fork('calm').below(10) === 0
  return { healing, isCalm, forgetting: isCalm || healing !== 'everything' ? 'never' : drawForgetting(random) }
}

/** Damage needs a second disk to repair it from, so then no peer is left alone either. */
function usableKinds(kinds: readonly FaultKind[], replicas: number, peers: number): readonly FaultKind[] {
  const mayDamage = replicas > 1 && peers > 1 && kinds.some(kind => damagingKinds.includes(kind))
  return kinds.filter(kind => (mayDamage ? kind !== 'leave-deserted' : !damagingKinds.includes(kind)))
}

/** About half of all kinds: a run with everything at once finds less than many runs with different halves. */
function drawKinds(random: Prng, all: readonly FaultKind[], forgetting: Forgetting): readonly FaultKind[] {
  const sure = forgetting === 'outliving' ? 'long-absence' : undefined
  if (random.below(20) === 0) return sure === undefined ? [] : [sure]
  const takesDamage = random.below(3) === 0
  return all.filter(kind => kind === sure || (random.fork(kind).below(2) === 0 && (takesDamage || !damagingKinds.includes(kind))))
}

/** Absence after which members that are not durable are evicted: soon where peers outlive the grace, or nothing would be forgotten without them. */
function drawEviction(random: Prng, forgetting: Forgetting): number {
  const isLong = random.below(2) === 0
  return forgetting === 'reaping' || (isLong && forgetting === 'never') ? 600_000 : 20_000 + random.below(60_000)
}

/** In a third of the runs with many peers each is connected to a few of them only. */
function drawNeighbours(random: Prng, peers: number): number | undefined {
  return peers < manyPeers || random.below(3) > 0 ? undefined : 3 + random.below(3)
}

function drawNetwork(random: Prng): Partial<NetworkQuality> {
  const mostly = (max: number): number => (random.below(2) === 0 ? 0 : random.below(max))
  return {
    lossPerMille: mostly(80),
    duplicatePerMille: mostly(80),
    delayMinMs: 1,
    delayMaxMs: 2 + random.below(100),
    tailPerMille: mostly(30),
    tailMs: 5000,
    detectionMs: 100 + random.below(15_000)
  }
}

/** In half of the calm runs the ring changes, and nothing else happens. */
const movingKinds: readonly FaultKind[] = ['join', 'leave']

/** Some things can only be said of runs in which nobody crashes. */
function drawCalmKinds(random: Prng): readonly FaultKind[] {
  return random.below(2) === 0 ? calmKinds : calmKinds.filter(kind => kind !== 'crash')
}

function calmNetwork(random: Prng): Partial<NetworkQuality> {
  return { ...drawNetwork(random), lossPerMille: 0, duplicatePerMille: 0, tailPerMille: 0 }
}

function withOnly(drawn: Partial<NetworkQuality>, only: FaultSelection | undefined): Partial<NetworkQuality> {
  if (only === undefined) return drawn
  return {
    ...drawn,
    ...(only.includes('lost') ? {} : { lossPerMille: 0 }),
    ...(only.includes('repeated') ? {} : { duplicatePerMille: 0 }),
    ...(only.includes('late') ? {} : { tailPerMille: 0 })
  }
}

function drawProfile(
  random: Prng,
  index: number,
  { isMixed, hasSkew, takesDamage }: { readonly isMixed: boolean; readonly hasSkew: boolean; readonly takesDamage: boolean }
): PeerProfile {
  const isClient = random.below(6) === 0 && !takesDamage && index > 0
  const weight = 1 + random.below(4)
  const durable = random.below(3) > 0
  return {
    ...(isMixed ? { weight: isClient ? 0 : weight, durable } : {}),
    ...(hasSkew ? { wallSkewMs: (random.below(2001) - 1000) * random.below(1000) } : {}),
    // Folders may be set back, databases of a browser may not; where disks take damage, this is about folders.
    mayRollBack: random.below(2) === 0 || takesDamage
  }
}

function drawWorkload(random: Prng, operations: number, replicas: number, takesDamage: boolean): WorkloadProfile {
  return {
    clients: 1 + random.below(6),
    keys: 1 + random.below(6),
    operations,
    wMin: takesDamage ? Math.min(2, replicas) : 1,
    replicas,
    thinkMs: 10 + random.below(500),
    deletesPerCent: 10,
    strictPerMille: random.below(3) === 0 ? random.below(500) : 0
  }
}
