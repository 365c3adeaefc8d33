/**
 * The peer that callers hold: checks what they give, runs it through the driver, and tells them what came of it.
 */
import { openContext, sealContext, type ContextSeal } from '../core/context-token.ts'
import { emptyContext, withDot, type CausalContext } from '../core/causal-context.ts'
import { StoreError } from '../core/errors.ts'
import { toHex, toMapKey } from '../core/bytes.ts'
import type { ReplicaId, RequestId } from '../core/identifiers.ts'
import { isDeleted, maximalSiblings, valueBytes as recordValueBytes } from '../core/record.ts'
import type { Clock } from '../ports/clock.ts'
import type { Metrics } from '../ports/metrics.ts'
import type { Random } from '../ports/random.ts'
import type { Storage } from '../ports/storage.ts'
import type { GetOutcome, PutOutcome } from '../protocol/effect.ts'
import type { RingPeer } from '../protocol/ring-peer.ts'
import { decodeRow, keyOfRow, rowKey } from '../protocol/storage-layout.ts'
import { partitionOfKey } from '../protocol/routing.ts'
import type {
  Collection,
  CollectionOptions,
  ContextInput,
  DeleteOptions,
  DeleteResult,
  GetOptions,
  GetResult,
  KeyInfo,
  KeyInput,
  KeyPlacement,
  MemberInfo,
  Peer,
  PeerStatus,
  PutOptions,
  PutResult,
  RingInfo,
  UpdateOptions,
  ValueInput,
  WatchChange
} from './api.ts'
import type { Calls } from './calls.ts'
import { collectionOf } from './collection.ts'
import type { Driver } from './driver.ts'
import { keyBytes, valueBytes } from './key-input.ts'
import { OptionReader } from './option-reader.ts'
import { checkAddresses, checkRequestOptions, type CheckedPeerOptions, type CheckedRequestOptions } from './options.ts'
import type { PeerEventEmitter } from './peer-events.ts'
import { memberInfo, peerState, placement, ringInfo } from './peer-view.ts'
import type { JoiningNetwork, Platform } from './platform.ts'
import { getError, getResult, putError } from './results.ts'
import { textOf } from './text.ts'
import { watchKey } from './watch.ts'

/** Times that `update` reads and merges again while other writers keep adding siblings. */
const updateRoundsMax = 8
/** How long `stop` lets requests in flight come to their end. */
const stopPatienceMs = 2000

export interface LocalPeerParts {
  readonly platform: Platform
  readonly options: CheckedPeerOptions
  readonly ringPeer: RingPeer
  readonly driver: Driver
  readonly network: JoiningNetwork
  readonly storage: Storage
  readonly calls: Calls
  readonly events: PeerEventEmitter
  readonly metrics: Metrics
  readonly seal: ContextSeal
  readonly clock: Clock
  readonly random: Random
  /** Called for every change of a key by those who watch it. */
  readonly watchers: Map<string, Set<() => void>>
  /** Removes what the peer has registered with the platform. */
  readonly release: () => void
}

export class LocalPeer implements Peer {
  readonly #parts: LocalPeerParts
  readonly #requestSession: string
  #requests = 0
  #phase: 'running' | 'stopped' = 'running'
  #stopping: Promise<void> | undefined
  #isCut = false

  constructor(parts: LocalPeerParts) {
    this.#parts = parts
    this.#requestSession = toHex(parts.random.bytes(4))
  }

  get peerId(): string {
    return this.#parts.ringPeer.self
  }

  get replicaId(): string {
    return this.#replica()
  }

  get cluster(): string {
    return this.#parts.options.cluster
  }

  async get(key: KeyInput, options?: GetOptions): Promise<GetResult> {
    const bytes = keyBytes(key)
    const request = this.#request('get', options)
    const outcome = await this.#get(bytes, request)
    const result = this.#result(bytes, outcome)
    if (outcome.status !== 'ok') throw getError(outcome, result)
    return result
  }

  async put(key: KeyInput, context: ContextInput, value: ValueInput, options?: PutOptions): Promise<PutResult> {
    const bytes = keyBytes(key)
    const stored = valueBytes(value)
    const request = this.#request('put', options)
    return this.#put(bytes, openContext(this.#parts.seal, bytes, context), stored, request)
  }

  async delete(key: KeyInput, context: ContextInput, options?: DeleteOptions): Promise<DeleteResult> {
    const bytes = keyBytes(key)
    const request = this.#request('delete', options)
    const given = openContext(this.#parts.seal, bytes, context)
    const current = await this.#get(bytes, request)
    const found = this.#result(bytes, current)
    const existed = found.values.length > 0 || (current.status !== 'ok' && given !== emptyContext)
    if (!existed && current.status !== 'ok') throw getError(current, found)
    if (!existed) return { existed: false, context: found.context }
    if ((context === undefined || context === null) && !request.force) throw contextRequired()
    const deleted = await this.#put(bytes, request.force ? current.record.context : given, undefined, request)
    return { existed: true, context: deleted.context }
  }

  async update(key: KeyInput, change: (values: readonly Uint8Array[]) => ValueInput | undefined, options?: UpdateOptions): Promise<PutResult> {
    const bytes = keyBytes(key)
    if (typeof change !== 'function') throw new StoreError('ERR_OPTIONS', 'update needs a function that makes the new value of the old ones.')
    const request = this.#request('update', options)
    for (let round = 1; ; round++) {
      const outcome = await this.#get(bytes, request)
      const read = this.#result(bytes, outcome)
      if (outcome.status !== 'ok') throw getError(outcome, read)
      const changed = change(read.values)
      const stored = changed === undefined ? undefined : valueBytes(changed)
      const once = round === 1 ? request : { ...request, requestId: undefined }
      const written = await this.#putOutcome(bytes, outcome.record.context, stored, once)
      if (written.siblings <= 1 || round >= updateRoundsMax) return this.#putResult(bytes, outcome.record.context, written)
      this.#parts.metrics.count('update.conflict')
    }
  }

  watch(key: KeyInput, options?: { readonly signal?: AbortSignal }): AsyncIterable<WatchChange> {
    const bytes = keyBytes(key)
    const reader = new OptionReader('watch options', options, ['signal'])
    const signal = reader.signal('signal')
    reader.finish()
    return watchKey({
      key: bytes,
      clock: this.#parts.clock,
      signal,
      read: () => this.get(bytes, { timeoutMs: Math.min(this.#parts.options.timeoutMs, 2000), ...(this.#isCut ? { r: 1 } : {}) }),
      subscribe: changed => this.#subscribe(bytes, changed),
      isStopped: () => this.#phase === 'stopped'
    })
  }

  collection<Value>(name: string, options: CollectionOptions<Value>): Collection<Value> {
    return collectionOf(this, name, options)
  }

  async *keys(options?: { readonly prefix?: KeyInput; readonly limit?: number; readonly after?: KeyInput }): AsyncGenerator<KeyInfo, void, undefined> {
    this.#mustRun()
    const reader = new OptionReader('keys options', options, ['prefix', 'limit', 'after'])
    const limit = reader.integer('limit', undefined, 1, Number.MAX_SAFE_INTEGER)
    const prefix = reader.get('prefix') === undefined || reader.get('prefix') === '' ? new Uint8Array(0) : keyBytes(reader.get('prefix'))
    const after = reader.get('after') === undefined ? undefined : rowKey(keyBytes(reader.get('after')))
    reader.finish()
    const range = { prefix: rowKey(prefix), ...(after === undefined ? {} : { after }), ...(limit === undefined ? {} : { limit }) }
    for await (const { key, value } of this.#parts.storage.scan(range)) yield this.#keyInfo(keyOfRow(key), value)
  }

  members(): readonly MemberInfo[] {
    const { ringPeer, network } = this.#parts
    const connections = network.connections()
    return ringPeer.view.all().map(record => memberInfo(ringPeer, record, connections))
  }

  ring(): RingInfo {
    return ringInfo(this.#parts.ringPeer.ring())
  }

  place(key: KeyInput): KeyPlacement {
    return placement(this.#parts.ringPeer.ring(), keyBytes(key))
  }

  status(): PeerStatus {
    const { ringPeer, network, storage, options } = this.#parts
    return {
      peerId: ringPeer.self,
      replicaId: this.#replica(),
      cluster: options.cluster,
      state: peerState(ringPeer, this.#phase, options.join.length > 0),
      addresses: network.addresses(),
      connections: network.connections(),
      storage: storage.status(),
      keys: ringPeer.keys,
      hints: ringPeer.hints(),
      ringDigest: ringPeer.ring().digest,
      members: ringPeer.view.all().filter(({ status }) => status !== 'left' && status !== 'evicted').length,
      networkCut: this.#isCut
    }
  }

  metrics(): Readonly<Record<string, number>> {
    return this.#parts.metrics.snapshot()
  }

  join(addresses: readonly string[]): void {
    this.#mustRun()
    const problems = checkAddresses(this.#parts.platform, 'join', addresses)
    for (const problem of problems) this.#parts.options.logger.warn('an address to join by cannot be used', { problem })
    this.#parts.network.join(addresses.filter(address => this.#parts.platform.checkAddress(address) === undefined))
  }

  cutNetwork(isCut: boolean): void {
    this.#mustRun()
    if (isCut === this.#isCut) return
    this.#isCut = isCut
    this.#parts.network.cut(isCut)
    this.#parts.events.emit('network:cut', { cut: isCut })
  }

  async leave(options?: { readonly signal?: AbortSignal }): Promise<void> {
    this.#mustRun()
    const reader = new OptionReader('leave options', options, ['signal'])
    const signal = reader.signal('signal')
    reader.finish()
    const { driver, ringPeer, events } = this.#parts
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => reject(new StoreError('ERR_ABORTED', 'Leaving was interrupted; the peer goes on giving its copies away while it runs.', { cause: signal?.reason }))
      if (signal?.aborted === true) return onAbort()
      signal?.addEventListener('abort', onAbort, { once: true })
      events.addEventListener('member:left', event => (event.detail.self ? resolve() : undefined))
      driver.step((now, effects) => ringPeer.leave(now, effects))
    })
    await this.stop()
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  addEventListener: Peer['addEventListener'] = (name, listener, options) => this.#parts.events.addEventListener(name, listener, options)

  removeEventListener: Peer['removeEventListener'] = (name, listener) => this.#parts.events.removeEventListener(name, listener)

  async #stop(): Promise<void> {
    const { calls, clock, driver, network, storage, watchers, release } = this.#parts
    this.#phase = 'stopped'
    for (const changed of [...watchers.values()].flatMap(set => [...set])) changed()
    await new Promise<void>(resolve => {
      const cancel = clock.schedule(stopPatienceMs, resolve)
      void calls.idle().then(() => {
        cancel()
        resolve()
      })
    })
    calls.close()
    release()
    await network.stop()
    await driver.stop()
    await storage.close()
  }

  #request(kind: 'get' | 'put' | 'delete' | 'update', options: unknown): CheckedRequestOptions {
    this.#mustRun()
    const request = checkRequestOptions(this.#parts.options, kind, options)
    if (!this.#parts.ringPeer.hasCapacity()) {
      throw new StoreError('ERR_OVERLOADED', 'This peer has as many requests in flight as it may. Wait for some to finish, then try again.')
    }
    return request
  }

  async #get(key: Uint8Array, { r, timeoutMs, sloppy, signal }: CheckedRequestOptions): Promise<GetOutcome> {
    const { calls, driver, ringPeer, metrics } = this.#parts
    metrics.count('get.started')
    const outcome = await calls.run('get', signal, call => driver.step((now, effects) => ringPeer.get(now, call, { key, r, timeoutMs, sloppy }, effects)))
    return outcome as GetOutcome
  }

  async #put(key: Uint8Array, context: CausalContext, value: Uint8Array | undefined, request: CheckedRequestOptions): Promise<PutResult> {
    return this.#putResult(key, context, await this.#putOutcome(key, context, value, request))
  }

  async #putOutcome(key: Uint8Array, context: CausalContext, value: Uint8Array | undefined, request: CheckedRequestOptions): Promise<PutOutcome> {
    const { calls, driver, ringPeer, metrics } = this.#parts
    const { w, timeoutMs, sloppy, signal } = request
    const put = { key, context, value, request: request.requestId ?? this.#nextRequest(), w, sloppy, timeoutMs }
    metrics.count('put.started')
    const outcome = (await calls.run('put', signal, call => driver.step((now, effects) => ringPeer.put(now, call, put, effects)))) as PutOutcome
    if (outcome.status === 'ok') return outcome
    metrics.count(`put.refused.${outcome.status}`)
    throw putError(outcome, outcome.status === 'too-many-siblings' ? await this.#siblingsToMerge(key) : {})
  }

  async #siblingsToMerge(key: Uint8Array): Promise<Readonly<Record<string, unknown>>> {
    const current = await this.#get(key, this.#request('get', { r: 1 }))
    const { values, context } = this.#result(key, current)
    return { values, context }
  }

  #putResult(key: Uint8Array, context: CausalContext, outcome: PutOutcome): PutResult {
    const { dot, acknowledged, hinted, coordinator, request, siblings, w, n } = outcome
    if (dot === undefined || coordinator === undefined) throw putError(outcome)
    return {
      context: sealContext(this.#parts.seal, key, withDot(context, dot)),
      acknowledged,
      hinted,
      coordinator,
      requestId: request,
      dot: `${dot.actor}:${dot.counter}`,
      siblings,
      w,
      n
    }
  }

  #result(key: Uint8Array, outcome: GetOutcome): GetResult {
    return getResult(outcome, this.#parts.ringPeer.view, sealContext(this.#parts.seal, key, outcome.record.context))
  }

  #keyInfo(key: Uint8Array, value: Uint8Array): KeyInfo {
    const { record } = decodeRow(value)
    const ring = this.#parts.ringPeer.ring()
    return {
      key: key.slice(),
      text: textOf(key),
      siblings: maximalSiblings(record).length,
      bytes: recordValueBytes(record),
      owned: ring.isOwner(this.#parts.ringPeer.self, partitionOfKey(ring, key)),
      deleted: isDeleted(record)
    }
  }

  /** Request ids name the writer's storage incarnation, this run of the process, and the request. */
  #nextRequest(): RequestId {
    this.#requests = (this.#requests + 1) % 0x1_0000_0000
    return `${this.#replica()}${this.#requestSession}${this.#requests.toString(16).padStart(8, '0')}` as RequestId
  }

  #replica(): ReplicaId {
    const { ringPeer } = this.#parts
    return ringPeer.member?.replica ?? ('0'.repeat(16) as ReplicaId)
  }

  #subscribe(key: Uint8Array, changed: () => void): () => void {
    const { watchers } = this.#parts
    const mapKey = toMapKey(key)
    const set = watchers.get(mapKey) ?? new Set()
    watchers.set(mapKey, set)
    set.add(changed)
    return () => {
      set.delete(changed)
      if (set.size === 0) watchers.delete(mapKey)
    }
  }

  #mustRun(): void {
    if (this.#phase === 'stopped') throw new StoreError('ERR_CLOSED', 'The peer was stopped. Create a new one to go on.')
  }
}

function contextRequired(): StoreError {
  return new StoreError(
    'ERR_CONTEXT_REQUIRED',
    'delete needs the context of a read, so that it removes what you saw and nothing newer. Read the key first, or pass { force: true } to delete what this peer can see now.'
  )
}
