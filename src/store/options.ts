/** The options of a peer and of its requests: read once, checked once, all problems reported together. */
import { StoreError } from '../core/errors.ts'
import type { RequestId } from '../core/identifiers.ts'
import { evictAfterMsDefault, keysMaxDefault, nameBytesMax, partitionsMax, partitionsMin, replicasMax, timeoutMsMax, weightMax } from '../core/limits.ts'
import type { Logger } from '../ports/logger.ts'
import type { Storage } from '../ports/storage.ts'
import { OptionReader } from './option-reader.ts'
import type { Platform } from './platform.ts'
import { kindOf } from './text.ts'

/** {@link PeerOptions} with every default filled in. */
export interface CheckedPeerOptions {
  readonly cluster: string
  readonly join: readonly string[]
  readonly storage: string | Storage
  readonly partitions: number
  readonly replicas: number
  readonly r: number
  readonly w: number
  readonly timeoutMs: number
  readonly weight: number
  readonly durable: boolean
  readonly zone: string | undefined
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  readonly relay: boolean
  readonly storageBytesMax: number | undefined
  readonly keysMax: number
  readonly evictAfterMs: number
  readonly logger: Logger
}

const PEER_OPTIONS = [
  'cluster',
  'join',
  'storage',
  'partitions',
  'replicas',
  'r',
  'w',
  'timeoutMs',
  'weight',
  'durable',
  'zone',
  'listen',
  'announce',
  'relay',
  'storageBytesMax',
  'keysMax',
  'evictAfterMs',
  'logger'
] as const

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined }

/**
 * Checks the options of a peer.
 *
 * @throws `ERR_OPTIONS`, `ERR_QUORUM_RANGE`, `ERR_TIMEOUT_RANGE`, `ERR_BOOTSTRAP_ADDR` (when no `join` address is usable)
 */
export function checkPeerOptions(platform: Platform, options: unknown): CheckedPeerOptions {
  const reader = new OptionReader('createPeer options', options ?? {}, PEER_OPTIONS)
  const { defaults } = platform
  if (reader.get('cluster') === undefined) reader.problem('ERR_OPTIONS', 'cluster is missing: name the cluster')
  const replicas = reader.integer('replicas', 3, 1, replicasMax)
  const checked: CheckedPeerOptions = {
    cluster: reader.text('cluster', 'unnamed', nameBytesMax),
    join: reader.texts('join', []),
    storage: storageOption(reader),
    partitions: partitionsOption(reader),
    replicas,
    r: reader.integer('r', Math.min(2, replicas), 1, replicas, 'ERR_QUORUM_RANGE'),
    w: reader.integer('w', Math.min(2, replicas), 1, replicas, 'ERR_QUORUM_RANGE'),
    timeoutMs: reader.integer('timeoutMs', 5000, 1, timeoutMsMax, 'ERR_TIMEOUT_RANGE'),
    weight: reader.integer('weight', defaults.weight, 0, weightMax),
    durable: reader.boolean('durable', defaults.durable),
    zone: reader.get('zone') === undefined ? undefined : reader.text('zone', 'unnamed', nameBytesMax),
    listen: reader.texts('listen', defaults.listen),
    announce: reader.texts('announce', []),
    relay: reader.boolean('relay', defaults.relay),
    storageBytesMax: reader.integer('storageBytesMax', defaults.storageBytesMax, 1, Number.MAX_SAFE_INTEGER),
    keysMax: reader.integer('keysMax', keysMaxDefault, 1, Number.MAX_SAFE_INTEGER),
    evictAfterMs: reader.integer('evictAfterMs', evictAfterMsDefault, 1000, Number.MAX_SAFE_INTEGER),
    logger: loggerOption(reader)
  }
  reader.finish()
  checkAddresses(platform, 'join', checked.join)
  return checked
}

/** Refuses a list in which no address is usable; a bad one beside good ones is left to the log. */
export function checkAddresses(platform: Platform, name: string, addresses: readonly string[]): readonly string[] {
  const reasons = addresses.map(address => platform.checkAddress(address))
  const problems = addresses.flatMap((address, index) => (reasons[index] === undefined ? [] : [`${JSON.stringify(address)}: ${reasons[index]}`]))
  if (addresses.length > 0 && problems.length === addresses.length) {
    throw new StoreError('ERR_BOOTSTRAP_ADDR', `${name} has no usable address: ${problems.join('; ')}.`, { details: { problems } })
  }
  return problems
}

/** Options of one request with every default filled in. */
export interface CheckedRequestOptions {
  readonly r: number
  readonly w: number
  readonly timeoutMs: number
  readonly sloppy: boolean
  readonly force: boolean
  readonly signal: AbortSignal | undefined
  readonly requestId: RequestId | undefined
}

/** Which options a request takes. */
export const requestOptions = {
  get: ['r', 'timeoutMs', 'signal', 'sloppy'],
  put: ['w', 'timeoutMs', 'signal', 'sloppy', 'requestId'],
  delete: ['w', 'timeoutMs', 'signal', 'sloppy', 'requestId', 'force'],
  update: ['r', 'w', 'timeoutMs', 'signal', 'sloppy', 'requestId']
} as const

/**
 * Checks the options of a request against the peer's.
 *
 * @throws `ERR_OPTIONS`, `ERR_QUORUM_RANGE`, `ERR_TIMEOUT_RANGE`
 */
export function checkRequestOptions(peer: CheckedPeerOptions, kind: keyof typeof requestOptions, options: unknown): CheckedRequestOptions {
  const reader = new OptionReader(`${kind} options`, options, requestOptions[kind])
  const checked: CheckedRequestOptions = {
    r: reader.integer('r', peer.r, 1, peer.replicas, 'ERR_QUORUM_RANGE'),
    w: reader.integer('w', peer.w, 1, peer.replicas, 'ERR_QUORUM_RANGE'),
    timeoutMs: reader.integer('timeoutMs', peer.timeoutMs, 1, timeoutMsMax, 'ERR_TIMEOUT_RANGE'),
    sloppy: reader.boolean('sloppy', true),
    force: reader.boolean('force', false),
    signal: reader.signal('signal'),
    requestId: requestIdOption(reader)
  }
  reader.finish()
  return checked
}

function requestIdOption(reader: OptionReader): RequestId | undefined {
  const value = reader.get('requestId')
  if (value === undefined) return undefined
  if (typeof value === 'string' && /^[0-9a-f]{32}$/.test(value)) return value as RequestId
  reader.problem('ERR_OPTIONS', 'requestId must be 32 lower-case hexadecimal digits')
  return undefined
}

function partitionsOption(reader: OptionReader): number {
  const partitions = reader.integer('partitions', 1024, partitionsMin, partitionsMax)
  if (Number.isInteger(Math.log2(partitions))) return partitions
  reader.problem('ERR_OPTIONS', `partitions must be a power of two, got ${partitions}`)
  return 1024
}

function storageOption(reader: OptionReader): string | Storage {
  const storage = reader.get('storage')
  if (typeof storage === 'string' && storage.length > 0) return storage
  if (isStorage(storage)) return storage
  reader.problem('ERR_OPTIONS', `storage must be a folder or database name, 'memory' or a Storage, got ${storage === '' ? 'an empty text' : kindOf(storage)}`)
  return 'memory'
}

function isStorage(value: unknown): value is Storage {
  if (typeof value !== 'object' || value === null) return false
  return ['open', 'close', 'read', 'write', 'scan', 'status'].every(name => typeof Reflect.get(value, name) === 'function')
}

function loggerOption(reader: OptionReader): Logger {
  const logger = reader.get('logger')
  if (logger === undefined) return silent
  const complete = typeof logger === 'object' && logger !== null && ['debug', 'info', 'warn'].every(name => typeof Reflect.get(logger, name) === 'function')
  if (complete) return logger as Logger
  reader.problem('ERR_OPTIONS', 'logger must have the functions debug, info and warn')
  return silent
}
