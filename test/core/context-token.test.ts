import { createHash, createHmac } from 'node:crypto'
import { crc32 } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toBase64Url } from '../../src/core/bytes.ts'
import type { CausalContext } from '../../src/core/versions/causal-context.ts'
import { emptyContext, withDots } from '../../src/core/versions/causal-context.ts'
import { Writer } from '../../src/core/codec.ts'
import { writeContext, writeDot } from '../../src/core/versions/context-codec.ts'
import { contextSeal, openContext, sealContext } from '../../src/core/versions/context-token.ts'
import { isStoreError } from '../../src/core/errors.ts'
import type { ReplicaId } from '../../src/core/identifiers.ts'
import { actorOf } from '../../src/core/identifiers.ts'
import { contextActorsMax, contextDotsMax, counterMax } from '../../src/core/limits.ts'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const replica = '00000000000000aa' as ReplicaId
const actor = actorOf(replica, 1)
const key = utf8('cart:42')
const secret = new Uint8Array(32).fill(9)
const context = withDots(emptyContext, [
  { actor, counter: 1 },
  { actor, counter: 2 },
  { actor: actorOf(replica, 2), counter: 3 }
])
const open = contextSeal('shop')
const closed = contextSeal('shop', secret)

function codeOf(call: () => unknown): string {
  try {
    call()
    return 'OK'
  } catch (error) {
    if (!isStoreError(error)) throw error
    return error.code
  }
}

/** The format written down once more, independently: what an implementation in another language would do. */
function tokenByHand(
  body: Uint8Array,
  options: { readonly version?: number; readonly cluster?: string; readonly secret?: Uint8Array } = {}
): Uint8Array {
  const { version = 1, cluster = 'shop', secret } = options
  const label = `dynamesh context of ${secret === undefined ? 'open' : 'secret'} cluster ${cluster}`
  const macKey = createHmac('sha256', secret ?? utf8(label))
    .update(label)
    .digest()
  const tag = Buffer.alloc(8)
  tag.writeUInt32BE(crc32(createHmac('sha256', macKey).update(label).digest()))
  tag.writeUInt32BE(crc32(key), 4)
  const sealed = Buffer.concat([Uint8Array.of(version), tag, body])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(key.length)
  const mac = createHmac('sha256', macKey).update(length).update(key).update(sealed).digest().subarray(0, 16)
  const whole = Buffer.concat([sealed, mac])
  const crc = Buffer.alloc(4)
  crc.writeUInt32BE(crc32(whole))
  return new Uint8Array(Buffer.concat([whole, crc]))
}

function contextBytes(body: (out: Writer) => void): Uint8Array {
  const out = new Writer()
  body(out)
  return out.finish()
}

const actors = (count: number): CausalContext => ({
  vector: new Map(Array.from({ length: count }, (_, index) => [actorOf(replica, index), 1])),
  loose: []
})

/** What `writeContext` refuses to write. */
const unbounded = ({ vector }: CausalContext): Uint8Array =>
  contextBytes(out => {
    for (const [of, counter] of vector) out.message(1, nested => writeDot(nested, { actor: of, counter }))
  })

describe('a context token', () => {
  test.each([
    ['open', open],
    ['closed', closed]
  ])('gives its context back in an %s cluster, as bytes and as text', (_, seal) => {
    const token = sealContext(seal, key, context)
    expect(openContext(seal, key, token)).toEqual(context)
    expect(openContext(seal, key, toBase64Url(token))).toEqual(context)
    expect(openContext(seal, key, sealContext(seal, key, emptyContext))).toEqual(emptyContext)
  })

  test('that is missing means that nothing was read', () => {
    expect(openContext(open, key, undefined)).toBe(emptyContext)
    expect(openContext(open, key, null)).toBe(emptyContext)
  })

  test('has the documented format', () => {
    const body = contextBytes(out => writeContext(out, context))
    expect(sealContext(open, key, context)).toEqual(tokenByHand(body))
    expect(sealContext(closed, key, context)).toEqual(tokenByHand(body, { secret }))
  })

  test('is the same wherever it is made', () => {
    expect(sealContext(contextSeal('shop', secret), key, context)).toEqual(sealContext(closed, key, context))
    expect(
      createHash('sha256')
        .update(sealContext(open, key, emptyContext))
        .digest('hex')
    ).toBe('634bae0b45b07feae25cd41e1e8635af8e5acf73e5d0d6ed9f5f91bcc9d2991f')
  })

  test('of more loose dots than the limit keeps the newest, because its write has already happened', () => {
    const loose = Array.from({ length: contextDotsMax + 5 }, (_, index) => ({ actor, counter: 2 * index + 3 }))
    const opened = openContext(open, key, sealContext(open, key, { vector: new Map([[actor, 1]]), loose }))
    expect(opened.loose).toEqual(loose.slice(5))
  })
})

describe('B026: a context that get or put never returned', () => {
  test.each([
    ['no bytes', new Uint8Array()],
    ['an empty text', ''],
    ['a random text', 'let me in, please'],
    ['a text that is no base64url', 'ümläut=='],
    ['zeros', new Uint8Array(64)],
    ['the context of another system', utf8(JSON.stringify({ vclock: 'a85hYGBgzGDKBVIcR4M2cgczH7HPYEpkzGNlsP/VfYYvCwA=' }))]
  ])('%s is malformed', (_, token) => {
    expect(codeOf(() => openContext(open, key, token))).toBe('ERR_CONTEXT_MALFORMED')
  })

  test('random bytes are malformed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => codeOf(() => openContext(open, key, bytes)) === 'ERR_CONTEXT_MALFORMED'),
      { numRuns: 2000 }
    )
  })

  test('random texts are malformed', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), text => codeOf(() => openContext(open, key, text)) === 'ERR_CONTEXT_MALFORMED'),
      { numRuns: 1000 }
    )
  })

  test.each([
    ['open', open],
    ['closed', closed]
  ])('a token cut anywhere, of an %s cluster, is malformed', (_, seal) => {
    const token = sealContext(seal, key, context)
    for (let length = 0; length < token.length; length++) {
      expect(codeOf(() => openContext(seal, key, token.subarray(0, length)))).toBe('ERR_CONTEXT_MALFORMED')
      expect(codeOf(() => openContext(seal, key, token.subarray(length + 1)))).toBe('ERR_CONTEXT_MALFORMED')
    }
    const text = toBase64Url(token)
    for (let length = 0; length < text.length; length++) {
      expect(codeOf(() => openContext(seal, key, text.slice(0, length)))).toBe('ERR_CONTEXT_MALFORMED')
    }
  })

  test('a token with any one bit flipped is malformed', () => {
    const token = sealContext(closed, key, context)
    for (let bit = 0; bit < token.length * 8; bit++) {
      const flipped = token.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(codeOf(() => openContext(closed, key, flipped))).toBe('ERR_CONTEXT_MALFORMED')
    }
  })

  test('a token with bytes added is malformed', () => {
    const token = sealContext(open, key, context)
    expect(codeOf(() => openContext(open, key, Uint8Array.of(...token, 0)))).toBe('ERR_CONTEXT_MALFORMED')
  })

  test('a token forged with the right checksum but without the secret is malformed', () => {
    const token = sealContext(closed, key, context)
    token[20] = (token[20] as number) ^ 1
    new DataView(token.buffer).setUint32(token.length - 4, crc32(token.subarray(0, -4)))
    expect(codeOf(() => openContext(closed, key, token))).toBe('ERR_CONTEXT_MALFORMED')
  })

  test('a sealed body that is no context is malformed', () => {
    expect(codeOf(() => openContext(open, key, tokenByHand(Uint8Array.of(0x48, 1))))).toBe('ERR_CONTEXT_MALFORMED')
  })

  test.each([[7], [{}], [true], [[1, 2]]])('a token that is %o is malformed', token => {
    expect(codeOf(() => openContext(open, key, token as unknown as string))).toBe('ERR_CONTEXT_MALFORMED')
  })
})

describe('B028: a context from elsewhere', () => {
  const body = contextBytes(out => writeContext(out, context))

  test.each([
    ['another key', sealContext(open, utf8('cart:43'), context)],
    ['another cluster', sealContext(contextSeal('shoe'), key, context)],
    ['the same cluster with a secret', sealContext(closed, key, context)],
    ['an older format version', tokenByHand(body, { version: 0 })],
    ['a newer format version', tokenByHand(body, { version: 2 })]
  ])('of %s is foreign, and the message says what to do', (_, token) => {
    expect(codeOf(() => openContext(open, key, token))).toBe('ERR_CONTEXT_FOREIGN')
    expect(() => openContext(open, key, token)).toThrow(/read again to get a fresh context/i)
  })

  test('of a cluster with another secret is foreign', () => {
    const other = contextSeal('shop', new Uint8Array(32).fill(8))
    expect(codeOf(() => openContext(other, key, sealContext(closed, key, context)))).toBe('ERR_CONTEXT_FOREIGN')
  })
})

describe('B029: a context past the limits', () => {
  test.each([contextActorsMax + 1, 5000, 50_000])('of %i actors is too large', count => {
    const token = tokenByHand(unbounded(actors(count)))
    expect(codeOf(() => openContext(open, key, token))).toBe('ERR_CONTEXT_TOO_LARGE')
    expect(codeOf(() => openContext(open, key, toBase64Url(token)))).toBe('ERR_CONTEXT_TOO_LARGE')
  })

  test('of as many actors as allowed is taken, and of one more is not made', () => {
    expect(openContext(open, key, sealContext(open, key, actors(contextActorsMax)))).toEqual(actors(contextActorsMax))
    expect(codeOf(() => sealContext(open, key, actors(contextActorsMax + 1)))).toBe('ERR_CONTEXT_TOO_LARGE')
  })

  test.each([
    ['2^53', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]],
    ['2^64 - 1', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]]
  ])('with a counter of %s is too large', (_, varint) => {
    const body = contextBytes(out =>
      out.message(1, nested => {
        nested.hex(1, actor)
        nested.varint(16)
        nested.raw(Uint8Array.from(varint))
      })
    )
    expect(codeOf(() => openContext(open, key, tokenByHand(body)))).toBe('ERR_CONTEXT_TOO_LARGE')
  })

  test('with the largest counter is taken', () => {
    const largest = withDots(emptyContext, [{ actor, counter: counterMax }])
    expect(openContext(open, key, sealContext(open, key, largest))).toEqual(largest)
  })
})
