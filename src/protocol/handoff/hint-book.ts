/**
 * Which hints wait here, by target and key: what the hint rows on the disk say, and what the rows on their way there will say.
 *
 * A hint whose row could not be written is none, one whose deletion failed waits still. A hint that is being deleted no longer holds a
 * copy of its key here; until that is durable it is not forgotten either.
 */
import { toMapKey } from '../../core/bytes.ts'
import type { PeerId } from '../../core/identifiers.ts'
import type { BatchOperation } from '../effect.ts'
import { encodeNumber, hintKey } from '../storage-layout.ts'

export interface Hint {
  readonly key: Uint8Array
  readonly bytes: number
  /** True while it is decided whether it goes: it was delivered, or is made over to today's owners. It is not delivered again meanwhile. */
  closing: boolean
  /** True while its deletion is on the way to the disk. */
  released: boolean
}

interface Target {
  readonly hints: Map<string, Hint>
  bytes: number
}

export class HintBook {
  readonly #targets = new Map<PeerId, Target>()
  /** How many targets each key is hinted for. */
  readonly #targetsByKey = new Map<string, number>()
  /** Hints whose rows are on the way to the disk, by key, each with the one whose place it took. */
  readonly #unwritten = new Map<string, { readonly peer: PeerId; readonly hint: Hint; readonly before: Hint | undefined }[]>()

  /** Hints waiting, by target. */
  waiting(): readonly { readonly target: PeerId; readonly count: number; readonly bytes: number }[] {
    return [...this.#targets].map(([target, { hints, bytes }]) => ({ target, count: hints.size, bytes }))
  }

  /** Peers that hints wait for. */
  targets(): Iterable<PeerId> {
    return this.#targets.keys()
  }

  /** Hints for a peer, the oldest first, those that it did not take last. */
  of(peer: PeerId): Iterable<Hint> {
    return this.#targets.get(peer)?.hints.values() ?? []
  }

  find(peer: PeerId, key: Uint8Array): Hint | undefined {
    return this.#targets.get(peer)?.hints.get(toMapKey(key))
  }

  has(peer: PeerId): boolean {
    return this.#targets.has(peer)
  }

  /** Hints waiting for a peer. */
  count(peer: PeerId): number {
    return this.#targets.get(peer)?.hints.size ?? 0
  }

  bytes(peer: PeerId): number {
    return this.#targets.get(peer)?.bytes ?? 0
  }

  /** True while a hint that is not being deleted needs the copy of `key` here. */
  holds(key: Uint8Array): boolean {
    return this.#targetsByKey.has(toMapKey(key))
  }

  /** Lets a hint that its target did not take wait behind the others for it. */
  defer(peer: PeerId, key: Uint8Array): void {
    const hints = this.#targets.get(peer)?.hints
    const mapKey = toMapKey(key)
    const hint = hints?.get(mapKey)
    if (hints === undefined || hint === undefined) return
    hints.delete(mapKey)
    hints.set(mapKey, hint)
  }

  /** Notes a hint that is on the disk. */
  restore(peer: PeerId, key: Uint8Array, bytes: number): void {
    this.#set(peer, toMapKey(key), { key, bytes, closing: false, released: false })
  }

  /** Notes a hint and returns its row, which is about to be written: {@link written} must be told of the end. */
  note(peer: PeerId, key: Uint8Array, bytes: number): BatchOperation {
    const mapKey = toMapKey(key)
    const notes = this.#unwritten.get(mapKey) ?? []
    const hint = { key, bytes, closing: false, released: false }
    notes.push({ peer, hint, before: this.#targets.get(peer)?.hints.get(mapKey) })
    this.#unwritten.set(mapKey, notes)
    this.#set(peer, mapKey, hint)
    return hintRow(peer, hint)
  }

  /** The row of a hint that is noted, none while it is being deleted; `undefined` for a hint that nobody knows of. */
  rowsAt(peer: PeerId, key: Uint8Array): readonly BatchOperation[] | undefined {
    const hint = this.find(peer, key)
    if (hint === undefined) return undefined
    return hint.released ? [] : [hintRow(peer, hint)]
  }

  /** The write under way for `key` ended. Where it failed, the hints that it would have stored are none. */
  written(key: Uint8Array, isDurable: boolean): void {
    const mapKey = toMapKey(key)
    const notes = this.#unwritten.get(mapKey) ?? []
    this.#unwritten.delete(mapKey)
    if (isDurable) return
    for (const { peer, hint, before } of notes.reverse()) if (this.#isCurrent(peer, hint)) this.#set(peer, mapKey, before)
  }

  /** Marks a hint whose deletion is on the way to the disk: it does not hold the copy here any more. */
  release(peer: PeerId, key: Uint8Array): Hint | undefined {
    const hint = this.find(peer, key)
    if (hint === undefined || hint.released) return undefined
    hint.released = true
    this.#count(toMapKey(key), -1)
    return hint
  }

  /** The deletion failed: the hint waits still. */
  keep(peer: PeerId, hint: Hint | undefined): void {
    if (hint === undefined || !this.#isCurrent(peer, hint)) return
    hint.released = false
    this.#count(toMapKey(hint.key), 1)
  }

  /** The deletion is durable. A hint for the same key that came meanwhile is another one, and stays. */
  forget(peer: PeerId, hint: Hint | undefined): void {
    if (hint !== undefined && this.#isCurrent(peer, hint)) this.#set(peer, toMapKey(hint.key), undefined)
  }

  #isCurrent(peer: PeerId, hint: Hint): boolean {
    return this.find(peer, hint.key) === hint
  }

  /** Replaces what is noted for a target and a key. */
  #set(peer: PeerId, mapKey: string, hint: Hint | undefined): void {
    const target = this.#targets.get(peer) ?? { hints: new Map<string, Hint>(), bytes: 0 }
    const before = target.hints.get(mapKey)
    if (hint === undefined) target.hints.delete(mapKey)
    else target.hints.set(mapKey, hint)
    target.bytes += (hint?.bytes ?? 0) - (before?.bytes ?? 0)
    this.#count(mapKey, weightOf(hint) - weightOf(before))
    if (target.hints.size > 0) this.#targets.set(peer, target)
    else this.#targets.delete(peer)
  }

  #count(mapKey: string, change: number): void {
    const targets = (this.#targetsByKey.get(mapKey) ?? 0) + change
    if (targets > 0) this.#targetsByKey.set(mapKey, targets)
    else this.#targetsByKey.delete(mapKey)
  }
}

function hintRow(peer: PeerId, { key, bytes }: Hint): BatchOperation {
  return { type: 'put', key: hintKey(peer, key), value: encodeNumber(bytes) }
}

/** 1 for a hint that holds a copy here, 0 for none. */
function weightOf(hint: Hint | undefined): number {
  return hint === undefined || hint.released ? 0 : 1
}
