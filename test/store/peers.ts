/** Real peers for tests of the store: on loopback, stopped and swept away after each test. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { createPeer, isStoreError, type Peer, type PeerEvents, type PeerOptions, type StoreError } from '../../src/entry/nodejs.ts'

const cleanups: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean()
})

/** Starts a peer that is stopped after the test. In memory, on a free port, unless the options say otherwise. */
export async function startPeer(options: Partial<PeerOptions> = {}): Promise<Peer> {
  const peer = await createPeer({ cluster: 'test', storage: 'memory', listen: ['/ip4/127.0.0.1/tcp/0'], ...options })
  cleanups.push(() => peer.stop())
  return peer
}

/** A folder that is removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'dynamesh-test-'))
  cleanups.push(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Peers of one cluster, all up and known to each other. */
export async function startCluster(count: number, options: Partial<PeerOptions> = {}): Promise<readonly Peer[]> {
  const peers: Peer[] = []
  for (let index = 0; index < count; index++) {
    const address = peers[0] === undefined ? [] : [addressOf(peers[0])]
    peers.push(await startPeer({ ...options, join: address }))
  }
  await Promise.all(peers.map(peer => until(peer, () => reachableMembers(peer) === count)))
  return peers
}

export function addressOf(peer: Peer): string {
  return peer.status().addresses[0] ?? ''
}

/** Members that are up and can be reached, the peer itself included. */
export function reachableMembers(peer: Peer): number {
  return peer.members().filter(({ status, reachability }) => status === 'up' && (reachability === 'self' || reachability === 'reachable'))
    .length
}

const EVENTS: readonly (keyof PeerEvents)[] = [
  'member:joining',
  'member:up',
  'member:leaving',
  'member:left',
  'member:suspect',
  'member:reachable',
  'ring:changed',
  'key:changed',
  'hint:stored',
  'hint:delivered',
  'repair:sent',
  'connection:opened',
  'connection:closed',
  'peer:refused',
  'network:cut',
  'error'
]

/** Resolves once the condition holds; looks after every event of the peer. */
export async function until(peer: Peer, condition: () => boolean): Promise<void> {
  const listening = new AbortController()
  await new Promise<void>(resolve => {
    const look = (): void => (condition() ? resolve() : undefined)
    for (const name of EVENTS) peer.addEventListener(name, look, { signal: listening.signal })
    look()
  })
  listening.abort()
}

/** Detail of the next event of that name. */
export function nextEvent<Name extends keyof PeerEvents>(peer: Peer, name: Name): Promise<PeerEvents[Name]> {
  return new Promise(resolve => peer.addEventListener(name, event => resolve(event.detail), { once: true }))
}

/** The StoreError that `action` ends with; anything else fails the test. */
export async function errorOf(action: () => unknown): Promise<StoreError> {
  try {
    await action()
  } catch (error) {
    if (isStoreError(error)) return error
    throw new Error('it failed with something that is not a StoreError', { cause: error })
  }
  throw new Error('it did not fail')
}

/** Keys of a peer as texts. */
export async function keyTexts(peer: Peer): Promise<readonly (string | undefined)[]> {
  const texts: (string | undefined)[] = []
  for await (const { text } of peer.keys()) texts.push(text)
  return texts
}

/** Bytes of a text. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
