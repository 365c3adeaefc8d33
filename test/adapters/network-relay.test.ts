/** Peers that nobody can dial, and the relay that makes them reachable. */
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Libp2pNetwork, Libp2pNetworkOptions } from '../../src/adapters/libp2p/network.ts'
import { NetworkRecorder } from '../../src/conformance/network-recorder.ts'
import type { NetworkHandlers } from '../../src/ports/network.ts'
import { testNetwork, testRandom } from './network-peers.ts'

interface Running {
  readonly network: Libp2pNetwork
  readonly seen: NetworkRecorder
  /** Resolves with the addresses as soon as there are so many kinds of them. */
  addresses(holds: (texts: readonly string[]) => boolean): Promise<readonly string[]>
}

async function run(options: Partial<Libp2pNetworkOptions>): Promise<Running> {
  const network = testNetwork(options)
  onTestFinished(() => network.stop())
  const seen = new NetworkRecorder()
  const changed: (() => void)[] = []
  const addresses: NetworkHandlers['addresses'] = () => {
    for (const wake of changed.splice(0)) wake()
  }
  await network.start({ ...seen.handlers, addresses })
  return {
    network,
    seen,
    addresses: async holds => {
      while (!holds(network.addresses())) await new Promise<void>(resolve => changed.push(resolve))
      return network.addresses()
    }
  }
}

const isRelayed = (texts: readonly string[]): boolean => texts.some(text => text.includes('/p2p-circuit/p2p/'))

/** A peer that can only be reached through relays. */
function hidden(relay: Running): Promise<Running> {
  return run({ listen: ['/p2p-circuit'], join: relay.network.addresses() })
}

describe('a peer that cannot be dialled', () => {
  test('is reached through a relay, for requests and, where the relay sets no limit, for bulk transfer', async () => {
    const relay = await run({ relay: true })
    const a = await hidden(relay)
    const b = await run({ listen: [], join: relay.network.addresses() })
    await b.seen.seen('connected')
    const texts = await a.addresses(isRelayed)
    b.network.want([{ peer: a.network.peerId, addresses: texts.filter(text => !text.includes('/webrtc')) }])
    await a.seen.until(() => a.seen.of('connected').some(({ peer }) => peer === b.network.peerId), 'the relayed connection')
    await b.seen.until(() => b.seen.of('connected').some(({ peer }) => peer === a.network.peerId), 'the relayed connection')
    const connection = b.network.connections().find(({ peer }) => peer === a.network.peerId)
    expect(connection).toMatchObject({ relayed: true, transport: 'websocket' })
    const large = new Uint8Array(500_000).fill(1)
    expect(b.network.send(a.network.peerId, 'request', out => out.raw(large))).toBe(true)
    expect((await a.seen.seen('frame')).bytes).toEqual(large)
    for (const [from, to] of [
      [a, b],
      [b, a]
    ] as const) {
      const isBulk = ({ lane }: { readonly lane?: string }): boolean => lane === 'bulk'
      await vi.waitUntil(() => from.network.send(to.network.peerId, 'bulk', out => out.raw(large)), { timeout: 10_000 })
      await to.seen.until(() => to.seen.of('frame').some(isBulk), 'a bulk transfer')
      expect(to.seen.of('frame').find(isBulk)?.bytes).toEqual(large)
    }
  })

  test('loses its address with the relay, and gets it again when the relay is back at the same place', async () => {
    const seed = testRandom.bytes(32)
    const relay = await run({ seed, relay: true })
    const listen = relay.network.addresses().map(text => text.replace(/\/p2p\/.*/, ''))
    const a = await hidden(relay)
    await a.addresses(isRelayed)
    for (let round = 0, current = relay; round < 3; round++) {
      await current.network.stop()
      await a.addresses(texts => !isRelayed(texts))
      current = await run({ seed, relay: true, listen })
      expect(await a.addresses(isRelayed)).toHaveLength(1)
    }
  })

  test('asks no relay when it does not listen through relays', async () => {
    const relay = await run({ relay: true })
    const a = await run({ join: relay.network.addresses() })
    const b = await hidden(relay)
    await Promise.all([a.seen.seen('connected'), b.addresses(isRelayed)])
    expect(isRelayed(a.network.addresses())).toBe(false)
  })
})
