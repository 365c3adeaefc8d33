/** What the page says and shows, part by part: names, invites, merges and texts from strangers. The page as a whole is in `page.test.ts`. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { MemberInfo } from '../../src/store/member-api.ts'
import { errorWords } from '../../web/model/error-words.ts'
import { combine, inviteLink, parseInvite, parseServed } from '../../web/model/invitation.ts'
import { memberLooks } from '../../web/model/member-looks.ts'
import { commonLines, linesOf, unionOfLines } from '../../web/model/merge-lines.ts'
import { cutText, hexPreview, textPieces } from '../../web/model/plain-text.ts'
import { bandPaths } from '../../web/model/ring-geometry.ts'

const peerId = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'
const address = `/ip4/127.0.0.1/tcp/4001/ws/p2p/${peerId}`

describe('an invite link', () => {
  test('brings back the cluster and the addresses it was made of', () => {
    const join = [address, address.replace('4001', '4002')]
    const link = inviteLink('http://localhost:8080/#old', { cluster: 'shop & co', join, peers: [] })
    expect(link.startsWith('http://localhost:8080/#cluster=')).toBe(true)
    expect(parseInvite(new URL(link).hash)).toEqual({ cluster: 'shop & co', join, peers: [] })
  })

  test('is no invite when it has neither field', () => {
    expect(parseInvite('')).toBeUndefined()
    expect(parseInvite('#key-panel')).toBeUndefined()
  })

  test.each([
    ['#cluster=shop', 'no address to join by'],
    [`#join=${encodeURIComponent(address)}`, 'names no cluster'],
    [`#cluster=shop&join=${encodeURIComponent(address.slice(0, -9))}`, 'whole peer id'],
    [`#cluster=shop&join=${encodeURIComponent('/ip4/127.0.0.1/tcp/4001/ws')}`, 'whole peer id'],
    ['#cluster=shop&join=javascript:alert(1)', 'not an address']
  ])('%s is refused, saying why', (fragment, why) => {
    expect(() => parseInvite(fragment)).toThrow(expect.objectContaining({ code: 'ERR_INVITE' }))
    expect(() => parseInvite(fragment)).toThrow(why)
  })

  test('is refused wherever it was cut', () => {
    const { hash } = new URL(inviteLink('http://localhost/', { cluster: 'shop', join: [address], peers: [] }))
    for (let length = '#cluster='.length; length < hash.length; length++) {
      expect(() => parseInvite(hash.slice(0, length)), hash.slice(0, length)).toThrow(/invite/i)
    }
  })

  test('for another cluster names both clusters', () => {
    const invite = parseInvite(`#cluster=shop&join=${encodeURIComponent(address)}`)
    const served = parseServed({ cluster: 'demo', join: [address], peers: [] })
    expect(() => combine(invite, served)).toThrow(/"shop".*"demo"/)
  })

  test('adds its addresses to the ones that the server gives', () => {
    const served = parseServed({
      cluster: 'shop',
      join: ['/dns4/a/tcp/1/ws/p2p/x', 7],
      peers: [{ name: 'edge-1', peerId }, { name: 3 }, null]
    })
    expect(served?.peers).toEqual([{ name: 'edge-1', peerId }])
    expect(combine(parseInvite(`#cluster=shop&join=${encodeURIComponent(address)}`), served).join).toEqual([
      address,
      '/dns4/a/tcp/1/ws/p2p/x'
    ])
  })

  test('that is missing where nothing is served is said, with what to do', () => {
    expect(() => combine(undefined, parseServed('<html>'))).toThrow(/npm start/)
  })
})

describe('the union of lines', () => {
  const carts: fc.Arbitrary<string[][]> = fc.array(fc.array(fc.constantFrom('coffee', 'oranges', 'a notebook', 'tea'), { maxLength: 6 }), {
    minLength: 1,
    maxLength: 4
  })
  const count = (lines: readonly string[], line: string): number => lines.filter(other => other === line).length

  test('keeps each line as often as the version that has it most', () => {
    fc.assert(
      fc.property(carts, versions => {
        const union = linesOf(unionOfLines(versions.map(lines => lines.join('\n'))))
        for (const line of new Set(versions.flat()))
          expect(count(union, line)).toBe(Math.max(...versions.map(version => count(version, line))))
        expect(union.every(line => versions.flat().includes(line))).toBe(true)
      })
    )
  })

  test('of a union with any of its versions is the same union', () => {
    fc.assert(
      fc.property(carts, versions => {
        const texts = versions.map(lines => lines.join('\n'))
        const union = unionOfLines(texts)
        for (const text of texts) expect(unionOfLines([union, text])).toBe(union)
      })
    )
  })

  test('tells lines that all have from lines that one has', () => {
    expect([...commonLines(['coffee\noranges', 'oranges\r\ntea'])]).toEqual(['oranges'])
  })
})

describe('text from strangers', () => {
  test('is shown without anything that hides or reorders it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        const shown = textPieces(text, false)
          .map(piece => piece.text)
          .join('')
        expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/)
      })
    )
  })

  test('names what cannot be seen', () => {
    expect(textPieces('a\u202eb\u0000', false)).toEqual([
      { text: 'a', control: false },
      { text: 'U+202E', control: true },
      { text: 'b', control: false },
      { text: '\u2400', control: true }
    ])
    expect(textPieces('a\nb', true)).toEqual([{ text: 'a\nb', control: false }])
    expect(textPieces('a\nb', false)[1]).toEqual({ text: '\u240a', control: true })
  })

  test('is cut between characters, never inside one', () => {
    expect(cutText('ab😀', 3)).toBe('ab')
    expect(cutText('ab😀', 4)).toBe('ab😀')
  })

  test('that is no text is shown as bytes', () => {
    expect(hexPreview(Uint8Array.of(0, 255, 16), 2)).toBe('00 ff …')
  })
})

describe('members', () => {
  const unknown = {
    reachability: 'reachable',
    weight: 1,
    zone: undefined,
    replicaId: '00',
    incarnation: 1,
    addresses: [],
    connection: undefined,
    partitionsOwned: 0
  } as const
  const member = (id: string, durable: boolean): MemberInfo => ({ ...unknown, peerId: id, self: false, status: 'up', durable })

  test('look the same in whatever order they are listed', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 20 }), ids => {
        const members = ids.map((id, index) => member(id, index % 3 === 0))
        const reversed = memberLooks(members.toReversed(), [])
        expect(reversed).toEqual(memberLooks(members, []))
      })
    )
  })

  test('have names, colours and badges of their own, as far as there are names and colours', () => {
    const tabs = Array.from({ length: 20 }, (_, index) => member(`peer-${index}`, false))
    const looks = [...memberLooks(tabs, [{ name: 'edge-1', peerId: 'e' }]).values()]
    expect(new Set(looks.map(look => look.name)).size).toBe(looks.length)
    expect(new Set(looks.map(look => look.slot)).size).toBe(looks.length)
    expect(looks.find(look => look.peerId === 'e')).toMatchObject({ name: 'edge-1', badge: 'E1', slot: 0, kind: 'edge' })
  })
})

test('the ring is drawn with one path per owner and band', () => {
  const owners = Array.from({ length: 1024 }, (_, partition) => [0, 1, 2].map(rank => 'abcd'[(partition + rank) % 4] as string))
  expect(bandPaths(owners)).toHaveLength(12)
  const alone = bandPaths(Array.from({ length: 8 }, () => ['a']))
  expect(alone.map(({ owner, band }) => [owner, band])).toEqual([['a', 0]])
})

describe('errors', () => {
  test('say what is known about a write, and only about a write', () => {
    const error = Object.assign(new Error('Only 1 of 2.'), { code: 'ERR_WRITE_QUORUM', outcome: 'indeterminate' })
    expect(errorWords(error, true)).toMatchObject({ code: 'ERR_WRITE_QUORUM', message: 'Only 1 of 2.' })
    expect(errorWords(error, true).outcome).toContain('may still appear')
    expect(errorWords(error, false).outcome).toBeUndefined()
  })

  test('that are none of ours still have words', () => {
    expect(errorWords('plain', true)).toEqual({ code: 'ERR_INTERNAL', message: 'plain', outcome: undefined, advice: undefined })
    expect(errorWords(null, true).code).toBe('ERR_INTERNAL')
  })
})
