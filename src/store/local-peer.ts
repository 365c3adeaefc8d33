/**
 * The peer that callers hold: one object over requests, membership, events and the life of the parts under it.
 */
import { StoreError } from '../core/errors.ts'
import { toMapKey } from '../core/bytes.ts'
import { isGone } from '../core/members/member-record.ts'
import { isDeleted, maximalSiblings, recordHash, valueBytes } from '../core/versions/record.ts'
import type { Clock } from '../ports/clock.ts'
import type { Storage } from '../ports/storage.ts'
import { leaveMintingId } from '../protocol/replica/minting-id.ts'
import { partitionOfKey } from '../protocol/requests/routing.ts'
import { decodeRow, keyOfRow, rowKey } from '../protocol/storage-layout.ts'
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
  Peer,
  PeerStatus,
  PutOptions,
  PutResult,
  RingInfo,
  UpdateChange,
  UpdateOptions,
  ValueInput,
  WatchChange
} from './api.ts'
import type { ChangePlan, EvictOptions, EvictResult, MemberInfo, MembershipChange } from './member-api.ts'
import { planChange } from './change-plan.ts'
import { collectionOf } from './collection.ts'
import { departureOf, type Departure } from './departure.ts'
import { checkEviction } from './eviction.ts'
import { intactRows } from './intact-rows.ts'
import { keyBytes } from './key-input.ts'
import { OptionReader } from './option-reader.ts'
import { checkJoin } from './options.ts'
import type { PeerEventEmitter } from './peer-events.ts'
import { memberInfo, peerState, placement, ringInfo } from './peer-view.ts'
import type { JoiningNetwork, Platform } from './platform.ts'
import { Requests, type RequestParts } from './requests.ts'
import { kindOf, textOf } from './text.ts'
import { watchKey } from './watch.ts'

/** How long `stop` lets requests in flight come to their end. */
const stopPatienceMs = 2000

export interface LocalPeerParts extends Omit<RequestParts, 'mustRun'> {
  readonly platform: Platform
  readonly network: JoiningNetwork
  readonly storage: Storage
  readonly events: PeerEventEmitter
  readonly clock: Clock
  /** Called for every change of a key by those who watch it. */
  readonly watchers: Map<string, Set<() => void>>
  /** Removes what the peer has registered with the platform. */
  readonly release: () => void
}

export class LocalPeer implements Peer {
  readonly #parts: LocalPeerParts
  readonly #requests: Requests
  #phase: 'running' | 'stopped' = 'running'
  #stopping: Promise<void> | undefined
  #departure: Departure | undefined
  #isCut = false

  constructor(parts: LocalPeerParts) {
    this.#parts = parts
    this.#requests = new Requests({ ...parts, mustRun: () => this.#mustRun() })
  }

  get peerId(): string {
    return this.#parts.ringPeer.self
  }

  get replicaId(): string {
    return this.#parts.ringPeer.member?.replica ?? '0'.repeat(16)
  }

  get cluster(): string {
    return this.#parts.options.cluster
  }

  get(key: KeyInput, options?: GetOptions): Promise<GetResult> {
    return this.#requests.get(key, options)
  }

  put(key: KeyInput, context: ContextInput, value: ValueInput, options?: PutOptions): Promise<PutResult> {
    return this.#requests.put(key, context, value, options)
  }

  delete(key: KeyInput, context: ContextInput, options?: DeleteOptions): Promise<DeleteResult> {
    return this.#requests.delete(key, context, options)
  }

  update(key: KeyInput, change: UpdateChange, options?: UpdateOptions): Promise<PutResult> {
    return this.#requests.update(key, change, options)
  }

  watch(key: KeyInput, options?: { readonly signal?: AbortSignal }): AsyncIterable<WatchChange> {
    this.#mustRun()
    const bytes = keyBytes(key)
    return watchKey({
      clock: this.#parts.clock,
      signal: signalOf('watch', options),
      read: () => this.#requests.peek(bytes),
      change: record => this.#requests.change(bytes, record),
      subscribe: changed => this.#subscribe(bytes, changed),
      isStopped: () => this.#phase === 'stopped'
    })
  }

  collection<Value>(name: string, options: CollectionOptions<Value>): Collection<Value> {
    return collectionOf(this, name, options)
  }

  async *keys(options?: {
    readonly prefix?: KeyInput
    readonly limit?: number
    readonly after?: KeyInput
  }): AsyncGenerator<KeyInfo, void, undefined> {
    this.#mustRun()
    const reader = new OptionReader('keys options', options, ['prefix', 'limit', 'after'])
    const limit = reader.integer('limit', undefined, 1, Number.MAX_SAFE_INTEGER)
    const prefix = isEmpty(reader.get('prefix')) ? new Uint8Array(0) : keyBytes(reader.get('prefix'))
    const after = isEmpty(reader.get('after')) ? undefined : rowKey(keyBytes(reader.get('after')))
    reader.finish()
    const range = { prefix: rowKey(prefix), ...(after === undefined ? {} : { after }), ...(limit === undefined ? {} : { limit }) }
    const { storage, driver, ringPeer } = this.#parts
    const damaged = (key: Uint8Array): void => driver.step((now, effects) => ringPeer.damaged(now, [key], effects))
    for await (const { key, value } of intactRows(storage, range, damaged)) yield this.#keyInfo(keyOfRow(key), value)
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
      replicaId: this.replicaId,
      cluster: options.cluster,
      state: peerState(ringPeer, this.#phase, options.join.length > 0),
      addresses: network.addresses(),
      connections: network.connections(),
      storage: storage.status(),
      keys: ringPeer.keys,
      hints: ringPeer.hints(),
      ringDigest: ringPeer.ring().digest,
      warnings: ringPeer.ring().warnings,
      moves: ringPeer.moves,
      backgroundRecordsPerSecond: ringPeer.background.recordsPerSecond,
      members: ringPeer.view.all().filter(({ status }) => !isGone(status)).length,
      networkCut: this.#isCut
    }
  }

  metrics(): Readonly<Record<string, number>> {
    const { metrics, ringPeer } = this.#parts
    metrics.gauge('background.recordsPerSecond', ringPeer.background.recordsPerSecond)
    return metrics.snapshot()
  }

  join(addresses: readonly string[]): void {
    this.#mustRun()
    const { platform, network, options } = this.#parts
    const { usable, problems } = checkJoin(platform, addresses)
    for (const problem of problems) options.logger.warn('an address to join by cannot be used', { problem })
    network.join(usable)
  }

  cutNetwork(isCut: boolean): void {
    this.#mustRun()
    if (typeof isCut !== 'boolean') throw new StoreError('ERR_OPTIONS', `cutNetwork needs true or false, got ${kindOf(isCut)}.`)
    if (isCut === this.#isCut) return
    this.#isCut = isCut
    this.#parts.network.cut(isCut)
    this.#parts.events.emit('network:cut', { cut: isCut })
  }

  planChange(change: MembershipChange): ChangePlan {
    this.#mustRun()
    const { ringPeer, storage, options } = this.#parts
    return planChange({ ringPeer, cluster: options.cluster, bytes: storage.status().bytes }, change)
  }

  async evict(peer: string, options?: EvictOptions): Promise<EvictResult> {
    this.#mustRun()
    const { calls, driver, ringPeer } = this.#parts
    const { member, signal } = checkEviction(ringPeer, peer, options)
    const { peerId } = member
    if (isGone(member.status)) return { peerId, changed: false }
    await calls.run({ request: undefined, signal }, (call, failed) =>
      driver.begin((now, effects) => ringPeer.evict(now, call, peerId, effects), failed)
    )
    return { peerId, changed: true }
  }

  async leave(options?: { readonly signal?: AbortSignal }): Promise<void> {
    this.#mustRun()
    const signal = signalOf('leave', options)
    if (signal?.aborted === true) throw new StoreError('ERR_ABORTED', 'Leaving was given up before it began.', { cause: signal.reason })
    const { driver, ringPeer } = this.#parts
    this.#departure ??= departureOf(this.#parts.events, failed => driver.begin((now, effects) => ringPeer.leave(now, effects), failed))
    await this.#departure.left(signal)
    await this.stop()
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  addEventListener: Peer['addEventListener'] = (name, listener, options) => this.#parts.events.addEventListener(name, listener, options)

  removeEventListener: Peer['removeEventListener'] = (name, listener) => this.#parts.events.removeEventListener(name, listener)

  async #stop(): Promise<void> {
    const { calls, clock, driver, network, ringPeer, storage, watchers, release } = this.#parts
    this.#phase = 'stopped'
    this.#departure?.close()
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
    driver.step((_now, effects) => ringPeer.rest(effects))
    await driver.stop()
    await this.#leaveMintingId()
    await storage.close()
  }

  async #leaveMintingId(): Promise<void> {
    const { clock, ringPeer, storage } = this.#parts
    try {
      await storage.write([leaveMintingId(ringPeer, clock.wallMs())])
    } catch {
      // Then the next run numbers its writes under a new id; that is all.
    }
  }

  #keyInfo(key: Uint8Array, value: Uint8Array): KeyInfo {
    const { record } = decodeRow(value)
    const { ringPeer } = this.#parts
    const ring = ringPeer.ring()
    return {
      key: key.slice(),
      text: textOf(key),
      siblings: maximalSiblings(record).length,
      bytes: valueBytes(record),
      owned: ring.isOwner(ringPeer.self, partitionOfKey(ring, key)),
      deleted: isDeleted(record),
      hash: recordHash(record)
    }
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

function signalOf(what: string, options: unknown): AbortSignal | undefined {
  const reader = new OptionReader(`${what} options`, options, ['signal'])
  const signal = reader.signal('signal')
  reader.finish()
  return signal
}

/** An empty prefix, or the end of nothing, bounds nothing. */
function isEmpty(value: unknown): boolean {
  return value === undefined || value === '' || (value instanceof Uint8Array && value.length === 0)
}
