/**
 * Member records on their way to the disk. One that the disk refused is written again until it is kept: a peer that lets a leaving member go
 * must know so after a restart too, when perhaps nobody is left to tell it. What is known counts at once, durable or not; after a crash the rest
 * is learnt from others, where there are others.
 */
import { assert } from '../../core/errors.ts'
import type { PeerId } from '../../core/identifiers.ts'
import { encodeMember, type MemberRecord } from '../../core/members/member-record.ts'
import type { BatchOperation, Effect, StorageClient, StorageFailure } from '../effect.ts'
import type { Instant } from '../instant.ts'
import { memberKey } from '../storage-layout.ts'
import type { Tokens } from '../tokens.ts'

/** Pause after the storage failed. */
const retryAfterMs = 1000

/** What is kept of a member, and replaces all that was kept of it before. */
export interface MemberRows {
  readonly peer: PeerId
  readonly batch: readonly BatchOperation[]
}

interface Write {
  readonly members: readonly MemberRows[]
  /** What follows whether it could be kept or not. */
  readonly told: readonly Effect[]
}

export class MemberKeeper implements StorageClient {
  readonly #tokens: Tokens
  readonly #kept: (peer: PeerId, effects: Effect[]) => void
  readonly #writes = new Map<number, Write>()
  /** The newest of each member that is not durable yet. */
  readonly #unkept = new Map<PeerId, MemberRows>()
  #retryAtMs = Number.POSITIVE_INFINITY

  /** `kept` is called for each member of whom all that is known has become durable. */
  constructor(tokens: Tokens, kept: (peer: PeerId, effects: Effect[]) => void) {
    this.#tokens = tokens
    this.#kept = kept
  }

  /** True when all that is known of this member is durable. */
  isKept(peer: PeerId): boolean {
    return !this.#unkept.has(peer)
  }

  /** Writes them in one batch; `told` follows once that ended, well or badly, and at once where there is nothing to write. */
  keep(members: readonly MemberRows[], told: readonly Effect[], effects: Effect[]): void {
    if (members.length === 0) {
      effects.push(...told)
      return
    }
    const token = this.#tokens.take(this)
    this.#writes.set(token, { members, told })
    for (const rows of members) this.#unkept.set(rows.peer, rows)
    effects.push({ kind: 'write', batch: members.flatMap(({ batch }) => batch), then: [], token })
  }

  deadline(): number {
    return this.#retryAtMs
  }

  wake(now: Instant, effects: Effect[]): void {
    if (now.ms < this.#retryAtMs) return
    this.#retryAtMs = Number.POSITIVE_INFINITY
    if (this.#unkept.size > 0) this.keep([...this.#unkept.values()], [], effects)
  }

  written(_now: Instant, token: number, effects: Effect[]): void {
    for (const rows of this.#end(token, effects)) {
      if (this.#unkept.get(rows.peer) !== rows) continue
      this.#unkept.delete(rows.peer)
      this.#kept(rows.peer, effects)
    }
  }

  failed(now: Instant, token: number, _failure: StorageFailure, effects: Effect[]): void {
    this.#end(token, effects)
    this.#retryAtMs = Math.min(this.#retryAtMs, now.ms + retryAfterMs)
  }

  loaded(): void {
    assert(false, 'member records are read before the start')
  }

  scanned(): void {
    assert(false, 'member records are scanned before the start')
  }

  #end(token: number, effects: Effect[]): readonly MemberRows[] {
    const write = this.#writes.get(token)
    this.#writes.delete(token)
    effects.push(...(write?.told ?? []))
    return write?.members ?? []
  }
}

/** The row of a member's newest record. */
export function memberRow(record: MemberRecord): BatchOperation {
  const known = rows.get(record)
  if (known !== undefined) return known
  const operation: BatchOperation = { type: 'put', key: memberKey(record.peerId), value: encodeMember(record) }
  rows.set(record, operation)
  return operation
}

const rows = new WeakMap<MemberRecord, BatchOperation>()

/** What is kept of a member that is forgotten. */
export function noRow(peer: PeerId): MemberRows {
  return { peer, batch: [{ type: 'delete', key: memberKey(peer) }] }
}
