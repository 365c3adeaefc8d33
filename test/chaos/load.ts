/**
 * Clients that read and write all along, one call at a time each, through whatever peer serves: reads, read-modify-writes, chains of writes, blind
 * writes, deletes, and retries with the same request id after an answer that left doubt. No value is written twice.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { isStoreError } from '../../src/core/errors.ts'
import type { RequestId } from '../../src/core/identifiers.ts'
import type { Prng } from '../../src/core/prng.ts'
import type { TrueWrite } from '../../src/simulation/checks/causal-history.ts'
import type { ChaosPeer } from './chaos-peer.ts'
import type { Ledger } from './ledger.ts'

export interface LoadProfile {
  readonly clients: number
  readonly keys: number
  /** Longest pause between two operations of a client. */
  readonly thinkMs: number
  /** Longest wait of a request. */
  readonly timeoutMs: number
}

export type OperationKind = 'get' | 'put' | 'delete'
/** `ok`, or the code of the error and what it says about the write. */
export type Outcome = string

export interface Operation {
  readonly kind: OperationKind
  readonly outcome: Outcome
  readonly durationMs: number
}

/** What a client has seen of a key. */
interface Knowledge {
  readonly context: Uint8Array | undefined
  readonly seen: ReadonlySet<RequestId>
}

const NOTHING: Knowledge = { context: undefined, seen: new Set() }
const retriesMax = 5
/** A call without an answer after this time will have none. */
const endlessMs = 30_000
const fillerCharactersMax = 600
/** Owners of a key. */
const replicas = 3

export class Load {
  readonly operations: Operation[] = []
  readonly ledger: Ledger
  readonly profile: LoadProfile
  readonly #peers: readonly ChaosPeer[]
  readonly #over = new AbortController()
  readonly #clients: readonly Promise<void>[]
  readonly #underWay = new Set<string>()

  constructor(peers: readonly ChaosPeer[], ledger: Ledger, random: Prng, profile: LoadProfile) {
    this.#peers = peers
    this.ledger = ledger
    this.profile = profile
    this.#clients = Array.from({ length: profile.clients }, (_, index) =>
      new Client(this, random.fork(`client ${index}`)).run(this.#over.signal)
    )
  }

  /** Lets every client come to the end of its operation; answers calls that have no end. */
  async stop(): Promise<readonly string[]> {
    this.#over.abort()
    const patience = new AbortController()
    const isOver = Promise.all(this.#clients).then(() => patience.abort())
    await Promise.race([isOver, sleep(endlessMs, undefined, { signal: patience.signal }).catch(ignore)])
    return [...this.#underWay]
  }

  /** `home` while it serves, else some other peer; `undefined` while none does. */
  peer(home: ChaosPeer | undefined, random: Prng): ChaosPeer | undefined {
    if (home?.isServing === true) return home
    const serving = this.#peers.filter(({ isServing }) => isServing)
    return serving[random.below(Math.max(serving.length, 1))]
  }

  /** Makes one call and notes how it went; `undefined` when it failed. */
  async perform<Answer>(
    kind: OperationKind,
    where: string,
    call: () => Promise<Answer>,
    failed: (mayHaveHappened: boolean) => void
  ): Promise<Answer | undefined> {
    const startedAt = performance.now()
    const name = `${kind} ${where}, since ${Math.round(startedAt)} ms`
    this.#underWay.add(name)
    const note = (outcome: Outcome): void => void this.operations.push({ kind, outcome, durationMs: performance.now() - startedAt })
    try {
      const answer = await call()
      note('ok')
      return answer
    } catch (error) {
      if (!isStoreError(error)) throw error
      note(error.outcome === 'none' ? error.code : `${error.code} ${error.outcome}`)
      failed(error.outcome !== 'none')
      return undefined
    } finally {
      this.#underWay.delete(name)
    }
  }
}

class Client {
  readonly #load: Load
  readonly #random: Prng
  readonly #knowledge = new Map<string, Knowledge>()
  #home: ChaosPeer | undefined

  constructor(load: Load, random: Prng) {
    this.#load = load
    this.#random = random
  }

  async run(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await sleep(this.#random.below(this.#load.profile.thinkMs + 1))
      this.#home = this.#load.peer(this.#random.below(4) === 0 ? undefined : this.#home, this.#random)
      if (this.#home !== undefined) await this.#act(this.#home)
    }
  }

  async #act(peer: ChaosPeer): Promise<void> {
    const key = `key-${this.#random.below(this.#load.profile.keys)}`
    const dice = this.#random.below(100)
    if (dice < 30) await this.#read(peer, key)
    else if (dice < 70) {
      const known = await this.#read(peer, key)
      if (known !== undefined) await this.#write(peer, key, known, this.#filler())
    } else if (dice < 85) await this.#write(peer, key, this.#known(key), this.#filler())
    else if (dice < 92) await this.#write(peer, key, NOTHING, this.#filler())
    else await this.#delete(peer, key)
  }

  async #read(peer: ChaosPeer, key: string): Promise<Knowledge | undefined> {
    const { timeoutMs } = this.#load.profile
    const r = 1 + this.#random.below(replicas)
    const answer = await this.#load.perform('get', `${key} through ${peer.name}`, () => peer.get(key, { r, timeoutMs }), ignore)
    if (answer === undefined) return undefined
    const known = { context: answer.context, seen: this.#load.ledger.shown(key, answer) }
    this.#knowledge.set(key, known)
    return known
  }

  /** A delete of what was just read: without a context there is none. */
  async #delete(peer: ChaosPeer, key: string): Promise<void> {
    const known = await this.#read(peer, key)
    if (known !== undefined && known.seen.size > 0) await this.#write(peer, key, known, undefined)
  }

  async #write(peer: ChaosPeer, key: string, known: Knowledge, filler: string | undefined): Promise<void> {
    const write = this.#load.ledger.begin(key, filler, known.seen)
    const w = 2 + this.#random.below(replicas - 1)
    let isDone = await this.#attempt(peer, write, known, w)
    for (let retry = 0; !isDone && write.state === 'uncertain' && retry < retriesMax; retry++) {
      // A value in doubt is given up half of the time; a delete in doubt would leave us without a judgement.
      if (filler !== undefined && this.#random.below(2) === 0) return
      await sleep(this.#random.below(1000))
      const other = this.#load.peer(undefined, this.#random)
      isDone = other !== undefined && (await this.#attempt(other, write, known, w))
    }
  }

  async #attempt(peer: ChaosPeer, write: TrueWrite, known: Knowledge, w: number): Promise<boolean> {
    const { ledger, profile } = this.#load
    const { key, value, request } = write
    const options = { w, timeoutMs: profile.timeoutMs, requestId: request }
    const failed = (mayHaveHappened: boolean): void => ledger.failed(write, mayHaveHappened)
    if (value === undefined) return this.#attemptDelete(peer, write, known, options)
    const answer = await this.#load.perform(
      'put',
      `${request} through ${peer.name}`,
      () => peer.put(key, known.context, value, options),
      failed
    )
    if (answer === undefined) return false
    ledger.succeeded(write, answer.dot)
    this.#knowledge.set(key, { context: answer.context, seen: new Set([...known.seen, request]) })
    return true
  }

  async #attemptDelete(
    peer: ChaosPeer,
    write: TrueWrite,
    { context }: Knowledge,
    options: { readonly w: number; readonly timeoutMs: number; readonly requestId: string }
  ): Promise<boolean> {
    const { ledger } = this.#load
    const answer = await this.#load.perform(
      'delete',
      `${write.request} through ${peer.name}`,
      () => peer.delete(write.key, context, options),
      mayHaveHappened => ledger.failed(write, mayHaveHappened)
    )
    if (answer === undefined) return false
    this.#knowledge.delete(write.key)
    // Nothing is there: somebody else, or an earlier try, has deleted it. Nothing was written for this one.
    if (answer.existed) ledger.succeeded(write, undefined)
    else ledger.failed(write, false)
    return true
  }

  #known(key: string): Knowledge {
    return this.#knowledge.get(key) ?? NOTHING
  }

  #filler(): string {
    return ` ${'.'.repeat(this.#random.below(fillerCharactersMax))}`
  }
}

function ignore(): void {
  // A read that fails changes nothing.
}
