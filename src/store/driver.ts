/**
 * Runs a {@link RingPeer}: feeds it messages, time and storage results, and performs the effects that it answers with.
 *
 * One step at a time, to the end: what a step sends to its own peer, and what others ask for meanwhile (a listener that calls the peer),
 * is stepped next, in order. The effects of a write wait until the storage says that it is durable.
 *
 * A step that fails is a mistake of ours. It is reported, what it had decided before is performed, and the peer goes on: one key that
 * cannot be served must not take the others with it.
 */
import { isStoreError, StoreError } from '../core/errors.ts'
import type { PeerId } from '../core/identifiers.ts'
import type { Clock } from '../ports/clock.ts'
import type { Metrics } from '../ports/metrics.ts'
import type { Storage, StorageRow } from '../ports/storage.ts'
import type { CallOutcome, Effect, ProtocolEvent, StorageFailure } from '../protocol/effect.ts'
import type { Instant } from '../protocol/instant.ts'
import { readMessage, writeMessage } from '../protocol/wire/message-codec.ts'
import type { RingPeer } from '../protocol/ring-peer.ts'
import { intactRows } from './intact-rows.ts'
import type { JoiningNetwork } from './platform.ts'
import { reasonOf } from './text.ts'

export interface DriverParts {
  readonly peer: RingPeer
  readonly storage: Storage
  readonly network: JoiningNetwork
  readonly clock: Clock
  readonly metrics: Metrics
  /** Answers a caller. */
  settle(call: number, outcome: CallOutcome): void
  report(event: ProtocolEvent): void
  /** Something of ours failed. Must not throw. */
  broke(error: StoreError): void
}

/** Something for the peer to do. */
export type Step<Answer> = (now: Instant, effects: Effect[]) => Answer

type Attempt<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly code: string; readonly failure: StorageFailure }

export class Driver {
  readonly #parts: DriverParts
  /** Steps that follow from the last one, in order. */
  #following: Step<unknown>[] = []
  readonly #idle: (() => void)[] = []
  #storageCalls = 0
  #stepping = false
  #stopped = false
  #wakeAtMs = Number.POSITIVE_INFINITY
  #cancelWake: () => void = () => undefined

  constructor(parts: DriverParts) {
    this.#parts = parts
  }

  /** Lets the peer take one step and performs what it wants done. Never throws; `undefined` when the step failed, or has to wait for another. */
  step<Answer>(step: Step<Answer>): Answer | undefined {
    if (this.#stopped) return undefined
    if (this.#stepping) {
      this.#following.push(step)
      return undefined
    }
    this.#stepping = true
    const answer = this.#take(step)
    while (this.#following.length > 0) {
      const following = this.#following
      this.#following = []
      for (const next of following) this.#take(next)
    }
    this.#stepping = false
    this.#schedule()
    return answer
  }

  /** A step on behalf of a caller, who is told when it fails. */
  begin(step: Step<void>, failed: (error: StoreError) => void): void {
    this.step((now, effects) => {
      try {
        step(now, effects)
      } catch (error) {
        failed(internalError(error))
        throw error
      }
    })
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
    if (this.#storageCalls > 0) await new Promise<void>(resolve => this.#idle.push(resolve))
  }

  #now(): Instant {
    return { ms: this.#parts.clock.monotonicMs(), wallMs: this.#parts.clock.wallMs() }
  }

  #take<Answer>(step: Step<Answer>): Answer | undefined {
    const effects: Effect[] = []
    let answer: Answer | undefined
    try {
      answer = step(this.#now(), effects)
    } catch (error) {
      this.#broke(error)
    }
    for (const effect of effects) this.#perform(effect)
    return answer
  }

  #perform(effect: Effect): void {
    try {
      this.#performOrThrow(effect)
    } catch (error) {
      this.#broke(error)
    }
  }

  #performOrThrow(effect: Effect): void {
    switch (effect.kind) {
      case 'send':
        return this.#send(effect)
      case 'broadcast':
        return this.#parts.network.publish(effect.bytes)
      case 'read':
        return void this.#read(effect)
      case 'scan':
        return void this.#scan(effect)
      case 'write':
        return void this.#write(effect)
      case 'settle':
        return this.#parts.settle(effect.call, effect.outcome)
      case 'want':
        return this.#parts.network.want(effect.peers)
      case 'report':
        return this.#parts.report(effect.event)
    }
  }

  #send({ to, lane, message }: Extract<Effect, { kind: 'send' }>): void {
    const { peer, network, metrics } = this.#parts
    if (to === peer.self) {
      this.#following.push((now, effects) => peer.receive(now, to, message, effects))
      return
    }
    let sent = false
    try {
      sent = network.send(to, lane, out => writeMessage(out, message))
    } catch (error) {
      this.#broke(error)
    }
    if (sent) return
    metrics.count('network.unsent')
    this.#following.push((now, effects) => peer.unsent(now, to, message, effects))
  }

  async #read({ keys, token }: Extract<Effect, { kind: 'read' }>): Promise<void> {
    const values = await this.#attempt(() => this.#parts.storage.read(keys))
    this.step((now, effects) => {
      if (values.ok) this.#parts.peer.loaded(now, token, values.value, effects)
      else if (values.code === 'ERR_RECORD_CORRUPT') this.#loadedDamaged(now, token, keys, effects)
      else this.#parts.peer.failed(now, token, values.failure, effects)
    })
  }

  /** A damaged row counts as absent; one of several, and all of them do. */
  #loadedDamaged(now: Instant, token: number, keys: readonly Uint8Array[], effects: Effect[]): void {
    const { peer } = this.#parts
    peer.damaged(now, keys, effects)
    const values = keys.map(() => undefined)
    peer.loaded(now, token, values, effects)
  }

  async #scan({ prefix, after, limit, token }: Extract<Effect, { kind: 'scan' }>): Promise<void> {
    const damaged: Uint8Array[] = []
    const rows = await this.#attempt(async () => {
      const found: StorageRow[] = []
      const range = after === undefined ? { prefix, limit } : { prefix, after, limit }
      for await (const row of intactRows(this.#parts.storage, range, key => void damaged.push(key))) found.push(row)
      return found
    })
    this.step((now, effects) => {
      this.#parts.peer.damaged(now, damaged, effects)
      if (rows.ok) this.#parts.peer.scanned(now, token, rows.value, effects)
      else this.#parts.peer.failed(now, token, rows.failure, effects)
    })
  }

  async #write({ batch, then, token }: Extract<Effect, { kind: 'write' }>): Promise<void> {
    const written = await this.#attempt(() => this.#parts.storage.write(batch))
    this.step((now, effects) => {
      if (written.ok) {
        for (const effect of then) effects.push(effect)
        this.#parts.peer.written(now, token, effects)
      } else this.#parts.peer.failed(now, token, written.failure, effects)
    })
  }

  async #attempt<Value>(action: () => Promise<Value>): Promise<Attempt<Value>> {
    this.#storageCalls += 1
    try {
      return { ok: true, value: await action() }
    } catch (error) {
      const code = isStoreError(error) ? error.code : 'ERR_IO'
      this.#parts.metrics.count(`storage.failed.${code}`)
      return { ok: false, code, failure: code === 'ERR_QUOTA' ? 'full' : 'failed' }
    } finally {
      this.#storageCalls -= 1
      if (this.#storageCalls === 0) for (const resolve of this.#idle.splice(0)) resolve()
    }
  }

  /** Keeps one timer, for the earliest deadline. */
  #schedule(): void {
    const { peer, clock } = this.#parts
    const deadlineMs = peer.deadline()
    if (deadlineMs >= this.#wakeAtMs || this.#stopped) return
    this.#cancelWake()
    this.#wakeAtMs = deadlineMs
    this.#cancelWake = clock.schedule(Math.max(deadlineMs - clock.monotonicMs(), 0), () => {
      this.#wakeAtMs = Number.POSITIVE_INFINITY
      this.step((now, effects) => peer.wake(now, effects))
    })
  }

  #broke(error: unknown): void {
    this.#parts.metrics.count('internal.errors')
    this.#parts.broke(internalError(error))
  }
}

/** An error that nobody expected, as callers and listeners see it. */
function internalError(error: unknown): StoreError {
  if (isStoreError(error)) return error
  return new StoreError('ERR_INTERNAL', `Something inside dynamesh failed: ${reasonOf(error)}. Please report this.`, {
    outcome: 'indeterminate',
    cause: error
  })
}
