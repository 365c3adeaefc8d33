/**
 * One long-lived stream to one peer, carrying many frames per write.
 *
 * `send` encodes a message straight into the outgoing batch; the batch leaves once per macrotask, or earlier when it is large.
 * A stream per message costs 57 times as much, and a write per message 7 times.
 *
 * Credit bounds memory on both sides: messages under way, of which the other end has not said that it took them, stay below a window.
 * Behind it they wait here, up to a bound; past the bound `send` answers false. Frames are never cut at the window (a whole batch may
 * exceed it), and control frames are exempt, so the two directions cannot lock each other. Streams over WebRTC have no backpressure of
 * their own: this is all there is.
 */
import { Reader, Writer } from '../../core/codec.ts'
import { StoreError } from '../../core/errors.ts'
import { frameBytesMax, laneQueueBytesMax } from '../../core/limits.ts'
import { FrameDecoder } from './frame-decoder.ts'
import { FrameKind, frameHeaderBytes } from './frame.ts'
import { readCredit, writeCredit } from './hello.ts'

/** A batch of this size leaves at once. */
const earlyFlushBytes = 48 * 1024
const smallestBatchBytes = 1024
/** Silent rounds of {@link Lane.beat} after which the other end counts as gone. */
const silentBeatsMax = 4

/** What arrives: a `Uint8Array`, or a list of them (libp2p's `Uint8ArrayList`). */
export type StreamData = Uint8Array | Iterable<Uint8Array>

/** What a lane needs of a libp2p stream. */
export interface LaneStream {
  readonly writableNeedsDrain: boolean
  send(data: Uint8Array): boolean
  close(options?: { readonly signal?: AbortSignal }): Promise<void>
  abort(error: Error): void
  addEventListener(name: 'message', listener: (event: { readonly data: StreamData }) => void): void
  addEventListener(name: 'drain' | 'close' | 'remoteCloseWrite', listener: () => void): void
}

export interface LaneOptions {
  /** Bytes of messages that may be under way in each direction; the same at both ends. */
  readonly creditBytes: number
  /** Runs a function once, after the events of this turn. */
  readonly afterTurn: (run: () => void) => void
  /** A frame arrived, credit and signs of life excepted. Throwing resets the stream. */
  readonly frame: (kind: number, body: Uint8Array) => void
  /** The stream ended: `error` is a fault of the other end, or `undefined` for any other end. Called once. */
  readonly closed: (error: StoreError | undefined) => void
}

export class Lane {
  readonly #stream: LaneStream
  readonly #options: LaneOptions
  readonly #decoder: FrameDecoder
  /** The batch that is being written. */
  #batch = new Writer(smallestBatchBytes)
  /** Full batches that wait for credit or for the stream. */
  readonly #sealed: Uint8Array[] = []
  #sealedBytes = 0
  #underWayBytes = 0
  #takenBytes = 0
  #pings = 0
  #pongs = 0
  #silentBeats = 0
  #flushing = false
  #ended = false

  constructor(stream: LaneStream, options: LaneOptions) {
    this.#stream = stream
    this.#options = options
    this.#decoder = new FrameDecoder(frame => this.#receive(frame))
    stream.addEventListener('message', event => this.#data(event.data))
    stream.addEventListener('drain', () => this.flush())
    stream.addEventListener('close', () => this.#end(undefined))
    stream.addEventListener('remoteCloseWrite', () => this.abort(undefined))
  }

  get isOpen(): boolean {
    return !this.#ended
  }

  /** Bounds the body of a frame that may arrive. */
  limitFrames(bytesMax: number): void {
    this.#decoder.bodyBytesMax = bytesMax
  }

  /** Bytes that wait here. */
  get queuedBytes(): number {
    return this.#sealedBytes + this.#batch.length
  }

  /** Queues a message; false when the queue is full or the lane has ended. A message that is too large throws `ERR_WIRE_FRAME_TOO_LARGE`. */
  send(encode: (out: Writer) => void): boolean {
    if (this.#ended || this.queuedBytes >= laneQueueBytesMax) return false
    writeFrame(this.#batch, FrameKind.message, encode)
    if (this.#batch.length >= earlyFlushBytes) this.#sealOrFlush()
    else this.#flushSoon()
    return true
  }

  /** Sends a control frame at once, ahead of messages that wait. */
  control(kind: number, body: (out: Writer) => void = nothing): void {
    const out = new Writer(64)
    writeFrame(out, kind, body)
    this.#write(out.take(0))
  }

  /** One round of signs of life: asks when nothing arrived since the last round; false when nothing did for too many. */
  beat(): boolean {
    this.#silentBeats++
    if (this.#silentBeats > silentBeatsMax) return false
    this.#pings = 1
    this.#flushSoon()
    return true
  }

  /** Sends what may be sent now. */
  flush(): void {
    this.#flushing = false
    if (this.#ended) return
    while (this.#sealed.length > 0 && this.#mayWrite()) this.#writeMessages(this.#sealed.shift() as Uint8Array, true)
    const messageBytes = this.#sealed.length === 0 && this.#mayWrite() ? this.#batch.length : 0
    if (messageBytes > 0) {
      this.#writeControls(this.#batch)
      this.#underWayBytes += messageBytes
      this.#write(this.#takeBatch())
    } else if (this.#hasControls()) {
      const out = new Writer(64)
      this.#writeControls(out)
      this.#write(out.take(0))
    }
  }

  /** Sends what waits, then closes, waiting at most until `signal`. */
  async close(signal: AbortSignal): Promise<void> {
    if (this.#ended) return
    this.flush()
    try {
      await this.#stream.close({ signal })
    } catch {
      this.abort(undefined)
    }
    this.#end(undefined)
  }

  /** Ends the lane now; both ends see a reset. */
  abort(error: StoreError | undefined): void {
    if (this.#ended) return
    this.#end(error)
    this.#stream.abort(error ?? new StoreError('ERR_CLOSED', 'The lane was closed.'))
  }

  #mayWrite(): boolean {
    return !this.#ended && this.#underWayBytes < this.#options.creditBytes && !this.#stream.writableNeedsDrain
  }

  #flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    this.#options.afterTurn(() => this.flush())
  }

  #sealOrFlush(): void {
    if (this.#sealed.length === 0 && this.#mayWrite()) return this.flush()
    this.#sealedBytes += this.#batch.length
    this.#sealed.push(this.#takeBatch())
  }

  /** The batch, and a fresh one about as large as the last: a quiet lane holds little, a busy one does not grow its buffer each time. */
  #takeBatch(): Uint8Array {
    const size = this.#batch.length + (this.#batch.length >> 1)
    return this.#batch.take(Math.min(Math.max(size, smallestBatchBytes), earlyFlushBytes + smallestBatchBytes))
  }

  #writeMessages(bytes: Uint8Array, wasSealed: boolean): void {
    if (wasSealed) this.#sealedBytes -= bytes.length
    this.#underWayBytes += bytes.length
    this.#write(bytes)
  }

  #write(bytes: Uint8Array): void {
    if (this.#ended) return
    try {
      this.#stream.send(bytes)
    } catch {
      this.abort(undefined)
    }
  }

  #hasControls(): boolean {
    return this.#pings + this.#pongs > 0 || this.#takenBytes >= this.#options.creditBytes / 4
  }

  #writeControls(out: Writer): void {
    const taken = this.#takenBytes
    if (taken >= this.#options.creditBytes / 4) {
      writeFrame(out, FrameKind.credit, body => writeCredit(body, taken))
      this.#takenBytes = 0
    }
    if (this.#pings > 0) writeFrame(out, FrameKind.ping, nothing)
    if (this.#pongs > 0) writeFrame(out, FrameKind.pong, nothing)
    this.#pings = 0
    this.#pongs = 0
  }

  #data(data: StreamData): void {
    this.#silentBeats = 0
    try {
      if (data instanceof Uint8Array) this.#push(data)
      else for (const chunk of data) this.#push(chunk)
    } catch (error) {
      this.abort(asFault(error))
    }
    if (this.#takenBytes >= this.#options.creditBytes / 4) this.#flushSoon()
  }

  #push(chunk: Uint8Array): void {
    if (!this.#ended) this.#decoder.push(chunk)
  }

  #receive(frame: Uint8Array): void {
    if (this.#ended) return
    const kind = frame[0] as number
    const body = frame.subarray(1)
    if (kind === FrameKind.message) this.#takenBytes += frame.length + frameHeaderBytes - 1
    if (kind === FrameKind.credit) this.#credited(readCredit(body))
    else if (kind === FrameKind.ping) this.#ping(body)
    else if (kind === FrameKind.pong) new Reader(body).finish()
    else this.#options.frame(kind, body)
  }

  #ping(body: Uint8Array): void {
    new Reader(body).finish()
    this.#pongs = 1
    this.#flushSoon()
  }

  #credited(bytes: number): void {
    if (bytes > this.#underWayBytes) throw new StoreError('ERR_WIRE_UNEXPECTED', 'A peer gave credit for bytes that it was not sent.')
    this.#underWayBytes -= bytes
    if (this.queuedBytes > 0) this.#flushSoon()
  }

  #end(error: StoreError | undefined): void {
    if (this.#ended) return
    this.#ended = true
    this.#sealed.length = 0
    this.#sealedBytes = 0
    this.#batch.reset()
    this.#options.closed(error)
  }
}

function nothing(): void {}

/** Writes one frame; its length is known, and patched in, afterwards. Leaves `out` as it was when that fails. */
function writeFrame(out: Writer, kind: number, encode: (out: Writer) => void): void {
  const start = out.uint32(0)
  out.varint(kind)
  try {
    encode(out)
  } catch (error) {
    out.truncate(start)
    throw error
  }
  const bodyBytes = out.length - start - frameHeaderBytes
  if (bodyBytes > frameBytesMax) {
    out.truncate(start)
    throw new StoreError('ERR_WIRE_FRAME_TOO_LARGE', `A message of ${bodyBytes} bytes exceeds the ${frameBytesMax} bytes of a frame.`)
  }
  out.patchUint32(start, bodyBytes + 1)
}

/** What the other end did wrong. An error of ours counts as that too: the frame could not be used. */
function asFault(error: unknown): StoreError {
  if (error instanceof StoreError) return error
  return new StoreError('ERR_WIRE_MALFORMED', 'A frame could not be used.', { cause: error })
}
