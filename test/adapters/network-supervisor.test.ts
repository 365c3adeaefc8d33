import { describe, expect, test } from 'vitest'
import { ConnectionSupervisor } from '../../src/adapters/libp2p/connection-supervisor.ts'
import type { Reach } from '../../src/adapters/libp2p/reach.ts'
import { ed25519Identity } from '../../src/adapters/identity/ed25519-identity.ts'
import { StoreError } from '../../src/core/errors.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { dialsMax } from '../../src/core/limits.ts'
import { settled, virtualClock } from './virtual-clock.ts'

const ids = Array.from({ length: 40 }, (_, index) => ed25519Identity(new Uint8Array(32).fill(index + 1)).peerId).toSorted()
const self = ids[0] as PeerId
const others = ids.slice(1)
const other = others[0] as PeerId
const neighbour = others[1] as PeerId

/** A supervisor whose dials succeed, fail or hang as the test says. */
class World {
  readonly clock = virtualClock()
  readonly reach = new Map<PeerId, Reach>()
  readonly dials: {
    readonly atMs: number
    readonly peer: PeerId | undefined
    readonly addresses: readonly string[]
    readonly present: Reach
  }[] = []
  running = 0
  mostRunning = 0
  isFull = false
  readonly distant = new Set<PeerId>()
  outcome: (peer: PeerId | undefined) => Promise<PeerId> | PeerId = () => Promise.reject(new Error('unreachable'))
  readonly supervisor = new ConnectionSupervisor({
    self,
    clock: this.clock,
    fraction: () => 0.5,
    reach: peer => this.reach.get(peer) ?? 'not',
    isFull: () => this.isFull,
    isDistant: peer => this.distant.has(peer),
    isLasting: error => error instanceof StoreError,
    dial: (peer, addresses, present, signal) => this.#dial(peer, addresses, present, signal)
  })

  want(...peers: readonly PeerId[]): void {
    this.supervisor.want(peers.map(peer => ({ peer, addresses: [`/ip4/127.0.0.1/tcp/1/p2p/${peer}`] })))
  }

  connect(peer: PeerId, reach: Reach): PeerId {
    this.reach.set(peer, reach)
    this.supervisor.connected(peer)
    return peer
  }

  disconnect(peer: PeerId): void {
    this.reach.delete(peer)
    this.supervisor.disconnected(peer)
  }

  /** Milliseconds between the dials. */
  waits(): number[] {
    return this.dials.slice(1).map((dial, index) => dial.atMs - (this.dials[index]?.atMs ?? 0))
  }

  async #dial(peer: PeerId | undefined, addresses: readonly string[], present: Reach, signal: AbortSignal): Promise<PeerId> {
    this.dials.push({ atMs: this.clock.monotonicMs(), peer, addresses, present })
    this.running++
    this.mostRunning = Math.max(this.mostRunning, this.running)
    try {
      return await Promise.race([
        this.outcome(peer),
        new Promise<PeerId>((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
      ])
    } finally {
      this.running--
    }
  }
}

function started(): World {
  const world = new World()
  world.supervisor.start()
  return world
}

describe('the connection supervisor', () => {
  test('redials a wanted peer for ever, with waits that grow to a bound', async () => {
    const world = started()
    world.want(other)
    await world.clock.advance(3_600_000)
    expect(world.waits().slice(0, 6)).toEqual([400, 800, 1600, 3200, 6400, 12_800])
    expect(world.waits().at(-1)).toBe(15_000)
    expect(world.dials.length).toBeGreaterThan(200)
  })

  test('stops dialling once connected, and starts again soon after the connection is lost', async () => {
    const world = started()
    world.outcome = () => world.connect(other, 'direct')
    world.want(other)
    await world.clock.advance(60_000)
    expect(world.dials).toHaveLength(1)
    world.disconnect(other)
    await world.clock.advance(1_000)
    expect(world.dials).toHaveLength(2)
  })

  test('waits longer each time for a peer that connects and drops at once', async () => {
    const world = started()
    world.outcome = () => {
      world.connect(other, 'direct')
      world.disconnect(other)
      throw new Error('dropped')
    }
    world.want(other)
    await world.clock.advance(120_000)
    expect(world.dials.length).toBeLessThan(25)
  })

  test('ends its dial when the peer connects by itself meanwhile, and when it cannot do better', async () => {
    const world = started()
    world.outcome = () => new Promise(() => {})
    world.want(other)
    await settled()
    expect(world.running).toBe(1)
    world.connect(other, 'webrtc')
    await settled()
    expect(world.running).toBe(1)
    world.connect(other, 'direct')
    await world.clock.advance(60_000)
    expect(world.running).toBe(0)
    expect(world.dials).toHaveLength(1)
  })

  test('lets the peer with the smaller id dial first', async () => {
    const first = started()
    first.want(other)
    await settled()
    expect(first.dials).toHaveLength(1)
  })

  test('keeps trying direct addresses while a peer is only relayed, less often', async () => {
    const world = started()
    world.outcome = () => Promise.resolve(world.connect(other, 'relayed'))
    world.want(other)
    await world.clock.advance(1_000)
    world.outcome = () => Promise.reject(new Error('no way through'))
    await world.clock.advance(600_000)
    const upgrades = world.dials.slice(1)
    expect(upgrades.length).toBeGreaterThan(8)
    expect(upgrades.every(dial => dial.present === 'relayed')).toBe(true)
    expect(world.waits().at(-1)).toBe(60_000)
    world.outcome = () => Promise.resolve(world.connect(other, 'direct'))
    await world.clock.advance(60_000)
    const count = world.dials.length
    await world.clock.advance(600_000)
    expect(world.dials).toHaveLength(count)
  })

  test('turns WebRTC into a stream in the background, where the peer has an address for one', async () => {
    const world = started()
    world.connect(other, 'webrtc')
    world.outcome = () => Promise.resolve(world.connect(other, 'direct'))
    world.want(other)
    await world.clock.advance(60_000)
    expect(world.dials.map(({ peer, present }) => [peer, present])).toEqual([[other, 'webrtc']])
  })

  test('leaves WebRTC to a peer without an address for a stream as it is', async () => {
    const world = started()
    world.connect(other, 'webrtc')
    world.supervisor.want([{ peer: other, addresses: [`/ip4/127.0.0.1/tcp/1/p2p/${others[1]}/p2p-circuit/webrtc/p2p/${other}`] }])
    await world.clock.advance(600_000)
    expect(world.dials).toEqual([])
  })

  test('leaves a peer that refuses alone for longer', async () => {
    const world = started()
    world.outcome = () => Promise.reject(new StoreError('ERR_NOT_ADMITTED', 'no'))
    world.want(other)
    await world.clock.advance(60_000)
    expect(world.waits()[0]).toBe(10_000)
    expect(world.dials.length).toBeLessThan(5)
  })

  test('a punished peer is not redialled early because its connection ends', async () => {
    const world = started()
    world.outcome = () => world.connect(other, 'direct')
    world.want(other)
    await world.clock.advance(60_000)
    world.supervisor.punish(other)
    world.disconnect(other)
    await world.clock.advance(9_000)
    expect(world.dials).toHaveLength(1)
    await world.clock.advance(20_000)
    expect(world.dials).toHaveLength(2)
  })

  test('tries a peer soon that has a new address, and gives up dials to addresses that it has no more', async () => {
    const world = started()
    const at = (...ports: readonly number[]): void =>
      world.supervisor.want([{ peer: other, addresses: ports.map(port => `/ip4/127.0.0.1/tcp/${port}/p2p/${other}`) }])
    at(1)
    await world.clock.advance(90_000)
    const failed = world.dials.length
    at(1, 2)
    await world.clock.advance(400)
    expect(world.dials).toHaveLength(failed + 1)
    world.outcome = () => new Promise(() => {})
    await world.clock.advance(20_000)
    const hanging = world.dials.length
    at(2, 1)
    at(2, 3)
    await world.clock.advance(20_000)
    expect(world.dials).toHaveLength(hanging)
    at(4)
    await world.clock.advance(800)
    expect(world.dials.at(-1)?.addresses).toEqual([`/ip4/127.0.0.1/tcp/4/p2p/${other}`])
    expect([world.dials.length, world.running]).toEqual([hanging + 1, 1])
  })

  test('does not let a peer that is being punished out by a new address', async () => {
    const world = started()
    world.want(other)
    world.supervisor.punish(other)
    const count = world.dials.length
    world.supervisor.want([{ peer: other, addresses: [`/ip4/127.0.0.1/tcp/2/p2p/${other}`] }])
    await world.clock.advance(9_000)
    expect(world.dials).toHaveLength(count)
  })

  test('runs a bounded number of dials at a time, and all of them in the end', async () => {
    const world = started()
    world.outcome = peer => new Promise(resolve => void world.clock.schedule(5_000, () => resolve(world.connect(peer as PeerId, 'direct'))))
    world.want(...others)
    await world.clock.advance(100_000)
    expect(world.mostRunning).toBe(dialsMax)
    expect(new Set(world.dials.map(dial => dial.peer)).size).toBe(others.length)
  })

  test('dials nobody while there is no room, and goes on when there is', async () => {
    const world = started()
    world.isFull = true
    world.want(other)
    await world.clock.advance(60_000)
    expect(world.dials).toEqual([])
    world.isFull = false
    await world.clock.advance(25_000)
    expect(world.dials.length).toBeGreaterThan(0)
  })

  test('forgets peers that are no longer wanted, and ends dials to them', async () => {
    const world = started()
    world.outcome = () => new Promise(() => {})
    world.want(other)
    await world.clock.advance(1)
    expect(world.running).toBe(1)
    world.want()
    await settled()
    expect(world.running).toBe(0)
    await world.clock.advance(600_000)
    expect(world.dials).toHaveLength(1)
  })

  test('learns who answers at an address without a peer id, and redials it when that peer is lost', async () => {
    const world = started()
    world.outcome = () => world.connect(other, 'direct')
    world.supervisor.join(['/ip4/127.0.0.1/tcp/4001'])
    await world.clock.advance(60_000)
    expect(world.dials.map(dial => dial.peer)).toEqual([undefined])
    world.disconnect(other)
    await world.clock.advance(2_000)
    expect(world.dials.map(dial => dial.peer)).toEqual([undefined, undefined])
  })

  test('ignores malformed addresses and its own', async () => {
    const world = started()
    world.supervisor.join(['nonsense', `/ip4/127.0.0.1/tcp/1/p2p/${self}`])
    world.want(self)
    await world.clock.advance(60_000)
    expect(world.dials).toEqual([])
  })

  test('hurries when the device is back online, but not to peers that refused', async () => {
    const world = started()
    world.want(other)
    await world.clock.advance(100_000)
    const count = world.dials.length
    world.supervisor.hurry()
    await settled()
    expect(world.dials).toHaveLength(count + 1)
    world.supervisor.punish(other)
    world.supervisor.hurry()
    await world.clock.advance(3_000)
    expect(world.dials).toHaveLength(count + 1)
  })

  test('does nothing between stop and start, and then resumes at once', async () => {
    const world = started()
    world.want(other)
    await world.clock.advance(20_000)
    world.supervisor.stop()
    const count = world.dials.length
    await world.clock.advance(600_000)
    expect(world.dials).toHaveLength(count)
    expect(world.clock.pending).toBe(0)
    world.supervisor.start()
    await settled()
    expect(world.dials).toHaveLength(count + 1)
  })

  test('dials no entrance that is a distant member while others are connected', async () => {
    const world = new World()
    world.outcome = peer => world.connect(peer ?? other, 'direct')
    world.distant.add(other)
    world.supervisor.start()
    world.want(neighbour)
    await world.clock.advance(1)
    world.supervisor.join([`/ip4/127.0.0.1/tcp/1/p2p/${other}`])
    await world.clock.advance(60_000)
    expect(world.dials.map(({ peer }) => peer)).toEqual([neighbour])
    world.outcome = () => Promise.reject(new Error('unreachable'))
    world.disconnect(neighbour)
    await world.clock.advance(60_000)
    expect(world.dials.map(({ peer }) => peer)).toContain(other)
  })
})
