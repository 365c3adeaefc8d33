/**
 * How peers behave towards callers and each other: what a broken peer may do wrong while nothing is lost by it.
 *
 * Checked in every run, of peers whose ring has not changed for a while: a repair goes to owners only, and "not found" is never the answer of
 * fallbacks alone. Checked in calm runs, whose network is perfect and where at most whole peers come and go: a call succeeds while enough peers
 * are there, a peer that has joined holds what it owns, and nothing is repaired where nothing failed.
 */
import { toHex, toMapKey } from '../../core/bytes.ts'
import { covers } from '../../core/versions/causal-context.ts'
import type { Dot } from '../../core/versions/dot.ts'
import type { PeerId } from '../../core/identifiers.ts'
import { wallTimeMs } from '../../core/versions/hybrid-clock.ts'
import { compareMembers, memberContentHash, type MemberRecord } from '../../core/members/member-record.ts'
import type { StoredRecord } from '../../core/versions/record.ts'
import type { ProtocolEvent } from '../../protocol/effect.ts'
import type { Message } from '../../protocol/wire/message.ts'
import { partitionOfKey } from '../../protocol/requests/routing.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { keyOfRow, parseHintKey, prefixes } from '../../protocol/storage-layout.ts'
import { ReadRepairChecks } from './read-repair-checks.ts'
import type { AskedCall, GetAnswer, PutAnswer } from '../run/client-call.ts'
import { damagingKinds, type FaultKind } from '../faults/fault-kinds.ts'

/** Faults of calm runs. */
export const calmKinds: readonly FaultKind[] = ['crash', 'join', 'leave', 'clock-jump']

/** Time that a peer has had one ring before it is judged by it: longer than any call of a client takes, also where timers fire once a minute. */
const steadyAfterMs = { usual: 10_000, throttled: 80_000 } as const
/** Time in a calm run after which everything in reach has taken notice of a start, a new ring or a write. */
const noticedAfterMs = 2000

/** Faults after which a peer may not know what it has said. */
const forgetful: ReadonlySet<FaultKind> = new Set<FaultKind>([...damagingKinds, 'disk-error-once', 'disk-error-lasting', 'disk-full'])

export interface CalmRun {
  readonly isCalm: boolean
  /** Age at which deletes are forgotten. @default not checked */
  readonly tombstoneGraceMs?: number
  readonly kinds: readonly FaultKind[]
}

export class ConductChecks {
  readonly #cluster: Cluster
  readonly #run: CalmRun
  readonly #found: (problem: string) => void
  readonly #readRepair: ReadRepairChecks
  readonly #ringChangedMs = new Map<PeerId, number>()
  readonly #joining = new Set<PeerId>()
  readonly #learntLast = new Map<string, MemberRecord>()
  readonly #said = new Map<string, string>()
  readonly #acknowledged: { readonly key: string; readonly dot: Dot; readonly atMs: number }[] = []

  /** `found` hears of each problem. */
  constructor(cluster: Cluster, run: CalmRun, found: (problem: string) => void) {
    this.#cluster = cluster
    this.#run = run
    this.#found = found
    this.#readRepair = new ReadRepairChecks({ cluster, patienceMs: this.#patienceMs, steadyMs: peer => this.#steadyMs(peer), found })
  }

  /** A peer sends a message. */
  sent(from: PeerId, to: PeerId, message: Message): void {
    this.#readRepair.sent(from, to, message)
    if (message.type === 'transfer-done') this.#gave(from, to)
    if (message.type !== 'repair' || !this.#isSteady(from) || this.#ownersSeenBy(from, message.key).includes(to)) return
    this.#found(`${from} repairs a key at ${to}, which does not own it`)
  }

  /** A peer says that another has got everything from it: it has worked through its ring, and owes that one nothing more. */
  #gave(from: PeerId, to: PeerId): void {
    if (this.#takesDamage()) return
    if (this.#hints(from).some(({ target }) => target === to))
      this.#found(`${from} tells ${to} that it has everything, and holds hints for it`)
    // What has not found its owners yet is still being offered to the others.
    if (this.#cluster.peer(from).ringPeer?.isMoving === true) return
    const owed = new Set(this.#hints(from).map(({ key }) => toMapKey(key)))
    for (const key of this.#copies(from)) {
      const owners = this.#ownersSeenBy(from, key)
      // While a ring has no members there is nobody to give a copy to.
      if (owners.length > 0 && !owners.includes(from) && !owed.has(toMapKey(key)))
        this.#found(`${from} tells ${to} that it has everything, and holds a key that it neither owns nor has hints for`)
    }
  }

  /** A peer is gone for good: what it still holds for others goes with it. */
  #left(peer: PeerId): void {
    const isAlone = this.#cluster.peer(peer).ringPeer?.ring().members.length === 0
    if (isAlone || this.#takesDamage()) return
    if (this.#hints(peer).length > 0) this.#found(`${peer} has left, and holds hints`)
  }

  #takesDamage(): boolean {
    return this.#run.kinds.some(kind => damagingKinds.includes(kind))
  }

  #hints(peer: PeerId): readonly { readonly target: PeerId; readonly key: Uint8Array }[] {
    return this.#cluster
      .peer(peer)
      .storage.rows(prefixes.hint)
      .flatMap(({ key }) => parseHintKey(key) ?? [])
  }

  #copies(peer: PeerId): readonly Uint8Array[] {
    return this.#cluster
      .peer(peer)
      .storage.rows(prefixes.row)
      .map(({ key }) => keyOfRow(key))
  }

  /** A peer reports an event. */
  reported(peer: PeerId, event: ProtocolEvent): void {
    if (event.type === 'left') this.#left(peer)
    else if (event.type === 'ring-changed') this.#ringChangedMs.set(peer, this.#cluster.time.nowMs)
    else if (event.type === 'tombstone-reaped') this.#forgot(peer, event.record)
    else if (event.type === 'exchange-started') this.#exchanged(peer, event.peer)
    else if (event.type === 'members-changed') {
      for (const member of event.peers) this.#learnt(peer, member)
      if (event.peers.includes(peer)) this.#saidItsStatus(peer)
    }
  }

  /** A caller's get ended. */
  got(call: AskedCall, answer: GetAnswer, record: StoredRecord | undefined): void {
    if (answer.status === 'quorum') this.#refused(call)
    if (answer.status === 'ok' && record !== undefined) this.#readRepair.got(call, answer, record)
    if (answer.status !== 'ok' || record === undefined || record.siblings.length > 0 || !this.#isSteady(call.peer)) return
    const owners = this.#cluster.owners(call.key, call.peer)
    if (!answer.replied.some(peer => owners.includes(peer)))
      this.#found(`a read of ${call.key} was answered "not found" by ${answer.replied.join()}, of which none owns it`)
  }

  /** A caller's put ended. */
  wrote(call: AskedCall, answer: PutAnswer): void {
    const { key } = call
    if (answer.status === 'ok' && answer.dot !== undefined)
      this.#acknowledged.push({ key, dot: answer.dot, atMs: this.#cluster.time.nowMs })
    else if (answer.status === 'quorum' || answer.status === 'not-owner') this.#refused(call)
  }

  /** True for a peer that runs and whose ring has not changed for a while. */
  #isSteady(peer: PeerId): boolean {
    return this.#steadyMs(peer) > this.#patienceMs
  }

  get #patienceMs(): number {
    const { usual, throttled } = steadyAfterMs
    return this.#run.kinds.includes('throttled-timers') ? throttled : usual
  }

  /** How long a peer has run with the ring that it has. */
  #steadyMs(peer: PeerId): number {
    const { startedAtMs } = this.#cluster.peer(peer)
    return this.#cluster.time.nowMs - Math.max(startedAtMs ?? Number.POSITIVE_INFINITY, this.#ringChangedMs.get(peer) ?? 0)
  }

  #ownersSeenBy(peer: PeerId, key: Uint8Array): readonly PeerId[] {
    const ring = this.#cluster.peer(peer).ringPeer?.ring()
    return ring === undefined ? [] : ring.owners(partitionOfKey(ring, key))
  }

  /** Time after which a peer has taken notice of another's start: one that is not dialled by it has to find its old connection dead first. */
  #noticedMs(peer: PeerId, started: PeerId): number {
    return this.#cluster.peer(peer).isDistant(started) ? noticedAfterMs + this.#cluster.network.quality.detectionMs : noticedAfterMs
  }

  /** A call found no quorum: it may do so only when too few peers were there all the time. */
  #refused({ peer, key, kind, quorum, sloppy, askedAtMs }: AskedCall): void {
    const lastedMs = this.#cluster.time.nowMs - askedAtMs
    if (!this.#run.isCalm || this.#steadyMs(peer) < lastedMs + noticedAfterMs) return
    const owners = this.#cluster.owners(key, peer)
    const there = this.#cluster
      .running()
      .filter(present => (present.startedAtMs ?? askedAtMs) < askedAtMs - this.#noticedMs(peer, present.peer))
      .filter(({ ringPeer }) => ringPeer?.status === 'up')
      .filter(({ ringPeer }) => (ringPeer?.member?.weight ?? 0) > 0)
      .map(present => present.peer)
    const ownersThere = there.filter(present => owners.includes(present))
    const usable = sloppy ? there : ownersThere
    const needed = Math.min(quorum, Math.max(owners.length, 1))
    if (usable.length >= needed && ownersThere.length > 0)
      this.#found(`a ${kind} of ${key} at ${peer} found no quorum of ${needed}, while ${usable.join()} were there`)
  }

  /** A view only grows; and where no disk forgets, a peer says something new of itself under a new version only. */
  #learnt(seer: PeerId, member: PeerId): void {
    const { startedAtMs, ringPeer } = this.#cluster.peer(seer)
    const record = ringPeer?.view.get(member)
    if (record === undefined) return
    const name = `${seer} ${startedAtMs} ${member}`
    const before = this.#learntLast.get(name)
    this.#learntLast.set(name, record)
    if (before !== undefined && compareMembers(record, before) < 0) this.#found(`${seer} went back to an older record of ${member}`)
    const version = `${member} ${record.incarnation} ${record.sequence}`
    const said = toHex(memberContentHash(record))
    const known = this.#said.get(version)
    this.#said.set(version, said)
    if (known !== undefined && known !== said && record.status !== 'evicted' && this.#run.kinds.every(kind => !forgetful.has(kind)))
      this.#found(`${member} said two things of itself under version ${record.incarnation}.${record.sequence}`)
  }

  #saidItsStatus(peer: PeerId): void {
    const status = this.#cluster.peer(peer).ringPeer?.status
    if (status === 'joining') this.#joining.add(peer)
    else if (status === 'up' && this.#joining.delete(peer)) this.#checkComplete(peer)
  }

  /** A peer that counts for quorums holds what it owns, as far as others do. */
  #checkComplete(peer: PeerId): void {
    if (!this.#run.isCalm || this.#run.kinds.includes('crash')) return
    const cluster = this.#cluster
    const beforeMs = (cluster.peer(peer).startedAtMs ?? 0) - noticedAfterMs
    for (const { key, dot, atMs } of this.#acknowledged) {
      const owners = cluster.owners(key, peer)
      if (atMs > beforeMs || !owners.includes(peer) || this.#holds(peer, key, dot)) continue
      if (owners.some(owner => this.#holds(owner, key, dot))) this.#found(`${peer} has joined, and lacks a write of ${key} that it owns`)
    }
  }

  #holds(peer: PeerId, key: string, dot: Dot): boolean {
    const copy = this.#cluster.copy(peer, key)
    return copy !== undefined && covers(copy.context, dot)
  }

  /** Only deletes are forgotten, and only after the grace. */
  #forgot(peer: PeerId, { siblings }: StoredRecord): void {
    const { kinds, tombstoneGraceMs } = this.#run
    if (siblings.some(({ value }) => value !== undefined)) this.#found(`${peer} forgot a value as if it were a delete`)
    const ageMs = this.#cluster.peer(peer).clock.now().wallMs - wallTimeMs(Math.max(...siblings.map(({ wallTime }) => wallTime)))
    const isOld = tombstoneGraceMs === undefined || ageMs >= tombstoneGraceMs
    if (!isOld && kinds.every(kind => !kind.startsWith('clock-'))) this.#found(`${peer} forgot a delete after ${ageMs} ms`)
  }

  #exchanged(peer: PeerId, other: PeerId): void {
    const { isCalm, kinds } = this.#run
    if (isCalm && kinds.every(kind => kind === 'clock-jump'))
      this.#found(`${peer} and ${other} found a difference to repair, though nothing had failed`)
  }
}
