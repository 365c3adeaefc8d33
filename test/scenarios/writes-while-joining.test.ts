/** No read misses what a newcomer has acknowledged because an owner that it displaced has not heard of it; and a write is taken, whoever cannot be told. */
import { describe, expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import type { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { ada, ben, cyd, dee, eve } from './cast.ts'
import { filledCluster } from './movement.ts'

const keys = Array.from({ length: 120 }, (_, index) => `key-${index}`)
const everybody: readonly PeerId[] = [ada, ben, cyd, dee]

/** Messages take their time, and disks do not: what is written is durable long before everybody has heard who joins. */
const filled = (replicas: number): Cluster =>
  filledCluster(4, keys, { replicas, partitions: 64, disks: { readMs: 0, writeMs: 1 }, network: { delayMinMs: 1, delayMaxMs: 120 } })

interface Writing {
  acknowledged: number
  readonly missed: string[]
}

/** Writes each key at one of `writers`, and reads it at all others as soon as that is acknowledged. */
function writeAndRead(cluster: Cluster, writers: readonly PeerId[], quorum: { readonly w: number; readonly r: number }): Writing {
  const writing: Writing = { acknowledged: 0, missed: [] }
  const write = (key: string, number: number): void => {
    const writer = writers[number % writers.length] ?? ada
    const value = `${writer} ${key} ${number}`
    cluster.startPut(writer, key, value, { quorum: quorum.w, sloppy: false }, ({ status }) => {
      if (status !== 'ok') return
      writing.acknowledged += 1
      for (const reader of [...everybody, ...writers])
        cluster.startGet(reader, key, { quorum: quorum.r }, answer => {
          if (!answer.values.includes(value))
            writing.missed.push(`${key} of ${writer} at ${reader}: ${answer.status} ${answer.values.join()}`)
        })
    })
  }
  for (const [number, key] of keys.entries()) cluster.time.after(number * 10, () => write(key, number))
  cluster.run(keys.length * 10 + 10_000)
  return writing
}

describe.each([
  { replicas: 1, w: 1, r: 1 },
  { replicas: 2, w: 1, r: 2 },
  { replicas: 3, w: 2, r: 2 }
])('with N=$replicas, W=$w and R=$r reads see at once', ({ replicas, w, r }) => {
  test('what a peer acknowledges that has just joined', () => {
    const cluster = filled(replicas)
    const newcomer = cluster.add()
    cluster.runUntil(() => cluster.peer(newcomer).ringPeer?.ring().members.length === 5)
    const { acknowledged, missed } = writeAndRead(cluster, [newcomer], { w, r })
    expect(missed).toEqual([])
    expect(acknowledged).toBe(keys.length)
  })

  test('what two peers acknowledge that join at the same time', () => {
    const cluster = filled(replicas)
    const newcomers = [cluster.add(), cluster.add()]
    cluster.runUntil(() => newcomers.every(peer => (cluster.peer(peer).ringPeer?.ring().members.length ?? 0) >= 5))
    const { acknowledged, missed } = writeAndRead(cluster, newcomers, { w, r })
    expect(missed).toEqual([])
    expect(acknowledged).toBe(keys.length)
  })
})

test('a newcomer that cannot tell the owners that it displaces takes writes all the same', () => {
  const cluster = filled(1)
  const newcomer = cluster.add()
  cluster.runUntil(() => cluster.peer(newcomer).ringPeer?.ring().members.length === 5)
  cluster.withholds = ({ to, message }) => to !== newcomer && (message.type.startsWith('view-') || message.type === 'ping')
  for (const key of keys.slice(0, 20)) expect(cluster.put(newcomer, key, 'taken', { quorum: 1, timeoutMs: 1500 }).status, key).toBe('ok')
  expect(eve).toBe(newcomer)
})
