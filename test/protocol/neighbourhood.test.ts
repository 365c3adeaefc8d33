import { describe, expect, test } from 'vitest'
import type { PeerId, ReplicaId } from '../../src/core/identifiers.ts'
import type { MemberRecord } from '../../src/core/members/member-record.ts'
import { emptyView, mergeMember, type MembershipView } from '../../src/core/members/membership-view.ts'
import type { Effect } from '../../src/protocol/effect.ts'
import { FailureDetector } from '../../src/protocol/membership/failure-detector.ts'
import { Neighbourhood } from '../../src/protocol/membership/neighbourhood.ts'
import { neighboursOf } from '../../src/protocol/membership/wanted-peers.ts'
import { Tokens } from '../../src/protocol/tokens.ts'
import { ringMembers } from '../../src/core/members/membership-view.ts'
import { createRing } from '../../src/core/ring/ring.ts'

const configuration = { cluster: 'shop', partitions: 1024, replicas: 3 }
const name = (index: number): PeerId => `peer${String(index + 1111).replaceAll('0', 'z')}` as PeerId
const self = name(0)

function record(peerId: PeerId, sequence = 1): MemberRecord {
  const said = { incarnation: 1, status: 'up', weight: 1, durable: true, zone: undefined, addresses: [], ending: 0 } as const
  return { ...said, peerId, sequence, issuer: peerId, replica: '00000000000000aa' as ReplicaId, signature: Uint8Array.of(1) }
}

function viewOf(count: number): MembershipView {
  return Array.from({ length: count }, (_, index) => record(name(index))).reduce((view, each) => mergeMember(view, each).view, emptyView)
}

function neighbourhood(view: MembershipView, neighboursMax: number): Neighbourhood {
  return new Neighbourhood({ signer: { peerId: self }, configuration, view, neighboursMax }, new FailureDetector(new Tokens(0), () => {}))
}

/** Whom each member of the view has for its neighbours. */
function allNeighbours(view: MembershipView, most: number): ReadonlyMap<PeerId, ReadonlySet<PeerId>> {
  const ring = createRing(ringMembers(view), configuration)
  return new Map(view.present.map(peer => [peer, neighboursOf(view, ring, peer, most)]))
}

/** The peers that are wanted after the record of `peer` changed. */
function wantedAfter(news: Neighbourhood, view: MembershipView, peer: PeerId): readonly PeerId[] | undefined {
  const effects: Effect[] = []
  news.update(mergeMember(view, record(peer, 2)).view, [peer], effects)
  const want = effects.find(effect => effect.kind === 'want')
  return want?.peers.map(wanted => wanted.peer)
}

describe('the neighbours of a peer', () => {
  test('are all others while they are few, and are asked for as soon as it starts, though its storage knew of them', () => {
    const view = viewOf(9)
    expect(wantedAfter(neighbourhood(view, 8), view, self)?.toSorted()).toEqual(
      Array.from({ length: 8 }, (_, index) => name(index + 1)).toSorted()
    )
  })

  test('are bounded where members are many; the others are distant', () => {
    const view = viewOf(200)
    const news = neighbourhood(view, 20)
    const wanted = wantedAfter(news, view, self) ?? []
    expect(wanted).toHaveLength(20)
    const others = view.present.filter(peer => peer !== self)
    expect(others.filter(peer => news.neighbours.has(peer)).toSorted()).toEqual(wanted.toSorted())
    expect(others.every(peer => news.neighbours.has(peer) !== news.isDistant(peer))).toBe(true)
    expect(news.isDistant(self)).toBe(false)
  })

  test('are not asked for again when something is new about a distant peer', () => {
    const view = viewOf(200)
    const news = neighbourhood(view, 20)
    wantedAfter(news, view, self)
    const distant = view.present.find(peer => news.isDistant(peer)) as PeerId
    const near = view.present.find(peer => news.neighbours.has(peer)) as PeerId
    expect(wantedAfter(news, view, distant)).toBeUndefined()
    expect(wantedAfter(news, view, near)).toHaveLength(20)
  })
  test('have the peer for a neighbour too, and are the same whatever the order of the names', () => {
    const neighbours = allNeighbours(viewOf(200), 96)
    for (const [peer, others] of neighbours) {
      expect(others.size).toBeLessThan(96)
      for (const other of others) expect(neighbours.get(other)?.has(peer)).toBe(true)
    }
  })

  test('hang together though each has few: by those next to each other in the list', () => {
    const neighbours = allNeighbours(viewOf(200), 2)
    const reached = new Set([self])
    for (const peer of reached) for (const other of neighbours.get(peer) ?? []) reached.add(other)
    expect(reached.size).toBe(200)
  })

  test('stay the same for most when a member comes', () => {
    const [before, after] = [allNeighbours(viewOf(200), 96), allNeighbours(viewOf(201), 96)]
    const made = [...before].map(([peer, others]) => [...(after.get(peer) ?? [])].filter(other => !others.has(other)).length)
    // Its own, those whose partitions it takes, and few others; with those at certain distances in the list there were four times as many.
    expect(made.reduce((sum, count) => sum + count, 0)).toBeLessThan(100)
  })
})
