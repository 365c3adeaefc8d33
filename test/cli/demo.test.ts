/** `dynamesh demo` as a process with its peers as processes. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { runProcess, RunningProgram } from './program-process.ts'

interface DemoPeer {
  readonly name: string
  readonly peerId: string
  readonly data: string
  readonly pid: number
  readonly addresses: readonly string[]
}

let folder: string
const started: RunningProgram[] = []

beforeAll(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'dynamesh-demo-')), 'data')
})
afterAll(async () => {
  await Promise.all(started.map(demo => demo.stop('SIGKILL')))
  await rm(folder, { recursive: true, force: true })
})

function start(): RunningProgram {
  const demo = new RunningProgram(['demo', '--data', folder, '--port', '0', '--peers', '3'])
  started.push(demo)
  return demo
}

async function peersOf(demo: RunningProgram): Promise<readonly DemoPeer[]> {
  const { peers } = await demo.event(line => line.event === 'ready')
  return peers as readonly DemoPeer[]
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('starts three peers that store together, brings one back that dies, stops cleanly, and comes back as it was', async () => {
  const demo = start()
  const peers = await peersOf(demo)
  expect(peers.map(peer => peer.name)).toEqual(['edge-1', 'edge-2', 'edge-3'])
  expect(peers[0]?.addresses.some(address => address.includes('/ws'))).toBe(true)
  expect((await runProcess(['put', 'hello', '--value', 'world', '--data', peers[0]?.data ?? ''])).code).toBe(0)
  expect((await runProcess(['get', 'hello', '--data', peers[1]?.data ?? ''])).text).toBe('world')

  process.kill(peers[1]?.pid ?? 0, 'SIGKILL')
  await demo.until(() => demo.notes.some(note => note.startsWith('edge-2 died (SIGKILL)')))
  await demo.until(() => demo.notes.some(note => note.startsWith('edge-2 runs again')))
  expect((await runProcess(['get', 'hello', '--data', peers[1]?.data ?? ''])).text).toBe('world')

  const second = await runProcess(['demo', '--data', folder])
  expect(second.code).toBe(69)
  expect(second.stderr).toContain('already running')

  expect(await demo.stop('SIGINT')).toBe(0)
  for (const peer of peers) expect(isAlive(peer.pid)).toBe(false)

  const again = start()
  const back = await peersOf(again)
  expect(back.map(({ peerId, addresses }) => ({ peerId, addresses }))).toEqual(
    peers.map(({ peerId, addresses }) => ({ peerId, addresses }))
  )
  expect((await runProcess(['get', 'hello', '--data', peers[2]?.data ?? ''])).text).toBe('world')
  expect(await again.stop('SIGTERM')).toBe(0)
}, 120_000)

test('leaves no peer behind when it is killed itself', async () => {
  const demo = start()
  const peers = await peersOf(demo)
  expect(await demo.stop('SIGKILL')).toBe('SIGKILL')
  await vi.waitFor(() => expect(peers.filter(peer => isAlive(peer.pid))).toEqual([]), { timeout: 20_000 })
}, 60_000)
