/** The options of a peer and of its requests: read once, checked once, all problems reported together. */
import type { RequestId } from '../core/identifiers.ts'
import {
  evictAfterMsDefault,
  joinAddressesMax,
  keysMaxDefault,
  nameBytesMax,
  partitionsMax,
  partitionsMin,
  replicasMax,
  timeoutMsMax,
  tombstoneGraceMsDefault,
  tombstoneGraceMsMin,
  weightMax
} from '../core/limits.ts'
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
  readonly tombstoneGraceMs: number
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
  'tombstoneGraceMs',
  'logger'
] as const

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined }

/**
 * Checks the options of a peer.
 *
 * @throws `ERR_OPTIONS`, `ERR_QUORUM_RANGE`, `ERR_TIMEOUT_RANGE`, `ERR_BOOTSTRAP_ADDR` (when no `join` address is usable): the code of the
 * first problem, with all problems in message and details
 */
export function checkPeerOptions(platform: Platform, options: unknown): CheckedPeerOptions {
  const reader = new OptionReader('createPeer options', options === undefined ? {} : options, PEER_OPTIONS)
  const { defaults } = platform
  if (reader.get('cluster') === undefined) reader.problem('ERR_OPTIONS', 'cluster is missing: name the cluster')
  const replicas = reader.integer('replicas', 3, 1, replicasMax)
  const checked: CheckedPeerOptions = {
    cluster: reader.text('cluster', 'unnamed', nameBytesMax),
    join: reader.texts('join', [], joinAddressesMax),
    storage: storageOption(reader),
    partitions: partitionsOption(reader),
    replicas,
    r: reader.integer('r', Math.min(2, replicas), 1, replicas, 'ERR_QUORUM_RANGE'),
    w: reader.integer('w', Math.min(2, replicas), 1, replicas, 'ERR_QUORUM_RANGE'),
    timeoutMs: reader.integer('timeoutMs', 5000, 1, timeoutMsMax, 'ERR_TIMEOUT_RANGE'),
    weight: reader.integer('weight', defaults.weight, 0, weightMax),
    durable: reader.boolean('durable', defaults.durable),
    zone: reader.get('zone') === undefined ? undefined : reader.text('zone', 'unnamed', nameBytesMax),
    listen: reader.texts('listen', defaults.listen, joinAddressesMax),
    announce: reader.texts('announce', [], joinAddressesMax),
    relay: reader.boolean('relay', defaults.relay),
    storageBytesMax: storageBytesOption(reader, defaults.storageBytesMax),
    keysMax: reader.integer('keysMax', keysMaxDefault, 1, Number.MAX_SAFE_INTEGER),
    evictAfterMs: reader.integer('evictAfterMs', evictAfterMsDefault, 1000, Number.MAX_SAFE_INTEGER),
    tombstoneGraceMs: reader.integer('tombstoneGraceMs', tombstoneGraceMsDefault, tombstoneGraceMsMin, Number.MAX_SAFE_INTEGER),
    logger: loggerOption(reader)
  }
  const { usable, problems } = sortAddresses(platform, checked.join)
  if (checked.join.length > 0 && usable.length === 0) reader.problem('ERR_BOOTSTRAP_ADDR', noneUsable(problems))
  reader.finish()
  return checked
}

/** Addresses to join by that can be used, and what is wrong with the others. */
export interface SortedAddresses {
  readonly usable: readonly string[]
  readonly problems: readonly string[]
}

/** Tells usable addresses from others. A bad one beside good ones is left to the log. */
export function sortAddresses(platform: Platform, addresses: readonly string[]): SortedAddresses {
  const usable: string[] = []
  const problems: string[] = []
  for (const address of addresses) {
    const reason = platform.checkAddress(address)
    if (reason === undefined) usable.push(address)
    else problems.push(`${JSON.stringify(address.slice(0, 100))}: ${reason}`)
  }
  return { usable, problems }
}

/**
 * Checks what `join` is called with.
 *
 * @throws `ERR_OPTIONS` when it is no list of texts, `ERR_BOOTSTRAP_ADDR` when no address in it can be used
 */
export function checkJoin(platform: Platform, addresses: unknown): SortedAddresses {
  const reader = new OptionReader('join', { addresses: addresses ?? null }, ['addresses'])
  const sorted = sortAddresses(platform, reader.texts('addresses', [], joinAddressesMax))
  if (sorted.usable.length === 0 && sorted.problems.length > 0) reader.problem('ERR_BOOTSTRAP_ADDR', noneUsable(sorted.problems))
  reader.finish()
  return sorted
}

function noneUsable(problems: readonly string[]): string {
  return `join has no usable address: ${problems.join('; ')}`
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
  if (options === undefined) return defaultRequest(peer)
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

const defaultRequests = new WeakMap<CheckedPeerOptions, CheckedRequestOptions>()

/** What a request without options asks for; made once per peer. */
function defaultRequest(peer: CheckedPeerOptions): CheckedRequestOptions {
  const known = defaultRequests.get(peer)
  if (known !== undefined) return known
  const { r, w, timeoutMs } = peer
  const made = { r, w, timeoutMs, sloppy: true, force: false, signal: undefined, requestId: undefined }
  defaultRequests.set(peer, made)
  return made
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

const STORAGE_FUNCTIONS = ['open', 'close', 'read', 'write', 'scan', 'status'] as const

function storageOption(reader: OptionReader): string | Storage {
  const given = reader.get('storage')
  if (typeof given === 'string' && given.length > 0) return given
  const storage = reader.parts<Storage>('storage', STORAGE_FUNCTIONS)
  if (storage !== undefined) return storage
  const got =
    given === ''
      ? 'an empty text'
      : typeof given === 'object' && given !== null
        ? 'an object without all of open, close, read, write, scan, status'
        : kindOf(given)
  reader.problem('ERR_OPTIONS', `storage must be a folder or database name, 'memory' or a Storage, got ${got}`)
  return 'memory'
}

function storageBytesOption(reader: OptionReader, fallback: number | undefined): number | undefined {
  const bytesMax = reader.integer('storageBytesMax', fallback, 1, Number.MAX_SAFE_INTEGER)
  if (reader.get('storageBytesMax') !== undefined && typeof reader.get('storage') === 'object') {
    reader.problem('ERR_OPTIONS', 'storageBytesMax bounds a storage that is made by name; give a Storage of your own its bound yourself')
  }
  return bytesMax
}

/** The caller's logger, behind a guard: a diagnosis that fails must not disturb what it is about. */
function loggerOption(reader: OptionReader): Logger {
  if (reader.get('logger') === undefined) return silent
  const logger = reader.parts<Logger>('logger', ['debug', 'info', 'warn'])
  if (logger === undefined) reader.problem('ERR_OPTIONS', 'logger must have the functions debug, info and warn')
  return logger === undefined ? silent : { debug: guarded(logger, 'debug'), info: guarded(logger, 'info'), warn: guarded(logger, 'warn') }
}

function guarded(logger: Logger, level: keyof Logger): Logger['warn'] {
  return (message, details) => {
    try {
      logger[level](message, details)
    } catch {
      // There is nobody to tell.
    }
  }
}
