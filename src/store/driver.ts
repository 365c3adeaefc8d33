/**
 * Runs a {@link RingPeer}: feeds it messages, time and storage results, and performs the effects that it answers with.
 *
 * One step at a time, to the end: what a step sends to its own peer is delivered before anything else. The effects of a write wait until
 * the storage says that it is durable.
 */
import { isStoreError } from '../core/errors.ts'
import type { PeerId } from '../core/identifiers.ts'
import type { Clock } from '../ports/clock.ts'
import type { Metrics } from '../ports/metrics.ts'
import type { Storage, StorageRow } from '../ports/storage.ts'
import type { Effect, GetOutcome, ProtocolEvent, PutOutcome, StorageFailure } from '../protocol/effect.ts'
import type { Instant } from '../protocol/instant.ts'
import { readMessage, writeMessage } from '../protocol/message-codec.ts'
import type { RingPeer } from '../protocol/ring-peer.ts'
import type { JoiningNetwork } from './platform.ts'

export interface DriverParts {
  readonly peer: RingPeer
  readonly storage: Storage
  readonly network: JoiningNetwork
  readonly clock: Clock
  readonly metrics: Metrics
  /** Answers a caller. */
  settle(call: number, outcome: GetOutcome | PutOutcome): void
  report(event: ProtocolEvent): void
}

export class Driver {
  readonly #parts: DriverParts
  /** Steps that follow from the last one, in order. */
  readonly #following: ((now: Instant, effects: Effect[]) => void)[] = []
  readonly #underway = new Set<Promise<void>>()
  #stepping = false
  #stopped = false
  #wakeAtMs = Number.POSITIVE_INFINITY
  #cancelWake: () => void = () => undefined

  constructor(parts: DriverParts) {
    this.#parts = parts
  }

  /** Lets the peer take one step and performs what it wants done. */
  step<Answer>(step: (now: Instant, effects: Effect[]) => Answer): Answer | undefined {
    if (this.#stopped) return undefined
    const effects: Effect[] = []
    const answer = step(this.#now(), effects)
    this.#perform(effects)
    this.#follow()
    this.#schedule()
    return answer
  }

  /** A frame of another peer. The bytes are only lent: records keep views of a copy. Throws when they are not a message. */
  frame(from: PeerId, frame: Uint8Array): void {
    const message = readMessage(frame.slice())
    this.step((now, effects) => this.#parts.peer.receive(now, from, message, effects))
  }

  /** Takes no further step; resolves when the storage is done with what was begun. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelWake()
    await Promise.allSettled(this.#underway)
  }

  #now(): Instant {
    return { ms: this.#parts.clock.monotonicMs(), wallMs: this.#parts.clock.wallMs() }
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) this.#performOne(effect)
  }

  #performOne(effect: Effect): void {
    switch (effect.kind) {
      case 'send':
        return this.#send(effect)
      case 'broadcast':
        return this.#parts.network.publish(effect.bytes)
      case 'read':
        return this.#background(this.#read(effect))
      case 'scan':
        return this.#background(this.#scan(effect))
      case 'write':
        return this.#background(this.#write(effect))
      case 'settle':
        return this.#parts.settle(effect.call, effect.outcome)
      case 'want':
        return this.#parts.network.want(effect.peers)
      case 'report':
        return this.#parts.report(effect.event)
    }
  }

  #send({ to, lane, message }: Extract<Effect, { kind: 'send' }>): void {
    if (to === this.#parts.peer.self) {
      this.#following.push((now, effects) => this.#parts.peer.receive(now, to, message, effects))
      return
    }
    const sent = this.#parts.network.send(to, lane, out => writeMessage(out, message))
    if (sent) return
    this.#parts.metrics.count('network.unsent')
    this.#following.push((now, effects) => this.#parts.peer.unsent(now, to, message, effects))
  }

  /** Takes the steps that follow: what the peer sent to itself, and what could not be sent. */
  #follow(): void {
    if (this.#stepping) return
    this.#stepping = true
    for (let step = this.#following.shift(); step !== undefined; step = this.#following.shift()) {
      const effects: Effect[] = []
      step(this.#now(), effects)
      this.#perform(effects)
    }
    this.#stepping = false
  }

  async #read({ keys, token }: Extract<Effect, { kind: 'read' }>): Promise<void> {
    const values = await this.#attempt(() => this.#parts.storage.read(keys))
    this.step((now, effects) => {
      if (values.ok) this.#parts.peer.loaded(now, token, values.value, effects)
      else if (values.code === 'ERR_RECORD_CORRUPT') this.#loadedCorrupt(now, token, keys.length, effects)
      else this.#parts.peer.failed(now, token, values.failure, effects)
    })
  }

  /** A damaged row counts as lost: the copy is born again under a new epoch and refilled from other owners. */
  #loadedCorrupt(now: Instant, token: number, keys: number, effects: Effect[]): void {
    this.#parts.report({ type: 'storage-failed', code: 'ERR_RECORD_CORRUPT' })
    this.#parts.peer.loaded(now, token, Array.from({ length: keys }, () => undefined), effects)
  }

  async #scan({ prefix, after, limit, token }: Extract<Effect, { kind: 'scan' }>): Promise<void> {
    const rows = await this.#attempt(async () => {
      const found: StorageRow[] = []
      const range = after === undefined ? { prefix, limit } : { prefix, after, limit }
      for await (const row of this.#parts.storage.scan(range)) found.push(row)
      return found
    })
    this.step((now, effects) => {
      if (rows.ok) this.#parts.peer.scanned(now, token, rows.value, effects)
      else this.#parts.peer.failed(now, token, rows.failure, effects)
    })
  }

  async #write({ batch, then, token }: Extract<Effect, { kind: 'write' }>): Promise<void> {
    const written = await this.#attempt(() => this.#parts.storage.write(batch))
    this.step((now, effects) => {
      if (written.ok) {
        effects.push(...then)
        this.#parts.peer.written(now, token, effects)
      } else this.#parts.peer.failed(now, token, written.failure, effects)
    })
  }

  async #attempt<Value>(
    action: () => Promise<Value>
  ): Promise<{ readonly ok: true; readonly value: Value } | { readonly ok: false; readonly code: string; readonly failure: StorageFailure }> {
    try {
      return { ok: true, value: await action() }
    } catch (error) {
      const code = isStoreError(error) ? error.code : 'ERR_IO'
      this.#parts.metrics.count(`storage.failed.${code}`)
      return { ok: false, code, failure: code === 'ERR_QUOTA' ? 'full' : 'failed' }
    }
  }

  #background(work: Promise<void>): void {
    this.#underway.add(work)
    void work.finally(() => this.#underway.delete(work))
  }

  /** Keeps one timer, for the earliest deadline. */
  #schedule(): void {
    const deadlineMs = this.#parts.peer.deadline()
    if (deadlineMs >= this.#wakeAtMs || this.#stopped) return
    this.#cancelWake()
    this.#wakeAtMs = deadlineMs
    this.#cancelWake = this.#parts.clock.schedule(Math.max(deadlineMs - this.#parts.clock.monotonicMs(), 0), () => {
      this.#wakeAtMs = Number.POSITIVE_INFINITY
      this.step((now, effects) => this.#parts.peer.wake(now, effects))
    })
  }
}
