import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameDecoder } from '../../src/adapters/libp2p/frame-decoder.ts'
import { concatBytes, toHex } from '../../src/core/bytes.ts'
import { frameBytesMax } from '../../src/core/limits.ts'

function prefixOf(length: number): number[] {
  const prefix = new Uint8Array(4)
  new DataView(prefix.buffer).setUint32(0, length)
  return [...prefix]
}

function framed(payload: Uint8Array): Uint8Array {
  return concatBytes(new Uint8Array(prefixOf(payload.length)), payload)
}

/** What a decoder delivers for the given chunks, as hexadecimal texts. */
function decode(chunks: readonly Uint8Array[]): string[] {
  const frames: string[] = []
  const decoder = new FrameDecoder(frame => frames.push(toHex(frame)))
  for (const chunk of chunks) decoder.push(chunk)
  return frames
}

function split(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map(cut => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end))
}

const payload = fc.uint8Array({ minLength: 1, maxLength: 300 })

describe('the frame decoder', () => {
  test('delivers the same frames however the stream is chunked', () => {
    fc.assert(
      fc.property(fc.array(payload, { maxLength: 20 }), fc.array(fc.nat(), { maxLength: 40 }), (payloads, cuts) => {
        const stream = concatBytes(...payloads.map(framed))
        expect(decode(split(stream, cuts))).toEqual(payloads.map(toHex))
      }),
      { numRuns: 500 }
    )
  })

  test('delivers two frames that are split at any one byte', () => {
    const [first, second] = [new Uint8Array([1, 2, 3]), new Uint8Array(70_000).fill(9)]
    const stream = concatBytes(framed(first), framed(second)).subarray(0, 40)
    for (let cut = 0; cut <= stream.length; cut++) {
      expect(decode([stream.subarray(0, cut), stream.subarray(cut)])).toEqual([toHex(first)])
    }
    const whole = concatBytes(framed(first), framed(first))
    for (let cut = 0; cut <= whole.length; cut++) {
      expect(decode([whole.subarray(0, cut), whole.subarray(cut)])).toEqual([toHex(first), toHex(first)])
    }
  })

  test('takes a large frame byte by byte, holding little more than what has arrived', () => {
    const large = new Uint8Array(200_000).fill(5)
    const frames: number[] = []
    const decoder = new FrameDecoder(frame => frames.push(frame.length))
    const stream = framed(large)
    for (let index = 0; index < stream.length; index++) {
      decoder.push(stream.subarray(index, index + 1))
      expect(decoder.pendingBytes).toBeLessThanOrEqual(index + 1)
    }
    expect(frames).toEqual([large.length])
    expect(decoder.pendingBytes).toBe(0)
  })

  test('does not allocate what a frame merely claims', () => {
    const claimed = framed(new Uint8Array(frameBytesMax)).subarray(0, 7)
    const before = process.memoryUsage().arrayBuffers
    const decoders = Array.from({ length: 200 }, () => new FrameDecoder(() => {}))
    for (const decoder of decoders) decoder.push(claimed)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * frameBytesMax)
    expect(decoders.every(decoder => decoder.pendingBytes === 7)).toBe(true)
  })

  test.each([
    ['4 GiB claimed', [0xff, 0xff, 0xff, 0xff, 1, 2, 3], 'ERR_WIRE_FRAME_TOO_LARGE'],
    ['2 GiB claimed', [0x80, 0, 0, 0], 'ERR_WIRE_FRAME_TOO_LARGE'],
    ['one byte too many claimed', prefixOf(frameBytesMax + 2), 'ERR_WIRE_FRAME_TOO_LARGE'],
    ['an empty frame', [0, 0, 0, 0], 'ERR_WIRE_MALFORMED'],
    ['garbage behind a frame', [0, 0, 0, 1, 7, 0xde, 0xad, 0xbe, 0xef], 'ERR_WIRE_FRAME_TOO_LARGE']
  ])('refuses %s, whole or byte by byte', (_name, bytes, code) => {
    expect(() => decode([new Uint8Array(bytes)])).toThrow(expect.objectContaining({ code }))
    expect(() => decode(bytes.map(byte => new Uint8Array([byte])))).toThrow(expect.objectContaining({ code }))
  })

  test('takes a frame of exactly the largest size', () => {
    const sizes: number[] = []
    new FrameDecoder(frame => sizes.push(frame.length)).push(framed(new Uint8Array(frameBytesMax + 1)))
    expect(sizes).toEqual([frameBytesMax + 1])
  })

  test('holds strangers to a smaller bound', () => {
    const decoder = new FrameDecoder(() => {})
    decoder.bodyBytesMax = 10
    expect(() => decoder.push(framed(new Uint8Array(12)))).toThrow(expect.objectContaining({ code: 'ERR_WIRE_FRAME_TOO_LARGE' }))
  })
})
