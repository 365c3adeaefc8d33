/**
 * Cuts the chunks of a stream back into frames, however the bytes were chunked on the way.
 *
 * A frame that lies whole within a chunk is handed on as a view of it. Only a frame that spans chunks is collected, in a buffer
 * that grows with what *arrived*: the length that a frame claims never decides how much memory is taken.
 */
import { StoreError } from '../../core/errors.ts'
import { frameBytesMax } from '../../core/limits.ts'

const lengthBytes = 4
const smallestBufferBytes = 4 * 1024
const keptBufferBytes = 64 * 1024

/** Gets each frame without its length: kind and body, as a view that is valid during the call only. */
export type FrameSink = (frame: Uint8Array) => void

/** One direction of one stream. A fault throws a `StoreError` with an `ERR_WIRE_*` code; the stream cannot be used after that. */
export class FrameDecoder {
  /** Longest body of a frame; a longer one is a fault. */
  bodyBytesMax: number = frameBytesMax
  readonly #sink: FrameSink
  /** Start of a frame whose rest has not arrived. */
  #pending: Uint8Array = new Uint8Array(smallestBufferBytes)
  #pendingLength = 0

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  /** Bytes held of a frame that is not complete. */
  get pendingBytes(): number {
    return this.#pendingLength
  }

  /** Takes the next chunk of the stream. */
  push(chunk: Uint8Array): void {
    let offset = this.#pendingLength === 0 ? 0 : this.#complete(chunk)
    while (chunk.length - offset >= lengthBytes) {
      const end = offset + lengthBytes + this.#length(chunk, offset)
      if (end > chunk.length) break
      this.#sink(chunk.subarray(offset + lengthBytes, end))
      offset = end
    }
    if (offset < chunk.length) this.#keep(chunk, offset, chunk.length)
  }

  /** Adds to the pending frame what `chunk` has of it, and delivers it when it is whole. Returns how much of the chunk that took. */
  #complete(chunk: Uint8Array): number {
    const prefix = Math.min(chunk.length, Math.max(0, lengthBytes - this.#pendingLength))
    this.#keep(chunk, 0, prefix)
    if (this.#pendingLength < lengthBytes) return prefix
    const end = lengthBytes + this.#length(this.#pending, 0)
    const taken = Math.min(chunk.length, prefix + end - this.#pendingLength)
    this.#keep(chunk, prefix, taken)
    if (this.#pendingLength === end) this.#deliver(end)
    return taken
  }

  #deliver(end: number): void {
    const frame = this.#pending.subarray(lengthBytes, end)
    this.#pendingLength = 0
    if (this.#pending.length > keptBufferBytes) this.#pending = new Uint8Array(smallestBufferBytes)
    this.#sink(frame)
  }

  #keep(chunk: Uint8Array, start: number, end: number): void {
    const needed = this.#pendingLength + end - start
    if (needed > this.#pending.length) {
      const grown = new Uint8Array(Math.max(needed, this.#pending.length * 2))
      grown.set(this.#pending.subarray(0, this.#pendingLength))
      this.#pending = grown
    }
    this.#pending.set(chunk.subarray(start, end), this.#pendingLength)
    this.#pendingLength = needed
    if (this.#pendingLength >= lengthBytes) this.#length(this.#pending, 0)
  }

  /** The checked length of the frame that starts at `offset`. */
  #length(bytes: Uint8Array, offset: number): number {
    const low = ((bytes[offset + 1] as number) << 16) | ((bytes[offset + 2] as number) << 8) | (bytes[offset + 3] as number)
    const length = (bytes[offset] as number) * 0x1_00_00_00 + low
    if (length > this.bodyBytesMax + 1) {
      throw new StoreError('ERR_WIRE_FRAME_TOO_LARGE', `A frame claims ${length} bytes; the most is ${this.bodyBytesMax + 1}.`)
    }
    if (length === 0) throw new StoreError('ERR_WIRE_MALFORMED', 'A frame is empty.')
    return length
  }
}
