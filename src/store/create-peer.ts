/** Puts a peer together: storage, identity, network, protocol, driver; and starts it. */
import { toHex, toMapKey } from '../core/bytes.ts'
import { contextSeal } from '../core/versions/context-token.ts'
import { StoreError } from '../core/errors.ts'
import type { PeerId, ReplicaId } from '../core/identifiers.ts'
import { nextRun, type MemberRecord } from '../core/members/member-record.ts'
import { isGone } from '../core/members/member-record.ts'
import { prng } from '../core/prng.ts'
import { RecentMap } from '../core/recent-map.ts'
import { greetedPeersMax, membersMax } from '../core/limits.ts'
import type { Admission, NetworkHandlers } from '../ports/network.ts'
import type { Storage } from '../ports/storage.ts'
import type { ProtocolEvent } from '../protocol/effect.ts'
import { encodeHello, judgeHello, type ClusterConfiguration } from '../protocol/membership/hello.ts'
import { mintingIdOf } from '../protocol/replica/minting-id.ts'
import type { MoveProgress } from '../protocol/moving/move-progress.ts'
import { RingPeer } from '../protocol/ring-peer.ts'
import type { Peer } from './api.ts'
import { Calls } from './calls.ts'
import { counters } from './counters.ts'
import { Driver } from './driver.ts'
import { LocalPeer } from './local-peer.ts'
import { checkPeerOptions, sortAddresses, type CheckedPeerOptions } from './options.ts'
import { PeerEventEmitter } from './peer-events.ts'
import { memberOf, ringInfo } from './peer-view.ts'
import type { JoiningNetwork, Platform } from './platform.ts'
import { SpaceReclaimer } from './space-reclaimer.ts'
import { loadStorageState, type StorageState } from './storage-state.ts'

/** Longest wait of a start for the count of keys. */
const indexPatienceMs = 1000

/**
 * Creates a peer on `platform` and starts it. With addresses to join by, a peer that is new to the cluster waits for the first of them, for
 * `timeoutMs` at most: without an answer it starts isolated, and joins when it can.
 *
 * @throws `ERR_OPTIONS` and its kin for bad options; `ERR_STORE_*`, `ERR_IO`, `ERR_IDB_*` when the storage cannot be opened; `ERR_LISTEN` when an
 * address cannot be listened on
 */
export async function createPeerOn(platform: Platform, options: unknown): Promise<Peer> {
  const checked = checkPeerOptions(platform, options)
  const storage = typeof checked.storage === 'string' ? platform.storage(checked.storage, checked.storageBytesMax) : checked.storage
  await storage.open()
  try {
    return await startPeer(platform, checked, storage)
  } catch (error) {
    // What went wrong first is what the caller must hear of.
    await storage.close().catch(() => undefined)
    throw error
  }
}

async function startPeer(platform: Platform, options: CheckedPeerOptions, storage: Storage): Promise<Peer> {
  const { cluster, partitions, replicas, logger } = options
  const configuration: ClusterConfiguration = { cluster, partitions, replicas }
  const state = await loadStorageState(storage, configuration, platform.random)
  const metrics = counters()
  const events = new PeerEventEmitter()
  const watchers = new Map<string, Set<() => void>>()
  const ringPeer = createRingPeer(platform, options, configuration, state)
  const { usable: join, problems } = sortAddresses(platform, options.join)
  for (const problem of problems) logger.warn('an address to join by cannot be used', { problem })
  const network = platform.network({
    seed: state.seed,
    cluster,
    listen: options.listen,
    announce: options.announce,
    relay: options.relay,
    join,
    logger,
    metrics
  })
  const calls = new Calls(call => ringPeer.abandon(call))
  const reclaimer = new SpaceReclaimer(storage, platform.clock, () => metrics.count('storage.reclaimed'))
  const tell = reporter({ ringPeer, network, events, metrics, watchers, options, reclaimer })
  const index = indexRead(platform)
  const report = (event: ProtocolEvent): void => (event.type === 'indexed' ? index.done() : tell(event))
  const broke = (error: StoreError): void => {
    logger.warn('something inside dynamesh failed', {
      code: error.code,
      message: error.message,
      stack: error.cause instanceof Error ? error.cause.stack : error.stack
    })
    events.emit('error', { code: error.code, message: error.message, outcome: error.outcome })
  }
  const driver = new Driver({
    peer: ringPeer,
    storage,
    network,
    clock: platform.clock,
    metrics,
    report,
    broke,
    settle: (call, outcome) => calls.settle(call, outcome)
  })
  driver.step((now, effects) => ringPeer.start(now, effects))
  try {
    await network.start(handlers({ platform, configuration, ringPeer, network, driver, events, metrics, options }))
  } catch (error) {
    index.done()
    await network.stop()
    await driver.stop()
    throw error
  }
  driver.step((now, effects) => ringPeer.setAddresses(now, network.addresses(), effects))
  const seal = contextSeal(cluster)
  const forgetGoodbye = platform.onGoodbye(() => network.goodbye())
  const release = (): void => {
    forgetGoodbye()
    reclaimer.stop()
  }
  const { clock, random } = platform
  const peer = new LocalPeer({
    platform,
    options,
    ringPeer,
    driver,
    network,
    storage,
    calls,
    events,
    metrics,
    seal,
    clock,
    random,
    watchers,
    release
  })
  await index.read
  if (ringPeer.status === 'joining' && join.length > 0) await joined(ringPeer, events, platform, options.timeoutMs)
  return peer
}

/** Resolves when all keys in storage are known, so that a new peer says how many it holds; a large store is not waited for. */
function indexRead(platform: Platform): { readonly read: Promise<void>; done(): void } {
  let done: () => void = () => undefined
  const read = new Promise<void>(resolve => {
    const cancel = platform.clock.schedule(indexPatienceMs, resolve)
    done = () => {
      cancel()
      resolve()
    }
  })
  return { read, done }
}

function createRingPeer(
  platform: Platform,
  options: CheckedPeerOptions,
  configuration: ClusterConfiguration,
  state: StorageState
): RingPeer {
  const identity = platform.identity(state.seed)
  const { weight, durable, zone, keysMax, evictAfterMs, tombstoneGraceMs } = options
  const own = state.view.get(identity.peerId)
  // One that was not up when it ended, or is new, has not got its keys: others may have, whom it knows or is told of.
  const othersAreThere = state.view
    .all()
    .some(({ peerId, status, weight: share }) => peerId !== identity.peerId && share > 0 && !isGone(status))
  const mustJoin = own?.status !== 'up' && (options.join.length > 0 || othersAreThere)
  return new RingPeer({
    configuration,
    signer: identity,
    verifier: platform.verifier,
    random: prng(toHex(platform.random.bytes(16))),
    own: {
      ...nextRun(own),
      status: mustJoin ? 'joining' : 'up',
      weight,
      durable,
      zone,
      replica: state.replica
    },
    mintingId: mintingId(platform, state, own),
    view: state.view,
    epochLease: state.epochLease,
    settledRing: state.settledRing,
    hintRows: state.hintRows,
    damagedRows: state.damagedRows,
    sums: state.sums,
    keysMax,
    neighboursMax: platform.defaults.neighboursMax ?? membersMax,
    evictAfterMs,
    tombstoneGraceMs,
    absenceRows: state.absenceRows
  })
}

/** The replica id that this run numbers its writes under. */
function mintingId(platform: Platform, state: StorageState, own: MemberRecord | undefined): ReplicaId {
  if (!platform.storageMayRollBack) return state.replica
  return mintingIdOf(state.mintingId, own, platform.clock.wallMs(), toHex(platform.random.bytes(8)) as ReplicaId)
}

/** Resolves when this peer has met a member, or after `patienceMs`. */
async function joined(ringPeer: RingPeer, events: PeerEventEmitter, platform: Platform, patienceMs: number): Promise<void> {
  const over = new AbortController()
  await new Promise<void>(resolve => {
    const cancel = platform.clock.schedule(patienceMs, resolve)
    events.addEventListener(
      'member:up',
      ({ detail }) => {
        if (!detail.self) return
        cancel()
        resolve()
      },
      { signal: over.signal }
    )
    if (ringPeer.status !== 'joining') {
      cancel()
      resolve()
    }
  })
  over.abort()
}

interface HandlerParts {
  readonly platform: Platform
  readonly configuration: ClusterConfiguration
  readonly ringPeer: RingPeer
  readonly network: JoiningNetwork
  readonly driver: Driver
  readonly events: PeerEventEmitter
  readonly metrics: ReturnType<typeof counters>
  readonly options: CheckedPeerOptions
}

/** What the network calls: frames, connections and gossip become steps of the peer. */
function handlers({ platform, configuration, ringPeer, network, driver, events, metrics, options }: HandlerParts): NetworkHandlers {
  // Whoever says hello and goes before its connection is open leaves its record here.
  const admitted = new RecentMap<PeerId, MemberRecord>(greetedPeersMax)
  return {
    hello: () => {
      const { member } = ringPeer
      if (member === undefined) throw new StoreError('ERR_INTERNAL', 'The peer was asked for its hello before it started.')
      return encodeHello(configuration, member)
    },
    admit: (peer, hello): Admission => {
      const judged = judgeHello(configuration, peer, hello, platform.verifier)
      if ('refusal' in judged) return { admit: false, ...judged.refusal }
      admitted.set(peer, judged.member)
      return { admit: true }
    },
    frame: (peer, _lane, frame) => driver.frame(peer, frame),
    connected: peer => {
      const member = admitted.take(peer)
      driver.step((now, effects) => ringPeer.connected(now, peer, member, effects))
      const connection = network.connections().find(candidate => candidate.peer === peer)
      if (connection !== undefined) events.emit('connection:opened', connection)
    },
    disconnected: peer => {
      driver.step((now, effects) => ringPeer.disconnected(now, peer, effects))
      events.emit('connection:closed', { peer })
    },
    refused: (peer, code, message) => {
      metrics.count('hello.refused')
      options.logger.warn('a peer was refused', { peer, code, message })
      events.emit('peer:refused', { peer, code, message })
    },
    distant: peer => (ringPeer.isDistant(peer) ? ringPeer.view.get(peer)?.addresses : undefined),
    unreachable: peer => driver.step((now, effects) => ringPeer.unreachable(now, peer, effects)),
    gossip: (_peer, bytes) => driver.step((now, effects) => ringPeer.gossip(now, bytes, effects)) ?? 'ignore',
    addresses: addresses => {
      driver.step((now, effects) => ringPeer.setAddresses(now, addresses, effects))
    }
  }
}

interface ReporterParts extends Pick<HandlerParts, 'ringPeer' | 'network' | 'events' | 'metrics' | 'options'> {
  readonly watchers: Map<string, Set<() => void>>
  readonly reclaimer: SpaceReclaimer
}

const unheard =
  'No member has answered that it knows of the leaving: one that waits for this peer goes on only after an eviction (dynamesh evict).'

/** Turns the protocol's news into events, metrics and log lines. */
function reporter({ ringPeer, network, events, metrics, watchers, options, reclaimer }: ReporterParts): (event: ProtocolEvent) => void {
  // Clients come and go without end; whose status is forgotten is at worst told twice.
  const statuses = new RecentMap<PeerId, string>(membersMax)
  const member = (peer: PeerId): ReturnType<typeof memberOf> => memberOf(ringPeer, peer, network.connections())
  let hasLeft = false
  const memberChanged = (peer: PeerId): void => {
    const info = member(peer)
    if (info === undefined || statuses.get(peer) === info.status || (info.self && info.status === 'left' && !hasLeft)) return
    statuses.set(peer, info.status)
    events.emit(`member:${info.status}`, info)
  }
  const rolledBack = (): void => {
    const message =
      'This storage is older than what others know of this peer (restored from a backup, or copied): it goes on under a new replica id.'
    options.logger.warn(message)
    events.emit('error', { code: 'ERR_STORE_ROLLED_BACK', message, outcome: 'none' })
  }
  const keyChanged = (key: Uint8Array): void => {
    if (watchers.size > 0) for (const changed of watchers.get(toMapKey(key)) ?? []) changed()
    if (events.hears('key:changed')) events.emit('key:changed', { key: key.slice() })
  }
  return event => {
    switch (event.type) {
      case 'key-changed':
        return keyChanged(event.key)
      case 'key-dropped':
        reclaimer.dropped()
        return keyChanged(event.key)
      case 'members-changed':
        return event.peers.forEach(memberChanged)
      case 'members-known':
        return events.emit('members:known', { members: ringPeer.view.size })
      case 'ring-changed':
        metrics.count('ring.changed')
        return events.hears('ring:changed') ? events.emit('ring:changed', ringInfo(ringPeer.ring())) : undefined
      case 'reachability': {
        const info = member(event.peer)
        return info === undefined ? undefined : events.emit(event.reachable ? 'member:reachable' : 'member:suspect', info)
      }
      case 'hint-stored':
        metrics.count('hint.stored')
        return events.emit('hint:stored', { target: event.target, key: event.key.slice() })
      case 'hint-delivered':
        metrics.count('hint.delivered')
        return events.emit('hint:delivered', { target: event.target, key: event.key.slice() })
      case 'repair-sent':
        metrics.count('repair.sent')
        return events.emit('repair:sent', { target: event.target, key: event.key.slice() })
      case 'key-kept':
        return metrics.count('absence.kept-keys')
      case 'key-discarded':
        return metrics.count('absence.discarded-keys')
      case 'tombstone-reaped':
        return metrics.count('tombstone.reaped')
      case 'exchange-started':
        metrics.count('exchange.started')
        return events.emit('exchange:started', { peer: event.peer, partition: event.partition })
      case 'exchange-finished':
        metrics.count('exchange.repaired', event.repaired)
        return events.emit('exchange:finished', { peer: event.peer, partition: event.partition, repaired: event.repaired })
      case 'storage-failed':
        options.logger.warn('the storage failed', { code: event.code })
        if (event.code === 'ERR_QUOTA')
          return events.emit('storage:full', { message: 'The storage is full: writes are refused until something is deleted.' })
        return event.code === 'ERR_RECORD_CORRUPT'
          ? events.emit('storage:corrupt', { message: 'A stored row was damaged: it is treated as lost and refilled from other owners.' })
          : undefined
      case 'rolled-back':
        return rolledBack()
      case 'progress':
        countMoves(metrics, event.moves)
        return events.emit('moves:progress', event.moves)
      case 'indexed':
        return
      case 'left':
        hasLeft = true
        if (!event.isHeard && ringPeer.ring().members.length > 0) options.logger.warn(unheard)
        return memberChanged(ringPeer.self)
      case 'counted':
        return metrics.count(event.name)
    }
  }
}

function countMoves(metrics: HandlerParts['metrics'], { give, take }: MoveProgress): void {
  for (const [direction, count] of [
    ['give', give],
    ['take', take]
  ] as const)
    for (const [name, value] of Object.entries(count)) metrics.gauge(`moves.${direction}.${name}`, Number(value))
}
