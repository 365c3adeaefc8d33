/**
 * Admission control of background work (the paper, section 6.5): handoff, moves and repair run in what requests leave them.
 *
 * A peer measures how long requests wait for its copies: its own disk, event loop and processor, not the network. While at most one in a hundred waits longer than
 * the target, background work gets a little more each half second; when more do, it gets half. Like a sender that feels its way to what a
 * network carries, it so finds the share of the machine that requests can spare. Where there are no requests there is nobody to disturb.
 *
 * The unit is a record given, taken, repaired or dropped; larger ones count more. What is under way is never stopped: too much of it is paid back by
 * starting nothing for a while. A floor lets every join end; a machine that is too slow for its requests alone stays at it.
 */
import { backgroundRecordsPerSecondMax, backgroundRecordsPerSecondMin, foregroundTargetMs, hintBatchMax } from '../core/limits.ts'
import type { Instant } from './instant.ts'

const judgeEveryMs = 500
/** Records a second that are added after half a second without complaint. */
const increase = 250
/** Share of a second's work that may start at once after a rest, and that may be owed. */
const burstSeconds = 0.25
/** Requests of which one may exceed the target. */
const servedPerSlow = 100
/** Bytes that count as a record. */
const recordBytes = 4096

/** Work of giving or taking so many records. */
export function workOf(records: number, bytes: number): number {
  return records + bytes / recordBytes
}

export class AdmissionControl {
  #perSecond = backgroundRecordsPerSecondMax
  /** Records that may be started now; below zero what was started too early. */
  #allowance = hintBatchMax
  #refilledMs = Number.NEGATIVE_INFINITY
  #judgedMs = Number.NEGATIVE_INFINITY
  #served = 0
  #slow = 0

  /** Records of background work that may be started a second. */
  get recordsPerSecond(): number {
    return this.#perSecond
  }

  /** A request waited so long for a copy of this peer. */
  served(now: Instant, waitMs: number): void {
    this.#judge(now.ms)
    this.#served += 1
    if (waitMs > foregroundTargetMs) this.#slow += 1
  }

  /** True when more background work may be started. */
  mayStart(now: Instant): boolean {
    this.#judge(now.ms)
    this.#refill(now.ms)
    return this.#allowance > 0
  }

  /** How long until more may be started, in milliseconds. */
  waitMs(now: Instant): number {
    return this.mayStart(now) ? 0 : Math.ceil(((1 - this.#allowance) / this.#perSecond) * 1000)
  }

  /** So much was started. */
  spend(work: number): void {
    this.#allowance = Math.max(this.#allowance - work, -this.#burst)
  }

  get #burst(): number {
    return Math.max(this.#perSecond * burstSeconds, hintBatchMax)
  }

  #refill(nowMs: number): void {
    const sinceMs = Math.max(nowMs - this.#refilledMs, 0)
    this.#refilledMs = nowMs
    this.#allowance = Math.min(this.#allowance + (sinceMs / 1000) * this.#perSecond, this.#burst)
  }

  #judge(nowMs: number): void {
    const intervals = Math.floor((nowMs - this.#judgedMs) / judgeEveryMs)
    if (intervals === 0) return
    this.#refill(nowMs)
    this.#judgedMs = nowMs
    // Nothing was asked for in all intervals but the first, or they had been judged.
    if (this.#served === 0 || intervals > 1) this.#set(this.#perSecond * 2 ** Math.min(intervals, 10))
    else if (this.#slow * servedPerSlow > this.#served) this.#set(this.#perSecond / 2)
    else this.#set(this.#perSecond + increase)
    this.#served = 0
    this.#slow = 0
  }

  #set(perSecond: number): void {
    this.#perSecond = Math.min(Math.max(perSecond, backgroundRecordsPerSecondMin), backgroundRecordsPerSecondMax)
  }
}
