/** The codec takes back what it wrote, agrees with an independent implementation, and answers anything else with a typed error. */
import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import protobuf from 'protobufjs'
import { describe, expect, test } from 'vitest'
import { encodeUtf8, Writer } from '../../src/core/codec.ts'
import { isStoreError } from '../../src/core/errors.ts'
import type { Message } from '../../src/protocol/wire/message.ts'
import { readMessage } from '../../src/protocol/wire/message-codec.ts'
import { anyMessage, bytesOf, messagesByType } from './message-arbitraries.ts'

const described = protobuf
  .parse(readFileSync(new URL('../../src/protocol/wire/wire.proto', import.meta.url), 'utf8'))
  .root.lookupType('dynamesh.v1.Message')
const types = Object.keys(messagesByType) as Message['type'][]

/** The code of the error that reading throws; `undefined` when it reads. Anything but a typed error fails. */
function codeOf(bytes: Uint8Array): string | undefined {
  try {
    readMessage(bytes)
    return undefined
  } catch (error) {
    if (!isStoreError(error)) throw error
    return error.code
  }
}

/** Bytes of a message of the numbered type with this body. */
function wrapped(type: number, write: (out: Writer) => void): Uint8Array {
  const out = new Writer()
  out.message(type, write)
  return out.finish()
}

describe.each(types)('%s', type => {
  const messages: fc.Arbitrary<Message> = messagesByType[type]

  test('is read back as it was written', () => {
    fc.assert(
      fc.property(messages, message => {
        expect(readMessage(bytesOf(message))).toEqual(message)
      }),
      { numRuns: 200 }
    )
  })

  test('is the same bytes for an independent protobuf implementation, read and written', () => {
    fc.assert(
      fc.property(messages, message => {
        const bytes = bytesOf(message)
        expect(new Uint8Array(described.encode(described.decode(bytes)).finish())).toEqual(new Uint8Array(bytes))
      }),
      { numRuns: 100 }
    )
  })

  test('is never taken for a message when it is cut short at any byte', () => {
    fc.assert(
      fc.property(messages, message => {
        const bytes = bytesOf(message)
        for (let length = 0; length < bytes.length; length++) expect(codeOf(bytes.subarray(0, length))).toMatch(/^ERR_WIRE_/)
      }),
      { numRuns: 20 }
    )
  })

  test('with any bit flipped is a typed error, or another message in its only form', () => {
    fc.assert(
      fc.property(messages, fc.nat(), fc.nat({ max: 7 }), (message, position, bit) => {
        const bytes = bytesOf(message)
        const index = position % bytes.length
        bytes[index] = (bytes[index] ?? 0) ^ (1 << bit)
        if (codeOf(bytes) === undefined) expect(bytesOf(readMessage(bytes))).toEqual(bytes)
      }),
      { numRuns: 500 }
    )
  })

  test('followed by anything is refused', () => {
    fc.assert(
      fc.property(messages, fc.uint8Array({ minLength: 1, maxLength: 5 }), (message, trailing) => {
        expect(codeOf(Uint8Array.of(...bytesOf(message), ...trailing))).toBe('ERR_WIRE_TRAILING_BYTES')
      }),
      { numRuns: 50 }
    )
  })

  test('with a field that it does not have is refused', () => {
    fc.assert(
      fc.property(messages, message => {
        const { number, body } = parts(bytesOf(message))
        const longer = wrapped(number, out => {
          out.raw(body)
          out.uint(99, 1)
        })
        expect(codeOf(longer)).toBe('ERR_WIRE_MALFORMED')
      }),
      { numRuns: 20 }
    )
  })
})

/** Type number and body of a message. */
function parts(bytes: Uint8Array): { readonly number: number; readonly body: Uint8Array } {
  const reader = protobuf.Reader.create(bytes)
  const number = reader.uint32() >>> 3
  return { number, body: reader.bytes() }
}

describe('random bytes', () => {
  test('are typed errors, or a message in its only form', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        if (codeOf(bytes) === undefined) expect(bytesOf(readMessage(bytes))).toEqual(new Uint8Array(bytes))
      }),
      { numRuns: 3000 }
    )
  })

  test('in the place of a part of a message are no different', () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 10 }), (message, position, noise) => {
        const bytes = bytesOf(message)
        bytes.set(noise.subarray(0, bytes.length), Math.min(position % bytes.length, Math.max(bytes.length - noise.length, 0)))
        if (codeOf(bytes) === undefined) expect(bytesOf(readMessage(bytes))).toEqual(bytes)
      }),
      { numRuns: 3000 }
    )
  })
})

describe('bad input from the wire', () => {
  test('B046: a length that claims more than there is, or than a frame may have, allocates nothing and is refused', () => {
    expect(codeOf(Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f))).toBe('ERR_WIRE_MALFORMED')
    expect(codeOf(Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3))).toBe('ERR_WIRE_MALFORMED')
    const claims = wrapped(5, out => {
      out.uint(1, 1)
      out.raw(Uint8Array.of(0x12, 0xff, 0xff, 0xff, 0xff, 0x07))
    })
    expect(codeOf(claims)).toBe('ERR_WIRE_MALFORMED')
  })

  test.each([
    ['not in its shortest form', [0x8a, 0x00]],
    ['of 11 bytes', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ['without an end', [0x80]],
    ['past 53 bits', [0x52, 0x09, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]]
  ])('B047: a varint %s', (_what, bytes) => {
    expect(codeOf(Uint8Array.from(bytes))).toBe('ERR_WIRE_BAD_VARINT')
  })

  test('B052: two messages in one frame', () => {
    const ping = bytesOf({ type: 'ping', id: 1 })
    expect(codeOf(Uint8Array.of(...ping, ...ping))).toBe('ERR_WIRE_TRAILING_BYTES')
  })

  test.each([40, 41, 1000])('B053: a message of the unknown type %i', type => {
    expect(codeOf(wrapped(type, out => out.uint(1, 1)))).toBe('ERR_WIRE_UNSUPPORTED')
  })

  test('B053: no message at all', () => {
    expect(codeOf(new Uint8Array(0))).toMatch(/^ERR_WIRE_/)
  })

  test.each([
    ['a varint where bytes belong', wrapped(5, out => [out.uint(1, 1), out.uint(2, 7)])],
    ['bytes where a varint belongs', wrapped(10, out => out.bytes(1, Uint8Array.of(1)))],
    ['a fixed64', Uint8Array.of(0x52, 0x09, 0x09, 1, 2, 3, 4, 5, 6, 7, 8)],
    ['a status that does not exist', wrapped(4, out => [out.uint(1, 1), out.uint(2, 8)])],
    [
      'a negative status',
      wrapped(4, out => [out.uint(1, 1), out.raw(Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01))])
    ],
    ['text that is not UTF-8', wrapped(14, out => out.bytes(1, Uint8Array.of(0xc3, 0x28)))],
    ['text with a lone surrogate', wrapped(14, out => out.bytes(1, Uint8Array.of(0xed, 0xa0, 0x80)))],
    ['an identifier of the wrong length', wrapped(12, out => out.bytes(1, new Uint8Array(7)))],
    ['an empty key', wrapped(5, out => [out.uint(1, 1), out.bytes(2, new Uint8Array(0), true)])],
    ['a key of 1,025 bytes', wrapped(5, out => [out.uint(1, 1), out.bytes(2, new Uint8Array(1025))])],
    ['a default value written out', wrapped(10, out => out.raw(Uint8Array.of(0x08, 0x00)))],
    ['fields out of order', wrapped(5, out => [out.bytes(2, Uint8Array.of(1)), out.uint(1, 1)])],
    ['a field twice', wrapped(10, out => [out.uint(1, 1), out.uint(1, 2)])],
    ['a field missing', wrapped(5, out => out.uint(1, 1))]
  ])('B055: %s', (_what, bytes) => {
    expect(codeOf(bytes)).toMatch(/^ERR_WIRE_(MALFORMED|BAD_VARINT)$/)
  })

  test('B056: __proto__ is a key, a peer and a value like any other, and changes no prototype', () => {
    const key = encodeUtf8('__proto__')
    expect(readMessage(bytesOf({ type: 'fetch', id: 1, key, whole: false }))).toEqual({ type: 'fetch', id: 1, key, whole: false })
    const peers = wrapped(14, out => [out.string(1, '__proto__'), out.string(1, 'constructor')])
    expect(readMessage(peers)).toEqual({ type: 'view-request', peers: ['__proto__', 'constructor'] })
    expect(Object.getPrototypeOf({})).toBe(Object.prototype)
    expect(Object.keys(Object.prototype)).toEqual([])
  })
})
