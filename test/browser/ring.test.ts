import { expect, test } from 'vitest'
import { golden, listsDigest } from '../core/ring-fixtures.ts'

test.each(golden)('Chromium computes the same ring as Node.js: $name', ({ ring, digest, lists }) => {
  const computed = ring()
  expect([computed.digest, listsDigest(computed)]).toEqual([digest, lists])
})
