/** Callers that wait for an answer, by number. Each is answered exactly once. */
import { StoreError, type WriteOutcome } from '../core/errors.ts'
import type { RequestId } from '../core/identifiers.ts'
import type { CallOutcome } from '../protocol/effect.ts'

/** What a call asks for, as far as its end is concerned. */
export interface CallSubject {
  /** The write, for a put. */
  readonly request: RequestId | undefined
  readonly signal: AbortSignal | undefined
}

interface Waiting {
  readonly resolve: (outcome: CallOutcome) => void
  readonly reject: (error: StoreError) => void
  readonly request: RequestId | undefined
  readonly release: (() => void) | undefined
}

export class Calls {
  readonly #waiting = new Map<number, Waiting>()
  readonly #idle: (() => void)[] = []
  readonly #abandon: (call: number) => void
  #operations = 0
  #bytes = 0
  #last = 0
  #closed = false

  /** `abandon` is told which call nobody waits for any more. */
  constructor(abandon: (call: number) => void) {
    this.#abandon = abandon
  }

  /** Operations of callers under way: each makes one call after the other, or waits between two. */
  get operations(): number {
    return this.#operations
  }

  /** Bytes of the writes under way. */
  get bytes(): number {
    return this.#bytes
  }

  /** Counts the bytes of a write until it has ended. */
  async carrying<Result>(bytes: number, write: () => Promise<Result>): Promise<Result> {
    this.#bytes += bytes
    try {
      return await write()
    } finally {
      this.#bytes -= bytes
    }
  }

  /** An operation begins; {@link ended} must follow. */
  began(): void {
    this.#operations += 1
  }

  ended(): void {
    this.#operations -= 1
    if (this.#operations === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** Starts a call with a fresh number and waits for its outcome, or for the signal. */
  run({ request, signal }: CallSubject, begin: (call: number, failed: (error: StoreError) => void) => void): Promise<CallOutcome> {
    if (signal?.aborted === true) return Promise.reject(aborted(undefined, signal))
    if (this.#closed) return Promise.reject(closed(undefined))
    this.#last += 1
    const call = this.#last
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject, request, release: this.#listen(call, signal) })
      begin(call, error => this.#take(call)?.reject(error))
    })
  }

  settle(call: number, outcome: CallOutcome): void {
    this.#take(call)?.resolve(outcome)
  }

  /** Resolves when no operation is under way. */
  async idle(): Promise<void> {
    if (this.#operations > 0) await new Promise<void>(resolve => this.#idle.push(resolve))
  }

  /** Ends all that still wait, and takes no further call. */
  close(): void {
    this.#closed = true
    for (const [call, { request }] of this.#waiting) this.#take(call)?.reject(closed(request))
  }

  #listen(call: number, signal: AbortSignal | undefined): (() => void) | undefined {
    if (signal === undefined) return undefined
    const onAbort = (): void => this.#abort(call, signal)
    signal.addEventListener('abort', onAbort, { once: true })
    return () => signal.removeEventListener('abort', onAbort)
  }

  #abort(call: number, signal: AbortSignal): void {
    const waiting = this.#take(call)
    if (waiting === undefined) return
    this.#abandon(call)
    waiting.reject(aborted(waiting.request, signal))
  }

  #take(call: number): Waiting | undefined {
    const waiting = this.#waiting.get(call)
    this.#waiting.delete(call)
    waiting?.release?.()
    return waiting
  }
}

function aborted(request: RequestId | undefined, signal: AbortSignal): StoreError {
  const message = request === undefined ? 'The request was aborted.' : `The request was aborted; ${mayAppear}`
  return new StoreError('ERR_ABORTED', message, { ...known(request), cause: signal.reason })
}

function closed(request: RequestId | undefined): StoreError {
  const message =
    request === undefined
      ? 'The peer was stopped before the request was answered.'
      : `The peer was stopped before the write was acknowledged; ${mayAppear}`
  return new StoreError('ERR_CLOSED', message, known(request))
}

const mayAppear = 'it may still become visible. A retry with details.requestId cannot count twice.'

/** What is known of a call that ends now: a write may have happened. */
function known(requestId: RequestId | undefined): { readonly outcome: WriteOutcome; readonly details: Readonly<Record<string, unknown>> } {
  return requestId === undefined ? { outcome: 'none', details: {} } : { outcome: 'indeterminate', details: { requestId } }
}
