/** A failing run is made small: shown with a cluster that is broken on purpose. */
import { describe, expect, test } from 'vitest'
import { prefixes } from '../../src/protocol/storage-layout.ts'
import type { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { shrink, type ShrunkRun } from '../../src/simulation/run/shrink.ts'
import { simulate, type SimulationOptions, type SimulationResult } from '../../src/simulation/run/simulate.ts'
import { SimulatedStorage } from '../../src/simulation/cluster/simulated-storage.ts'

/** The disk of the first peer says that copies are durable, and forgets them when the power goes. */
function withLyingDisk(cluster: Cluster): void {
  const [first = cluster.add()] = cluster.peers
  const { storage } = cluster.peer(first)
  storage.crash = unsynced => {
    SimulatedStorage.prototype.crash.call(storage, unsynced)
    for (const { key } of storage.rows(prefixes.row)) storage.tamper({ type: 'delete', key })
  }
}

/** The observer does not hear of what becomes durable at the first peer. */
function withDeafObserver(cluster: Cluster): void {
  const { becameDurable } = cluster.observer
  cluster.observer = {
    ...cluster.observer,
    becameDurable: (peer, batch) => (peer === cluster.peers[0] ? undefined : becameDurable?.(peer, batch))
  }
}

const broken =
  (prepare: (cluster: Cluster) => void) =>
  (options: SimulationOptions): SimulationResult =>
    simulate({ ...options, prepare })

/** The first seed that fails, made small. */
function shrunk(run: (options: SimulationOptions) => SimulationResult): { readonly first: SimulationResult; readonly small: ShrunkRun } {
  for (let seed = 1; seed < 100; seed++) {
    const options = { seed, operations: 150 }
    const first = run(options)
    if (!first.ok) return { first, small: shrink(options, first, { run }) }
  }
  throw new Error('no seed failed')
}

describe('a failing run', () => {
  const lying = broken(withLyingDisk)
  const { first, small } = shrunk(lying)

  test('is reduced to the few faults, calls and peers that it takes', () => {
    expect(small.result.ok).toBe(false)
    expect(first.schedule.length).toBeGreaterThan(5)
    expect(small.result.schedule.length).toBeLessThanOrEqual(3)
    expect(small.result.schedule.map(({ kind }) => kind).some(kind => kind.startsWith('crash'))).toBe(true)
    expect(small.result.operations).toBeLessThan(75)
    expect(small.result.peers).toBeLessThanOrEqual(first.peers)
  })

  test('fails in the same way with the options that are printed, and with none of its faults left out', () => {
    const { only = [] } = small.options
    expect(lying(small.options).problems).toEqual(small.result.problems)
    for (const entry of only) expect(lying({ ...small.options, only: only.filter(other => other !== entry) }).ok).toBe(true)
  })

  test('does not fail where nothing is broken', () => {
    expect(simulate(small.options).problems).toEqual([])
  })

  test('is reduced to no fault at all when it takes none', () => {
    const { small: deaf } = shrunk(broken(withDeafObserver))
    expect(deaf.result.ok).toBe(false)
    expect(deaf.result.schedule).toEqual([])
    expect(deaf.result.operations).toBeLessThanOrEqual(3)
    expect(deaf.result.peers).toBe(1)
  })
})

describe('a schedule of faults', () => {
  test('is the same run when all that happened is let happen again', () => {
    const all = simulate({ seed: 11, operations: 160, trace: true })
    const again = simulate({ seed: 11, operations: 160, trace: true, only: all.selection })
    expect(all.schedule.length).toBeGreaterThan(3)
    expect(again.trace).toEqual(all.trace)
  })

  test('keeps the other faults as they are when one is left out', () => {
    const all = simulate({ seed: 11, operations: 160 })
    const without = simulate({ seed: 11, operations: 160, only: all.selection.filter(entry => entry !== all.schedule[1]?.number) })
    const kindAndTime = ({ number, kind, atMs }: (typeof all.schedule)[number]): string => `${number} ${kind} ${Math.round(atMs)}`
    const expected = all.schedule.filter((_, index) => index !== 1).map(kindAndTime)
    expect(without.schedule.slice(0, 2).map(kindAndTime)).toEqual(expected.slice(0, 2))
  })
})
