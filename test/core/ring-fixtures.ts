/** Memberships for tests of the ring, and the digests that every engine must compute for some of them. */
import { sha256 } from '../../src/core/hash.ts'
import { toHex } from '../../src/core/bytes.ts'
import { encodeUtf8 } from '../../src/core/codec.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { createRing, type Ring, type RingMember, type RingOptions } from '../../src/core/ring/ring.ts'

/** The options of most tests. */
export const options: RingOptions = { cluster: 'shop', partitions: 1024, replicas: 3 }

/** `count` members with ids made of `seed`; durable, of weight 1 and without a zone unless `change` says otherwise. */
export function peers(count: number, seed = 'peer', change: (index: number) => Partial<RingMember> = () => ({})): RingMember[] {
  return Array.from({ length: count }, (_, index) => ({
    peerId: `${seed}-${index}` as PeerId,
    weight: 1,
    durable: true,
    zone: undefined,
    ...change(index)
  }))
}

/** Partitions that each member owns. */
export function loads(ring: Ring): number[] {
  return ring.members.map(member => ring.partitionsOf(member.peerId).length)
}

/** Replicas that are in `after` and not in `before`. */
export function moved(before: Ring, after: Ring): number {
  return partitionsOf(after).reduce(
    (count, partition) => count + after.owners(partition).filter(peer => !before.isOwner(peer, partition)).length,
    0
  )
}

/** All partitions of a ring. */
export function partitionsOf(ring: Ring): number[] {
  return Array.from({ length: ring.partitions }, (_, partition) => partition)
}

/** Zone of each owner of a partition. */
export function zonesOf(ring: Ring, partition: number): (string | undefined)[] {
  return ring.owners(partition).map(owner => ring.members.find(member => member.peerId === owner)?.zone)
}

/** A digest of all preference lists. */
export function listsDigest(ring: Ring): string {
  return toHex(
    sha256(
      encodeUtf8(
        partitionsOf(ring)
          .map(partition => ring.preferenceList(partition).join(' '))
          .join('\n')
      )
    )
  ).slice(0, 16)
}

/** Rings with their digest and the digest of their preference lists, computed in Node.js 24. */
export const golden: readonly { readonly name: string; readonly ring: () => Ring; readonly digest: string; readonly lists: string }[] = [
  { name: 'one peer', ring: () => createRing(peers(1), options), digest: 'b4871c5373e2a3a2', lists: '612d629fc2a1033b' },
  { name: 'four equal peers', ring: () => createRing(peers(4), options), digest: '9c5fcc6d5c807cd4', lists: 'ff149dd22e4f953b' },
  { name: 'twenty equal peers', ring: () => createRing(peers(20), options), digest: '17c9d1448508de3c', lists: '548e5ba7bfb6f66a' },
  {
    name: 'three edge peers in zones and twelve tabs',
    ring: () =>
      createRing(
        peers(15, 'mixed', index => (index < 3 ? { weight: 4, zone: `zone ${index}` } : { durable: false })),
        options
      ),
    digest: '54663252ccb574bc',
    lists: '2bc93e639672d8ce'
  },
  {
    name: 'a hundred peers in six zones, 4,096 partitions, five owners',
    ring: () =>
      createRing(
        peers(100, 'ü', index => ({ weight: 1 + (index % 7), durable: index % 3 > 0, zone: `z${index % 6}` })),
        { cluster: 'Läden 🛒', partitions: 4096, replicas: 5, durableOwners: 2 }
      ),
    digest: '3c0fe5bef7a13d91',
    lists: '41bcd6e8454d398d'
  },
  {
    name: 'a zone of one peer',
    ring: () =>
      createRing(
        peers(9, 'lone', index => ({ zone: index === 0 ? 'small' : `big ${index % 2}` })),
        options
      ),
    digest: 'ba4c319831767d43',
    lists: 'c77490613e9e7555'
  }
]
