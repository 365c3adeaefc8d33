import { describe, expect, test } from 'vitest'
import { Lane, type LaneStream, type StreamData } from '../../src/adapters/libp2p/lane.ts'
import type { StoreError } from '../../src/core/errors.ts'
import { laneQueueBytesMax } from '../../src/core/limits.ts'
import { settled } from './virtual-clock.ts'

type Listener = (event: { readonly data: StreamData }) => void

/** One end of a stream within the test; what it sends goes to its other end, or waits while that is held. */
class TestStream implements LaneStream {
  writableNeedsDrain = false
  readonly writes: number[] = []
  isHeld = false
  other: TestStream | undefined
  aborted: Error | undefined
  readonly #held: Uint8Array[] = []
  readonly #listeners = new Map<string, Listener[]>()

  send(data: Uint8Array): boolean {
    this.writes.push(data.length)
    this.#held.push(data)
    if (!this.isHeld) this.release()
    return true
  }

  release(): void {
    for (const data of this.#held.splice(0)) setImmediate(() => this.other?.emit('message', data))
  }

  async close(): Promise<void> {
    this.emit('close', new Uint8Array(0))
    this.other?.emit('remoteCloseWrite', new Uint8Array(0))
  }

  abort(error: Error): void {
    this.aborted = error
    setImmediate(() => this.other?.emit('close', new Uint8Array(0)))
  }

  addEventListener(name: string, listener: Listener): void {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener])
  }

  emit(name: string, data: Uint8Array): void {
    for (const listener of this.#listeners.get(name) ?? []) listener({ data })
  }
}

interface End {
  readonly lane: Lane
  readonly stream: TestStream
  readonly got: number[]
  readonly ends: (StoreError | undefined)[]
}

const creditBytes = 10_000

function lanes(): { a: End; b: End } {
  const [a, b] = [end(), end()]
  a.stream.other = b.stream
  b.stream.other = a.stream
  return { a, b }
}

function end(): End {
  const stream = new TestStream()
  const got: number[] = []
  const ends: (StoreError | undefined)[] = []
  const lane = new Lane(stream, {
    creditBytes,
    afterTurn: run => void setImmediate(run),
    frame: (_kind, body) => void got.push(body.length),
    closed: error => void ends.push(error)
  })
  return { lane, stream, got, ends }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await settled()
}

function raw(bytes: Uint8Array | readonly number[]): Uint8Array {
  return Uint8Array.from(bytes)
}

describe('a lane', () => {
  test('sends the messages of a turn in one write', async () => {
    const { a, b } = lanes()
    for (let count = 0; count < 50; count++) a.lane.send(out => out.raw(new Uint8Array(20)))
    await turns(3)
    expect(a.stream.writes).toEqual([50 * 25])
    expect(b.got).toEqual(Array.from({ length: 50 }, () => 20))
  })

  test('sends a large batch early', () => {
    const { a } = lanes()
    a.lane.send(out => out.raw(new Uint8Array(60_000)))
    expect(a.stream.writes).toEqual([60_005])
  })

  test('stops at the credit while the other end takes nothing, and goes on when it does', async () => {
    const { a, b } = lanes()
    a.stream.isHeld = true
    for (let count = 0; count < 40; count++) {
      a.lane.send(out => out.raw(new Uint8Array(995)))
      await turns(1)
    }
    const sent = a.stream.writes.reduce((sum, bytes) => sum + bytes, 0)
    expect(sent).toBe(creditBytes)
    expect(a.lane.queuedBytes).toBe(40 * 1000 - creditBytes)
    a.stream.isHeld = false
    a.stream.release()
    await turns(30)
    expect(b.got).toHaveLength(40)
    expect(a.lane.queuedBytes).toBe(0)
  })

  test('waits while the stream is full, and goes on when it drains', async () => {
    const { a, b } = lanes()
    a.stream.writableNeedsDrain = true
    a.lane.send(out => out.raw(new Uint8Array(10)))
    await turns(2)
    expect(a.stream.writes).toEqual([])
    a.stream.writableNeedsDrain = false
    a.stream.emit('drain', new Uint8Array(0))
    await turns(2)
    expect(b.got).toEqual([10])
  })

  test('refuses messages when its queue is full, and takes as few as possible beyond the bound', () => {
    const { a } = lanes()
    a.stream.writableNeedsDrain = true
    const size = 1_000_000
    let taken = 0
    while (a.lane.send(out => out.raw(new Uint8Array(size)))) taken++
    expect(taken).toBe(Math.ceil(laneQueueBytesMax / (size + 5)))
  })

  test('carries control frames past waiting messages', async () => {
    const { a, b } = lanes()
    a.stream.writableNeedsDrain = true
    a.lane.send(out => out.raw(new Uint8Array(100)))
    a.lane.control(7)
    await turns(2)
    expect(b.got).toEqual([0])
  })

  test('answers a ping, and gives the other end up after some silent rounds', async () => {
    const { a, b } = lanes()
    for (let round = 0; round < 20; round++) {
      expect(a.lane.beat()).toBe(true)
      await turns(4)
    }
    b.stream.isHeld = true
    const rounds = []
    while (a.lane.beat()) {
      rounds.push(1)
      await turns(4)
    }
    expect(rounds).toHaveLength(4)
  })

  test.each([
    ['credit for nothing', [0, 0, 0, 3, 4, 0x08, 0x05], 'ERR_WIRE_UNEXPECTED'],
    ['credit without an amount', [0, 0, 0, 1, 4], 'ERR_WIRE_MALFORMED'],
    ['credit with garbage behind it', [0, 0, 0, 5, 4, 0x08, 0x05, 0x10, 0x01], 'ERR_WIRE_TRAILING_BYTES'],
    ['a ping with a body', [0, 0, 0, 2, 5, 1], 'ERR_WIRE_TRAILING_BYTES'],
    ['an overlong varint', [0, 0, 0, 4, 4, 0x08, 0x85, 0x00], 'ERR_WIRE_BAD_VARINT'],
    ['a frame without a kind', [0, 0, 0, 0], 'ERR_WIRE_MALFORMED'],
    ['4 GiB claimed', [0xff, 0xff, 0xff, 0xff, 0, 0, 0], 'ERR_WIRE_FRAME_TOO_LARGE']
  ])('resets the stream on %s', async (_name, bytes, code) => {
    const { a, b } = lanes()
    b.stream.emit('message', raw(bytes))
    expect(b.ends.map(error => error?.code)).toEqual([code])
    expect(b.stream.aborted).toMatchObject({ code })
    await turns(2)
    expect(a.ends).toEqual([undefined])
    expect(b.lane.send(out => out.raw(new Uint8Array(1)))).toBe(false)
  })

  test('delivers nothing of a chunk behind the frame that ended it', () => {
    const { b } = lanes()
    b.stream.emit('message', raw([0, 0, 0, 2, 0, 1, 0, 0, 0, 2, 5, 9, 0, 0, 0, 2, 0, 1]))
    expect(b.got).toEqual([1])
    expect(b.ends).toHaveLength(1)
  })
})
