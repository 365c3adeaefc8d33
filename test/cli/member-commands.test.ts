/** The commands about members, over a real control socket, with a store of one process behind it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { controlServer, type ControlServer } from '../../src/cli/access/control/server.ts'
import { StoreError } from '../../src/core/errors.ts'
import { SmallStore } from './small-store.ts'
import { runCommand, type ProgramResult, type TestTerminalOptions } from './test-terminal.ts'

let folder: string
let server: ControlServer
let store: SmallStore

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dynamesh-members-'))
})
beforeEach(async () => {
  store = new SmallStore()
  server = await controlServer(store.peer, folder)
  return () => server.close(async () => {})
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const run = (words: readonly string[], options: TestTerminalOptions = {}): Promise<ProgramResult> =>
  runCommand([...words, '--data', folder], { folder, ...options })
const self = '12D3KooWSmallStoreWriterPeerId000000000000000000000001'

describe('plan', () => {
  test.each<[words: string[], change: object]>([
    [['join'], { join: [{ durable: true }] }],
    [['join', '2', '--weight', '1', '--not-durable'], { join: Array.from({ length: 2 }, () => ({ durable: false, weight: 1 })) }],
    [['join', '3', '--zone', 'a', '--zone', 'b'], { join: ['a', 'b', 'a'].map(zone => ({ durable: true, zone })) }],
    [['leave'], { leave: [self] }],
    [['leave', 'one', 'two'], { leave: ['one', 'two'] }],
    [['evict', 'old', 'join'], { evict: ['old'], join: [{ durable: true }] }],
    [['evict', 'a', 'leave', 'b', 'evict', 'c'], { evict: ['a', 'c'], leave: ['b'] }]
  ])('%j asks for that', async (words, change) => {
    expect((await run(['plan', ...words])).code).toBe(0)
    expect(store.lastOptions).toEqual([{ join: [], leave: [], evict: [], ...change }])
  })

  test('tells what moves, how little could, and the ring now and then, in lines of 80 columns', async () => {
    const { text, stderr } = await run(['plan', 'join', '2', 'evict', 'old'])
    expect(stderr).toBe('')
    expect(text).toBe(`join      2 new peers
evict     old
moves     11 copies of partitions: about 1234 keys, about 4.8 MiB
at least  10 would move in any ring (this is 1.10 times that)
quorums   most owners change at once in 2 partitions
warning   It gets worse.

                                              NOW     THEN
members that store data                         1        2
owners, least and mean                    1, 1.00  1, 1.00
durable owners, least and mean            1, 1.00  1, 1.00
partitions with owners crowded in a zone        0        0
largest load for its weight, by the mean    1.000    1.000
`)
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  test('has every move as JSON', async () => {
    const { text } = await run(['plan', 'join', '--json'])
    expect(JSON.parse(text)).toMatchObject({
      copies: 11,
      copiesMin: 10,
      moves: [{ partition: 3, to: [self], from: [] }],
      joining: ['newcomer-1']
    })
  })

  test.each(['ERR_MEMBER_UNKNOWN', 'ERR_MEMBER_AMBIGUOUS', 'ERR_OPTIONS'] as const)('refused with %s ends with 64', async code => {
    store.fail = new StoreError(code, 'No.')
    const { code: exit, stderr, stdout } = await run(['plan', 'leave', 'whom'])
    expect({ exit, stdout: stdout.length }).toEqual({ exit: 64, stdout: 0 })
    expect(stderr).toContain(`[${code}]`)
  })
})

describe('evict', () => {
  test('tells who is evicted, what moves, and how to watch it', async () => {
    const { code, text, stderr } = await run(['evict', 'old-peer'])
    expect(code).toBe(0)
    expect(store.lastOptions).toMatchObject([{ evict: ['old-peer'] }, { peer: 'old-peer', force: false }])
    expect(text).toBe(
      `evicted  old-peer\nmoves    11 copies of partitions: about 1234 keys, about 4.8 MiB\nwatch    dynamesh status --watch --data ${folder}\n`
    )
    expect(stderr).toBe('warning: It gets worse.\n')
  })

  test('by force says so to the peer, and as JSON says what moves', async () => {
    const { text } = await run(['evict', 'old-peer', '--force', '--json'])
    expect(store.lastOptions.at(-1)).toMatchObject({ force: true })
    expect(JSON.parse(text)).toEqual({
      peerId: 'old-peer',
      changed: true,
      copies: 11,
      size: { keys: 1234, bytes: 5_000_000, keysAreExact: false },
      warnings: ['It gets worse.']
    })
  })

  test.each(['ERR_MEMBER_UNKNOWN', 'ERR_MEMBER_AMBIGUOUS', 'ERR_MEMBER_SELF', 'ERR_MEMBER_REACHABLE'] as const)(
    'refused with %s ends with 64 and prints nothing else',
    async code => {
      store.fail = new StoreError(code, 'No.')
      const { code: exit, stderr, stdout } = await run(['evict', 'whom'])
      expect({ exit, stdout: stdout.length }).toEqual({ exit: 64, stdout: 0 })
      expect(stderr).toContain(`[${code}]`)
    }
  )
})

describe('leave', () => {
  test('warns, waits until the peer has left, and says what it gave', async () => {
    const { code, text, stderr } = await run(['leave'])
    expect(code).toBe(0)
    expect(text).toBe(`left  ${self}\ngave  nothing\nkept  3 keys in its folder, which nobody took\n`)
    expect(stderr).toContain('warning: It gets worse.')
    expect(stderr).toContain('leaving; 11 copies of partitions')
  })

  test('as JSON is one object per line: leaving, left', async () => {
    const { text } = await run(['leave', '--json'])
    const events = text
      .trim()
      .split('\n')
      .map(line => (JSON.parse(line) as { event: string }).event)
    expect(events.at(0)).toBe('leaving')
    expect(events.at(-1)).toBe('left')
  })

  test('that is interrupted says that the peer goes on leaving, and ends with 130', async () => {
    store.hold = true
    const interrupt = new AbortController()
    const running = run(['leave'], { interrupted: interrupt.signal })
    await store.held
    interrupt.abort('SIGINT')
    const { code, stderr, text } = await running
    expect({ code, text }).toEqual({ code: 130, text: '' })
    expect(stderr).toContain('the peer goes on leaving')
  })
})

describe('status', () => {
  test('tells what moves and what the ring cannot do', async () => {
    const { text } = await run(['status'])
    expect(text).toMatch(/^moves +nothing moves$/m)
    expect(text).toMatch(/^warning +Only 1 peer\.$/m)
  })

  test('--watch ends when nothing moves', async () => {
    expect(await run(['status', '--watch'])).toMatchObject({ code: 0, text: 'up; nothing moves\n' })
    const { text } = await run(['status', '--watch', '--json'])
    expect(JSON.parse(text)).toMatchObject({ state: 'up', moves: { give: { partitions: 0 } } })
  })

  test('--watch follows a change until it is done, with a bar on a terminal', async () => {
    const done = [0, 30, 60, 100].values()
    let last = 0
    store.moves = () => {
      last = done.next().value ?? last
      return { give: { partitions: 100, partitionsDone: last, bytes: 2048, bytesDone: last * 20 }, take: store.noMoves.take }
    }
    const { code, text, stderr } = await run(['status', '--watch'], { isTerminal: true })
    expect({ code, text }).toEqual({ code: 0, text: 'up; giving 100 of 100 partitions, 2.0 KiB of 2.0 KiB\n' })
    expect(stderr).toContain('\r[.'.padEnd(26, '.'))
    expect(stderr).toContain(']  30 %  giving 30 of 100 partitions, 600 bytes of 2.0 KiB')
    expect(stderr).toContain('] 100 %')
    expect(stderr.endsWith('\r')).toBe(true)
  })
})
