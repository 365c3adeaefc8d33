import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyBytes, keyText, prefixEnd } from '../../src/adapters/rows/key-text.ts'
import { decodeRow, encodeRow, valueBytesOf } from '../../src/adapters/rows/row-checksum.ts'
import { compareBytes, toHex } from '../../src/core/bytes.ts'

const bytes = fc.uint8Array({ maxLength: 70 })

test('the checksum is CRC-32C: the check value of "123456789"', () => {
  const digits = new TextEncoder().encode('123456789')
  expect(toHex(encodeRow(new Uint8Array(), digits).subarray(0, 4))).toBe('e3069283')
  expect(toHex(encodeRow(digits.subarray(0, 5), digits.subarray(5)).subarray(0, 4))).toBe('e3069283')
})

test('a row gives its value back', () => {
  fc.assert(
    fc.property(bytes, bytes, (key, value) => {
      const row = encodeRow(key, value)
      expect(decodeRow(key, row)).toEqual(value)
      expect(valueBytesOf(row)).toBe(value.length)
    })
  )
})

test('a flipped bit, a cut row and a row of another key are noticed', () => {
  fc.assert(
    fc.property(bytes, bytes, fc.nat(), (key, value, position) => {
      const row = encodeRow(key, value)
      const flipped = row.slice()
      const bit = position % (row.length * 8)
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(decodeRow(key, flipped)).toBeUndefined()
      expect(decodeRow(key, row.subarray(0, position % 4))).toBeUndefined()
      expect(decodeRow(Uint8Array.of(...key, 1), row)).toBeUndefined()
    })
  )
})

test('texts of keys are equal and sort as the keys do, and give them back', () => {
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      const order = keyText(a) < keyText(b) ? -1 : keyText(a) > keyText(b) ? 1 : 0
      expect(order).toBe(Math.sign(compareBytes(a, b)))
      expect(keyBytes(keyText(a))).toEqual(a)
    })
  )
})

test('the end of a prefix lies behind all keys that start with it, and before all others that follow', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4, min: 250 }), fc.uint8Array({ maxLength: 4, min: 250 }), (prefix, key) => {
      const end = prefixEnd(prefix)
      const startsWith = compareBytes(key.subarray(0, prefix.length), prefix) === 0
      const isInside = compareBytes(key, prefix) >= 0 && (end === undefined || compareBytes(key, end) < 0)
      expect(isInside).toBe(startsWith)
    })
  )
})
