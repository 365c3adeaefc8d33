/**
 * Drops the copies of a partition that this peer does not own any more, once every owner has confirmed them.
 *
 * Key by key, in turn with whatever else happens to the key: a copy that a hint stands for stays until that is delivered, and goes with it.
 * One partition at a time, a page at a time: what a peer gives up must not keep it from serving. A partition that is cut short, by a
 * crash or a change of the ring, is offered and dropped again as far as it is still there.
 */
import type { PeerId } from '../../core/identifiers.ts'
import { transferPageRows } from '../../core/limits.ts'
import type { AdmissionControl } from '../admission-control.ts'
import type { Effect, ScannedRow, StorageClient } from '../effect.ts'
import type { HintedHandoff } from '../handoff/hinted-handoff.ts'
import type { Instant } from '../instant.ts'
import { beforePartition, indexedKeys } from '../key-index/index-rows.ts'
import type { KeyIndex } from '../key-index/key-index.ts'
import type { Replica, RowOperation } from '../replica/replica.ts'
import { ownersOf, type Routing } from '../requests/routing.ts'
import { prefixes } from '../storage-layout.ts'
import type { Tokens } from '../tokens.ts'

/** Pause after the storage failed. */
const retryAfterMs = 1000

/** A partition that is being dropped. */
interface Drop {
  readonly partition: number
  after: Uint8Array
}

export interface DroppingParts {
  readonly routing: Routing
  readonly tokens: Tokens
  readonly hints: HintedHandoff
  readonly replica: Replica
  readonly index: KeyIndex
  readonly admission: AdmissionControl
  /** Nothing is left of a partition but what hints stand for. */
  dropped(now: Instant, partition: number, effects: Effect[]): void
}

export class Dropping implements StorageClient {
  readonly #parts: DroppingParts
  readonly #scans = new Map<number, Drop>()
  #queue: Drop[] = []
  #retryAtMs = Number.POSITIVE_INFINITY

  constructor(parts: DroppingParts) {
    this.#parts = parts
  }

  get isIdle(): boolean {
    return this.#queue.length === 0
  }

  /** Ends all that is under way: the ring changed. */
  stop(): void {
    this.#queue = []
    this.#scans.clear()
    this.#retryAtMs = Number.POSITIVE_INFINITY
  }

  /** Drops a partition when its turn comes. */
  add(partition: number, effects: Effect[]): void {
    this.#queue.push({ partition, after: beforePartition(partition, this.#parts.index.trie.partitionBits) })
    if (this.#queue.length === 1) this.#scan(effects)
  }

  deadline(): number {
    return this.#retryAtMs
  }

  wake(now: Instant, effects: Effect[]): void {
    this.#retryAtMs = Number.POSITIVE_INFINITY
    this.#goOn(now, effects)
  }

  scanned(now: Instant, token: number, rows: readonly ScannedRow[], effects: Effect[]): void {
    const drop = this.#take(token)
    if (drop === undefined) return
    const found = indexedKeys(rows)
    const inside = found.filter(({ place }) => this.#parts.index.trie.partitionOf(place) === drop.partition)
    const isLast = inside.length < found.length || rows.length < transferPageRows
    const next = rows.at(-1)?.key ?? drop.after
    let open = 1
    let allDone = true
    const done = (at: Instant, isDone: boolean, out: Effect[]): void => {
      open -= 1
      allDone &&= isDone
      if (open > 0 || this.#queue[0] !== drop) return
      if (!allDone) this.#retryAtMs = at.ms + retryAfterMs
      else if (isLast) this.#end(at, drop, out)
      else {
        drop.after = next
        this.#goOn(at, out)
      }
    }
    this.#parts.admission.spend(inside.length)
    for (const { key } of inside) {
      open += 1
      this.#parts.replica.change(now, key, this.#drop(key, drop, done), effects)
    }
    done(now, true, effects)
  }

  failed(now: Instant, token: number): void {
    if (this.#take(token) !== undefined) this.#retryAtMs = now.ms + retryAfterMs
  }

  loaded(): void {
    // Rows are scanned.
  }

  written(): void {
    // Copies are dropped by the replica.
  }

  #drop(key: Uint8Array, drop: Drop, done: (now: Instant, isDone: boolean, effects: Effect[]) => void): RowOperation {
    const { hints, routing } = this.#parts
    // The ring may have changed since: then who owns the key now has not confirmed it.
    const stays = (owners: readonly PeerId[]): boolean => owners.includes(routing.self) || hints.holds(key) || this.#queue[0] !== drop
    return {
      from: undefined,
      apply: (_now, row) => ({ row: stays(ownersOf(routing, key)) ? row : undefined, operations: [], then: [] }),
      settled: (now, effects) => done(now, true, effects),
      fail: (now, _failure, effects) => done(now, false, effects)
    }
  }

  #end(now: Instant, drop: Drop, effects: Effect[]): void {
    this.#queue.shift()
    this.#goOn(now, effects)
    this.#parts.dropped(now, drop.partition, effects)
  }

  /** Goes on now, or as soon as requests leave room for it. */
  #goOn(now: Instant, effects: Effect[]): void {
    const { admission } = this.#parts
    if (this.#queue.length === 0) return
    if (admission.mayStart(now)) this.#scan(effects)
    else this.#retryAtMs = now.ms + admission.waitMs(now)
  }

  #scan(effects: Effect[]): void {
    const [drop] = this.#queue
    if (drop === undefined) return
    const token = this.#parts.tokens.take(this)
    this.#scans.set(token, drop)
    effects.push({ kind: 'scan', prefix: prefixes.index, after: drop.after, limit: transferPageRows, token })
  }

  /** The partition that a scan was for, if that goes on. */
  #take(token: number): Drop | undefined {
    const drop = this.#scans.get(token)
    this.#scans.delete(token)
    return drop !== undefined && this.#queue[0] === drop ? drop : undefined
  }
}
