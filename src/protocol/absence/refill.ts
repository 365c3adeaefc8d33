/**
 * Gives a member all that both own, because it discarded its copies: the ring did not change, so no transfer would.
 *
 * A pass walks over the index rows and makes hints, which are durable and delivered like any other. The member asks again and again until it has got
 * everything, so a pass that the storage cut short goes on with the next question.
 */
import type { PeerId } from '../../core/identifiers.ts'
import { refillsKeptMax, transferPageRows } from '../../core/limits.ts'
import type { Effect, ScannedRow, StorageClient } from '../effect.ts'
import type { HintedHandoff } from '../handoff/hinted-handoff.ts'
import type { Instant } from '../instant.ts'
import { keyOfIndexRow } from '../key-index/index-rows.ts'
import { ownersOf, type Routing } from '../requests/routing.ts'
import { prefixes } from '../storage-layout.ts'
import type { Tokens } from '../tokens.ts'

export interface RefillParts {
  readonly routing: Routing
  readonly tokens: Tokens
  readonly hints: HintedHandoff
}

interface Pass {
  /** Which of the member's discards this is for. */
  readonly id: number
  readonly member: PeerId
  after: Uint8Array | undefined
  isWalking: boolean
  isDone: boolean
}

export class Refill implements StorageClient {
  readonly #parts: RefillParts
  /** Last pass for each member: those under way, and of those that have ended the last few, in the order in which they did. */
  readonly #passes = new Map<PeerId, Pass>()
  readonly #scans = new Map<number, Pass>()

  constructor(parts: RefillParts) {
    this.#parts = parts
  }

  /** True while there is more to give to a member than hints that wait. */
  isGiving(member: PeerId): boolean {
    return this.#passes.get(member)?.isDone === false
  }

  /** A member asks to be refilled after its discard `id`. */
  asked(member: PeerId, id: number, effects: Effect[]): void {
    const known = this.#passes.get(member)
    const pass = known?.id === id ? known : { id, member, after: undefined, isWalking: false, isDone: false }
    this.#passes.set(member, pass)
    if (!pass.isDone && !pass.isWalking) this.#scan(pass, effects)
  }

  scanned(now: Instant, token: number, rows: readonly ScannedRow[], effects: Effect[]): void {
    const pass = this.#take(token)
    if (pass === undefined) return
    let open = 1
    let allKept = true
    const done = (_at: Instant, isKept: boolean, out: Effect[]): void => {
      open -= 1
      allKept &&= isKept
      if (open === 0) this.#pageDone(pass, rows, allKept, out)
    }
    for (const { key: storageKey } of rows) {
      const key = keyOfIndexRow(storageKey)
      if (!this.#isGiver(key, pass.member)) continue
      open += 1
      this.#parts.hints.keep(now, [pass.member], key, effects, done)
    }
    done(now, true, effects)
  }

  failed(_now: Instant, token: number): void {
    const pass = this.#take(token)
    if (pass !== undefined) pass.isWalking = false
  }

  loaded(): void {
    // Rows are scanned.
  }

  written(): void {
    // Hints are written by the replica.
  }

  /** True when this peer is the first owner of a key that can give it to `member`. */
  #isGiver(key: Uint8Array, member: PeerId): boolean {
    const { routing } = this.#parts
    const owners = ownersOf(routing, key)
    const giver = owners.find(owner => owner !== member && routing.isReachable(owner) && !routing.isJoining(owner))
    return owners.includes(member) && giver === routing.self
  }

  #scan(pass: Pass, effects: Effect[]): void {
    pass.isWalking = true
    const token = this.#parts.tokens.take(this)
    this.#scans.set(token, pass)
    effects.push({ kind: 'scan', prefix: prefixes.index, after: pass.after, limit: transferPageRows, token })
  }

  #take(token: number): Pass | undefined {
    const pass = this.#scans.get(token)
    this.#scans.delete(token)
    return pass !== undefined && this.#passes.get(pass.member) === pass ? pass : undefined
  }

  #pageDone(pass: Pass, rows: readonly ScannedRow[], allKept: boolean, effects: Effect[]): void {
    pass.isWalking = false
    if (!allKept) return
    pass.after = rows.at(-1)?.key ?? pass.after
    if (rows.length === transferPageRows) this.#scan(pass, effects)
    else this.#end(pass)
  }

  #end(pass: Pass): void {
    pass.isDone = true
    // Its member may have discarded its copies once more, and asked again.
    if (this.#passes.get(pass.member) !== pass) return
    this.#passes.delete(pass.member)
    this.#passes.set(pass.member, pass)
    const ended = [...this.#passes.values()].filter(({ isDone }) => isDone)
    for (const { member } of ended.slice(0, -refillsKeptMax)) this.#passes.delete(member)
  }
}
