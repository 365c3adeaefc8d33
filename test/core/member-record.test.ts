import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ed25519Identity, ed25519Verifier } from '../../src/adapters/identity/ed25519-identity.ts'
import { equalBytes } from '../../src/core/bytes.ts'
import { Reader, Writer } from '../../src/core/codec.ts'
import { isStoreError } from '../../src/core/errors.ts'
import type { PeerId, ReplicaId } from '../../src/core/identifiers.ts'
import type { MemberRecord, MemberStatus, UnsignedMember } from '../../src/core/members/member-record.ts'
import {
  checkMember,
  encodeMember,
  compareMembers,
  evictedSequence,
  evictionOf,
  isPassing,
  memberContentHash,
  memberSigningBytes,
  nextRun,
  publishableAddresses,
  readMember,
  runOf,
  signMember
} from '../../src/core/members/member-record.ts'

const cluster = 'shop'
const [alice, bob, carol] = [1, 2, 3].map(seed => ed25519Identity(new Uint8Array(32).fill(seed))) as [Identity, Identity, Identity]
type Identity = ReturnType<typeof ed25519Identity>

const unsigned: Omit<UnsignedMember, 'issuer'> = {
  peerId: alice.peerId,
  incarnation: 2,
  sequence: 7,
  status: 'up',
  weight: 4,
  durable: true,
  zone: 'kitchen',
  replica: '0123456789abcdef' as ReplicaId,
  addresses: [`/ip4/10.0.0.1/tcp/4001/ws/p2p/${alice.peerId}`, '/dns4/edge.example/tcp/443/wss'],
  ending: 0
}
const record = signMember(unsigned, cluster, alice)

function codeOf(call: () => unknown): string {
  try {
    call()
    return 'OK'
  } catch (error) {
    if (!isStoreError(error)) throw error
    return error.code
  }
}

const check = (member: MemberRecord, of = cluster): string => codeOf(() => checkMember(member, of, ed25519Verifier))

/** A record signed by `signer` whatever it says, as a peer that does not keep the rules would make it. */
function signedByCheat(member: UnsignedMember, signer: Identity): MemberRecord {
  return { ...member, signature: signer.sign(memberSigningBytes(member, cluster)) }
}

describe('a member record', () => {
  test('signed by its peer is accepted, over the wire too', () => {
    expect(check(record)).toBe('OK')
    const again = readMember(new Reader(encodeMember(record)))
    expect(again).toEqual(record)
    expect(check(again)).toBe('OK')
  })

  test('goes through the codec with every default and every extreme', () => {
    const plain = signMember(
      { ...unsigned, incarnation: 0, sequence: 0, weight: 0, durable: false, zone: undefined, addresses: [] },
      cluster,
      alice
    )
    const addresses = Array.from({ length: 16 }, (_, index) => `/dns4/${'x'.repeat(500)}/${index}`)
    const full = signMember(
      { ...unsigned, weight: 64, incarnation: Number.MAX_SAFE_INTEGER, sequence: evictedSequence - 1, zone: 'ü'.repeat(32), addresses },
      cluster,
      alice
    )
    for (const member of [plain, full]) {
      expect(readMember(new Reader(encodeMember(member)))).toEqual(member)
      expect(check(member)).toBe('OK')
    }
  })

  test.each<[string, Partial<MemberRecord>]>([
    ['peer', { peerId: bob.peerId, issuer: bob.peerId }],
    ['incarnation', { incarnation: 3 }],
    ['sequence', { sequence: 8 }],
    ['status', { status: 'left' }],
    ['weight', { weight: 5 }],
    ['durability', { durable: false }],
    ['zone', { zone: undefined }],
    ['replica', { replica: 'ffffffffffffffff' as ReplicaId }],
    ['addresses', { addresses: [] }],
    ['signature', { signature: new Uint8Array(64) }],
    ['signature removed', { signature: new Uint8Array() }],
    ['signature blown up', { signature: new Uint8Array(100_000) }]
  ])('with another %s is refused', (_, change) => {
    expect(check({ ...record, ...change })).toBe('ERR_MEMBER_RECORD_INVALID')
  })

  test('of another cluster is refused', () => {
    expect(check(record, 'shoe')).toBe('ERR_MEMBER_RECORD_INVALID')
  })

  test('B067: about another peer is refused, whoever signs it', () => {
    expect(check(signedByCheat({ ...unsigned, issuer: bob.peerId }, bob))).toBe('ERR_MEMBER_RECORD_INVALID')
    expect(check(signedByCheat({ ...unsigned, issuer: alice.peerId }, bob))).toBe('ERR_MEMBER_RECORD_INVALID')
    expect(codeOf(() => signMember(unsigned, cluster, bob))).toBe('ERR_MEMBER_RECORD_INVALID')
  })

  test.each<MemberStatus>(['joining', 'up', 'leaving', 'left'])('B068: that says %s about another peer is refused', status => {
    expect(check(signedByCheat({ ...evictionOf(record, 5), status, ending: status === 'left' ? 5 : 0, issuer: bob.peerId }, bob))).toBe(
      'ERR_MEMBER_RECORD_INVALID'
    )
  })

  test.each<[string, Partial<UnsignedMember>]>([
    ['a weight over the limit', { weight: 65 }],
    ['a negative weight', { weight: -1 }],
    ['half a weight', { weight: 0.5 }],
    ['a negative incarnation', { incarnation: -1 }],
    ['an incarnation past 2^53', { incarnation: 2 ** 53 }],
    ['an ending though it is there', { ending: 1 }],
    ['no ending though it left', { status: 'left' }],
    ['half an ending', { status: 'left', ending: 1.5 }],
    ['an ending past 2^40', { status: 'left', ending: 2 ** 40 + 1 }],
    ['an empty zone', { zone: '' }],
    ['a zone of 65 bytes', { zone: 'z'.repeat(65) }],
    ['a zone of 33 two-byte letters', { zone: 'ü'.repeat(33) }],
    ['a zone that is no text', { zone: '\ud800' }],
    ['the sequence of an eviction', { sequence: evictedSequence }],
    ['B070: 1,000 addresses', { addresses: Array.from({ length: 1000 }, (_, port) => `/ip4/10.0.0.1/tcp/${port}`) }],
    ['B070: an address of another peer', { addresses: [`/ip4/10.0.0.1/tcp/1/p2p/${bob.peerId}`] }],
    ['B070: an address of 64 KiB', { addresses: [`/dns4/${'x'.repeat(65_536)}`] }],
    ['an address that is no multiaddr', { addresses: ['http://example.org'] }],
    ['an address with a line break', { addresses: ['/ip4/10.0.0.1\n/tcp/1'] }],
    ['a peer id that is none', { peerId: 'a l0ce' as PeerId, issuer: 'a l0ce' as PeerId, addresses: [] }],
    ['an empty peer id', { peerId: '' as PeerId, issuer: '' as PeerId, addresses: [] }]
  ])('with %s is neither signed nor accepted', (_, change) => {
    const member = { ...unsigned, issuer: alice.peerId, ...change }
    expect(check(signedByCheat(member, alice))).toBe('ERR_MEMBER_RECORD_INVALID')
    expect(codeOf(() => signMember(member, cluster, { peerId: member.issuer, sign: alice.sign }))).toBe('ERR_MEMBER_RECORD_INVALID')
  })
})

describe('the runs of a peer', () => {
  test('follow each other: the next says newer things than the last, in the same incarnation, and has another name', () => {
    let last: UnsignedMember | undefined
    const names = new Set<string>()
    for (let run = 0; run < 5; run++) {
      const first = { ...unsigned, issuer: alice.peerId, ...nextRun(last) }
      const later = { ...first, sequence: first.sequence + 1000 }
      if (last !== undefined) expect(first.sequence).toBeGreaterThan(last.sequence)
      expect(runOf(later)).toBe(runOf(first))
      names.add(runOf(first))
      last = later
    }
    expect(names.size).toBe(5)
    expect(last?.incarnation).toBe(1)
  })

  test('do not outrank an eviction that the peer has not heard of, and begin the next incarnation after one that it has', () => {
    const eviction = signMember(evictionOf(record, 5), cluster, bob)
    const unaware = signMember({ ...unsigned, ...nextRun(record) }, cluster, alice)
    const aware = signMember({ ...unsigned, ...nextRun(eviction) }, cluster, alice)
    expect(compareMembers(unaware, record)).toBeGreaterThan(0)
    expect(compareMembers(unaware, eviction)).toBeLessThan(0)
    expect(compareMembers(aware, eviction)).toBeGreaterThan(0)
  })
})

describe('a client that passes by', () => {
  const client = { ...unsigned, issuer: alice.peerId, weight: 0, durable: false, ...nextRun(undefined) }

  test('stores nothing, is not meant to stay, and runs for the first time', () => {
    expect(isPassing(client)).toBe(true)
    expect(isPassing({ ...client, status: 'left', sequence: 12, ending: 1 })).toBe(true)
  })

  test.each<[string, Partial<UnsignedMember>]>([
    ['stores something', { weight: 1 }],
    ['is durable', { durable: true }],
    ['ran before', nextRun({ ...client })],
    ['was said to be gone before', { incarnation: 2 }]
  ])('is none that %s: others may hold an older record of it', (_what, change) => {
    expect(isPassing({ ...client, ...change })).toBe(false)
  })

  test('is no member that was evicted', () => {
    expect(isPassing(signMember(evictionOf({ ...record, incarnation: 1 }, 5), cluster, bob))).toBe(false)
  })
})

describe('an eviction', () => {
  const eviction = signMember(evictionOf(record, 5), cluster, bob)

  test('may be signed by another peer, and goes over the wire', () => {
    expect(check(eviction)).toBe('OK')
    expect(readMember(new Reader(encodeMember(eviction)))).toEqual(eviction)
    expect(eviction.issuer).toBe(bob.peerId)
  })

  test('may be signed by the peer itself', () => {
    expect(check(signMember(evictionOf(record, 5), cluster, alice))).toBe('OK')
  })

  test('outranks all that the peer says in that incarnation, and nothing of the next', () => {
    expect(compareMembers(eviction, signMember({ ...unsigned, sequence: evictedSequence - 1 }, cluster, alice))).toBeGreaterThan(0)
    expect(
      compareMembers(eviction, signMember({ ...unsigned, incarnation: 3, sequence: 0, status: 'joining' }, cluster, alice))
    ).toBeLessThan(0)
  })

  test('says the same whoever publishes it, knowing of the same endings', () => {
    const other = signMember(evictionOf(record, 5), cluster, carol)
    expect(memberContentHash(other)).toEqual(memberContentHash(eviction))
    expect(Math.sign(compareMembers(other, eviction))).toBe(-Math.sign(compareMembers(eviction, other)))
    expect(compareMembers(other, eviction)).not.toBe(0)
  })

  test.each<[string, Partial<UnsignedMember>]>([
    ['another sequence', { sequence: 8 }],
    ['a weight', { weight: 1 }],
    ['no ending', { ending: 0 }],
    ['a zone', { zone: 'kitchen' }],
    ['addresses', { addresses: ['/ip4/10.0.0.1/tcp/1'] }]
  ])('with %s is refused', (_, change) => {
    expect(check(signedByCheat({ ...evictionOf(record, 5), issuer: bob.peerId, ...change }, bob))).toBe('ERR_MEMBER_RECORD_INVALID')
  })
})

describe('publishable addresses', () => {
  test('are the first 16 valid ones, each once', () => {
    const good = Array.from({ length: 20 }, (_, port) => `/ip4/10.0.0.1/tcp/${port}`)
    const candidates = ['nonsense', good[0] as string, `/ip4/1.2.3.4/tcp/1/p2p/${bob.peerId}`, '/x'.repeat(300), ...good]
    expect(publishableAddresses(alice.peerId, candidates)).toEqual(good.slice(0, 16))
  })

  test('include addresses through a relay', () => {
    const relayed = [`/dns4/r/tcp/1/p2p/${bob.peerId}/p2p-circuit/p2p/${alice.peerId}`, `/dns4/r/tcp/1/p2p/${bob.peerId}/p2p-circuit`]
    expect(publishableAddresses(alice.peerId, relayed)).toEqual(relayed)
  })
})

describe('bytes of member records', () => {
  const bytes = encodeMember(record)

  /** What damaged bytes lead to: the canonical bytes of a record, or the code of the error. */
  function decoded(damaged: Uint8Array): Uint8Array | string {
    try {
      return encodeMember(readMember(new Reader(damaged)))
    } catch (error) {
      if (!isStoreError(error)) throw error
      return error.code
    }
  }

  test('cut at any byte never make a record that is accepted', () => {
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.subarray(0, length)
      expect(codeOf(() => checkMember(readMember(new Reader(cut)), cluster, ed25519Verifier))).toMatch(/^ERR_(WIRE|MEMBER)_/)
    }
  })

  test('with a flipped bit are refused or are the only form of another record', () => {
    fc.assert(
      fc.property(fc.nat({ max: bytes.length * 8 - 1 }), bit => {
        const flipped = bytes.slice()
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
        const result = decoded(flipped)
        expect(typeof result === 'string' ? result.startsWith('ERR_WIRE_') : equalBytes(result, flipped)).toBe(true)
      }),
      { numRuns: 2000 }
    )
  })

  test('with any one bit flipped are never accepted', () => {
    for (let bit = 0; bit < bytes.length * 8; bit += 5) {
      const flipped = bytes.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(codeOf(() => checkMember(readMember(new Reader(flipped)), cluster, ed25519Verifier))).toMatch(/^ERR_(WIRE|MEMBER)_/)
    }
  })

  test('that name the own peer as issuer, or carry more than 16 addresses, are refused', () => {
    const named = new Writer()
    named.string(1, alice.peerId)
    named.uint(4, 2)
    named.hex(8, unsigned.replica)
    named.string(10, alice.peerId)
    expect(decoded(named.finish())).toBe('ERR_WIRE_MALFORMED')
    const many = new Writer()
    for (let port = 0; port < 17; port++) many.string(9, `/tcp/${port}`)
    expect(decoded(many.finish())).toBe('ERR_MEMBER_RECORD_INVALID')
  })

  test('are copied where they outlive their frame', () => {
    const frame = encodeMember(record)
    const read = readMember(new Reader(frame))
    frame.fill(0)
    expect(read).toEqual(record)
  })
})
