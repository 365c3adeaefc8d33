/** Callers that wait for an answer, by number. Each is answered exactly once. */
import { StoreError, type WriteOutcome } from '../core/errors.ts'
import type { GetOutcome, PutOutcome } from '../protocol/effect.ts'

interface Waiting {
  readonly resolve: (outcome: GetOutcome | PutOutcome) => void
  readonly reject: (error: StoreError) => void
  /** What is known about the call if it ends now. */
  readonly outcome: WriteOutcome
  readonly release: () => void
}

export class Calls {
  readonly #waiting = new Map<number, Waiting>()
  readonly #idle: (() => void)[] = []
  readonly #abandon: (call: number) => void
  #last = 0

  /** `abandon` is told which call nobody waits for any more. */
  constructor(abandon: (call: number) => void) {
    this.#abandon = abandon
  }

  /** Starts a call with a fresh number and waits for its outcome, or for `signal`. */
  run(kind: 'get' | 'put', signal: AbortSignal | undefined, begin: (call: number) => void): Promise<GetOutcome | PutOutcome> {
    if (signal?.aborted === true) return Promise.reject(aborted('none', signal))
    this.#last += 1
    const call = this.#last
    return new Promise((resolve, reject) => {
      const outcome = kind === 'put' ? 'indeterminate' : 'none'
      const onAbort = (): void => this.#abort(call, signal)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiting.set(call, { resolve, reject, outcome, release: () => signal?.removeEventListener('abort', onAbort) })
      begin(call)
    })
  }

  settle(call: number, outcome: GetOutcome | PutOutcome): void {
    this.#take(call)?.resolve(outcome)
  }

  /** Resolves when nobody waits. */
  async idle(): Promise<void> {
    if (this.#waiting.size > 0) await new Promise<void>(resolve => this.#idle.push(resolve))
  }

  /** Ends all that still wait. */
  close(): void {
    for (const [call, { outcome }] of this.#waiting) {
      this.#take(call)?.reject(new StoreError('ERR_CLOSED', 'The peer was stopped before the request was answered.', { outcome }))
    }
  }

  #abort(call: number, signal: AbortSignal | undefined): void {
    const waiting = this.#take(call)
    if (waiting === undefined) return
    this.#abandon(call)
    waiting.reject(aborted(waiting.outcome, signal))
  }

  #take(call: number): Waiting | undefined {
    const waiting = this.#waiting.get(call)
    this.#waiting.delete(call)
    waiting?.release()
    if (this.#waiting.size === 0) for (const resolve of this.#idle.splice(0)) resolve()
    return waiting
  }
}

function aborted(outcome: WriteOutcome, signal: AbortSignal | undefined): StoreError {
  const message = outcome === 'none' ? 'The request was aborted.' : 'The request was aborted; the write may still become visible.'
  return new StoreError('ERR_ABORTED', message, { outcome, cause: signal?.reason })
}
