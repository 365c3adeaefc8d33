/**
 * The rival: range-based set reconciliation (Meyer 2022) as negentropy's specification, protocol version 1, has it: fan-out 16, fingerprints of 16 bytes,
 * ids of 32 bytes, lists of ids below 32 items, skipped ranges joined, bounds cut to the shortest id prefix. Written here to count its bytes in
 * the same run; all timestamps are 0, which makes its bounds as short as they can be.
 *
 * An item is a key in one version, so a key that both have in two versions is two items. It compares once, and ends when the one who asked knows what
 * each lacks; asking for items and sending them is not counted.
 */
import { createHash } from 'node:crypto'

const idBytes = 32
const fingerprintBytes = 16
const buckets = 16
const modes = { skip: 0, fingerprint: 1, list: 2 } as const
const protocolVersion = 0x61

/** Ids in ascending order. */
export type Items = readonly Uint8Array[]

/** An id prefix that all items of a range are below; `undefined` for the end. */
type Bound = Uint8Array | undefined

interface Range {
  readonly upper: Bound
  readonly mode: number
  readonly fingerprint: Uint8Array
  readonly ids: Items
}

export interface RangeCost {
  readonly bytes: number
  readonly messages: number
  /** Items that one side lacks. */
  readonly found: number
}

/** A whole reconciliation of two sets, through encoded messages, each with `frameBytes` around it. */
export function reconcileRanges(client: Items, server: Items, frameBytes: number): RangeCost {
  let [bytes, messages, found] = [0, 0, 0]
  const count = (items: number): void => void (found += items)
  let message = encode(split(client, 0, client.length, undefined))
  for (let side: 'server' | 'client' = 'server'; message.length > 1; side = side === 'server' ? 'client' : 'server') {
    bytes += message.length + frameBytes
    messages += 1
    message = encode(answer(side === 'server' ? server : client, decode(message), side === 'client' ? count : undefined))
  }
  return { bytes, messages, found }
}

/** What a side answers to ranges. The client, who counts, answers lists with nothing: it knows both sides by then. */
function answer(items: Items, ranges: readonly Range[], count: ((items: number) => void) | undefined): readonly Range[] {
  const out: Range[] = []
  let from = 0
  for (const range of ranges) {
    const to = range.upper === undefined ? items.length : lowerBound(items, range.upper)
    if (range.mode === modes.list && count === undefined) out.push(listOf(items, from, to, range.upper))
    else if (range.mode === modes.fingerprint && !same(range.fingerprint, fingerprint(items, from, to)))
      out.push(...split(items, from, to, range.upper))
    else {
      if (range.mode === modes.list) count?.(differing(items.slice(from, to), range.ids))
      out.push(skipTo(range.upper))
    }
    from = to
  }
  return joined(out)
}

function split(items: Items, from: number, to: number, upper: Bound): readonly Range[] {
  const size = to - from
  if (size < buckets * 2) return [listOf(items, from, to, upper)]
  const ranges: Range[] = []
  for (let bucket = 0, at = from; bucket < buckets; bucket++) {
    const next = at + Math.floor(size / buckets) + (bucket < size % buckets ? 1 : 0)
    const bound = bucket === buckets - 1 ? upper : between(items[next - 1] as Uint8Array, items[next] as Uint8Array)
    ranges.push({ upper: bound, mode: modes.fingerprint, fingerprint: fingerprint(items, at, next), ids: [] })
    at = next
  }
  return ranges
}

function listOf(items: Items, from: number, to: number, upper: Bound): Range {
  return { upper, mode: modes.list, fingerprint: new Uint8Array(0), ids: items.slice(from, to) }
}

function skipTo(upper: Bound): Range {
  return { upper, mode: modes.skip, fingerprint: new Uint8Array(0), ids: [] }
}

/** Adjacent skipped ranges are one, and the last one is not said. */
function joined(ranges: readonly Range[]): readonly Range[] {
  const out: Range[] = []
  for (const range of ranges) {
    if (range.mode === modes.skip && out.at(-1)?.mode === modes.skip) out.pop()
    out.push(range)
  }
  if (out.at(-1)?.mode === modes.skip) out.pop()
  return out
}

/** The shortest prefix that tells two neighbours apart. */
function between(before: Uint8Array, after: Uint8Array): Uint8Array {
  let shared = 0
  while (before[shared] === after[shared]) shared += 1
  return after.subarray(0, shared + 1)
}

/** SHA-256 over the sum of the ids modulo 2^256, little-endian, and their number. */
function fingerprint(items: Items, from: number, to: number): Uint8Array {
  const words = new Float64Array(16)
  for (let index = from; index < to; index++) {
    const id = items[index] as Uint8Array
    for (let word = 0; word < 16; word++)
      words[word] = (words[word] as number) + (id[word * 2] as number) + (id[word * 2 + 1] as number) * 256
  }
  const sum = new Uint8Array(idBytes)
  let carry = 0
  for (let word = 0; word < 16; word++) {
    const total = (words[word] as number) + carry
    sum[word * 2] = total % 256
    sum[word * 2 + 1] = Math.floor(total / 256) % 256
    carry = Math.floor(total / 65_536)
  }
  const length: number[] = []
  writeVarint(length, to - from)
  return createHash('sha256').update(sum).update(Uint8Array.from(length)).digest().subarray(0, fingerprintBytes)
}

function encode(ranges: readonly Range[]): Uint8Array {
  const out = [protocolVersion]
  for (const { upper, mode, fingerprint: print, ids } of ranges) {
    // Timestamps are told as the difference to the one before, plus 1; 0 is the end.
    writeVarint(out, upper === undefined ? 0 : 1)
    writeVarint(out, upper?.length ?? 0)
    out.push(...(upper ?? []))
    writeVarint(out, mode)
    if (mode === modes.fingerprint) out.push(...print)
    if (mode !== modes.list) continue
    writeVarint(out, ids.length)
    for (const id of ids) out.push(...id)
  }
  return Uint8Array.from(out)
}

function decode(message: Uint8Array): readonly Range[] {
  const ranges: Range[] = []
  let at = 1
  const varint = (): number => {
    let value = 0
    for (;;) {
      const byte = message[at++] as number
      value = value * 128 + (byte & 127)
      if (byte < 128) return value
    }
  }
  const take = (length: number): Uint8Array => message.subarray(at, (at += length))
  while (at < message.length) {
    const isEnd = varint() === 0
    const prefix = take(varint())
    const mode = varint()
    const print = take(mode === modes.fingerprint ? fingerprintBytes : 0)
    const ids = Array.from({ length: mode === modes.list ? varint() : 0 }, () => take(idBytes))
    ranges.push({ upper: isEnd ? undefined : prefix, mode, fingerprint: print, ids })
  }
  return ranges
}

/** Base 128, most significant digit first. */
function writeVarint(out: number[], value: number): void {
  if (value >= 128) for (const digit of digitsOf(Math.floor(value / 128))) out.push(digit + 128)
  out.push(value % 128)
}

function digitsOf(value: number): readonly number[] {
  return value < 128 ? [value] : [...digitsOf(Math.floor(value / 128)), value % 128]
}

function lowerBound(items: Items, bound: Uint8Array): number {
  let [from, to] = [0, items.length]
  while (from < to) {
    const middle = (from + to) >>> 1
    if (Buffer.compare(items[middle] as Uint8Array, bound) < 0) from = middle + 1
    else to = middle
  }
  return from
}

/** How many ids are in one list only. */
function differing(mine: Items, theirs: Items): number {
  const names = new Set(mine.map(id => Buffer.from(id).toString('latin1')))
  const shared = theirs.filter(id => names.has(Buffer.from(id).toString('latin1'))).length
  return mine.length + theirs.length - 2 * shared
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
