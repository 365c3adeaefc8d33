/** Counts what a peer gives and takes because the ring changed (`move-progress.ts` says what the counts mean), and says when that is worth a report. */
import type { PeerId } from '../../core/identifiers.ts'
import type { Effect } from '../effect.ts'
import type { Instant } from '../instant.ts'
import type { MoveCount, MoveProgress } from './move-progress.ts'

/** Time between two reports, in milliseconds. */
const reportEveryMs = 250

/** Counts one direction. */
class Tally {
  /** Records of the partitions that are left, by name of the partition and its owner. */
  readonly #left = new Map<string, number>()
  #isOver = false
  #done = 0
  #recordsSeen = 0
  #records = 0
  #bytes = 0

  /** True when everything was done before the ring changed. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** A partition with so many records is to be moved. */
  add(name: string, records: number): void {
    if (this.#isOver) this.reset()
    this.#left.set(name, Math.max(records, this.#left.get(name) ?? 0))
  }

  /** So many records of those that were compared had to travel. */
  moved(records: number, bytes: number): void {
    this.#records += records
    this.#bytes += bytes
  }

  /** A partition is done. False when it was not to be moved. */
  finish(name: string): boolean {
    const records = this.#left.get(name)
    if (records === undefined) return false
    this.#left.delete(name)
    this.#recordsSeen += records
    this.#done += 1
    return true
  }

  /** What is left is another matter now; where nothing is, all that moves from now on is counted anew. */
  ringChanged(): void {
    this.#isOver = this.#left.size === 0
    this.#left.clear()
  }

  /** The counts; `underWay` of the bytes have not arrived. What is left is taken to be like what was compared. */
  count(underWay: number): MoveCount {
    let recordsLeft = 0
    for (const records of this.#left.values()) recordsLeft += records
    const bytesPerRecord = this.#bytes / Math.max(this.#recordsSeen, this.#records, 1)
    return {
      partitions: this.#done + this.#left.size,
      partitionsDone: this.#done,
      bytes: this.#bytes + Math.round(recordsLeft * bytesPerRecord),
      bytesDone: Math.max(this.#bytes - underWay, 0)
    }
  }

  reset(): void {
    this.#isOver = false
    this.#done = 0
    this.#recordsSeen = 0
    this.#records = 0
    this.#bytes = 0
  }
}

/** Both directions. */
export class MoveTally {
  readonly #give = new Tally()
  readonly #take = new Tally()
  /** Bytes of copies that wait to be delivered. */
  readonly #waitingBytes: () => number
  #hasNews = false
  #reportAtMs = Number.NEGATIVE_INFINITY

  constructor(waitingBytes: () => number) {
    this.#waitingBytes = waitingBytes
  }

  get progress(): MoveProgress {
    return { give: this.#give.count(this.#waitingBytes()), take: this.#take.count(0) }
  }

  /** The ring changed: what is owed to whom is found out anew. */
  ringChanged(): void {
    this.#give.ringChanged()
    this.#take.ringChanged()
  }

  /** An owner is to be given a partition. */
  owes(target: PeerId, partition: number, records: number): void {
    this.#begin()
    this.#give.add(`${target}/${partition}`, records)
    this.#hasNews = true
  }

  /** An owner lacks so many records. */
  gives(records: number, bytes: number): void {
    this.#give.moved(records, bytes)
    this.#hasNews = true
  }

  /** An owner holds all of a partition, or a hint makes sure of it. */
  gave(target: PeerId, partition: number): void {
    this.#hasNews = this.#give.finish(`${target}/${partition}`) || this.#hasNews
  }

  /** Somebody holds so many records of a partition, and not all of them are here. */
  lacks(partition: number, records: number): void {
    this.#begin()
    this.#take.add(String(partition), records)
    this.#hasNews = true
  }

  takes(bytes: number): void {
    this.#take.moved(1, bytes)
    this.#hasNews = true
  }

  /** All that somebody held of a partition is here. */
  took(partition: number): void {
    this.#hasNews = this.#take.finish(String(partition)) || this.#hasNews
  }

  /** A change begins: what the one before gave and took is not part of it. */
  #begin(): void {
    if (!this.#give.isOver || !this.#take.isOver) return
    this.#give.reset()
    this.#take.reset()
  }

  /** When the next report is due. */
  deadline(): number {
    return this.#hasNews ? this.#reportAtMs : Number.POSITIVE_INFINITY
  }

  wake(now: Instant, effects: Effect[]): void {
    this.#hasNews = false
    this.#reportAtMs = now.ms + reportEveryMs
    effects.push({ kind: 'report', event: { type: 'progress', moves: this.progress } })
  }
}
