/**
 * A clock for pages: its timers run in a tiny worker, because a browser slows the timers of a hidden page down to one a second, and after
 * five minutes to one a minute, which other peers take for a crash. Timers of workers keep their pace.
 *
 * Where no worker is to be had (a content security policy or Trusted Types forbid it, or there are none), the page's own timers do the work.
 * Until the worker reports for duty they do it too, so a worker that never starts costs nothing.
 */
import type { Clock } from '../../ports/clock.ts'
import { systemClock, timerDelayMsMax } from './system-clock.ts'

/** The whole worker: `[id, delayMs]` starts a timer, `[id]` cancels it, and the answer is the id. */
const WORKER_SOURCE = `
const timers = new Map()
onmessage = ({ data: [id, delayMs] }) => {
  clearTimeout(timers.get(id))
  timers.delete(id)
  if (delayMs === undefined) return
  timers.set(id, setTimeout(() => {
    timers.delete(id)
    postMessage(id)
  }, delayMs))
}
postMessage(0)
`

/** Id of the message by which the worker reports for duty. */
const READY = 0

interface Timer {
  readonly dueMs: number
  readonly wake: () => void
  /** Ends the page's own timer, while one is in charge. */
  cancel: (() => void) | undefined
}

/** A clock whose timers keep their pace in hidden pages. `close` ends the worker and cancels all timers. */
export function workerClock(): Clock & { close(): void } {
  return new WorkerClock()
}

class WorkerClock implements Clock {
  readonly #page = systemClock()
  readonly #timers = new Map<number, Timer>()
  #worker: Worker | undefined
  /** Where the worker's source can be fetched until it runs. */
  #url = ''
  #isReady = false
  #lastId = READY

  constructor() {
    this.#worker = this.#startWorker()
  }

  monotonicMs(): number {
    return this.#page.monotonicMs()
  }

  wallMs(): number {
    return this.#page.wallMs()
  }

  schedule(delayMs: number, wake: () => void): () => void {
    const id = ++this.#lastId
    const timer: Timer = { dueMs: this.monotonicMs() + delayMs, wake, cancel: undefined }
    this.#timers.set(id, timer)
    this.#arm(id, timer)
    return () => this.#cancel(id)
  }

  close(): void {
    for (const id of this.#timers.keys()) this.#cancel(id)
    this.#dismissWorker()
  }

  #arm(id: number, timer: Timer): void {
    const delayMs = Math.max(0, timer.dueMs - this.monotonicMs())
    if (this.#isReady && delayMs <= timerDelayMsMax) this.#worker?.postMessage([id, Math.ceil(delayMs)])
    else timer.cancel = this.#page.schedule(delayMs, () => this.#fire(id))
  }

  #fire(id: number): void {
    const timer = this.#timers.get(id)
    if (timer === undefined) return
    this.#timers.delete(id)
    timer.cancel?.()
    timer.wake()
  }

  #cancel(id: number): void {
    const timer = this.#timers.get(id)
    if (timer === undefined) return
    this.#timers.delete(id)
    if (timer.cancel === undefined) this.#worker?.postMessage([id])
    else timer.cancel()
  }

  #startWorker(): Worker | undefined {
    if (typeof Worker === 'undefined' || typeof Blob === 'undefined') return undefined
    this.#url = URL.createObjectURL(new Blob([WORKER_SOURCE], { type: 'text/javascript' }))
    try {
      const worker = new Worker(this.#url, { name: 'dynamesh-clock' })
      worker.onmessage = ({ data }: MessageEvent<number>) => (data === READY ? this.#handOver() : this.#fire(data))
      worker.onerror = event => {
        event.preventDefault()
        this.#takeBack()
      }
      return worker
    } catch {
      URL.revokeObjectURL(this.#url)
      return undefined
    }
  }

  /** The worker is there: it takes over what the page's timers have begun. */
  #handOver(): void {
    this.#isReady = true
    URL.revokeObjectURL(this.#url)
    this.#rearm()
  }

  /** The worker was refused or broke: the page's timers take over what it had. */
  #takeBack(): void {
    this.#dismissWorker()
    this.#rearm()
  }

  /** In the order in which they are due, so that overdue ones do not overtake each other. */
  #rearm(): void {
    for (const [id, timer] of [...this.#timers].toSorted(([, a], [, b]) => a.dueMs - b.dueMs)) {
      timer.cancel?.()
      timer.cancel = undefined
      this.#arm(id, timer)
    }
  }

  #dismissWorker(): void {
    this.#worker?.terminate()
    URL.revokeObjectURL(this.#url)
    this.#worker = undefined
    this.#isReady = false
  }
}
