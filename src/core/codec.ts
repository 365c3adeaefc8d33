/**
 * The binary form of everything that leaves a process: protobuf's wire format, written into one growing buffer and
 * read back strictly.
 *
 * Strict means canonical: a value has exactly one encoding, so equal records are equal bytes on every peer. Fields come in
 * ascending order of number, varints in their shortest form, default values are left out, unknown fields are refused.
 * `wire.proto` in `protocol/` describes the messages for implementers in other languages.
 */
import { StoreError } from './errors.ts'

/** Protobuf wire types that the format uses. */
export const WireType = { varint: 0, fixed64: 1, bytes: 2 } as const

const SMALLEST_BUFFER_BYTES = 1024

/** Appends protobuf fields to one reusable buffer. Nested messages are written in place, without a buffer of their own. */
export class Writer {
  #buffer: Uint8Array
  #length = 0

  constructor(capacity: number = SMALLEST_BUFFER_BYTES) {
    this.#buffer = new Uint8Array(capacity)
  }

  /** Bytes written since the last `reset`. */
  get length(): number {
    return this.#length
  }

  /** The written bytes, as a view that the next write may invalidate. */
  view(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  /** The written bytes, as a copy of their own. */
  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#length)
  }

  /** Hands the written bytes over without a copy and starts again with a fresh buffer of `capacity` bytes. */
  take(capacity: number = SMALLEST_BUFFER_BYTES): Uint8Array {
    const taken = this.view()
    this.#buffer = new Uint8Array(capacity)
    this.#length = 0
    return taken
  }

  /** Forgets what was written and keeps the buffer. */
  reset(): void {
    this.#length = 0
  }

  /** Takes back what was written behind `length`. */
  truncate(length: number): void {
    this.#length = Math.min(this.#length, length)
  }

  /** Appends an unsigned integer of at most 53 bits as a varint, without a tag. */
  varint(value: number): void {
    this.#reserve(8)
    let rest = value
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#buffer[this.#length++] = rest
  }

  /** Appends a 32-bit big-endian integer, without a tag: the length prefix of a frame. Returns its offset for {@link patchUint32}. */
  uint32(value: number): number {
    this.#reserve(4)
    const offset = this.#length
    this.#length += 4
    this.patchUint32(offset, value)
    return offset
  }

  /** Overwrites the 32-bit big-endian integer at `offset`. */
  patchUint32(offset: number, value: number): void {
    this.#buffer[offset] = value >>> 24
    this.#buffer[offset + 1] = value >>> 16
    this.#buffer[offset + 2] = value >>> 8
    this.#buffer[offset + 3] = value
  }

  /** Appends bytes as they are, without a tag. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** Field of an unsigned integer; zero is the default and is left out. */
  uint(field: number, value: number): void {
    if (value === 0) return
    this.varint(field * 8 + WireType.varint)
    this.varint(value)
  }

  /** Field of a boolean; false is left out. */
  bool(field: number, value: boolean): void {
    this.uint(field, value ? 1 : 0)
  }

  /** Field of a byte string; an empty one is left out unless `always`. */
  bytes(field: number, value: Uint8Array, always = false): void {
    if (value.length === 0 && !always) return
    this.varint(field * 8 + WireType.bytes)
    this.varint(value.length)
    this.raw(value)
  }

  /** Field of a text in UTF-8; an empty one is left out unless `always`. The text must be well formed. */
  string(field: number, value: string, always = false): void {
    if (value.length === 0 && !always) return
    this.varint(field * 8 + WireType.bytes)
    this.#sized(() => this.#utf8(value))
  }

  /** Field of byte string given as hexadecimal text: identifiers are text in memory and bytes on the wire. */
  hex(field: number, value: string): void {
    this.varint(field * 8 + WireType.bytes)
    const length = value.length / 2
    this.varint(length)
    this.#reserve(length)
    for (let index = 0; index < value.length; index += 2) {
      this.#buffer[this.#length++] = (hexDigit(value.charCodeAt(index)) << 4) | hexDigit(value.charCodeAt(index + 1))
    }
  }

  /** Field of a nested message, written by `body`. */
  message(field: number, body: (out: Writer) => void): void {
    this.varint(field * 8 + WireType.bytes)
    this.#sized(() => body(this))
  }

  /** Writes a body behind its length: one byte is kept free, and the body moves up in the rare case that it needs more. */
  #sized(body: () => void): void {
    this.#reserve(1)
    const start = this.#length++
    body()
    const size = this.#length - start - 1
    const extra = varintBytes(size) - 1
    if (extra > 0) {
      this.#reserve(extra)
      this.#buffer.copyWithin(start + 1 + extra, start + 1, this.#length)
    }
    const end = this.#length + extra
    this.#length = start
    this.varint(size)
    this.#length = end
  }

  #utf8(text: string): void {
    for (let index = 0; index < text.length; index++) {
      const point = text.codePointAt(index) as number
      if (point > 0xffff) index++
      this.#reserve(4)
      if (point < 0x80) this.#buffer[this.#length++] = point
      else if (point < 0x800) this.#continued(0xc0 | (point >> 6), point, 1)
      else if (point < 0x10000) this.#continued(0xe0 | (point >> 12), point, 2)
      else this.#continued(0xf0 | (point >> 18), point, 3)
    }
  }

  #continued(lead: number, point: number, followers: number): void {
    this.#buffer[this.#length++] = lead
    for (let left = followers - 1; left >= 0; left--) this.#buffer[this.#length++] = 0x80 | ((point >> (6 * left)) & 0x3f)
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#buffer.length) return
    const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2))
    grown.set(this.#buffer.subarray(0, this.#length))
    this.#buffer = grown
  }
}

/** Reads protobuf fields strictly; every fault throws a `StoreError` with an `ERR_WIRE_*` code. */
export class Reader {
  readonly #bytes: Uint8Array
  #offset: number
  readonly #end: number
  #lastField = 0
  #wireType: number = WireType.varint

  constructor(bytes: Uint8Array, offset = 0, end: number = bytes.length) {
    this.#bytes = bytes
    this.#offset = offset
    this.#end = end
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#end - this.#offset
  }

  /** A varint without a tag: shortest form, at most 53 bits. */
  varint(): number {
    let value = 0
    let scale = 1
    for (let length = 1; length <= 8; length++) {
      if (this.#offset >= this.#end) throw malformed('ERR_WIRE_BAD_VARINT', 'a varint ends early')
      const byte = this.#bytes[this.#offset++] as number
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (byte === 0 && length > 1) throw malformed('ERR_WIRE_BAD_VARINT', 'a varint is not in its shortest form')
        if (value > Number.MAX_SAFE_INTEGER) throw malformed('ERR_WIRE_BAD_VARINT', 'a varint exceeds 53 bits')
        return value
      }
      scale *= 0x80
    }
    throw malformed('ERR_WIRE_BAD_VARINT', 'a varint exceeds 53 bits')
  }

  /**
   * Number of the next field, or 0 at the end. Fields must ascend; a number in `repeated` may come again right after itself.
   */
  field(repeated: readonly number[] = []): number {
    if (this.#offset === this.#end) return 0
    const tag = this.varint()
    const field = Math.floor(tag / 8)
    this.#wireType = tag % 8
    const inOrder = field > this.#lastField || (field === this.#lastField && repeated.includes(field))
    if (field === 0 || !inOrder) throw malformed('ERR_WIRE_MALFORMED', `field ${field} is out of order`)
    this.#lastField = field
    return field
  }

  /** Value of an unsigned integer field; `max` bounds it. Zero is malformed: it is the default and is left out. */
  uint(max: number = Number.MAX_SAFE_INTEGER): number {
    this.#expect(WireType.varint)
    const value = this.varint()
    if (value === 0 || value > max) throw malformed('ERR_WIRE_MALFORMED', `an integer is not within 1..${max}`)
    return value
  }

  /** Value of a boolean field. */
  bool(): boolean {
    return this.uint(1) === 1
  }

  /** Value of a byte string field of at most `bytesMax` bytes, as a view of the input. */
  bytes(bytesMax: number): Uint8Array {
    const { start, end } = this.#body(bytesMax)
    return this.#bytes.subarray(start, end)
  }

  /** Value of a text field in valid UTF-8, of at most `bytesMax` bytes. */
  string(bytesMax: number): string {
    const bytes = this.bytes(bytesMax)
    const text = decodeUtf8(bytes)
    if (text === undefined) throw malformed('ERR_WIRE_MALFORMED', 'a text is not valid UTF-8')
    return text
  }

  /** Value of a byte string field of exactly `length` bytes, as hexadecimal text. */
  hex(length: number): string {
    const { start, end } = this.#body(length)
    if (end - start !== length) throw malformed('ERR_WIRE_MALFORMED', `an identifier has ${end - start} bytes instead of ${length}`)
    let text = ''
    for (let index = start; index < end; index++) text += HEX_BYTES[this.#bytes[index] as number]
    return text
  }

  /** A reader of a nested message field of at most `bytesMax` bytes. */
  message(bytesMax: number): Reader {
    const { start, end } = this.#body(bytesMax)
    return new Reader(this.#bytes, start, end)
  }

  /** Throws the error of a field that this message does not have. */
  unknown(field: number): never {
    throw malformed('ERR_WIRE_MALFORMED', `field ${field} is unknown`)
  }

  /** Throws unless every byte was read. */
  finish(): void {
    if (this.#offset !== this.#end) throw malformed('ERR_WIRE_TRAILING_BYTES', `${this.remaining} bytes follow the message`)
  }

  #body(bytesMax: number): { start: number; end: number } {
    this.#expect(WireType.bytes)
    const length = this.varint()
    if (length > bytesMax) throw malformed('ERR_WIRE_MALFORMED', `a field of ${length} bytes exceeds ${bytesMax}`)
    if (length > this.remaining) throw malformed('ERR_WIRE_MALFORMED', 'a field is longer than its message')
    const start = this.#offset
    this.#offset += length
    return { start, end: this.#offset }
  }

  #expect(wireType: number): void {
    if (this.#wireType !== wireType) throw malformed('ERR_WIRE_MALFORMED', `field ${this.#lastField} has wire type ${this.#wireType}`)
  }
}

const HEX_BYTES: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Text of UTF-8 bytes, or `undefined` when they are not well formed (overlong forms and surrogates included). */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  let text = ''
  let index = 0
  while (index < bytes.length) {
    const lead = bytes[index++] as number
    if (lead < 0x80) {
      text += String.fromCharCode(lead)
      continue
    }
    const followers = lead >= 0xc2 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2 : lead >= 0xf0 && lead < 0xf5 ? 3 : 0
    if (followers === 0 || index + followers > bytes.length) return undefined
    let point = lead & (0x3f >> followers)
    for (let left = followers; left > 0; left--) {
      const byte = bytes[index++] as number
      if ((byte & 0xc0) !== 0x80) return undefined
      point = (point << 6) | (byte & 0x3f)
    }
    const smallest = followers === 1 ? 0x80 : followers === 2 ? 0x800 : 0x10000
    if (point < smallest || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return undefined
    text += String.fromCodePoint(point)
  }
  return text
}

/** UTF-8 bytes of a well-formed text. */
export function encodeUtf8(text: string): Uint8Array {
  const out = new Writer(text.length * 3 + 8)
  out.string(1, text, true)
  const reader = new Reader(out.view())
  reader.field()
  return reader.bytes(Number.MAX_SAFE_INTEGER).slice()
}

function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++
  return bytes
}

function hexDigit(code: number): number {
  return code <= 0x39 ? code - 0x30 : code - 0x57
}

function malformed(code: 'ERR_WIRE_BAD_VARINT' | 'ERR_WIRE_MALFORMED' | 'ERR_WIRE_TRAILING_BYTES', what: string): StoreError {
  return new StoreError(code, `The bytes are not a valid message: ${what}.`)
}
