/**
 * Coordinates a put at a peer that stores the key (the paper, sections 4.5 and 4.6): mint a dot, make it durable here, send it to the
 * other N-1, answer at W durable acknowledgements from distinct peers.
 *
 * An owner that cannot take the write is stood in for by the next reachable peer of the preference list, which keeps it as a hint;
 * where nobody is left, the coordinator keeps the hint itself. So after the answer the write is on its way to every owner.
 */
import { DeadlineQueue } from '../../core/deadline-queue.ts'
import type { Dot } from '../../core/versions/dot.ts'
import type { PeerId, RequestId } from '../../core/identifiers.ts'
import { rememberedRequestsMax } from '../../core/limits.ts'
import { acknowledge, ask, fail, quorumTally, verdict, wasAsked, type QuorumTally } from '../../core/quorum-tally.ts'
import { maximalSiblings, type StoredRecord } from '../../core/versions/record.ts'
import type { AdmissionControl } from '../admission-control.ts'
import type { Effect } from '../effect.ts'
import { displacedMsMax, type DisplacedOwners } from '../moving/displaced-owners.ts'
import type { FailureDetector } from '../membership/failure-detector.ts'
import { hintStored, type HintedHandoff } from '../handoff/hinted-handoff.ts'
import type { Instant } from '../instant.ts'
import type { PutCall, PutStatus, Replicate, Replicated } from '../wire/message.ts'
import type { Replica } from '../replica/replica.ts'
import type { ReplicaOperations } from '../replica/replica-operation.ts'
import { firstReachable, partitionOfKey, waits, type Routing } from './routing.ts'
import type { Tokens } from '../tokens.ts'

/** A put to be coordinated here. */
export interface CoordinatedPut extends PutCall {
  /** Peer whose caller made it. */
  readonly from: PeerId
  /** Called once. */
  done(now: Instant, result: CoordinatedResult, effects: Effect[]): void
}

export interface CoordinatedResult {
  readonly status: PutStatus
  readonly dot: Dot | undefined
  readonly acknowledged: readonly PeerId[]
  readonly hinted: readonly PeerId[]
  readonly siblings: number
  /** Owners that the key had for the coordinator; 0 when it did not get that far. */
  readonly n: number
}

interface Coordination {
  readonly id: number
  readonly put: CoordinatedPut
  readonly partition: number
  readonly owners: readonly PeerId[]
  readonly startedMs: number
  readonly startedWallMs: number
  readonly deadlineMs: number
  /** Until then a short tally waits for peers to come back. */
  readonly waitUntilMs: number
  tally: QuorumTally
  dot: Dot | undefined
  delta: StoredRecord | undefined
  siblings: number
  /** Which owners each asked peer stands in for; an owner stands for itself. */
  readonly errands: Map<PeerId, readonly PeerId[]>
  readonly sentAtMs: Map<PeerId, number>
  lastSentMs: number
  settled: boolean
  /** Everyone who sent this request: retries join the first. */
  readonly done: CoordinatedPut['done'][]
}

/** What the coordinator works with. */
export interface PutCoordinatorParts {
  readonly routing: Routing
  readonly tokens: Tokens
  readonly replica: Replica
  readonly admission: AdmissionControl
  readonly operations: ReplicaOperations
  readonly hints: HintedHandoff
  readonly detector: FailureDetector
  displaced(): DisplacedOwners
}

export class PutCoordinator {
  readonly #parts: PutCoordinatorParts
  readonly #active = new Map<number, Coordination>()
  readonly #byRequest = new Map<RequestId, Coordination>()
  readonly #remembered = new Map<RequestId, CoordinatedResult>()
  /** Coordinations to be looked at, by id. */
  readonly #due = new DeadlineQueue<number>()
  #lastMs = 0

  constructor(parts: PutCoordinatorParts) {
    this.#parts = parts
  }

  /** Puts under way. */
  get active(): number {
    return this.#active.size
  }

  /** Finished puts that are remembered. */
  get remembered(): number {
    return this.#remembered.size
  }

  /** Wall times of the last put that was begun here, and of the oldest that has not ended: until then all have their copies or their hints. */
  times(now: Instant): { readonly lastMs: number; readonly openSinceMs: number } {
    const [oldest] = this.#active.values()
    return { lastMs: this.#lastMs, openSinceMs: oldest?.startedWallMs ?? now.wallMs }
  }

  start(now: Instant, put: CoordinatedPut, effects: Effect[]): void {
    const { routing, tokens, operations, replica } = this.#parts
    const ring = routing.ring()
    const partition = partitionOfKey(ring, put.key)
    const owners = ring.owners(partition)
    const needed = Math.min(put.w, Math.max(owners.length, 1))
    if (this.#joinEarlier(now, put, needed, effects)) return
    const coordination: Coordination = {
      id: tokens.next(),
      put,
      partition,
      owners,
      startedMs: now.ms,
      startedWallMs: now.wallMs,
      deadlineMs: now.ms + put.timeoutMs,
      waitUntilMs: now.ms + Math.min(waits.patienceMs, put.timeoutMs),
      tally: quorumTally(needed),
      dot: undefined,
      delta: undefined,
      siblings: 0,
      errands: new Map(),
      sentAtMs: new Map(),
      lastSentMs: Number.NaN,
      settled: false,
      done: [put.done]
    }
    this.#lastMs = now.wallMs
    this.#active.set(coordination.id, coordination)
    this.#byRequest.set(put.request, coordination)
    this.#due.add(coordination.deadlineMs, coordination.id)
    const plan = this.#plan(coordination)
    if (this.#cannotHint(coordination, plan.get(undefined) ?? [])) return this.#failed(now, coordination, 'hints-full', effects)
    this.#parts.displaced().inform(now, partition, effects)
    replica.change(now, put.key, operations.mint(this.#mint(coordination, plan)), effects)
  }

  /** A replica answered, this peer's own included. */
  replicated(now: Instant, from: PeerId, message: Replicated, effects: Effect[]): void {
    const coordination = this.#active.get(message.id)
    if (coordination === undefined || !wasAsked(coordination.tally, from)) return
    if (message.status !== 'ok') return this.#gaveUp(now, coordination, from, effects)
    coordination.tally = acknowledge(coordination.tally, from)
    if (from === this.#parts.routing.self) {
      this.#parts.admission.served(now, now.ms - coordination.startedMs)
      this.#replicate(now, coordination, effects)
    }
    this.#judge(now, coordination, effects)
  }

  /** Displaced owners may have come to know that they are. */
  othersKnow(now: Instant, effects: Effect[]): void {
    for (const coordination of this.#active.values()) if (verdict(coordination.tally) === 'reached') this.#judge(now, coordination, effects)
  }

  /** A replica write did not even leave. */
  unsent(now: Instant, peer: PeerId, message: Replicate, effects: Effect[]): void {
    const coordination = this.#active.get(message.id)
    if (coordination?.tally.pending.includes(peer) === true) this.#gaveUp(now, coordination, peer, effects)
  }

  /** An owner is back: a put that still waits asks it. */
  reachable(now: Instant, peer: PeerId, effects: Effect[]): void {
    for (const coordination of this.#active.values()) {
      const { tally, owners, settled, errands } = coordination
      if (settled || !owners.includes(peer) || tally.pending.includes(peer) || tally.acknowledged.includes(peer)) continue
      errands.set(peer, [peer])
      this.#send(now, coordination, peer, effects)
    }
  }

  /** A peer cannot be reached any more. */
  unreachable(now: Instant, peer: PeerId, effects: Effect[]): void {
    for (const coordination of this.#active.values()) {
      if (coordination.tally.pending.includes(peer)) this.#gaveUp(now, coordination, peer, effects)
    }
  }

  deadline(): number {
    return this.#due.next()
  }

  wake(now: Instant, effects: Effect[]): void {
    for (let due = this.#due.takeDue(now.ms); due !== undefined; due = this.#due.takeDue(now.ms)) {
      const coordination = this.#active.get(due)
      if (coordination === undefined) continue
      if (now.ms >= coordination.deadlineMs) this.#expire(now, coordination, effects)
      else this.#review(now, coordination, effects)
    }
  }

  /** Gives up whoever was asked too long ago. */
  #review(now: Instant, coordination: Coordination, effects: Effect[]): void {
    const { sentAtMs } = coordination
    const silent = coordination.tally.pending.filter(peer => (sentAtMs.get(peer) ?? now.ms) + waits.patienceMs <= now.ms)
    for (const peer of silent) if (coordination.tally.pending.includes(peer)) this.#missed(now, coordination, peer, effects)
    if (silent.length === 0) this.#judge(now, coordination, effects)
  }

  /**
   * A request that is under way or was acknowledged here before is answered, not repeated. A retry that asks for more, or for less, than the
   * first runs by itself: it finds the same dot, and counts its own acknowledgements. So does one that today's fewer owners would be enough for, and those
   * of the first answer would not.
   */
  #joinEarlier(now: Instant, put: CoordinatedPut, needed: number, effects: Effect[]): boolean {
    const remembered = this.#remembered.get(put.request)
    const underway = this.#byRequest.get(put.request)
    const enough = Math.max(needed, Math.min(put.w, remembered?.n ?? 0))
    if (remembered !== undefined && remembered.acknowledged.length >= enough) put.done(now, remembered, effects)
    else if (underway !== undefined && !underway.settled && underway.tally.needed === needed) underway.done.push(put.done)
    else return false
    return true
  }

  #remember(request: RequestId, result: CoordinatedResult): void {
    this.#remembered.set(request, result)
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= rememberedRequestsMax) break
      this.#remembered.delete(oldest)
    }
  }

  #end(coordination: Coordination): void {
    this.#active.delete(coordination.id)
    const { request } = coordination.put
    if (this.#byRequest.get(request) === coordination) this.#byRequest.delete(request)
  }

  /** Who gets the write: every owner, or the next reachable peer in its place; `undefined` stands for this peer's own hint. */
  #plan(coordination: Coordination): ReadonlyMap<PeerId | undefined, readonly PeerId[]> {
    const { routing } = this.#parts
    const plan = new Map<PeerId | undefined, PeerId[]>()
    const orphans: PeerId[] = []
    for (const owner of coordination.owners) {
      if (owner === routing.self) continue
      if (routing.isReachable(owner)) plan.set(owner, [owner])
      else orphans.push(owner)
    }
    const used = new Set([...coordination.owners, routing.self])
    const own = new Set<PeerId>()
    if (!coordination.owners.includes(routing.self)) {
      // Its copy goes with its last hint, so there is one for every owner: else it would be gone before all of them have theirs.
      for (const owner of coordination.owners) own.add(owner)
      orphans.shift()
    } else if (routing.isClosed()) {
      // A copy that may be discarded is kept for its hints.
      for (const owner of coordination.owners) if (owner !== routing.self) own.add(owner)
    }
    const standIns = coordination.put.sloppy ? firstReachable(routing, coordination.partition, orphans.length, false, used) : []
    for (const standIn of standIns) plan.set(standIn, orphans.splice(0, 1))
    for (const orphan of orphans) own.add(orphan)
    if (own.size > 0) plan.set(undefined, [...own])
    return plan
  }

  /** A coordinator that is no owner may only take what it can keep a hint for. */
  #cannotHint({ owners, put }: Coordination, targets: readonly PeerId[]): boolean {
    const { routing, hints } = this.#parts
    const bytes = put.key.length + (put.value?.length ?? 0)
    return !owners.includes(routing.self) && targets.some(target => hints.isFull(target, bytes))
  }

  #mint(coordination: Coordination, plan: ReadonlyMap<PeerId | undefined, readonly PeerId[]>): Parameters<ReplicaOperations['mint']>[0] {
    const { put } = coordination
    const { routing, hints } = this.#parts
    const own = plan.get(undefined) ?? []
    for (const [peer, owners] of plan) if (peer !== undefined) coordination.errands.set(peer, owners)
    coordination.tally = ask(coordination.tally, routing.self)
    return {
      from: put.from,
      key: put.key,
      request: put.request,
      context: put.context,
      value: put.value,
      hints: record => hints.store(own, put.key, record),
      minted: (dot, record, delta) => {
        coordination.dot = dot
        coordination.delta = delta
        coordination.siblings = maximalSiblings(record).length
        return [this.#ownAnswer(coordination, 'ok'), ...own.map(target => hintStored(target, put.key))]
      },
      refused: (now, reason, effects) => this.#failed(now, coordination, reason, effects),
      fail: (now, failure, effects) => this.#failed(now, coordination, failure, effects)
    }
  }

  /** Nothing was written here. */
  #failed(now: Instant, coordination: Coordination, status: PutStatus, effects: Effect[]): void {
    this.#settle(now, coordination, status, effects)
    this.#end(coordination)
  }

  #ownAnswer(coordination: Coordination, status: 'ok'): Effect {
    return { kind: 'send', to: this.#parts.routing.self, lane: 'request', message: { type: 'replicated', id: coordination.id, status } }
  }

  #replicate(now: Instant, coordination: Coordination, effects: Effect[]): void {
    for (const peer of coordination.errands.keys()) this.#send(now, coordination, peer, effects)
  }

  #send(now: Instant, coordination: Coordination, peer: PeerId, effects: Effect[]): void {
    const { id, put, delta, tally } = coordination
    // What is not durable here must not be known elsewhere: after a failed write the same dot is minted again.
    if (delta === undefined || !tally.acknowledged.includes(this.#parts.routing.self)) return
    coordination.tally = ask(coordination.tally, peer)
    if (coordination.lastSentMs !== now.ms) this.#due.add(now.ms + waits.patienceMs, id)
    coordination.lastSentMs = now.ms
    coordination.sentAtMs.set(peer, now.ms)
    const hintFor = (coordination.errands.get(peer) ?? []).filter(owner => owner !== peer)
    effects.push({ kind: 'send', to: peer, lane: 'request', message: { type: 'replicate', id, key: put.key, record: delta, hintFor } })
  }

  #missed(now: Instant, coordination: Coordination, peer: PeerId, effects: Effect[]): void {
    this.#parts.detector.missed(now, peer, coordination.sentAtMs.get(peer) ?? now.ms, effects)
    if (coordination.tally.pending.includes(peer)) this.#gaveUp(now, coordination, peer, effects)
  }

  /** `peer` did not take the write: the next one stands in for the owners it had the errand for, at last this peer itself. */
  #gaveUp(now: Instant, coordination: Coordination, peer: PeerId, effects: Effect[]): void {
    coordination.tally = fail(coordination.tally, peer)
    const orphans = coordination.errands.get(peer) ?? []
    coordination.errands.delete(peer)
    const used = new Set([
      ...coordination.owners,
      ...coordination.tally.acknowledged,
      ...coordination.tally.failed,
      ...coordination.errands.keys(),
      this.#parts.routing.self
    ])
    const [standIn] = coordination.put.sloppy ? firstReachable(this.#parts.routing, coordination.partition, 1, false, used) : []
    if (orphans.length > 0) {
      if (standIn === undefined) this.#keepHints(now, coordination, orphans, effects)
      else {
        coordination.errands.set(standIn, orphans)
        this.#send(now, coordination, standIn, effects)
      }
    }
    this.#judge(now, coordination, effects)
  }

  #keepHints(now: Instant, coordination: Coordination, owners: readonly PeerId[], effects: Effect[]): void {
    if (coordination.dot !== undefined) this.#parts.hints.keep(now, owners, coordination.put.key, effects)
  }

  #judge(now: Instant, coordination: Coordination, effects: Effect[]): void {
    const state = verdict(coordination.tally)
    if (state === 'reached') this.#reached(now, coordination, effects)
    else if (state === 'short' && coordination.tally.pending.length === 0) this.#fallShort(now, coordination, effects)
    if (coordination.tally.pending.length === 0 && coordination.settled) this.#end(coordination)
  }

  /** W peers hold the write: it is acknowledged once no displaced owner hides it. */
  #reached(now: Instant, coordination: Coordination, effects: Effect[]): void {
    const { settled, id, partition, tally, put, startedMs } = coordination
    if (settled) return
    const knownUntilMs = startedMs + Math.min(displacedMsMax, put.timeoutMs / 2)
    if (now.ms >= knownUntilMs || this.#parts.displaced().areAware(partition, tally.acknowledged, put.w))
      return this.#settle(now, coordination, 'ok', effects)
    this.#due.add(knownUntilMs, id)
    this.#parts.displaced().inform(now, partition, effects)
  }

  /** Nobody is left to ask: a peer that comes back within the patience still counts. */
  #fallShort(now: Instant, coordination: Coordination, effects: Effect[]): void {
    if (now.ms >= coordination.waitUntilMs) this.#settle(now, coordination, 'quorum', effects)
    else this.#due.add(coordination.waitUntilMs, coordination.id)
  }

  #expire(now: Instant, coordination: Coordination, effects: Effect[]): void {
    for (const peer of coordination.tally.pending) {
      const orphans = coordination.errands.get(peer) ?? []
      if (orphans.length > 0) this.#keepHints(now, coordination, orphans, effects)
    }
    this.#settle(now, coordination, verdict(coordination.tally) === 'reached' ? 'ok' : 'quorum', effects)
    if (!this.#isBeingWritten(coordination)) this.#end(coordination)
  }

  /** True while the copy here is on its way to the disk. It goes on to the others from there, also when nobody waits for it any more. */
  #isBeingWritten({ tally }: Coordination): boolean {
    return tally.pending.includes(this.#parts.routing.self)
  }

  #settle(now: Instant, coordination: Coordination, status: PutStatus, effects: Effect[]): void {
    if (coordination.settled) return
    coordination.settled = true
    const { tally, owners, dot, siblings } = coordination
    const hinted = tally.acknowledged.filter(peer => !owners.includes(peer))
    const result = { status, dot, acknowledged: tally.acknowledged, hinted, siblings, n: owners.length }
    if (status === 'ok') this.#remember(coordination.put.request, result)
    for (const done of coordination.done.splice(0)) done(now, result, effects)
    if (dot === undefined && !this.#isBeingWritten(coordination)) this.#end(coordination)
  }
}
