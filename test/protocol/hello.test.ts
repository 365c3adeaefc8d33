import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Writer } from '../../src/core/codec.ts'
import type { PeerId, ReplicaId } from '../../src/core/identifiers.ts'
import { encodeMember, signMember, type MemberRecord } from '../../src/core/members/member-record.ts'
import { decodeHello, encodeHello, judgeHello, protocolVersions, type ClusterConfiguration } from '../../src/protocol/membership/hello.ts'
import { simulatedSigner, simulatedVerifier } from '../../src/simulation/cluster/simulated-identity.ts'

const ada = 'ada' as PeerId
const ben = 'ben' as PeerId
const shop: ClusterConfiguration = { cluster: 'shop', partitions: 1024, replicas: 3 }

function member(peerId: PeerId, cluster = 'shop'): MemberRecord {
  const replica = '0123456789abcdef' as ReplicaId
  const fields = {
    peerId,
    incarnation: 1,
    sequence: 0,
    status: 'up',
    weight: 1,
    durable: true,
    zone: undefined,
    replica,
    addresses: [],
    ending: 0
  } as const
  return signMember(fields, cluster, simulatedSigner(peerId))
}

/** Message of the refusal when `ada` with `own` meets `ben` who says `hello`; empty when it is let in. */
function refusal(own: ClusterConfiguration, hello: Uint8Array, from: PeerId = ben): string {
  const judged = judgeHello(own, from, hello, simulatedVerifier)
  return 'refusal' in judged ? `${judged.refusal.code} ${judged.refusal.message}` : ''
}

describe('a hello', () => {
  test('of the same configuration lets the peer in, with its member record', () => {
    const judged = judgeHello(shop, ben, encodeHello(shop, member(ben)), simulatedVerifier)
    expect(judged).toEqual({ member: member(ben) })
  })

  test.each([
    ['the name', { ...shop, cluster: 'store' }, ['"shop"', '"store"']],
    ['the number of partitions', { ...shop, partitions: 256 }, ['1024', '256']],
    ['the number of replicas', { ...shop, replicas: 5 }, ['3', '5']],
    ['everything', { cluster: 'store', partitions: 64, replicas: 2 }, ['"shop"', '"store"', '1024', '64', '3', '2']]
  ])('that differs in %s is refused with both values', (_what, other, values) => {
    const message = refusal(shop, encodeHello(other, member(ben, other.cluster)))
    expect(message).toMatch(/^ERR_CLUSTER_CONFIG_MISMATCH/)
    for (const value of values) expect(message).toContain(value)
  })

  test('of other protocol versions is refused with both ranges', () => {
    const out = new Writer()
    out.uint(1, protocolVersions.max + 1)
    out.uint(2, protocolVersions.max + 3)
    out.string(3, shop.cluster)
    out.uint(4, shop.partitions)
    out.uint(5, shop.replicas)
    out.bytes(6, encodeMember(member(ben)))
    const message = refusal(shop, out.finish())
    expect(message).toMatch(/^ERR_WIRE_UNSUPPORTED/)
    expect(message).toContain(`${protocolVersions.min}..${protocolVersions.max}`)
    expect(message).toContain(`${protocolVersions.max + 1}..${protocolVersions.max + 3}`)
  })

  test("with another peer's member record is refused", () => {
    expect(refusal(shop, encodeHello(shop, member(ada)))).toMatch(/^ERR_NOT_ADMITTED/)
  })

  test('with a member record that its peer did not sign is refused', () => {
    expect(refusal(shop, encodeHello(shop, { ...member(ben), weight: 64 }))).toMatch(/^ERR_MEMBER_RECORD_INVALID/)
  })

  test('with a member record signed for another cluster is refused', () => {
    expect(refusal(shop, encodeHello(shop, member(ben, 'store')))).toMatch(/^ERR_MEMBER_RECORD_INVALID/)
  })

  test('without a member record is refused', () => {
    const out = new Writer()
    out.uint(1, 1)
    expect(refusal(shop, out.finish())).toMatch(/^ERR_WIRE_MALFORMED/)
  })

  test('that was cut, altered or made up is refused with a typed error', () => {
    const hello = encodeHello(shop, member(ben))
    for (let length = 0; length < hello.length; length++) expect(refusal(shop, hello.subarray(0, length))).toMatch(/^ERR_/)
    fc.assert(
      fc.property(fc.nat({ max: hello.length - 1 }), fc.nat({ max: 7 }), (index, bit) => {
        const altered = hello.slice()
        altered[index] = (altered[index] ?? 0) ^ (1 << bit)
        expect(refusal(shop, altered)).toMatch(/^(ERR_|$)/)
      }),
      { numRuns: 500 }
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        expect(refusal(shop, bytes)).toMatch(/^ERR_/)
      }),
      { numRuns: 500 }
    )
  })

  test('is read back as it was written', () => {
    expect(decodeHello(encodeHello(shop, member(ben)))).toEqual({ versionMin: 1, versionMax: 1, configuration: shop, member: member(ben) })
  })
})
