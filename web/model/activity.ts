/**
 * What the peer reported lately: lines for the activity list and flashes for the ring.
 *
 * Both are bounded. When a burst brings more than the list holds, the oldest lines go; listeners are told at most ten times
 * a second, so a page under load stays usable.
 */
import type { Peer, PeerEvents } from 'dynamesh'

export type ActivityKind = 'write' | 'read' | 'repair' | 'hint' | 'exchange' | 'member' | 'connection' | 'trouble'

/** A piece of a line: words, a peer by id, or a key. */
export type ActivityPart = string | { readonly peer: string } | { readonly key: Uint8Array }

/** Something that happened. */
export interface Report {
  readonly kind: ActivityKind
  readonly parts: readonly ActivityPart[]
  /** Where on the ring, if anywhere. */
  readonly partition?: number
  /** Only a flash on the ring, no line in the list. @default false */
  readonly isQuiet?: boolean
}

export interface Activity extends Report {
  readonly id: number
  readonly atMs: number
}

const activitiesMax = 80
const tellEveryMs = 100

const memberLines = [
  ['member:joining', 'is joining'],
  ['member:up', 'is up'],
  ['member:leaving', 'is leaving'],
  ['member:left', 'has left'],
  ['member:evicted', 'was evicted'],
  ['member:suspect', 'does not answer: suspected'],
  ['member:reachable', 'answers again']
] as const

/** The peers that a report names. */
export function peersOf({ parts }: Report): readonly string[] {
  return parts.flatMap(part => (typeof part === 'object' && 'peer' in part ? [part.peer] : []))
}

export class ActivityFeed {
  readonly #listeners = new Set<() => void>()
  readonly #ended = new AbortController()
  #activities: readonly Activity[] = []
  #lastId = 0
  #isTellingSoon = false

  constructor(peer: Peer) {
    const on = <Name extends keyof PeerEvents>(name: Name, report: (detail: PeerEvents[Name]) => Report): void =>
      peer.addEventListener(name, event => this.add(report(event.detail)), { signal: this.#ended.signal })
    const about = (key: Uint8Array, kind: ActivityKind, ...parts: readonly ActivityPart[]): Report => ({
      kind,
      parts: [{ key }, ...parts],
      partition: peer.place(key).partition
    })
    const trouble = ({ message, code }: { readonly message: string; readonly code?: string }): Report => ({
      kind: 'trouble',
      parts: [code === undefined ? message : `${message} (${code})`]
    })
    for (const [name, words] of memberLines) on(name, member => ({ kind: 'member', parts: [{ peer: member.peerId }, words] }))
    on('key:changed', ({ key }) => about(key, 'write', 'changed here'))
    on('hint:stored', ({ key, target }) => about(key, 'hint', 'hint kept for', { peer: target }))
    on('hint:delivered', ({ key, target }) => about(key, 'hint', 'hint delivered to', { peer: target }))
    on('repair:sent', ({ key, target }) => about(key, 'repair', 'repaired at', { peer: target }))
    on('exchange:finished', ({ peer: other, partition, repaired }) => {
      const parts: readonly ActivityPart[] = ['compared with', { peer: other }, `and repaired ${repaired}`]
      return { kind: 'exchange', parts, partition, isQuiet: repaired === 0 }
    })
    on('connection:opened', ({ peer: other, transport, relayed }) => {
      return { kind: 'connection', parts: ['connected to', { peer: other }, `over ${transport}${relayed ? ', relayed' : ''}`] }
    })
    on('connection:closed', ({ peer: other }) => ({ kind: 'connection', parts: ['connection to', { peer: other }, 'ended'] }))
    on('network:cut', ({ cut }) => ({ kind: 'connection', parts: [cut ? 'network cut: this tab is on its own' : 'network restored'] }))
    for (const name of ['peer:refused', 'storage:full', 'storage:corrupt', 'error'] as const) on(name, trouble)
  }

  /** Newest first; the same array until something happened. */
  get activities(): readonly Activity[] {
    return this.#activities
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Stops listening to the peer. */
  end(): void {
    this.#ended.abort()
    this.#listeners.clear()
  }

  /** Adds a report of the page's own, e.g. of a request that a person made. */
  add(report: Report): void {
    const activity: Activity = { ...report, id: ++this.#lastId, atMs: Date.now() }
    this.#activities = [activity, ...this.#activities.slice(0, activitiesMax - 1)]
    if (this.#isTellingSoon) return
    this.#isTellingSoon = true
    setTimeout(() => {
      this.#isTellingSoon = false
      for (const listener of this.#listeners) listener()
    }, tellEveryMs)
  }
}
