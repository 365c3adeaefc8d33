/**
 * Which keys this peer stores, and in which state: a Merkle trie in memory and, for the next start, one small row per key on disk, written in
 * the same batch as the record. So a start reads small rows instead of values; and it waits for none of them, since only anti-entropy needs them all
 * ({@link IndexLoader}).
 *
 * Index rows are in order of positions, so the keys of a trie node are found by a scan of a few rows. The record's row is the truth: whoever loads
 * one corrects the trie by it.
 */
import { concatBytes, fromHex, toMapKey } from '../core/bytes.ts'
import { assert } from '../core/errors.ts'
import { indexPageRows } from '../core/limits.ts'
import { MerkleTrie } from '../core/merkle-trie.ts'
import { position, positionBytes } from '../core/position.ts'
import { recordHash } from '../core/record.ts'
import type { BatchOperation, Effect, ScannedRow, StorageClient } from './effect.ts'
import type { Instant } from './instant.ts'
import { decodeRow, keyOfRow, metaKey, prefixes, type LocalRow } from './storage-layout.ts'
import type { Tokens } from './tokens.ts'

/** Meta row that is there when every replica row of the storage has its index row. */
export const indexedKey: Uint8Array = metaKey('indexed')

/** That row. */
export const indexedRow: BatchOperation = { type: 'put', key: indexedKey, value: Uint8Array.of(1) }

const HASH_BYTES = 8
const HEADER_BYTES = 1 + positionBytes
/** Pause after the storage failed. */
const retryAfterMs = 1000

export class KeyIndex {
  readonly trie: MerkleTrie
  /** Positions that changed since the page of rows that is being read was asked for; `undefined` when all rows were read. */
  #changed: Set<string> | undefined = new Set()

  constructor(partitions: number) {
    this.trie = new MerkleTrie(partitions)
  }

  /** Keys stored, as far as they are known: all, once the index is complete. */
  get keys(): number {
    return this.trie.size
  }

  /** True when all index rows of the storage were read. */
  get isComplete(): boolean {
    return this.#changed === undefined
  }

  /** A page of index rows is about to be read. */
  expectPage(): void {
    this.#changed = new Set()
  }

  /** Takes over index rows of a page, but for those that changed meanwhile. A row of another form is left out: its key is found when it is read. */
  restore(rows: readonly ScannedRow[]): void {
    for (const { key, value } of rows) {
      const place = key.subarray(1, HEADER_BYTES)
      if (key.length > HEADER_BYTES && value.length === HASH_BYTES && this.#changed?.has(toMapKey(place)) !== true)
        this.trie.set(place, value)
    }
  }

  /** There are no further rows. */
  complete(): void {
    this.#changed = undefined
  }

  /** The key's row is durable, or was read, as `row`. */
  hold(key: Uint8Array, row: LocalRow | undefined): void {
    const place = position(key)
    this.#changed?.add(toMapKey(place))
    if (row === undefined) this.trie.delete(place)
    else this.trie.set(place, hashOf(row))
  }
}

/** Reads the index rows after a start, a page at a time, while the peer works already. */
export class IndexLoader implements StorageClient {
  readonly #tokens: Tokens
  readonly #index: KeyIndex
  #after: Uint8Array | undefined
  #retryAtMs = Number.POSITIVE_INFINITY

  constructor(tokens: Tokens, index: KeyIndex) {
    this.#tokens = tokens
    this.#index = index
  }

  /** Asks for the next page. */
  start(effects: Effect[]): void {
    this.#retryAtMs = Number.POSITIVE_INFINITY
    this.#index.expectPage()
    effects.push({ kind: 'scan', prefix: prefixes.index, after: this.#after, limit: indexPageRows, token: this.#tokens.take(this) })
  }

  deadline(): number {
    return this.#retryAtMs
  }

  wake(_now: Instant, effects: Effect[]): void {
    this.start(effects)
  }

  scanned(_now: Instant, _token: number, rows: readonly ScannedRow[], effects: Effect[]): void {
    this.#index.restore(rows)
    this.#after = rows.at(-1)?.key ?? this.#after
    if (rows.length === indexPageRows) return this.start(effects)
    this.#index.complete()
    effects.push({ kind: 'report', event: { type: 'indexed' } })
  }

  failed(now: Instant): void {
    this.#retryAtMs = now.ms + retryAfterMs
  }

  loaded(): void {
    // Rows are scanned.
  }

  written(): void {
    // Nothing is written.
  }
}

/** The index row of a key, to be written with its replica row. */
export function indexOperation(key: Uint8Array, row: LocalRow | undefined): BatchOperation {
  const storageKey = concatBytes(prefixes.index, position(key), key)
  return row === undefined ? { type: 'delete', key: storageKey } : { type: 'put', key: storageKey, value: hashOf(row) }
}

/** The index row that a replica row found in storage should have. Throws like `decodeRow`. */
export function indexRowOf(row: ScannedRow): BatchOperation {
  return indexOperation(keyOfRow(row.key), decodeRow(row.value))
}

/** The key of an index row. */
export function keyOfIndexRow(storageKey: Uint8Array): Uint8Array {
  return storageKey.subarray(HEADER_BYTES)
}

/** Prefix of the index rows whose positions begin with the 48 bits of `place`. */
export function indexPrefix(place: number): Uint8Array {
  const prefix = new Uint8Array(7)
  prefix.set(prefixes.index)
  for (let at = 6, rest = place; at > 0; at--, rest = Math.floor(rest / 256)) prefix[at] = rest % 256
  return prefix
}

function hashOf({ record }: LocalRow): Uint8Array {
  const bytes = fromHex(recordHash(record))
  assert(bytes?.length === HASH_BYTES, 'a record hash has another form')
  return bytes
}
