/**
 * What callers ask of the store, from their input to their result: checked first, then carried through the protocol, then told as a
 * result or as a typed error.
 */
import { openContext, sealContext, type ContextSeal } from '../core/versions/context-token.ts'
import { emptyContext, withDot, type CausalContext } from '../core/versions/causal-context.ts'
import { StoreError } from '../core/errors.ts'
import { toHex } from '../core/bytes.ts'
import type { ReplicaId, RequestId } from '../core/identifiers.ts'
import { requestBytesInFlightMax, requestsInFlightMax } from '../core/limits.ts'
import type { StoredRecord } from '../core/versions/record.ts'
import type { Metrics } from '../ports/metrics.ts'
import type { Random } from '../ports/random.ts'
import type { GetOutcome, PutOutcome } from '../protocol/effect.ts'
import type { RingPeer } from '../protocol/ring-peer.ts'
import type {
  ContextInput,
  DeleteOptions,
  DeleteResult,
  GetOptions,
  GetResult,
  KeyInput,
  PutOptions,
  PutResult,
  UpdateChange,
  UpdateOptions,
  ValueInput,
  WatchChange
} from './api.ts'
import type { Calls } from './calls.ts'
import type { Driver } from './driver.ts'
import { contextInput, keyBytes, valueBytes } from './key-input.ts'
import { checkRequestOptions, type CheckedPeerOptions, type CheckedRequestOptions } from './options.ts'
import { getError, getResult, putError, putResult, sealedOnce, siblingInfos } from './results.ts'
import { kindOf } from './text.ts'

/** Times that `update` reads and merges again while other writers keep adding siblings. */
const updateRoundsMax = 8

export interface RequestParts {
  readonly options: CheckedPeerOptions
  readonly ringPeer: RingPeer
  readonly driver: Driver
  readonly calls: Calls
  readonly metrics: Metrics
  readonly seal: ContextSeal
  readonly random: Random
  /** Throws once the peer is stopped. */
  mustRun(): void
}

export class Requests {
  readonly #parts: RequestParts
  readonly #session: string
  #count = 0

  constructor(parts: RequestParts) {
    this.#parts = parts
    this.#session = toHex(parts.random.bytes(4))
  }

  async get(key: KeyInput, options: GetOptions | undefined): Promise<GetResult> {
    const bytes = keyBytes(key)
    const request = this.#check('get', options)
    this.#parts.calls.began()
    try {
      return this.#read(bytes, await this.#get(bytes, request))
    } finally {
      this.#parts.calls.ended()
    }
  }

  async put(key: KeyInput, context: ContextInput, value: ValueInput, options: PutOptions | undefined): Promise<PutResult> {
    const bytes = keyBytes(key)
    const stored = valueBytes(value)
    const request = this.#check('put', options)
    const seen = this.#open(bytes, context)
    this.#parts.calls.began()
    try {
      return this.#written(bytes, seen, await this.#put(bytes, seen, stored, request))
    } finally {
      this.#parts.calls.ended()
    }
  }

  async delete(key: KeyInput, context: ContextInput, options: DeleteOptions | undefined): Promise<DeleteResult> {
    const bytes = keyBytes(key)
    const request = this.#check('delete', options)
    const seen = this.#open(bytes, context)
    this.#parts.calls.began()
    try {
      return await this.#delete(bytes, seen, context === undefined || context === null, request)
    } finally {
      this.#parts.calls.ended()
    }
  }

  async update(key: KeyInput, change: UpdateChange, options: UpdateOptions | undefined): Promise<PutResult> {
    const bytes = keyBytes(key)
    if (typeof change !== 'function')
      throw new StoreError('ERR_OPTIONS', `update needs a function that makes the new value of the old ones, got ${kindOf(change)}.`)
    const request = this.#check('update', options)
    this.#parts.calls.began()
    try {
      return await this.#update(bytes, change, request)
    } finally {
      this.#parts.calls.ended()
    }
  }

  /** What can be read of a key at the moment, with or without a quorum; `undefined` when nobody answers. */
  async peek(key: Uint8Array): Promise<StoredRecord | undefined> {
    const request = this.#check('get', { timeoutMs: Math.min(this.#parts.options.timeoutMs, 2000) })
    const { record, replied } = await this.#get(key, request)
    return replied.length === 0 ? undefined : record
  }

  /** A record as someone who watches its key sees it. */
  change(key: Uint8Array, record: StoredRecord): WatchChange {
    const siblings = siblingInfos(record, this.#parts.ringPeer.view)
    return {
      key: key.slice(),
      values: siblings.flatMap(({ value }) => (value === undefined ? [] : [value])),
      siblings,
      context: this.#seal(key, record.context)
    }
  }

  async #delete(key: Uint8Array, seen: CausalContext, isBlind: boolean, request: CheckedRequestOptions): Promise<DeleteResult> {
    const current = await this.#get(key, request)
    const found = this.#result(key, current)
    const existed = found.values.length > 0 || (current.status !== 'ok' && seen !== emptyContext)
    if (!existed && current.status !== 'ok') throw getError(current, found)
    if (!existed) return { existed: false, context: found.context }
    if (isBlind && !request.force) throw contextRequired()
    const covered = request.force ? current.record.context : seen
    const { context } = this.#written(key, covered, await this.#put(key, covered, undefined, request))
    return { existed: true, context }
  }

  async #update(key: Uint8Array, change: UpdateChange, request: CheckedRequestOptions): Promise<PutResult> {
    for (let round = 1; ; round++) {
      const outcome = await this.#get(key, request)
      const { values, siblings } = this.#read(key, outcome)
      const changed = change(values, siblings)
      const stored = changed === undefined ? undefined : valueBytes(changed)
      const once = round === 1 ? request : { ...request, requestId: undefined }
      const { context } = outcome.record
      const written = await this.#put(key, context, stored, once)
      if (written.siblings <= 1 || round >= updateRoundsMax) return this.#written(key, context, written)
      this.#parts.metrics.count('update.conflict')
    }
  }

  #check(kind: 'get' | 'put' | 'delete' | 'update', options: unknown): CheckedRequestOptions {
    this.#parts.mustRun()
    const request = checkRequestOptions(this.#parts.options, kind, options)
    if (this.#parts.calls.operations < requestsInFlightMax) return request
    throw this.#overloaded(`${requestsInFlightMax} requests`, { inFlightMax: requestsInFlightMax })
  }

  #overloaded(what: string, details: Readonly<Record<string, number>>): StoreError {
    this.#parts.metrics.count('request.overloaded')
    const message = `This peer has ${what} in flight, the most it may. Nothing was done; wait for some to finish, then try again.`
    return new StoreError('ERR_OVERLOADED', message, { details })
  }

  #get(key: Uint8Array, { r, timeoutMs, sloppy, signal }: CheckedRequestOptions): Promise<GetOutcome> {
    const { calls, driver, ringPeer, metrics } = this.#parts
    metrics.count('get.started')
    const outcome = calls.run({ request: undefined, signal }, (call, failed) =>
      driver.begin((now, effects) => ringPeer.get(now, call, { key, r, timeoutMs, sloppy }, effects), failed)
    )
    return outcome as Promise<GetOutcome>
  }

  async #put(key: Uint8Array, context: CausalContext, value: Uint8Array | undefined, options: CheckedRequestOptions): Promise<PutOutcome> {
    const { calls, driver, ringPeer, metrics } = this.#parts
    const { w, timeoutMs, sloppy, signal } = options
    const bytes = key.length + (value?.length ?? 0)
    if (calls.bytes + bytes > requestBytesInFlightMax) {
      throw this.#overloaded(`${calls.bytes} bytes of writes`, { bytes, bytesInFlightMax: requestBytesInFlightMax })
    }
    const request = options.requestId ?? this.#nextRequest()
    const put = { key, context, value, request, w, sloppy, timeoutMs }
    metrics.count('put.started')
    const outcome = (await calls.carrying(bytes, () =>
      calls.run({ request, signal }, (call, failed) => driver.begin((now, effects) => ringPeer.put(now, call, put, effects), failed))
    )) as PutOutcome
    if (outcome.status === 'ok') return outcome
    metrics.count(`put.refused.${outcome.status}`)
    throw putError(outcome, outcome.status === 'too-many-siblings' ? await this.#toMerge(key, options) : {})
  }

  /** What there is to merge of a key that has too many siblings. */
  async #toMerge(key: Uint8Array, options: CheckedRequestOptions): Promise<Readonly<Record<string, unknown>>> {
    try {
      const { values, context } = this.#result(key, await this.#get(key, { ...options, r: 1 }))
      return { values, context }
    } catch {
      // The refusal itself is what the caller must hear of.
      return {}
    }
  }

  #read(key: Uint8Array, outcome: GetOutcome): GetResult {
    const result = this.#result(key, outcome)
    if (outcome.status !== 'ok') throw getError(outcome, result)
    return result
  }

  #result(key: Uint8Array, outcome: GetOutcome): GetResult {
    return getResult(
      outcome,
      this.#parts.ringPeer.view,
      sealedOnce(() => this.#seal(key, outcome.record.context))
    )
  }

  #written(key: Uint8Array, seen: CausalContext, outcome: PutOutcome): PutResult {
    const { dot } = outcome
    if (dot === undefined) throw putError(outcome)
    return putResult(
      outcome,
      sealedOnce(() => this.#seal(key, withDot(seen, dot)))
    )
  }

  #open(key: Uint8Array, context: unknown): CausalContext {
    return openContext(this.#parts.seal, key, contextInput(context))
  }

  #seal(key: Uint8Array, context: CausalContext): Uint8Array {
    return sealContext(this.#parts.seal, key, context)
  }

  /** Request ids name the writer's storage incarnation, this run of the process, and the request. */
  #nextRequest(): RequestId {
    this.#count = (this.#count + 1) % 0x1_0000_0000
    const replica = this.#parts.ringPeer.member?.replica ?? ('0'.repeat(16) as ReplicaId)
    return `${replica}${this.#session}${this.#count.toString(16).padStart(8, '0')}` as RequestId
  }
}

function contextRequired(): StoreError {
  return new StoreError(
    'ERR_CONTEXT_REQUIRED',
    'delete needs the context of a read, so that it removes what you saw and nothing newer. Read the key first, or pass { force: true } to delete what this peer can see now.'
  )
}
