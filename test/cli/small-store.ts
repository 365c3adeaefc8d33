/**
 * The least that can stand behind a control socket: a Map with true siblings, whose contexts are lists of dots. Tests of the command line
 * use it where the ring does not matter; tests with real processes use real peers.
 */
import { compareBytes, toHex } from '../../src/core/bytes.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { StoreError } from '../../src/core/errors.ts'
import { decodeUtf8 } from '../../src/cli/terminal/escape.ts'
import { noMoves, type MoveProgress } from '../../src/protocol/moving/move-progress.ts'
import type { ControlledPeer } from '../../src/cli/access/control/server.ts'
import type { ChangePlan } from '../../src/store/member-api.ts'
import type { RingHealth } from '../../src/core/ring/change-plan.ts'
import type { ContextInput, GetResult, KeyInfo, KeyInput, PeerStatus, SiblingInfo, ValueInput } from '../../src/store/api.ts'

const WRITER = '12D3KooWSmallStoreWriterPeerId000000000000000000000001'

/** A store of one process. `fail` makes the next calls reject; `hold` makes puts wait until they are aborted or released. */
export class SmallStore {
  fail: StoreError | undefined
  hold = false
  /** Resolves when a put is being held. */
  held: Promise<void>
  readonly lastOptions: object[] = []
  readonly noMoves = noMoves
  /** How far a change of the ring has come. */
  moves = (): MoveProgress => noMoves
  readonly #records = new Map<string, SiblingInfo[]>()
  #counter = 0
  #onHeld: () => void = () => {}
  /** Lets the put that is held go on. */
  release: () => void = () => {}

  constructor() {
    this.held = new Promise(resolve => {
      this.#onHeld = resolve
    })
  }

  readonly peer: ControlledPeer = {
    get: async (key, options) => this.#get(key, options ?? {}),
    put: async (key, before, value, options) => {
      this.lastOptions.push(options ?? {})
      if (this.hold) await this.#untilAborted(options?.signal)
      const dot = this.#write(bytesOf(key), before, bytesOf(value))
      const siblings = this.#siblings(bytesOf(key)).length
      const context = Buffer.from(`${dotsOf(before).join(',')},${dot}`)
      return { context, acknowledged: [WRITER], hinted: [], coordinator: WRITER, requestId: '0'.repeat(32), dot, siblings, w: 1, n: 1 }
    },
    delete: async (key, context) => {
      const existed = this.#siblings(bytesOf(key)).some(sibling => sibling.value !== undefined)
      const dot = this.#write(bytesOf(key), context, undefined)
      return { existed, context: Buffer.from(dot) }
    },
    keys: options => this.#keys(options),
    members: () => [
      {
        peerId: WRITER,
        self: true,
        status: 'up',
        reachability: 'self',
        weight: 4,
        durable: true,
        zone: 'eu-west',
        replicaId: '0123456789abcdef',
        incarnation: 1,
        addresses: ['/ip4/127.0.0.1/tcp/4301'],
        connection: undefined,
        partitionsOwned: 8
      }
    ],
    ring: () => ({
      digest: '0123456789abcdef',
      partitions: 8,
      replicas: 3,
      owners: Array.from({ length: 8 }, () => [WRITER]),
      warnings: ['Only 1 peer.']
    }),
    place: key => ({ key: bytesOf(key), position: '0'.repeat(32), partition: 5, owners: [WRITER], preferenceList: [WRITER] }),
    status: () => ({ ...status, moves: this.moves() }),
    planChange: change => {
      if (this.fail !== undefined) throw this.fail
      this.lastOptions.push(change)
      return {
        ...plan,
        joining: (change.join ?? []).map((_, index) => `newcomer-${index + 1}`),
        evicted: change.evict ?? [],
        leaving: change.leave ?? []
      }
    },
    evict: async (peer, options) => {
      this.lastOptions.push({ peer, ...options })
      if (this.fail !== undefined) throw this.fail
      return { peerId: peer, changed: true }
    },
    leave: async options => {
      if (this.hold) await this.#untilAborted(options?.signal)
    }
  }

  async #get(key: KeyInput, options: object): Promise<GetResult> {
    this.lastOptions.push(options)
    if (this.fail !== undefined) throw this.fail
    if (bytesOf(key).length === 0) throw new StoreError('ERR_KEY_EMPTY', 'A key has at least one byte.')
    const siblings = this.#siblings(bytesOf(key))
    const values = siblings.flatMap(sibling => (sibling.value === undefined ? [] : [sibling.value]))
    const context = Buffer.from(siblings.map(sibling => sibling.dot).join(',') || 'none')
    return { values, texts: values.map(decodeUtf8), siblings, context, replied: [WRITER], r: 1, n: 1 }
  }

  #siblings(key: Uint8Array): SiblingInfo[] {
    return this.#records.get(toHex(key)) ?? []
  }

  #write(key: Uint8Array, context: ContextInput, value: Uint8Array | undefined): string {
    if (this.fail !== undefined) throw this.fail
    const covered = dotsOf(context)
    const dot = `${'a'.repeat(24)}:${++this.#counter}`
    const sibling: SiblingInfo = {
      value,
      text: value === undefined ? undefined : decodeUtf8(value),
      writer: WRITER,
      writerReplica: '0123456789abcdef',
      wallTimeMs: 1_700_000_000_000,
      hybridTime: 1_700_000_000_000 * 1024,
      dot
    }
    this.#records.set(toHex(key), [...this.#siblings(key).filter(other => !covered.includes(other.dot)), sibling])
    return dot
  }

  async *#keys(options: Parameters<ControlledPeer['keys']>[0]): AsyncIterable<KeyInfo> {
    const prefix = options?.prefix === undefined ? '' : toHex(bytesOf(options.prefix))
    const keys = [...this.#records.keys()]
      .filter(key => key.startsWith(prefix))
      .map(key => Buffer.from(key, 'hex'))
      .toSorted(compareBytes)
    for (const key of keys.slice(0, options?.limit ?? keys.length)) {
      const siblings = this.#siblings(key)
      const bytes = siblings.reduce((sum, sibling) => sum + (sibling.value?.length ?? 0), 0)
      yield {
        key,
        text: decodeUtf8(key),
        siblings: siblings.length,
        bytes,
        owned: true,
        deleted: siblings.every(sibling => sibling.value === undefined),
        hash: '0123456789abcdef'
      }
    }
  }

  #untilAborted(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.release = resolve
      const error = new StoreError('ERR_ABORTED', 'The put was given up.', {
        outcome: 'indeterminate',
        details: { requestId: 'ab'.repeat(16) }
      })
      signal?.addEventListener('abort', () => reject(error), { once: true })
      this.#onHeld()
    })
  }
}

function dotsOf(context: ContextInput): readonly string[] {
  return context === undefined || context === null ? [] : Buffer.from(context).toString().split(',')
}

function bytesOf(input: KeyInput | ValueInput): Uint8Array {
  return typeof input === 'string' ? Buffer.from(input) : input
}

const health: RingHealth = {
  digest: '0123456789abcdef',
  members: 1,
  owners: { least: 1, mean: 1 },
  durableOwners: { least: 1, mean: 1 },
  zoneViolations: 0,
  loadMaxToMean: 1,
  warnings: ['Only 1 peer.']
}

const plan: ChangePlan = {
  moves: [{ partition: 3, to: [WRITER as PeerId], from: [] }],
  copies: 11,
  copiesMin: 10,
  quorumsReplaced: 2,
  orphans: 0,
  before: health,
  after: { ...health, members: 2 },
  joining: [],
  leaving: [],
  evicted: [],
  size: { keys: 1234, bytes: 5_000_000, keysAreExact: false },
  warnings: ['It gets worse.']
}

const status: PeerStatus = {
  peerId: WRITER,
  replicaId: '0123456789abcdef',
  cluster: 'shop',
  state: 'up',
  addresses: ['/ip4/127.0.0.1/tcp/4301'],
  connections: [],
  storage: { location: 'memory', persistent: false, bytes: 2048, bytesMax: undefined, recovered: 0 },
  keys: 3,
  hints: [{ target: WRITER, count: 2, bytes: 10 }],
  ringDigest: '0123456789abcdef',
  warnings: ['Only 1 peer.'],
  moves: noMoves,
  backgroundRecordsPerSecond: 20_000,
  members: 1,
  networkCut: false
}
