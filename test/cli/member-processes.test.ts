/** Peers that join, leave, vanish and are evicted, as processes, by commands. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { ChangePlan } from '../../src/store/member-api.ts'
import { runProcess, RunningPeer, type EventLine, type ProcessResult } from './program-process.ts'

// Dozens of processes on whatever machine this is.
vi.setConfig({ testTimeout: 180_000 })

interface Ring {
  readonly digest: string
  readonly members: readonly { readonly peerId: string }[]
  readonly warnings: readonly string[]
}

const cluster = ['--cluster', 'members', '--partitions', '64']
const keys = Array.from({ length: 5 }, (_, index) => `key-${index}`)
let root: string
let peers: RunningPeer[]
let joinAddress: string

const start = (name: string, ...words: readonly string[]): RunningPeer => new RunningPeer(join(root, name), [...cluster, ...words])
const ask = (peer: RunningPeer | undefined, ...words: readonly string[]): Promise<ProcessResult> =>
  runProcess([...words, '--data', peer?.data ?? ''])
const idOf = async (peer: RunningPeer | undefined): Promise<string> => String((await peer?.ready())?.['peerId'])

async function json<Answer>(peer: RunningPeer | undefined, ...words: readonly string[]): Promise<Answer> {
  const { code, text, stderr } = await ask(peer, ...words, '--json')
  expect(code, stderr).toBe(0)
  return JSON.parse(text) as Answer
}

/** Waits until these peers, and no others, make the ring of each of them. */
async function agree(...members: readonly RunningPeer[]): Promise<void> {
  const ids = (await Promise.all(members.map(idOf))).toSorted()
  await vi.waitFor(
    async () => {
      for (const peer of members) {
        const ring = await json<Ring>(peer, 'ring')
        expect(ring.members.map(({ peerId }) => peerId).toSorted()).toEqual(ids)
      }
    },
    { timeout: 60_000, interval: 200 }
  )
}

async function expectAllKeys(peer: RunningPeer | undefined, ...flags: readonly string[]): Promise<void> {
  for (const key of keys) expect((await ask(peer, 'get', key, ...flags)).text, key).toBe(`value of ${key}`)
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'dynamesh-members-'))
  const first = start('1')
  joinAddress = (await first.addresses())[0] ?? ''
  peers = [first, start('2', '--join', joinAddress), start('3', '--join', joinAddress)]
  await agree(...peers)
  for (const key of keys) expect((await ask(first, 'put', key, '--value', `value of ${key}`, '--w', '3')).code).toBe(0)
}, 180_000)

afterAll(async () => {
  await Promise.all(peers.map(peer => peer.stop()))
  await rm(root, { recursive: true, force: true })
}, 60_000)

describe('a peer that leaves', () => {
  test('gives what it has and ends with 0, and the ring is as it was planned', async () => {
    const fourth = start('4', '--join', joinAddress)
    await agree(...peers, fourth)
    const plan = await json<ChangePlan>(fourth, 'plan', 'leave')
    expect(plan.leaving).toEqual([await idOf(fourth)])
    expect(plan.copies).toBeGreaterThanOrEqual(plan.copiesMin)
    const { code, text, stderr } = await ask(fourth, 'leave')
    expect(code, stderr).toBe(0)
    expect(text).toContain(`left  ${await idOf(fourth)}`)
    expect(await fourth.ended).toBe(0)
    await agree(...peers)
    expect((await json<Ring>(peers[0], 'ring')).digest).toBe(plan.after.digest)
    await expectAllKeys(peers[1], '--r', '3')
    expect((await ask(peers[0], 'members', '--all')).text).toMatch(/left/)
  })

  test('is not one that is stopped: Ctrl-C keeps its place, and it is back with its data', async () => {
    const before = await json<Ring>(peers[0], 'ring')
    expect(await peers[2]?.stop('SIGINT')).toBe(0)
    await peers[0]?.event(isSuspect(await idOf(peers[2])))
    expect(await json<Ring>(peers[0], 'ring')).toEqual(before)
    peers[2] = start('3', '--join', joinAddress)
    await peers[2].knows(peers.slice(0, 2))
    await expectAllKeys(peers[2], '--r', '3')
  })

  test('and is asked where none runs, is not there: 69', async () => {
    expect((await runProcess(['leave', '--data', join(root, 'nowhere')])).code).toBe(69)
  })
})

describe('an eviction', () => {
  test.each<[what: string, name: () => Promise<string>, code: string]>([
    ['of nobody', async () => 'nobody-of-this-name', 'ERR_MEMBER_UNKNOWN'],
    ['by what all peer ids begin with', async () => '12D3KooW', 'ERR_MEMBER_AMBIGUOUS'],
    ['of the peer that is asked', () => idOf(peers[0]), 'ERR_MEMBER_SELF'],
    ['of a peer that answers', () => idOf(peers[1]), 'ERR_MEMBER_REACHABLE']
  ])('%s is refused, ends with 64, and changes nothing', async (_, name, code) => {
    const before = await json<Ring>(peers[0], 'ring')
    const { code: exit, stderr } = await ask(peers[0], 'evict', await name())
    expect(exit, stderr).toBe(64)
    expect(stderr).toContain(`[${code}]`)
    expect(await json<Ring>(peers[0], 'ring')).toEqual(before)
  })

  test('of a peer that answers, by force, is refuted by it: it is a member again at once', async () => {
    const id = await idOf(peers[1])
    expect((await ask(peers[0], 'evict', id, '--force')).code).toBe(0)
    await agree(...peers)
    await vi.waitFor(
      async () => {
        const members = await json<readonly { peerId: string; status: string; incarnation: number }[]>(peers[2], 'members')
        expect(members.find(({ peerId }) => peerId === id)).toMatchObject({ status: 'up', incarnation: 2 })
      },
      { timeout: 30_000, interval: 200 }
    )
    await expectAllKeys(peers[1], '--r', '3')
  })

  test('cures a wiped data folder: the peer comes back as a new member, and the old one is taken out by the end of its id', async () => {
    const old = await idOf(peers[2])
    expect(await peers[2]?.stop('SIGKILL')).toBe('SIGKILL')
    await rm(join(root, '3'), { recursive: true })
    const reborn = start('3', '--join', joinAddress)
    peers[2] = reborn
    const fresh = await idOf(reborn)
    expect(fresh).not.toBe(old)
    await vi.waitFor(async () => expect((await json<Ring>(peers[0], 'ring')).members).toHaveLength(4), { timeout: 60_000, interval: 200 })
    await peers[0]?.event(isSuspect(old))
    const plan = await json<ChangePlan>(peers[0], 'plan', 'evict', old)
    expect(plan).toMatchObject({ evicted: [old], orphans: 0, warnings: [] })
    const { code, text, stderr } = await ask(peers[0], 'evict', old.slice(-10))
    expect(code, stderr).toBe(0)
    expect(text).toContain(`evicted  ${old}`)
    expect((await ask(peers[0], 'status', '--watch')).code).toBe(0)
    await agree(...peers)
    expect((await json<Ring>(peers[1], 'ring')).digest).toBe(plan.after.digest)
    expect((await ask(peers[0], 'evict', old)).text).toContain('was gone already')
    // The reborn peer ends up with a copy of everything: with three members it owns every partition.
    await vi.waitFor(async () => expect((await ask(reborn, 'keys')).text.trim().split('\n').toSorted()).toEqual(keys.toSorted()), {
      timeout: 60_000,
      interval: 200
    })
    await expectAllKeys(reborn, '--r', '3')
  })

  test('by a client over the network is known to the peers before the client ends', async () => {
    const gone = start('gone', '--join', joinAddress)
    await agree(...peers, gone)
    const id = await idOf(gone)
    await gone.stop('SIGKILL')
    await peers[0]?.event(isSuspect(id))
    const { code, stderr } = await runProcess(['evict', id, ...cluster, '--join', joinAddress])
    expect(code, stderr).toBe(0)
    expect((await json<Ring>(peers[0], 'ring')).members.map(({ peerId }) => peerId)).not.toContain(id)
    await agree(...peers)
  })
})

describe('warnings', () => {
  test('of too few members and zones are told by start, status, ring and plan, and refuse nothing', async () => {
    const alone = start('alone', '--zone', 'a')
    const warned = await alone.event(line => line.event === 'ring:warning')
    expect(JSON.stringify(warned)).toContain('Only 1 member stores data')
    expect((await ask(alone, 'put', 'a', '--value', 'b')).code).toBe(0)
    for (const command of ['status', 'ring']) expect((await ask(alone, command)).text).toMatch(/warning +Only 1 member stores data/)
    const plan = await json<ChangePlan>(alone, 'plan', 'join', '3', '--zone', 'a', '--zone', 'b')
    expect(plan.warnings).toEqual(['Only 2 zones for 3 owners, so a partition may have 2 owners in one zone.'])
    const left = await ask(alone, 'leave')
    expect(left.code).toBe(0)
    expect(left.stderr).toContain('warning: No member stores data')
    expect(left.text).toContain('kept  1 key in its folder')
    expect(await alone.ended).toBe(0)
  })
})

function isSuspect(peerId: string): (line: EventLine) => boolean {
  return line => line.event === 'member:suspect' && line['peerId'] === peerId
}
