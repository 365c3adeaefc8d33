/**
 * Clients that count: each reads its own key and writes the next number with what it has read, one call at a time, and tries a call that failed again
 * through another peer until it succeeds or its patience ends. So the last number that was acknowledged to a client must be there afterwards.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { isStoreError } from '../../src/core/errors.ts'
import type { PeerProcess } from '../chaos/peer-process.ts'

export interface ClientSettings {
  readonly count: number
  /** Pause between two calls of a client. */
  readonly thinkMs: number
}

export interface ClientFigures {
  readonly calls: number
  /** Calls that needed more than one try. */
  readonly triedAgain: number
  /** Calls that failed after all tries. */
  readonly failed: readonly string[]
  readonly times: readonly number[]
}

const w = 2
const r = 2
const timeoutMs = 5000
const triesMax = 20
const retryAfterMs = 100

export class PatientClients {
  readonly #peers: readonly PeerProcess[]
  readonly #settings: ClientSettings
  readonly #over = new AbortController()
  readonly #running: readonly Promise<void>[]
  readonly #acknowledged = new Map<string, number>()
  readonly #failed: string[] = []
  readonly #times: number[] = []
  #triedAgain = 0
  #turn = 0

  /** The clients begin at once; `peers` may grow meanwhile. `name` keeps their keys apart from those of others. */
  constructor(name: string, peers: readonly PeerProcess[], settings: ClientSettings) {
    this.#peers = peers
    this.#settings = settings
    this.#running = Array.from({ length: settings.count }, (_, index) => this.#count(`${name}-${index}`, index))
  }

  /** What was done since the last call of this. */
  take(): ClientFigures {
    const times = this.#times.splice(0)
    const figures = { calls: times.length, triedAgain: this.#triedAgain, failed: this.#failed.splice(0), times }
    this.#triedAgain = 0
    return figures
  }

  /** Lets every client come to the end of its call. */
  async stop(): Promise<void> {
    this.#over.abort()
    await Promise.all(this.#running)
  }

  /** Counters of which the last number that was acknowledged is not there. */
  async lost(): Promise<readonly string[]> {
    const found: string[] = []
    for (const [key, number] of this.#acknowledged) {
      const answer = await this.#persist(0, key, peer => peer.get(key, { r, timeoutMs }))
      const numbers = answer?.siblings.map(({ text }) => Number(text)) ?? []
      if (!numbers.some(each => each >= number)) found.push(`${key} is ${numbers.join(' and ') || 'nothing'}, ${number} was acknowledged`)
    }
    return found
  }

  async #count(key: string, home: number): Promise<void> {
    for (let number = 1; !this.#over.signal.aborted; number++) {
      await sleep(this.#settings.thinkMs)
      const known = await this.#persist(home, `get ${key}`, peer => peer.get(key, { r, timeoutMs }))
      if (known === undefined) continue
      const context = known.siblings.length === 0 ? undefined : known.context
      const answer = await this.#persist(home, `put ${key}`, peer => peer.put(key, context, String(number), { w, timeoutMs }))
      if (answer !== undefined) this.#acknowledged.set(key, number)
    }
  }

  /** Calls until it succeeds: first through the client's own peer, then through the others in turn. `undefined` when all tries failed. */
  async #persist<Answer>(home: number, what: string, call: (peer: PeerProcess) => Promise<Answer>): Promise<Answer | undefined> {
    const startedAt = performance.now()
    const errors: string[] = []
    for (let attempt = 0; attempt < triesMax; attempt++) {
      const met = this.#peers.filter(({ peerId }) => peerId !== '')
      const peer = met[(attempt === 0 ? home : home + 1 + this.#turn++) % met.length]
      if (peer === undefined) break
      try {
        const answer = await call(peer)
        this.#times.push(performance.now() - startedAt)
        if (attempt > 0) this.#triedAgain += 1
        return answer
      } catch (error) {
        if (!isStoreError(error)) throw error
        errors.push(`${error.code} at ${peer.name}`)
        await sleep(retryAfterMs)
      }
    }
    this.#failed.push(`${what}: ${errors.join(', ')}`)
    return undefined
  }
}
