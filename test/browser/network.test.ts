import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { libp2pNetwork, type Libp2pNetwork } from '../../src/adapters/libp2p/network.ts'
import { browserTransports } from '../../src/adapters/libp2p/transports.browser.ts'
import { NetworkRecorder } from '../../src/conformance/network-recorder.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Lane, NetworkHandlers } from '../../src/ports/network.ts'

const relayAddress = inject('relayAddress')
const relayPeer = relayAddress.split('/').at(-1) as PeerId

const clock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule: (delayMs, wake) => {
    const timer = setTimeout(wake, delayMs)
    return () => clearTimeout(timer)
  }
}

const random = { bytes: (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length)) }

interface Tab {
  readonly network: Libp2pNetwork
  readonly seen: NetworkRecorder
  /** Resolves with the address for WebRTC, once the relay has granted a reservation. */
  readonly reachable: Promise<readonly string[]>
}

/** A peer as a page has it: it cannot be dialled but through the relay. */
async function openTab(): Promise<Tab> {
  const network = libp2pNetwork({
    seed: random.bytes(32),
    cluster: 'test',
    listen: ['/webrtc', '/p2p-circuit'],
    announce: [],
    relay: false,
    join: [relayAddress],
    transports: browserTransports,
    clock,
    random
  })
  onTestFinished(() => network.stop())
  const seen = new NetworkRecorder()
  const reachable = new Promise<readonly string[]>((resolve, reject) => {
    const addresses: NetworkHandlers['addresses'] = texts => texts.some(text => text.includes('/webrtc/')) && resolve(texts)
    network.start({ ...seen.handlers, addresses }).catch(reject)
  })
  return { network, seen, reachable }
}

async function send(from: Tab, to: PeerId, lane: Lane, bytes: Uint8Array): Promise<void> {
  await expect.poll(() => from.network.send(to, lane, out => out.raw(bytes)), { timeout: 20_000 }).toBe(true)
}

function transportTo(tab: Tab, peer: PeerId): string | undefined {
  return tab.network.connections().find(connection => connection.peer === peer)?.transport
}

describe('a browser tab', () => {
  test('joins an edge peer over WebSockets on loopback and exchanges messages with it', async () => {
    const tab = await openTab()
    await tab.seen.seen('connected')
    expect(transportTo(tab, relayPeer)).toBe('websocket')
    const bytes = new Uint8Array(500_000).fill(3)
    await send(tab, relayPeer, 'request', bytes)
    expect((await tab.seen.seen('frame')).bytes).toEqual(bytes)
  })

  test('is reachable through the relay, and talks to another tab over WebRTC without it', async () => {
    const [a, b] = [await openTab(), await openTab()]
    const addresses = await a.reachable
    b.network.want([{ peer: a.network.peerId, addresses }])
    await expect.poll(() => transportTo(b, a.network.peerId), { timeout: 50_000 }).toBe('webrtc')
    await expect.poll(() => transportTo(a, b.network.peerId), { timeout: 20_000 }).toBe('webrtc')
    for (const lane of ['request', 'bulk'] as const) {
      const bytes = random.bytes(60_000)
      await send(a, b.network.peerId, lane, bytes)
      await b.seen.until(
        () => b.seen.of('frame').some(frame => frame.lane === lane && frame.bytes.join() === bytes.join()),
        `the message on ${lane}`
      )
    }
    const large = new Uint8Array(3_000_000).fill(7)
    await send(b, a.network.peerId, 'bulk', large)
    await a.seen.until(() => a.seen.of('frame').some(frame => frame.bytes.length === large.length), 'the large message')
  })

  test('says goodbye synchronously, and the other tab knows at once', async () => {
    const [a, b] = [await openTab(), await openTab()]
    b.network.want([{ peer: a.network.peerId, addresses: await a.reachable }])
    await expect
      .poll(() => [transportTo(a, b.network.peerId), transportTo(b, a.network.peerId)], { timeout: 50_000 })
      .toEqual(['webrtc', 'webrtc'])
    b.network.goodbye()
    await a.seen.until(() => a.seen.of('disconnected').some(({ peer }) => peer === b.network.peerId), 'the goodbye')
  })
})
