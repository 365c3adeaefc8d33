/** Dynamo (SOSP 2007), section 4.4 Data Versioning: one test per claim. */
import { describe, expect, test } from 'vitest'
import { emptyContext, withDots, type CausalContext } from '../../src/core/versions/causal-context.ts'
import { decodeUtf8, encodeUtf8 } from '../../src/core/codec.ts'
import { formatDot } from '../../src/core/versions/dot.ts'
import type { Actor, PeerId } from '../../src/core/identifiers.ts'
import { contextActorsMax } from '../../src/core/limits.ts'
import { compareRecords, mergeRecords, type StoredRecord } from '../../src/core/versions/record.ts'
import { decodeRow, prefixes } from '../../src/protocol/storage-layout.ts'
import { divergences } from '../../src/simulation/checks/convergence.ts'
import type { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { valuesOf } from '../../src/simulation/run/client-call.ts'
import { goodNetwork } from '../../src/simulation/cluster/simulated-network.ts'
import { ada, aRequest, ben, clusterOf, cyd } from '../scenarios/cast.ts'

/** A shopping cart as the paper's application keeps it: merged by union. */
function addToCart(cluster: Cluster, peer: typeof ada, item: string, quorum: number): void {
  const { values, context } = cluster.get(peer, 'cart', { quorum })
  const items = new Set([...values.flatMap(value => value.split(',')), item])
  const written = cluster.put(peer, 'cart', [...items].sort().join(), { context, quorum })
  expect(written.status).toBe('ok')
}

/** Writes down what happens in the paper's words: who wrote which version under which clock. */
class Figure {
  readonly lines: string[] = []
  readonly #cluster: Cluster
  readonly #names: ReadonlyMap<string, string>

  constructor(cluster: Cluster, names: Readonly<Record<string, PeerId>>) {
    this.#cluster = cluster
    this.#names = new Map(Object.entries(names).map(([name, peer]) => [cluster.peer(peer).ringPeer?.member?.replica ?? '', name]))
  }

  write(version: string, at: PeerId, context: CausalContext, quorum: number): CausalContext {
    const written = this.#cluster.put(at, 'k', version, { context, quorum })
    expect(written.coordinator).toBe(at)
    this.lines.push(`${this.#nameOf(written.dot?.actor ?? '')} writes ${version} ${this.#clock(written.context)}`)
    return written.context
  }

  read(at: PeerId): CausalContext {
    const { values, context } = this.#cluster.get(at, 'k', { quorum: 3 })
    this.lines.push(`a read sees ${values.join()} ${this.#clock(context)}`)
    return context
  }

  #clock({ vector, loose }: CausalContext): string {
    expect(loose).toEqual([])
    const entries = [...vector].map(([actor, counter]) => `(${this.#nameOf(actor)},${counter})`)
    return `[${entries.toSorted().join()}]`
  }

  /** An actor's name begins with that of its replica. */
  #nameOf(actor: string): string {
    return this.#names.get(actor.slice(0, 16)) ?? actor
  }
}

/** The longest that a write takes on the simulated disks, from message to acknowledgement. */
const slowestWriteMs = 20

describe('4.4 Data Versioning', () => {
  test('a put may return before the update has reached all replicas, and a get may then miss it', () => {
    const cluster = clusterOf(3)
    cluster.network.block(ada, cyd)
    expect(cluster.put(ada, 'k', 'v', { quorum: 2 }).status).toBe('ok')
    expect(cluster.copy(cyd, 'k')).toBeUndefined()
    expect(cluster.get(cyd, 'k', { quorum: 1 }).values).toEqual([])
    cluster.run(5000)
    cluster.heal()
    cluster.settle()
    expect(cluster.get(cyd, 'k', { quorum: 1 }).values).toEqual(['v'])
  })

  test('without failures there is a bound on the time until all replicas have an update', () => {
    const cluster = clusterOf(3)
    for (let write = 0; write < 50; write++) {
      cluster.put(cluster.peers[write % 3] ?? ada, `k${write}`, 'v', { quorum: 1 })
      cluster.run(goodNetwork.delayMaxMs + slowestWriteMs)
      for (const peer of cluster.peers) expect(cluster.copyValues(peer, `k${write}`)).toEqual(['v'])
    }
  })

  test('under certain failures an update does not arrive at all replicas for an extended period', () => {
    const cluster = clusterOf(3)
    cluster.partition([ada, ben], [cyd])
    cluster.put(ada, 'k', 'v', { quorum: 2 })
    cluster.run(3600_000)
    expect(cluster.copy(cyd, 'k')).toBeUndefined()
    cluster.heal()
    cluster.settle()
    expect(cluster.copyValues(cyd, 'k')).toEqual(['v'])
  })

  test('a change made to an older version is preserved, and does not supersede the state that was not available', () => {
    const cluster = clusterOf(3)
    cluster.put(ada, 'cart', 'book', { quorum: 3 })
    cluster.partition([ada], [ben, cyd])
    cluster.run(20_000)
    addToCart(cluster, ben, 'lamp', 2)
    addToCart(cluster, ada, 'pen', 1)
    cluster.heal()
    cluster.settle()
    expect(cluster.get(cyd, 'cart', { quorum: 3 }).values).toEqual(['book,lamp', 'book,pen'])
  })

  test('the result of each modification is a new and immutable version: whoever stores it ever, it has one value', () => {
    const cluster = clusterOf(4)
    const versions = new Map<string, string>()
    let changed = 0
    cluster.observer = {
      becameDurable: (_peer, batch) => {
        for (const operation of batch) {
          if (operation.type !== 'put' || operation.key[0] !== prefixes.row[0]) continue
          for (const { dot, value } of decodeRow(operation.value).record.siblings) {
            const text = value === undefined ? 'deleted' : (decodeUtf8(value) ?? '')
            if ((versions.get(formatDot(dot)) ?? text) !== text) changed += 1
            versions.set(formatDot(dot), text)
          }
        }
      }
    }
    let context: CausalContext | undefined
    for (let write = 0; write < 40; write++) {
      const peer = cluster.peers[write % 4] ?? ada
      if (write % 7 === 0) cluster.restart(cluster.peers[(write + 1) % 4] ?? ben)
      ;({ context } = cluster.put(peer, 'k', `v${write}`, { quorum: 2, ...(context === undefined || write % 5 === 0 ? {} : { context }) }))
    }
    cluster.settle()
    expect(changed).toBe(0)
    expect([...versions.values()].toSorted()).toEqual(Array.from({ length: 40 }, (_, write) => `v${write}`).toSorted())
  })

  test('there may be not just two but several versions of the same data', () => {
    const cluster = clusterOf(5)
    cluster.put(ada, 'k', 'trunk', { quorum: 3 })
    const { context } = cluster.get(ada, 'k', { quorum: 3 })
    cluster.partition(...cluster.peers.map(peer => [peer]))
    cluster.run(20_000)
    for (const peer of cluster.peers) cluster.put(peer, 'k', `of ${peer}`, { context, quorum: 1 })
    cluster.heal()
    cluster.settle()
    expect(cluster.get(ada, 'k', { quorum: 3 }).values).toEqual(cluster.peers.map(peer => `of ${peer}`).sort())
  })

  test('counters that are less than or equal in all entries make a version an ancestor, which can be forgotten; else both are kept', () => {
    const version = (name: string, ...counters: readonly [actor: string, counter: number][]): StoredRecord => {
      const dots = counters.map(([actor, counter]) => ({ actor: actor.padStart(24, '0') as Actor, counter }))
      const all = dots.flatMap(({ actor, counter }) => Array.from({ length: counter }, (_, index) => ({ actor, counter: index + 1 })))
      const [dot] = dots
      if (dot === undefined) throw new Error('a version has a writer')
      return {
        context: withDots(emptyContext, all),
        siblings: [{ dot, request: aRequest(Number(name.slice(1))), wallTime: 0, value: encodeUtf8(name) }]
      }
    }
    const d2 = version('D2', ['aa', 2])
    const d3 = version('D3', ['bb', 1], ['aa', 2])
    const d4 = version('D4', ['cc', 1], ['aa', 2])
    expect(compareRecords(d2, d3)).toBe('older')
    expect(valuesOf(mergeRecords(d2, d4))).toEqual(['D4'])
    expect(compareRecords(d3, d4)).toBe('concurrent')
    expect(valuesOf(mergeRecords(d3, d4))).toEqual(['D3', 'D4'])
  })

  test('under failures an "add to cart" can neither be forgotten nor rejected', () => {
    const cluster = clusterOf(3)
    addToCart(cluster, ada, 'book', 2)
    cluster.partition([ada], [ben, cyd])
    cluster.run(20_000)
    addToCart(cluster, ada, 'pen', 1)
    addToCart(cluster, ben, 'lamp', 2)
    addToCart(cluster, ada, 'ink', 1)
    cluster.heal()
    cluster.settle()
    addToCart(cluster, cyd, 'desk', 3)
    expect(cluster.get(ben, 'cart', { quorum: 3 }).values).toEqual(['book,desk,ink,lamp,pen'])
  })

  test('deleted items can resurface when divergent carts are merged', () => {
    const cluster = clusterOf(2)
    cluster.put(ada, 'cart', 'book,pen', { quorum: 2 })
    const read = cluster.get(ada, 'cart')
    cluster.partition([ada], [ben])
    cluster.run(20_000)
    cluster.put(ada, 'cart', 'book', { context: read.context, quorum: 1 })
    cluster.put(ben, 'cart', 'book,ink,pen', { context: read.context, quorum: 1 })
    cluster.heal()
    cluster.settle()
    addToCart(cluster, ada, 'desk', 2)
    expect(cluster.get(ben, 'cart', { quorum: 2 }).values).toEqual(['book,desk,ink,pen'])
  })

  test('most of the time a new version subsumes the one before, and the system decides by itself (syntactic reconciliation)', () => {
    const cluster = clusterOf(3)
    let context: CausalContext | undefined
    for (let version = 1; version <= 20; version++)
      context = cluster.put(cluster.peers[version % 3] ?? ada, 'k', `v${version}`, context === undefined ? {} : { context }).context
    expect(cluster.get(ben, 'k', { quorum: 3 }).values).toEqual(['v20'])
  })

  test('versions branch by failures with concurrent updates; the client reconciles them, and its write collapses the branches', () => {
    const cluster = clusterOf(2)
    cluster.put(ada, 'k', 'trunk', { quorum: 2 })
    const { context } = cluster.get(ada, 'k')
    cluster.partition([ada], [ben])
    cluster.run(20_000)
    cluster.put(ada, 'k', 'left', { context, quorum: 1 })
    cluster.put(ben, 'k', 'right', { context, quorum: 1 })
    cluster.heal()
    cluster.settle()
    const branches = cluster.get(ada, 'k', { quorum: 2 })
    expect(branches.values).toEqual(['left', 'right'])
    cluster.put(ada, 'k', 'joined', { context: branches.context, quorum: 2 })
    expect(cluster.get(ben, 'k', { quorum: 2 }).values).toEqual(['joined'])
    expect(divergences(cluster, ['k'])).toEqual([])
  })

  test('Figure 3: the version evolution of an object, as a transcript', () => {
    const cluster = clusterOf(3)
    const [sx, sy, sz] = [ada, ben, cyd]
    const figure = new Figure(cluster, { Sx: sx, Sy: sy, Sz: sz })
    const d1 = figure.write('D1', sx, emptyContext, 3)
    const d2 = figure.write('D2', sx, d1, 3)
    cluster.partition([sx], [sy], [sz])
    cluster.run(20_000)
    figure.write('D3', sy, d2, 1)
    figure.write('D4', sz, d2, 1)
    cluster.heal()
    cluster.settle()
    const context = figure.read(sx)
    figure.write('D5', sx, context, 3)
    figure.read(sy)
    expect(figure.lines).toEqual([
      'Sx writes D1 [(Sx,1)]',
      'Sx writes D2 [(Sx,2)]',
      'Sy writes D3 [(Sx,2),(Sy,1)]',
      'Sz writes D4 [(Sx,2),(Sz,1)]',
      'a read sees D3,D4 [(Sx,2),(Sy,1),(Sz,1)]',
      'Sx writes D5 [(Sx,3),(Sy,1),(Sz,1)]',
      'a read sees D5 [(Sx,3),(Sy,1),(Sz,1)]'
    ])
  })

  test('the clock stays small where the first N nodes handle the writes: not one entry more than N, whoever calls', () => {
    const cluster = clusterOf(6)
    let context: CausalContext = emptyContext
    for (let write = 0; write < 200; write++)
      ({ context } = cluster.put(cluster.peers[write % 6] ?? ada, 'k', `v${write}`, { quorum: 3, context }))
    expect(context.vector.size).toBeLessThanOrEqual(3)
  })

  test('the clock grows when nodes that are not in the top N handle writes in failures', () => {
    const cluster = clusterOf(6)
    const owners = cluster.owners('k')
    let context: CausalContext = cluster.put(ada, 'k', 'v', { quorum: 3 }).context
    for (const fallback of cluster.peers.filter(peer => !owners.includes(peer))) {
      cluster.partition(
        [fallback],
        cluster.peers.filter(peer => peer !== fallback)
      )
      cluster.run(20_000)
      ;({ context } = cluster.put(fallback, 'k', `of ${fallback}`, { quorum: 1, context }))
      cluster.heal()
      cluster.settle()
    }
    expect(context.vector.size).toBe(4)
    expect(cluster.get(ada, 'k', { quorum: 3 }).values).toHaveLength(1)
  })

  test('the size of the clock is limited; at the limit a write is refused, where the paper forgets the oldest entry and with it what it orders', () => {
    const cluster = clusterOf(3)
    const known = (from: number): CausalContext =>
      withDots(
        emptyContext,
        Array.from({ length: contextActorsMax - 24 }, (_, index) => ({
          actor: `ffff${(from + index).toString(16).padStart(20, '0')}` as Actor,
          counter: 1
        }))
      )
    cluster.put(ada, 'k', 'v1', { context: known(0), quorum: 3 })
    expect(cluster.put(ada, 'k', 'v2', { context: known(contextActorsMax) })).toMatchObject({ status: 'failed', mayHaveHappened: false })
    expect(cluster.get(ben, 'k', { quorum: 3 }).values).toEqual(['v1'])
  })

  test('a client that wishes to update must say which version it updates: without a context a put is concurrent with all there is', () => {
    const cluster = clusterOf(3)
    cluster.put(ada, 'k', 'one')
    cluster.put(ada, 'k', 'two')
    expect(cluster.get(ben, 'k', { quorum: 3 }).values).toEqual(['one', 'two'])
  })

  test('a put with an old context keeps what came after it', () => {
    const cluster = clusterOf(3)
    const first = cluster.put(ada, 'k', 'one')
    cluster.put(ada, 'k', 'two', { context: first.context })
    cluster.put(ben, 'k', 'late', { context: first.context })
    expect(cluster.get(cyd, 'k', { quorum: 3 }).values).toEqual(['late', 'two'])
  })
})
