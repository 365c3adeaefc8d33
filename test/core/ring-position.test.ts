import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/core/bytes.ts'
import { encodeUtf8 } from '../../src/core/codec.ts'
import { partitionOf, position } from '../../src/core/ring/position.ts'

describe('position', () => {
  test.each([
    ['', 'd41d8cd98f00b204e9800998ecf8427e'],
    ['a', '0cc175b9c0f1b6a831c399e269772661'],
    ['abc', '900150983cd24fb0d6963f7d28e17f72'],
    ['message digest', 'f96b697d7cb7938d525a2f31aaf161d0']
  ])('of %j is its MD5 (RFC 1321)', (key, expected) => {
    expect(toHex(position(encodeUtf8(key)))).toBe(expected)
  })
})

describe('partitionOf', () => {
  test.each([
    ['d41d8cd98f00b204e9800998ecf8427e', 1, 0],
    ['d41d8cd98f00b204e9800998ecf8427e', 2, 1],
    ['d41d8cd98f00b204e9800998ecf8427e', 8, 6],
    ['d41d8cd98f00b204e9800998ecf8427e', 1024, 0b1101010000],
    ['d41d8cd98f00b204e9800998ecf8427e', 65536, 0xd41d],
    ['00000000000000000000000000000000', 1024, 0],
    ['ffffffffffffffffffffffffffffffff', 1024, 1023],
    ['003fffffffffffffffffffffffffffff', 1024, 0],
    ['00400000000000000000000000000000', 1024, 1]
  ])('of %s among %i partitions is %i', (hex, partitions, expected) => {
    expect(partitionOf(fromHex(hex) as Uint8Array, partitions)).toBe(expected)
  })

  test('is the whole position divided into equal arcs', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.integer({ min: 0, max: 16 }), (bytes, bits) => {
        const arc = (BigInt(`0x${toHex(bytes)}`) * BigInt(2 ** bits)) >> 128n
        expect(partitionOf(bytes, 2 ** bits)).toBe(Number(arc))
      })
    )
  })

  test.each([0, -8, 3, 1000, 1.5, Number.NaN, 131072, 2 ** 32])('refuses %d partitions', partitions => {
    expect(() => partitionOf(new Uint8Array(16), partitions)).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }))
  })

  test.each([0, 15, 17])('refuses a position of %i bytes', length => {
    expect(() => partitionOf(new Uint8Array(length), 8)).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }))
  })
})
