/** Processes of which each key has one owner: while peers join, writes and reads go on at all of them, and no read misses what was acknowledged. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { controlClient } from '../../src/cli/access/control/client.ts'
import { RunningPeer } from './program-process.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

type Client = Awaited<ReturnType<typeof controlClient>>

const words = ['--cluster', 'moving', '--partitions', '64', '--replicas', '1', '--r', '1', '--w', '1']
const keys = Array.from({ length: 24 }, (_, index) => Buffer.from(`key-${index}`))
let root: string
const peers: RunningPeer[] = []
const clients: Client[] = []

async function start(name: string): Promise<void> {
  const [address = ''] = peers[0] === undefined ? [] : await peers[0].addresses()
  const peer = new RunningPeer(join(root, name), [...words, ...(address === '' ? [] : ['--join', address])])
  peers.push(peer)
  await peer.ready()
  clients.push(await controlClient(peer.data))
}

/** Waits until each peer knows that all others are up. */
async function acquainted(): Promise<void> {
  for (const peer of peers) await peer.knows(peers.filter(other => other !== peer))
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'dynamesh-moving-'))
  await start('1')
  await start('2')
  await acquainted()
})

afterAll(async () => {
  await Promise.all(peers.map(peer => peer.stop()))
  await rm(root, { recursive: true, force: true })
})

interface Rounds {
  readonly missed: string[]
  acknowledged: number
  isOver: boolean
}

/** Reads a key at one peer after the other, and supersedes what it read: each read shows the write before, and nothing else. */
async function writeOn(key: Buffer, number: number, rounds: Rounds): Promise<void> {
  let last: string | undefined
  for (let round = number; !rounds.isOver; round++) {
    const reader = clients[round % clients.length] as Client
    const { texts, context } = await reader.get(key, {})
    if (texts.join() !== (last ?? '')) rounds.missed.push(`${key.toString()}: ${texts.join()} instead of ${last}`)
    last = `value ${round}`
    const writer = clients[(round * 7 + 1) % clients.length] as Client
    await writer.put(key, context, Buffer.from(last), {})
    rounds.acknowledged += 1
  }
}

test('no read misses an acknowledged write while three peers join', async () => {
  const rounds: Rounds = { missed: [], acknowledged: 0, isOver: false }
  const writing = keys.map((key, number) => writeOn(key, number, rounds))
  const joining = (async () => {
    try {
      await start('3')
      await Promise.all([start('4'), start('5')])
      await acquainted()
    } finally {
      rounds.isOver = true
    }
  })()
  await Promise.all([joining, ...writing])
  expect(rounds.missed).toEqual([])
  expect(rounds.acknowledged).toBeGreaterThan(keys.length)
  const members = await clients[0]?.members()
  expect(members?.map(({ status }) => status)).toEqual(peers.map(() => 'up'))
})
