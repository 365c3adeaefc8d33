import { describe, expect, test } from 'vitest'
import { checkAddress, parseAddress } from '../../src/adapters/libp2p/addresses.ts'
import { backoffMs, redialBackoff } from '../../src/adapters/libp2p/backoff.ts'
import { dialPlan } from '../../src/adapters/libp2p/dial-plan.ts'
import { ownAddresses } from '../../src/adapters/libp2p/own-addresses.ts'
import { browserTransports } from '../../src/adapters/libp2p/transports.browser.ts'
import { ed25519Identity } from '../../src/adapters/identity/ed25519-identity.ts'
import { memberAddressesMax } from '../../src/core/limits.ts'

const [self, relay, tab] = [1, 2, 3].map(byte => ed25519Identity(new Uint8Array(32).fill(byte)).peerId)
if (self === undefined || relay === undefined || tab === undefined) throw new Error('three identities')

const viaRelay = `/ip4/9.9.9.9/tcp/443/wss/p2p/${relay}/p2p-circuit`

describe('an address to join by', () => {
  test.each([
    `/ip4/127.0.0.1/tcp/4001`,
    `/ip4/127.0.0.1/tcp/4001/ws/p2p/${relay}`,
    `/ip6/::1/tcp/4001/p2p/${relay}`,
    `/dns4/edge.example/tcp/443/wss/p2p/${relay}`,
    `/dns4/edge.example/tcp/443/tls/ws`,
    `${viaRelay}/webrtc/p2p/${tab}`,
    `${viaRelay}/p2p/${tab}`
  ])('may be %s', text => {
    expect(checkAddress(text)).toBeUndefined()
  })

  test.each([
    ['', 'not a text like'],
    ['localhost:4001', 'not a valid multiaddr'],
    ['ws://127.0.0.1:4001', 'not a valid multiaddr'],
    ['/ip4/999.0.0.1/tcp/1', 'not a valid multiaddr'],
    ['/ip4/127.0.0.1/tcp/70000', 'not a valid multiaddr'],
    ['/ip4/127.0.0.1/tcp/4001/p2p/nonsense', 'not a valid multiaddr'],
    ['/ip4/127.0.0.1/tcp/0', 'its port is 0'],
    ['/ip4/127.0.0.1', 'names no transport'],
    ['/ip4/127.0.0.1/udp/4001/quic-v1', 'names no transport'],
    [`/p2p/${relay}`, 'names no transport'],
    [`/ip4/127.0.0.1/tcp/1/${'x'.repeat(65_536)}`, 'the most is 512']
  ])('%j is refused with a reason', (text, reason) => {
    expect(checkAddress(text)).toContain(reason)
  })

  test('says which peer is at its end and which relay is on the way', () => {
    expect(parseAddress(`${viaRelay}/webrtc/p2p/${tab}`)).toMatchObject({ peer: tab, relay, transport: 'webrtc', relayed: false })
    expect(parseAddress(`${viaRelay}/p2p/${tab}`)).toMatchObject({ peer: tab, relay, transport: 'websocket', relayed: true })
    expect(parseAddress(`/ip4/127.0.0.1/tcp/1/p2p/${tab}`)).toMatchObject({ peer: tab, relay: undefined, transport: 'tcp', relayed: false })
    expect(parseAddress('/ip4/127.0.0.1/tcp/1')).toMatchObject({ peer: undefined, relay: undefined })
  })
})

describe('the plan of a dial', () => {
  const context = { self, mayDial: () => true, isConnected: () => false }

  test('tries direct addresses first, WebRTC several times and briefly, and plain relaying after the first of them', () => {
    const addresses = [
      `${viaRelay}/p2p/${tab}`,
      `${viaRelay}/webrtc/p2p/${tab}`,
      `/ip4/9.9.9.9/tcp/1/p2p/${tab}`,
      `/ip4/9.9.9.9/tcp/2/ws/p2p/${tab}`
    ]
    const plan = dialPlan(tab, addresses, 'not', context)
    expect(plan.map(({ address }) => address.transport)).toEqual(['tcp', 'websocket', 'webrtc', 'websocket', 'webrtc', 'webrtc', 'webrtc'])
    expect(plan.filter(({ address }) => address.transport === 'webrtc').every(({ timeoutMs }) => timeoutMs <= 4000)).toBe(true)
    expect(plan.map(({ address }) => address.relayed).indexOf(true)).toBe(3)
  })

  test.each([
    ['relayed', ['websocket', 'webrtc']],
    ['webrtc', ['websocket']],
    ['direct', []]
  ] as const)('of a peer that is reached %s already leaves out what would be no progress', (present, transports) => {
    const addresses = [`${viaRelay}/p2p/${tab}`, `${viaRelay}/webrtc/p2p/${tab}`, `/ip4/9.9.9.9/tcp/2/ws/p2p/${tab}`]
    const plan = dialPlan(tab, addresses, present, context)
    expect([...new Set(plan.map(({ address }) => address.transport))]).toEqual(transports)
    expect(plan.some(({ address }) => address.relayed)).toBe(false)
  })

  test('never dials itself, through itself, or another peer than the one meant', () => {
    const through = `/ip4/9.9.9.9/tcp/1/p2p/${self}/p2p-circuit/p2p/${tab}`
    expect(dialPlan(tab, [through, `/ip4/9.9.9.9/tcp/1/p2p/${self}`, `/ip4/9.9.9.9/tcp/1/p2p/${relay}`], 'not', context)).toEqual([])
  })

  test('uses a relay that is connected even where its address could not be dialled, and only once', () => {
    const addresses = [`/ip4/9.9.9.9/tcp/1/p2p/${relay}/p2p-circuit/p2p/${tab}`, `/ip4/10.0.0.1/tcp/1/p2p/${relay}/p2p-circuit/p2p/${tab}`]
    const plan = dialPlan(tab, addresses, 'not', { self, mayDial: () => false, isConnected: peer => peer === relay })
    expect(plan).toHaveLength(1)
  })

  test('is bounded, however many addresses a peer claims', () => {
    const addresses = Array.from({ length: 1000 }, (_, port) => `/ip4/9.9.9.9/tcp/${port + 1}/p2p/${tab}`)
    expect(dialPlan(tab, addresses, 'not', context).length).toBeLessThanOrEqual(16)
  })
})

describe('a browser', () => {
  test.each([
    [`/ip4/9.9.9.9/tcp/1/p2p/${tab}`, false, false],
    [`/dns4/edge.example/tcp/443/wss/p2p/${tab}`, false, true],
    [`/ip4/127.0.0.1/tcp/1/ws/p2p/${tab}`, false, false],
    [`/ip4/127.0.0.1/tcp/1/ws/p2p/${tab}`, true, true],
    [`/ip4/192.168.1.1/tcp/1/ws/p2p/${tab}`, false, false],
    [`/ip4/192.168.1.1/tcp/1/ws/p2p/${tab}`, true, true],
    [`/ip6/fe80::1/tcp/1/ws/p2p/${tab}`, false, false],
    [`/dns4/printer.local/tcp/1/ws/p2p/${tab}`, false, false]
  ])('with %s, in a cluster within this network: %s, may dial: %s', (text, isLocal, expected) => {
    const address = parseAddress(text)
    expect(address !== undefined && browserTransports.mayDial(address, isLocal)).toBe(expected)
  })
})

describe('the addresses that a peer publishes', () => {
  test('have its id, go from public to private, and are bounded', () => {
    const many = Array.from({ length: 40 }, (_, port) => `/ip4/9.9.9.9/tcp/${port + 1}`)
    const addresses = ownAddresses(tab, ['/ip4/127.0.0.1/tcp/1/ws', '/ip4/192.168.1.1/tcp/1/ws', ...many])
    expect(addresses).toHaveLength(memberAddressesMax)
    expect(addresses.every(address => address.endsWith(`/p2p/${tab}`))).toBe(true)
    expect(ownAddresses(tab, ['/ip4/127.0.0.1/tcp/1/ws', '/ip4/192.168.1.1/tcp/1', '/ip4/9.9.9.9/tcp/1'])[0]).toContain('9.9.9.9')
  })

  test('have one address per relay and kind, over WebSockets where there is a choice', () => {
    const kinds = [`/ip4/127.0.0.1/tcp/1/p2p/${relay}/p2p-circuit`, `/ip4/127.0.0.1/tcp/2/ws/p2p/${relay}/p2p-circuit`]
    const addresses = ownAddresses(tab, [...kinds, ...kinds.map(text => `${text}/webrtc`), '/webrtc'])
    expect(addresses).toEqual([
      `/ip4/127.0.0.1/tcp/2/ws/p2p/${relay}/p2p-circuit/webrtc/p2p/${tab}`,
      `/ip4/127.0.0.1/tcp/2/ws/p2p/${relay}/p2p-circuit/p2p/${tab}`
    ])
  })
})

describe('waits between attempts', () => {
  test('double up to a bound and jitter around it', () => {
    const middle = [1, 2, 3, 4, 50].map(failures => backoffMs(redialBackoff, failures, 0.5))
    expect(middle).toEqual([400, 800, 1600, 3200, redialBackoff.mostMs])
    expect(backoffMs(redialBackoff, 1, 0)).toBe(200)
    expect(backoffMs(redialBackoff, 1, 1)).toBe(600)
  })
})
