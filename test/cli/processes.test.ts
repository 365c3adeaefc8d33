/** The command line as its users meet it: processes that talk to processes. */
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { valueBytesMax } from '../../src/core/limits.ts'
import { programWords, resultOf, runProcess, RunningPeer, type EventLine, type ProcessResult } from './program-process.ts'

// Dozens of processes on whatever machine this is.
vi.setConfig({ testTimeout: 180_000 })

let root: string
let peers: RunningPeer[]
let joinAddress: string
const cluster = ['--cluster', 'processes']
/** A valid address where nobody is. */
const unreachable = '/ip4/127.0.0.1/tcp/1/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA'

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'dynamesh-processes-'))
  const first = new RunningPeer(join(root, '1'), cluster)
  joinAddress = (await first.addresses())[0] ?? ''
  peers = [first, ...[2, 3].map(number => new RunningPeer(join(root, String(number)), [...cluster, '--join', joinAddress]))]
  await Promise.all(peers.map(peer => peer.knows(peers.filter(other => other !== peer))))
}, 120_000)

afterAll(async () => {
  await Promise.all(peers.map(peer => peer.stop()))
  await rm(root, { recursive: true, force: true })
}, 60_000)

const through = (number: 0 | 1 | 2, words: readonly string[], stdin?: Uint8Array): Promise<ProcessResult> =>
  runProcess([...words, '--data', peers[number]?.data ?? ''], stdin === undefined ? {} : { stdin })

const isRefusal = (line: EventLine): boolean => line.event === 'warning' && line['code'] === 'ERR_CLUSTER_CONFIG_MISMATCH'

const requestIdIn = (text: string): string => /--request-id ([0-9a-f]{32})/.exec(text)?.[1] ?? ''

describe('three peers', () => {
  test.each([
    ['every byte', Uint8Array.from({ length: 65_536 }, (_, index) => (index * 7 + (index >> 8)) & 0xff)],
    ['0 bytes', new Uint8Array()],
    ['1 MiB', Uint8Array.from({ length: valueBytesMax }, (_, index) => (index * 31) & 0xff)]
  ])('take %s through one and give them back through the others', async (name, bytes) => {
    const file = join(root, 'value')
    await writeFile(file, bytes)
    expect((await through(0, ['put', name, file])).code).toBe(0)
    for (const number of [0, 1, 2] as const) expect((await through(number, ['get', name])).stdout.equals(bytes)).toBe(true)
    expect((await through(1, ['put', name, '-'], bytes)).code).toBe(0)
    expect((await through(2, ['get', name])).stdout.equals(bytes)).toBe(true)
  })

  test('show siblings, take the merged value, and delete', async () => {
    await through(0, ['put', 'cart', '--value', 'apples'])
    await through(1, ['put', 'cart', '--value', 'pears', '--add-sibling'])
    const read = await through(2, ['get', 'cart'])
    expect(read).toMatchObject({ code: 2, text: '' })
    expect(read.stderr).toMatch(/apples/)
    expect(read.stderr).toMatch(/pears/)
    expect((await through(0, ['put', 'cart', '--value', 'x'])).code).toBe(2)
    expect((await through(0, ['put', 'cart', '--value', 'apples, pears', '--resolve'])).code).toBe(0)
    expect((await through(1, ['get', 'cart'])).text).toBe('apples, pears')
    expect((await through(2, ['delete', 'cart'])).code).toBe(0)
    expect((await through(0, ['get', 'cart'])).code).toBe(1)
  })

  test('agree on the ring, and say how they are as JSON', async () => {
    const rings = await Promise.all(
      ([0, 1, 2] as const).map(
        async number => JSON.parse((await through(number, ['ring', '--json'])).text) as { digest: string; members: readonly object[] }
      )
    )
    expect(new Set(rings.map(ring => ring.digest)).size).toBe(1)
    expect(rings[0]?.members).toHaveLength(3)
    const members = JSON.parse((await through(0, ['members', '--json'])).text) as readonly object[]
    expect(members).toHaveLength(3)
    expect(members[0]).toMatchObject({ status: 'up', weight: 4, durable: true })
    expect(JSON.parse((await through(0, ['status', '--json'])).text)).toMatchObject({ cluster: 'processes', state: 'up', members: 3 })
    expect(JSON.parse((await through(0, ['ring', 'cart', '--json'])).text)).toMatchObject({
      key: 'cart',
      owners: expect.any(Array) as unknown
    })
    for (const command of ['members', 'ring', 'status']) {
      const { code, text } = await through(0, [command])
      expect(code).toBe(0)
      if (command !== 'status') for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    }
  })

  test('serve a client that joins over the network and stores nothing', async () => {
    const words = [...cluster, '--join', joinAddress]
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)
    const put = await runProcess(['put', 'from afar', '-', ...words], { stdin: bytes })
    expect(put.code, put.stderr).toBe(0)
    expect((await runProcess(['get', 'from afar', ...words])).stdout.equals(bytes)).toBe(true)
    expect((await runProcess(['get', 'nothing', ...words])).code).toBe(1)
    expect((await through(1, ['get', 'from afar'])).stdout.equals(bytes)).toBe(true)
    const { text } = await through(0, ['members', '--json', '--all'])
    const known = JSON.parse(text) as readonly { readonly weight: number }[]
    expect(
      known.map(({ weight }) => weight),
      'a client leaves no record behind'
    ).toEqual([4, 4, 4])
  })

  test('let a reader stop early without a word', async () => {
    const file = join(root, 'big')
    await writeFile(file, new Uint8Array(valueBytesMax))
    await through(0, ['put', 'big', file])
    const command = `"$0" "$1" get big --data "$2" | head -c 1 > /dev/null; exit "\${PIPESTATUS[0]}"`
    const { code, stderr } = await resultOf(spawn('bash', ['-c', command, ...programWords, peers[0]?.data ?? '']))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  test('refuse a peer and a client of another configuration, with both values', async () => {
    const client = await runProcess(['get', 'a', ...cluster, '--join', joinAddress, '--replicas', '2'])
    expect(client.code, client.stderr).toBe(78)
    expect(client.stderr).toContain('ERR_CLUSTER_CONFIG_MISMATCH')
    expect(client.stderr).toMatch(/\b2\b.*\b3\b|\b3\b.*\b2\b/)
    const stranger = new RunningPeer(join(root, 'stranger'), ['--cluster', 'another', '--join', joinAddress])
    const seen = await peers[0]?.event(isRefusal)
    expect(seen?.['message']).toBeTypeOf('string')
    const refused = await stranger.event(isRefusal)
    expect(refused['message']).toContain('another')
    expect(refused['message']).toContain('processes')
    expect(await stranger.stop()).toBe(0)
  })

  test('do not answer while two of them hang: a put says what is known of it, and repeating it by its request id cannot count twice', async () => {
    const hung = peers.slice(1)
    for (const peer of hung) peer.child.kill('SIGSTOP')
    try {
      const late = await through(0, ['put', 'slow', '--value', 'once', '--add-sibling', '--w', '3', '--timeout', '300ms'])
      expect(late.code, late.stderr).toBe(75)
      expect(late.stderr).toContain('ERR_WRITE_QUORUM')
      expect(late.stderr).toContain('indeterminate')
      for (const peer of hung) peer.child.kill('SIGCONT')
      const again = ['put', 'slow', '--value', 'once', '--add-sibling', '--w', '3', '--request-id', requestIdIn(late.stderr)]
      await vi.waitFor(async () => expect((await through(0, again)).code).toBe(0), { timeout: 30_000 })
      expect(await through(1, ['get', 'slow', '--r', '3'])).toMatchObject({ code: 0, text: 'once' })
    } finally {
      for (const peer of hung) peer.child.kill('SIGCONT')
    }
  })

  test('lose one to kill -9 and have it back with everything acknowledged', async () => {
    await through(2, ['put', 'kept', '--value', 'through the crash', '--w', '3'])
    expect(await peers[2]?.stop('SIGKILL')).toBe('SIGKILL')
    expect((await through(0, ['get', 'kept'])).text).toBe('through the crash')
    const back = new RunningPeer(join(root, '3'), [...cluster, '--join', joinAddress])
    peers[2] = back
    await back.knows(peers.slice(0, 2))
    expect((await through(2, ['get', 'kept', '--r', '3'])).text).toBe('through the crash')
  })
})

describe('one peer', () => {
  test('starts though nobody answers and one address is no address, says so, and keeps serving', async () => {
    const peer = new RunningPeer(join(root, 'alone'), [...cluster, '--join', unreachable, '--join', 'nonsense'])
    await peer.event(line => line.event === 'warning' && JSON.stringify(line).includes('nonsense'))
    await peer.ready()
    const status = JSON.parse((await runProcess(['status', '--json', '--data', peer.data])).text) as { state: string }
    expect(status.state).toBe('isolated')
    expect((await runProcess(['put', 'a', '--value', 'b', '--data', peer.data])).code).toBe(0)
    expect((await runProcess(['get', 'a', '--data', peer.data])).text).toBe('b')
    expect(await peer.stop('SIGINT')).toBe(0)
  })

  test('is itself after a clean stop and start, with its data', async () => {
    const data = join(root, 'again')
    const before = new RunningPeer(data, cluster)
    const { peerId } = await before.ready()
    await runProcess(['put', 'a', '--value', 'kept', '--data', data])
    expect(await before.stop('SIGTERM')).toBe(0)
    expect((await runProcess(['get', 'a', '--data', data])).code).toBe(69)
    const after = new RunningPeer(data, cluster)
    expect((await after.ready())['peerId']).toBe(peerId)
    expect((await runProcess(['get', 'a', '--data', data])).text).toBe('kept')
    await after.stop()
  })

  test('keeps its folder to itself', async () => {
    expect((await stat(peers[0]?.data ?? '')).mode & 0o077).toBe(0)
    const { code, stderr } = await runProcess(['start', ...cluster, '--data', peers[0]?.data ?? '', '--port', '0', '--ws-port', '0'])
    expect(code).toBe(69)
    expect(stderr).toContain('ERR_STORE_LOCKED')
    expect((await through(0, ['status'])).code).toBe(0)
  })

  test('refuses addresses to join by that cannot be used, each with its reason', async () => {
    const words = [
      'start',
      ...cluster,
      '--data',
      join(root, 'bad-join'),
      '--port',
      '0',
      '--ws-port',
      '0',
      '--join',
      'nonsense',
      '--join',
      '/ip4/1.2.3/tcp/1'
    ]
    const { code, stderr } = await runProcess(words)
    expect(code, stderr).toBe(78)
    for (const text of ['ERR_BOOTSTRAP_ADDR', 'nonsense', '/ip4/1.2.3/tcp/1']) expect(stderr).toContain(text)
  })

  test('stops when the process that forked it is gone', async () => {
    const [node = '', main = ''] = programWords
    const words = ['start', ...cluster, '--data', join(root, 'forked'), '--port', '0', '--ws-port', '0']
    const child = fork(main, words, { execPath: node, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    const [message] = (await once(child, 'message')) as [{ type: string }]
    expect(message.type).toBe('ready')
    child.disconnect()
    const [code] = (await once(child, 'exit')) as [number]
    expect(code).toBe(0)
  })

  test('stops when the process that forked it is gone before it looked', async () => {
    const [node = '', main = ''] = programWords
    const words = ['start', ...cluster, '--data', join(root, 'orphan'), '--port', '0', '--ws-port', '0']
    const child = fork(main, words, { execPath: node, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    child.disconnect()
    const [code] = (await once(child, 'exit')) as [number]
    expect(code).toBe(0)
  })

  test('a client that finds nobody says so in time, and ends with 69', async () => {
    const { code, stderr } = await runProcess(['get', 'a', ...cluster, '--join', unreachable, '--timeout', '500ms'])
    expect(code, stderr).toBe(69)
    expect(stderr).toContain(unreachable)
  })
})

test.each([
  ['an exception that nobody caught', 'setImmediate(()=>{throw new Error("surprise")})', 70],
  ['a rejection that nobody awaited', 'setImmediate(()=>{Promise.reject(new Error("surprise"))})', 69]
])('%s is told without a stack trace', async (_, code, expected) => {
  const pretend = `data:text/javascript,process.once('newListener',function look(name){if(name==='uncaughtException'){${code}}else process.once('newListener',look)})`
  const words = ['get', 'a', ...cluster, '--join', unreachable, '--timeout', '500ms']
  const result = await runProcess(words, { nodeFlags: ['--import', pretend] })
  expect(result.stderr).toContain('surprise')
  expect(result.stderr).toContain('ERR_INTERNAL')
  expect(result.stderr).not.toMatch(/\n\s+at /)
  expect(result.code).toBe(expected)
})

test('an old Node.js is told so before anything is imported', async () => {
  const pretend = `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.19.0'}})`
  const { code, stderr, stdout } = await runProcess(['--help'], { nodeFlags: ['--import', pretend] })
  expect(code).toBe(78)
  expect(stderr).toContain('Node.js 22.12 or newer')
  expect(stderr).toContain('20.19.0')
  expect(stdout).toHaveLength(0)
})
