/**
 * The repairs that an exchange of anti-entropy decided on: finds the keys of places by their index rows, reads the records, and sends them or
 * their versions. Reads a bounded number at a time; what does not fit into an exchange is found again by the next.
 */
import type { RequestId } from '../../core/identifiers.ts'
import { exchangeReadsMax, exchangeRecordBytesMax, exchangeVersionsMax } from '../../core/limits.ts'
import { compareRecords, valueBytes, type StoredRecord } from '../../core/versions/record.ts'
import type { AdmissionControl } from '../admission-control.ts'
import { sendBulk, type Effect, type ScannedRow, type StorageClient } from '../effect.ts'
import type { Exchange } from './exchange.ts'
import { packPlaces } from './exchange-layout.ts'
import type { Instant } from '../instant.ts'
import { indexPrefix, keyOfIndexRow } from '../key-index/index-rows.ts'
import type { KeyVersion } from '../wire/message.ts'
import type { Replica } from '../replica/replica.ts'
import type { LocalRow } from '../storage-layout.ts'
import type { Tokens } from '../tokens.ts'

/** Keys that are looked for at one place: it takes an attack on MD5 to have two. */
const keysPerPlaceMax = 8

export interface ExchangeRepairsParts {
  readonly tokens: Tokens
  readonly replica: Replica
  readonly admission: AdmissionControl
}

interface Task {
  readonly exchange: Exchange
  readonly place: number
  /** Send the record, or first only its version. */
  readonly what: 'record' | 'version'
}

/** What another peer knows of the key at a place. */
export interface PlacedVersion {
  readonly place: number
  readonly version: KeyVersion
}

export class ExchangeRepairs implements StorageClient {
  readonly #parts: ExchangeRepairsParts
  readonly #isCurrent: (exchange: Exchange) => boolean
  readonly #scans = new Map<number, Task>()
  /** Versions that were read and not sent yet. */
  readonly #versions = new Map<Exchange, KeyVersion[]>()
  #waiting: Task[] = []
  #reading = 0

  constructor(parts: ExchangeRepairsParts, isCurrent: (exchange: Exchange) => boolean) {
    this.#parts = parts
    this.#isCurrent = isCurrent
  }

  /** Queues a repair; {@link ExchangeRepairs.pump} starts it. Exchanges bound how many there are. */
  add(exchange: Exchange, place: number, what: Task['what']): void {
    this.#waiting.push({ exchange, place, what })
  }

  /** Starts as many repairs as may run. */
  pump(_now: Instant, effects: Effect[]): void {
    while (this.#reading < exchangeReadsMax) {
      const task = this.#waiting.pop()
      if (task === undefined) return
      if (!this.#mayGoOn(task.exchange)) continue
      this.#reading += 1
      const token = this.#parts.tokens.take(this)
      this.#scans.set(token, task)
      effects.push({ kind: 'scan', prefix: indexPrefix(task.place), after: undefined, limit: keysPerPlaceMax, token })
    }
  }

  /** Another peer says what it knows of some keys: sends what this peer knows more, asks where it knows less. */
  answerVersions(now: Instant, exchange: Exchange, placed: readonly PlacedVersion[], effects: Effect[]): void {
    const wanted: number[] = []
    let open = placed.length
    const finish = (out: Effect[]): void => {
      open -= 1
      if (open > 0 || wanted.length === 0 || !this.#isCurrent(exchange)) return
      sendBulk(out, exchange.peer, { type: 'exchange-wanted', id: exchange.id, places: packPlaces(wanted) })
    }
    for (const { place, version } of placed) {
      const done = (_now: Instant, row: LocalRow | undefined, out: Effect[]): void => {
        if (this.#mayGoOn(exchange) && answersWith(exchange, place, version, row, out)) wanted.push(place)
        finish(out)
      }
      this.#parts.replica.read(now, version.key, { from: exchange.peer, done, fail: (_at, _failure, out) => finish(out) }, effects)
    }
  }

  scanned(now: Instant, token: number, rows: readonly ScannedRow[], effects: Effect[]): void {
    const task = this.#scans.get(token)
    this.#scans.delete(token)
    this.#reading += rows.length - 1
    for (const { key } of rows) if (task !== undefined) this.#read(now, task, keyOfIndexRow(key), effects)
    this.pump(now, effects)
    if (this.#reading === 0) this.#sendVersions(effects)
  }

  failed(now: Instant, token: number, _failure: string, effects: Effect[]): void {
    this.#scans.delete(token)
    this.#reading -= 1
    this.pump(now, effects)
    if (this.#reading === 0) this.#sendVersions(effects)
  }

  loaded(): void {
    // Rows are read through the replica.
  }

  written(): void {
    // Nothing is written.
  }

  #read(now: Instant, task: Task, key: Uint8Array, effects: Effect[]): void {
    const finish = (at: Instant, row: LocalRow | undefined, out: Effect[]): void => {
      this.#reading -= 1
      if (row !== undefined && this.#mayGoOn(task.exchange)) this.#tell(task, key, row.record, out)
      this.pump(at, out)
      if (this.#reading === 0) this.#sendVersions(out)
    }
    this.#parts.replica.read(now, key, { from: undefined, done: finish, fail: (at, _failure, out) => finish(at, undefined, out) }, effects)
  }

  #tell({ exchange, place, what }: Task, key: Uint8Array, record: StoredRecord, effects: Effect[]): void {
    this.#parts.admission.spend(1)
    if (what === 'record') return sendRecord(exchange, place, key, record, effects)
    const versions = this.#versions.get(exchange) ?? []
    versions.push({ key, context: record.context, dots: record.siblings.map(({ dot }) => dot) })
    this.#versions.set(exchange, versions)
    if (versions.length >= exchangeVersionsMax) this.#sendVersions(effects)
  }

  /** Versions travel together: when nothing more is being read, or a message is full. */
  #sendVersions(effects: Effect[]): void {
    for (const [exchange, versions] of this.#versions)
      if (this.#isCurrent(exchange)) sendBulk(effects, exchange.peer, { type: 'exchange-versions', id: exchange.id, versions })
    this.#versions.clear()
  }

  #mayGoOn(exchange: Exchange): boolean {
    return exchange.recordBytes <= exchangeRecordBytesMax && this.#isCurrent(exchange)
  }
}

/** Sends what this peer knows more; true when the other knows more, too. */
function answersWith(exchange: Exchange, place: number, version: KeyVersion, row: LocalRow | undefined, effects: Effect[]): boolean {
  const order = row === undefined ? 'older' : compareRecords(row.record, outlineOf(version))
  if (row !== undefined && (order === 'newer' || order === 'concurrent')) sendRecord(exchange, place, version.key, row.record, effects)
  return order === 'older' || order === 'concurrent'
}

function sendRecord(exchange: Exchange, place: number, key: Uint8Array, record: StoredRecord, effects: Effect[]): void {
  const partition = exchange.trie.partitionOf(place)
  exchange.recordBytes += key.length + valueBytes(record)
  exchange.repaired.set(partition, (exchange.repaired.get(partition) ?? 0) + 1)
  sendBulk(effects, exchange.peer, { type: 'repair', key, record })
  effects.push({ kind: 'report', event: { type: 'repair-sent', target: exchange.peer, key } })
}

/** A version as a record without values: comparing records looks at dots alone. */
function outlineOf({ context, dots }: KeyVersion): StoredRecord {
  return { context, siblings: dots.map(dot => ({ dot, request: '' as RequestId, wallTime: 0, value: undefined })) }
}
