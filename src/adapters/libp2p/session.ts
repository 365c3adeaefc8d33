/**
 * One libp2p connection between two peers: the mutual hello, then its lanes.
 *
 * Whoever dialled the connection opens its streams, so the two ends can never both open one. Both say hello first and at once; each
 * judges the other's hello and answers *admit* or *refuse*. A session is open when this end has admitted and was admitted. Nothing but
 * the hello exchange is taken before.
 */
import { StoreError } from '../../core/errors.ts'
import type { PeerId } from '../../core/identifiers.ts'
import { bulkCreditBytes, frameBytesMax, helloBytesMax, requestCreditBytes } from '../../core/limits.ts'
import { Reader, type Writer } from '../../core/codec.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Admission, ConnectionInfo, Lane as LaneName } from '../../ports/network.ts'
import { FrameKind, laneProtocols } from './frame.ts'
import { readHello, readRefusal, writeHello, writeRefusal, type Hello, type Refusal } from './hello.ts'
import { Lane, type LaneOptions, type LaneStream } from './lane.ts'

/** Longest time from the connection to the end of the hello exchange. */
const helloTimeoutMs = 10_000
/** How long a refused peer may take to read why. */
const refusalTimeoutMs = 1_000
const goodbyeTimeoutMs = 1_000
/** A stranger may send this much in one frame: a hello and its fields. */
const greetingFrameBytesMax = helloBytesMax + 64

/** What a session needs of a libp2p connection. */
export interface SessionConnection {
  readonly direction: 'inbound' | 'outbound'
  /** What a relay that is not ours lets through; bulk transfer would soon end the connection. */
  readonly limits?: unknown
  newStream(protocol: string, options: { readonly signal: AbortSignal; readonly runOnLimitedConnection: boolean }): Promise<LaneStream>
  abort(error: Error): void
}

/** What a session tells its owner. */
export interface SessionEvents {
  /** This end's hello. */
  hello(): Hello
  /** Judges the other end's hello; called once. */
  judge(session: Session, hello: Hello): Admission
  opened(session: Session): void
  frame(session: Session, lane: LaneName, frame: Uint8Array): void
  /** One end refused the other. Called at most once, before `closed`. */
  refused(session: Session, refusal: Refusal): void
  /** The other end broke the rules of the wire. Called before `closed`. */
  faulty(session: Session, error: StoreError): void
  /** Called once. */
  closed(session: Session): void
}

export interface SessionOptions {
  readonly clock: Clock
  readonly afterTurn: LaneOptions['afterTurn']
  readonly events: SessionEvents
}

interface Settle {
  readonly resolve: () => void
  readonly reject: (error: StoreError) => void
}

type State = 'greeting' | 'open' | 'closed'

export class Session {
  readonly peer: PeerId
  readonly info: ConnectionInfo
  /** Place in the order in which this end saw its connections begin. */
  readonly order: number
  /** True when this end dialled. */
  readonly isOpener: boolean
  /** Settles when the session opened; rejects with why it did not. */
  readonly ready: Promise<void>
  readonly #connection: SessionConnection
  readonly #options: SessionOptions
  #cancelTimeout: () => void
  readonly #lanes: Partial<Record<LaneName, Lane>> = {}
  /** Bulk stream that came before this end had seen the admission. */
  #earlyBulk: LaneStream | undefined
  readonly #settle: Settle
  #state: State = 'greeting'
  #remote: Hello | undefined
  #isAdmitted = false
  #refusal: Refusal | undefined

  constructor(peer: PeerId, info: ConnectionInfo, order: number, connection: SessionConnection, options: SessionOptions) {
    this.peer = peer
    this.info = info
    this.order = order
    this.isOpener = connection.direction === 'outbound'
    this.#connection = connection
    this.#options = options
    let settle: Settle | undefined
    this.ready = new Promise((resolve, reject) => (settle = { resolve, reject }))
    this.ready.catch(() => {})
    this.#settle = settle as unknown as Settle
    this.#cancelTimeout = options.clock.schedule(helloTimeoutMs, () => this.#timedOut())
    if (this.isOpener) void this.#openRequestLane()
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Peers that only a relay brings together must still get their hints and repairs. */
  get #bearsBulk(): boolean {
    return this.#connection.limits === undefined
  }

  /** The other end's run, once it said hello. */
  get remote(): Hello | undefined {
    return this.#remote
  }

  /** Takes a stream that the other end opened. */
  accept(lane: LaneName, stream: LaneStream): void {
    const isDue = !this.isOpener && this.#lanes[lane] === undefined && this.#earlyBulk === undefined && this.#state !== 'closed'
    if (!isDue || (lane === 'bulk' && !this.#bearsBulk)) {
      stream.abort(new StoreError('ERR_WIRE_UNEXPECTED', 'This stream is not due.'))
    } else if (lane === 'request') {
      this.#startRequestLane(stream)
    } else if (this.#state === 'open') {
      this.#startLane('bulk', stream)
    } else {
      this.#earlyBulk = stream
    }
  }

  send(lane: LaneName, encode: (out: Writer) => void): boolean {
    return this.#state === 'open' && (this.#lanes[lane]?.send(encode) ?? false)
  }

  /** One round of signs of life; closes the session when the other end is silent for too long. */
  beat(): void {
    if (this.#state !== 'open') return
    for (const lane of Object.values(this.#lanes)) {
      if (!lane.beat()) return this.abort(new StoreError('ERR_WIRE_IDLE', 'The other end is silent.'))
    }
  }

  /** Says goodbye with what can be sent synchronously. */
  goodbye(): void {
    if (this.#state !== 'open') return this.abort(undefined)
    this.#lanes.request?.flush()
    this.#lanes.request?.control(FrameKind.goodbye)
  }

  /** Says goodbye, sends what waits, and closes. */
  async close(): Promise<void> {
    this.goodbye()
    if (this.#state === 'closed') return
    const signal = AbortSignal.timeout(goodbyeTimeoutMs)
    await Promise.all(Object.values(this.#lanes).map(lane => lane.close(signal)))
    this.abort(undefined)
  }

  /** Ends the connection now. */
  abort(error: StoreError | undefined): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#cancelTimeout()
    const reason = error ?? new StoreError('ERR_CLOSED', 'The connection was closed.')
    this.#settle.reject(reason)
    for (const lane of Object.values(this.#lanes)) lane.abort(undefined)
    this.#connection.abort(reason)
    this.#options.events.closed(this)
  }

  async #openRequestLane(): Promise<void> {
    try {
      this.#startRequestLane(await this.#newStream('request'))
    } catch (error) {
      if (!isUnsupported(error))
        return this.abort(new StoreError('ERR_NETWORK', 'The request stream could not be opened.', { cause: error }))
      this.#report(unsupported)
      this.abort(new StoreError('ERR_WIRE_UNSUPPORTED', unsupported.message))
    }
  }

  /** The bulk lane is a convenience: a session without it stays. */
  async #openBulkLane(): Promise<void> {
    try {
      const stream = await this.#newStream('bulk')
      if (this.#state === 'open') this.#startLane('bulk', stream)
      else stream.abort(new StoreError('ERR_CLOSED', 'The connection was closed.'))
    } catch {
      // Only a limited connection, or one that is ending, has no bulk lane.
    }
  }

  #newStream(lane: LaneName): Promise<LaneStream> {
    const options = { signal: AbortSignal.timeout(helloTimeoutMs), runOnLimitedConnection: lane === 'request' }
    return this.#connection.newStream(laneProtocols[lane], options)
  }

  #startRequestLane(stream: LaneStream): void {
    if (this.#state === 'closed') return stream.abort(new StoreError('ERR_CLOSED', 'The connection was closed.'))
    const hello = this.#options.events.hello()
    const lane = this.#startLane('request', stream)
    lane.limitFrames(greetingFrameBytesMax)
    lane.control(FrameKind.hello, out => writeHello(out, hello))
  }

  #startLane(name: LaneName, stream: LaneStream): Lane {
    const lane = new Lane(stream, {
      creditBytes: name === 'request' ? requestCreditBytes : bulkCreditBytes,
      afterTurn: this.#options.afterTurn,
      frame: (kind, body) => this.#receive(name, kind, body),
      closed: error => this.#laneClosed(name, error)
    })
    this.#lanes[name] = lane
    return lane
  }

  #laneClosed(name: LaneName, error: StoreError | undefined): void {
    if (error !== undefined && this.#state !== 'closed') this.#options.events.faulty(this, error)
    if (name === 'request' || error !== undefined) this.abort(error)
  }

  #receive(lane: LaneName, kind: number, body: Uint8Array): void {
    if (this.#state === 'open' && kind === FrameKind.message) return this.#options.events.frame(this, lane, body)
    if (lane !== 'request') throw unexpected(kind)
    if (kind === FrameKind.goodbye) return this.#goodbye(body)
    if (this.#refusal !== undefined) return
    if (this.#state !== 'greeting') throw unexpected(kind)
    if (kind === FrameKind.hello && this.#remote === undefined) this.#judge(readHello(body))
    else if (kind === FrameKind.admit && this.#remote !== undefined) this.#admitted(body)
    else if (kind === FrameKind.refuse) this.#refusedBy(readRefusal(body))
    else throw unexpected(kind)
  }

  #judge(hello: Hello): void {
    this.#remote = hello
    const admission = this.#options.events.judge(this, hello)
    if (this.#state === 'closed') return
    if (admission.admit) return this.#lanes.request?.control(FrameKind.admit)
    this.#lanes.request?.control(FrameKind.refuse, out => writeRefusal(out, admission))
    this.#report(admission)
    this.#cancelTimeout()
    const end = (): void => this.abort(new StoreError('ERR_NOT_ADMITTED', admission.message))
    this.#cancelTimeout = this.#options.clock.schedule(refusalTimeoutMs, end)
  }

  #admitted(body: Uint8Array): void {
    new Reader(body).finish()
    if (this.#isAdmitted) throw unexpected(FrameKind.admit)
    this.#isAdmitted = true
    this.#state = 'open'
    this.#lanes.request?.limitFrames(frameBytesMax)
    this.#cancelTimeout()
    const early = this.#earlyBulk
    this.#earlyBulk = undefined
    if (early !== undefined) this.#startLane('bulk', early)
    if (this.isOpener && this.#bearsBulk) void this.#openBulkLane()
    this.#options.events.opened(this)
    this.#settle.resolve()
  }

  #refusedBy(refusal: Refusal): void {
    this.#report(refusal)
    this.abort(new StoreError('ERR_NOT_ADMITTED', refusal.message))
  }

  #report(refusal: Refusal): void {
    if (this.#refusal !== undefined) return
    this.#refusal = { code: refusal.code, message: refusal.message }
    this.#options.events.refused(this, this.#refusal)
  }

  #goodbye(body: Uint8Array): void {
    new Reader(body).finish()
    this.abort(new StoreError('ERR_CLOSED', 'The other end said goodbye.'))
  }

  #timedOut(): void {
    const error = new StoreError('ERR_WIRE_IDLE', `The other end did not say hello within ${helloTimeoutMs / 1000} s.`)
    this.#options.events.faulty(this, error)
    this.#report({ code: error.code, message: error.message })
    this.abort(error)
  }
}

const unsupported: Refusal = {
  code: 'ERR_WIRE_UNSUPPORTED',
  message: `The other end does not speak ${laneProtocols.request}: it runs another major version, or is not a dynamesh peer.`
}

function isUnsupported(error: unknown): boolean {
  return error instanceof Error && error.name === 'UnsupportedProtocolError'
}

function unexpected(kind: number): StoreError {
  return new StoreError('ERR_WIRE_UNEXPECTED', `A frame of kind ${kind} is not due now.`)
}
