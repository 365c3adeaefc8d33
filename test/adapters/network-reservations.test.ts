/** Whom a peer asks to relay for it, and when. */
import { RELAY_V2_HOP_CODEC } from '@libp2p/circuit-relay-v2'
import { describe, expect, test } from 'vitest'
import { ed25519Identity } from '../../src/adapters/identity/ed25519-identity.ts'
import { RelayReservations } from '../../src/adapters/libp2p/relay.ts'
import { relayReservationsMax } from '../../src/core/limits.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { settled, virtualClock } from './virtual-clock.ts'

const relays = Array.from({ length: relayReservationsMax + 2 }, (_, index) => ed25519Identity(new Uint8Array(32).fill(index + 1)).peerId)
const relay = relays[0] as PeerId

/** Relays that are all connected, and grant or refuse as the test says. */
class World {
  readonly clock = virtualClock()
  readonly asked: PeerId[] = []
  readonly granted = new Set<PeerId>()
  readonly gone = new Set<PeerId>()
  readonly nameless = new Set<PeerId>()
  refuses = false
  readonly reservations = new RelayReservations({
    clock: this.clock,
    logger: undefined,
    fraction: () => 0.5,
    reserve: async peer => {
      this.asked.push(peer)
      if (this.refuses) throw new Error('no room')
      this.granted.add(peer)
    },
    isReserved: peer => this.granted.has(peer),
    isConnected: peer => !this.gone.has(peer),
    isNameless: peer => this.nameless.has(peer)
  })

  meet(...peers: readonly PeerId[]): void {
    for (const peer of peers) this.reservations.identified(peer, `/ip4/127.0.0.1/tcp/1/ws/p2p/${peer}`, [RELAY_V2_HOP_CODEC])
  }
}

describe('reservations at relays', () => {
  test('are asked for once at each relay, up to the bound', async () => {
    const world = new World()
    world.meet(...relays)
    await settled()
    world.meet(...relays)
    expect(world.asked).toEqual(relays.slice(0, relayReservationsMax))
  })

  test('are asked for at another relay when one is gone', async () => {
    const world = new World()
    world.meet(...relays)
    await settled()
    world.gone.add(relay)
    world.granted.delete(relay)
    world.reservations.review()
    expect(world.asked.at(-1)).toBe(relays[relayReservationsMax])
  })

  test('are asked for again, later and later, where they were refused', async () => {
    const world = new World()
    world.refuses = true
    world.meet(relay)
    await world.clock.advance(60_000)
    expect(world.asked.length).toBeGreaterThan(4)
    world.refuses = false
    await world.clock.advance(60_000)
    const count = world.asked.length
    await world.clock.advance(600_000)
    expect(world.asked).toHaveLength(count)
    expect(world.granted.has(relay)).toBe(true)
  })

  test('wait for the end of a WebRTC connection to the relay, whose address would be useless to others', async () => {
    const world = new World()
    world.nameless.add(relay)
    world.meet(relay)
    await settled()
    expect(world.asked).toEqual([])
    world.nameless.delete(relay)
    world.reservations.review()
    expect(world.asked).toEqual([relay])
  })
})
