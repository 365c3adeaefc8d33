/**
 * What the peer reported lately: lines for the activity list and flashes for the ring.
 *
 * Both are bounded. When a burst brings more than the list holds, the oldest lines go; listeners are told at most ten times
 * a second, so a page under load stays usable.
 */
import type { Peer, PeerEvents } from 'dynamesh'

export type ActivityKind = 'write' | 'repair' | 'hint' | 'exchange' | 'member' | 'connection' | 'trouble'

/** A piece of a line: words, a peer by id, or a key. */
export type ActivityPart = string | { readonly peer: string } | { readonly key: Uint8Array }

export interface Activity {
  readonly id: number
  readonly atMs: number
  readonly kind: ActivityKind
  readonly parts: readonly ActivityPart[]
  /** Where on the ring, if anywhere. */
  readonly partition: number | undefined
  /** The other peer, if any. */
  readonly peer: string | undefined
}

const activitiesMax = 80
const tellEveryMs = 100

/** What a line says, apart from when. */
type Report = Pick<Activity, 'kind' | 'parts'> & Partial<Pick<Activity, 'partition' | 'peer'>>

export class ActivityFeed {
  readonly #listeners = new Set<() => void>()
  readonly #ended = new AbortController()
  #activities: readonly Activity[] = []
  #lastId = 0
  #isTellingSoon = false

  constructor(peer: Peer) {
    const on = <Name extends keyof PeerEvents>(name: Name, report: (detail: PeerEvents[Name]) => Report | undefined): void =>
      peer.addEventListener(name, event => this.#add(report(event.detail)), { signal: this.#ended.signal })
    const partition = (key: Uint8Array): number => peer.place(key).partition
    const memberLine = (words: string) => (member: { peerId: string; self: boolean }) =>
      ({ kind: 'member', parts: [{ peer: member.peerId }, words], peer: member.peerId }) as const
    on('member:joining', memberLine('is joining'))
    on('member:up', memberLine('is up'))
    on('member:leaving', memberLine('is leaving'))
    on('member:left', memberLine('has left'))
    on('member:evicted', memberLine('was evicted'))
    on('member:suspect', memberLine('does not answer: suspected'))
    on('member:reachable', memberLine('answers again'))
    on('key:changed', ({ key }) => ({ kind: 'write', parts: [{ key }, 'changed here'], partition: partition(key) }))
    on('hint:stored', ({ key, target }) => ({
      kind: 'hint',
      parts: [{ key }, 'hint kept for', { peer: target }],
      partition: partition(key),
      peer: target
    }))
    on('hint:delivered', ({ key, target }) => ({
      kind: 'hint',
      parts: [{ key }, 'hint delivered to', { peer: target }],
      partition: partition(key),
      peer: target
    }))
    on('repair:sent', ({ key, target }) => ({
      kind: 'repair',
      parts: [{ key }, 'repaired at', { peer: target }],
      partition: partition(key),
      peer: target
    }))
    on('exchange:finished', ({ peer: other, partition, repaired }) =>
      repaired === 0
        ? { kind: 'exchange', parts: [], partition, peer: other }
        : { kind: 'exchange', parts: ['compared with', { peer: other }, `and repaired ${repaired}`], partition, peer: other }
    )
    on('connection:opened', info => ({
      kind: 'connection',
      parts: ['connected to', { peer: info.peer }, `over ${info.transport}${info.relayed ? ', relayed' : ''}`],
      peer: info.peer
    }))
    on('connection:closed', ({ peer: other }) => ({ kind: 'connection', parts: ['connection to', { peer: other }, 'ended'], peer: other }))
    on('peer:refused', ({ message, code }) => ({ kind: 'trouble', parts: [`${message} (${code})`] }))
    on('storage:full', ({ message }) => ({ kind: 'trouble', parts: [message] }))
    on('storage:corrupt', ({ message }) => ({ kind: 'trouble', parts: [message] }))
    on('network:cut', ({ cut }) => ({ kind: 'connection', parts: [cut ? 'network cut: this tab is on its own' : 'network restored'] }))
    on('error', ({ message, code }) => ({ kind: 'trouble', parts: [`${message} (${code})`] }))
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

  #add(report: Report | undefined): void {
    if (report === undefined) return
    const activity: Activity = { partition: undefined, peer: undefined, ...report, id: ++this.#lastId, atMs: Date.now() }
    this.#activities = [activity, ...this.#activities.slice(0, activitiesMax - 1)]
    if (this.#isTellingSoon) return
    this.#isTellingSoon = true
    setTimeout(() => {
      this.#isTellingSoon = false
      for (const listener of this.#listeners) listener()
    }, tellEveryMs)
  }
}
