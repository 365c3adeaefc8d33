/** The commands that read and write, over a real control socket, with a store of one process behind it. */
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { controlServer, type ControlServer } from '../../src/cli/access/control/server.ts'
import { socketPathBytesMax } from '../../src/cli/access/control/endpoint.ts'
import { StoreError } from '../../src/core/errors.ts'
import { valueBytesMax } from '../../src/core/limits.ts'
import { SmallStore } from './small-store.ts'
import { runCommand, type ProgramResult, type TestTerminalOptions } from './test-terminal.ts'

let folder: string
let server: ControlServer
let store: SmallStore

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dynamesh-cli-'))
})
beforeEach(async () => {
  store = new SmallStore()
  server = await controlServer(store.peer, folder)
  return () => server.close(async () => {})
})

const run = (words: readonly string[], options: TestTerminalOptions = {}): Promise<ProgramResult> =>
  runCommand([...words, '--data', folder], { folder, ...options })
const allBytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)

async function twoSiblings(key: string): Promise<void> {
  await run(['put', key, '--value', 'first'])
  await run(['put', key, '--value', 'second', '--add-sibling'])
}

describe('put and get', () => {
  test.each([
    ['every byte', allBytes],
    ['nothing', new Uint8Array()],
    ['the largest value', new Uint8Array(valueBytesMax).fill(7)],
    ['line ends', Buffer.from('\r\n\n\r')]
  ])('carry %s byte for byte, from a file and from standard input', async (_, bytes) => {
    await writeFile(join(folder, 'value'), bytes)
    expect((await run(['put', 'a', 'value'])).code).toBe(0)
    expect((await run(['get', 'a'])).stdout.equals(bytes)).toBe(true)
    expect((await run(['put', 'b', '-'], { stdin: bytes })).code).toBe(0)
    expect((await run(['put', 'c'], { stdin: bytes })).code).toBe(0)
    expect((await run(['get', 'b'])).stdout.equals(bytes)).toBe(true)
    expect((await run(['get', 'c'])).stdout.equals(bytes)).toBe(true)
  })

  test('get of an absent key says so on standard error only, and differs from an empty value', async () => {
    await run(['put', 'empty', '--value', ''])
    expect(await run(['get', 'empty'])).toMatchObject({ code: 0, text: '', stderr: '' })
    const absent = await run(['get', 'absent'])
    expect(absent).toMatchObject({ code: 1, text: '' })
    expect(absent.stderr).toContain('absent: not found')
  })

  test('put supersedes the value that is there, so that one writer never makes a sibling', async () => {
    for (const value of ['1', '2', '3']) await run(['put', 'a', '--value', value])
    expect((await run(['get', 'a'])).text).toBe('3')
  })

  test.each([
    [['put', 'a', 'big'], `${valueBytesMax + 1}`],
    [['put', 'a', '/dev/zero'], 'more than'],
    [['put', 'a', 'nowhere'], 'no such file'],
    [['put', 'a', '.'], 'it is a folder']
  ])('%j is refused and nothing is written', async (words, mentioned) => {
    await writeFile(join(folder, 'big'), new Uint8Array(valueBytesMax + 1))
    const { code, stderr } = await run(words)
    expect([64, 74]).toContain(code)
    expect(stderr).toContain(mentioned)
    expect((await run(['get', 'a'])).code).toBe(1)
  })

  test.each([
    [['put', '\uFFFD', '--value', 'a'], 'KEY', '--key-hex'],
    [['get', 'a\uFFFD'], 'KEY', '--key-hex'],
    [['keys', '--prefix', '\uFFFD'], '--prefix', '--key-hex'],
    [['put', 'a', '--value', 'b\uFFFD'], '--value', 'standard input']
  ])('%j, which may stand for other bytes, is refused with another way to say it', async (words, what, advice) => {
    const { code, stderr } = await run(words)
    expect(code).toBe(64)
    expect(stderr).toContain(`${what} has characters that cannot be told apart from bytes that are not UTF-8`)
    expect(stderr).toContain(advice)
  })

  test('a context file that never ends is read no further than a context is long', async () => {
    const { code, stderr } = await run(['put', 'a', '--value', 'b', '--context-file', '/dev/zero'])
    expect(code).toBe(64)
    expect(stderr).toContain('The context in /dev/zero is not a context')
  })

  test('a value on standard input that is too large is refused with both numbers', async () => {
    const { code, stderr } = await run(['put', 'a'], { stdin: new Uint8Array(valueBytesMax + 5) })
    expect(code).toBe(64)
    expect(stderr).toContain(`${valueBytesMax + 5} bytes`)
    expect(stderr).toContain(`${valueBytesMax}.`)
  })

  test('keys of any bytes are written in hexadecimal', async () => {
    await run(['put', '00ff', '--key-hex', '--value', 'binary key'])
    expect((await run(['get', '00ff', '--key-hex'])).text).toBe('binary key')
    expect((await run(['get', '00ff'])).code).toBe(1)
    expect((await run(['keys'])).text).toBe('hex:00ff\n')
  })

  test.each(['__proto__', '../../x', 'constructor', '-', '--', 'ключ'])('%j is an ordinary key', async key => {
    const put = await runCommand(['put', '--value', 'v', '--data', folder, '--', key], { folder })
    expect(put.code).toBe(0)
    expect((await runCommand(['get', '--data', folder, '--', key], { folder })).text).toBe('v')
  })

  test('an empty key is refused by the peer', async () => {
    const { code, stderr } = await run(['get', ''])
    expect(code).toBe(64)
    expect(stderr).toContain('ERR_KEY_EMPTY')
  })

  test('flags of a request reach the peer', async () => {
    await run(['put', 'a', '--value', 'v', '--r', '3', '--w', '2', '--timeout', '1.5s', '--strict', '--request-id', 'ab'.repeat(16)])
    expect(store.lastOptions[0]).toMatchObject({ timeoutMs: 1500, sloppy: false, r: 3 })
    expect(store.lastOptions[1]).toMatchObject({ timeoutMs: 1500, sloppy: false, w: 2, requestId: 'ab'.repeat(16) })
  })
})

describe('get onto a terminal', () => {
  test('escapes what could act on it, unless --raw is given', async () => {
    const value = '\u001b[31mred\u0007\nnext\u202e'
    await run(['put', 'a', '--value', value])
    expect((await run(['get', 'a'], { isTerminal: true })).text).toBe(`${String.raw`\u001b[31mred\u0007`}\nnext${String.raw`\u202e`}\n`)
    expect((await run(['get', 'a', '--raw'], { isTerminal: true })).text).toBe(value)
    expect((await run(['get', 'a'])).text).toBe(value)
  })

  test('shows the beginning of bytes that are not text, and how to get them', async () => {
    await run(['put', 'a'], { stdin: new Uint8Array(5000).fill(255) })
    const { text, stderr } = await run(['get', 'a'], { isTerminal: true })
    expect(text).toMatch(/^0000 {2}ff ff/)
    expect(text.length).toBeLessThan(2000)
    expect(stderr).toContain('5000 bytes')
  })
})

describe('siblings', () => {
  test('are never joined: get writes nothing, lists them, and ends with 2', async () => {
    await twoSiblings('cart')
    const { code, stdout, stderr } = await run(['get', 'cart'])
    expect(code).toBe(2)
    expect(stdout).toHaveLength(0)
    expect(stderr).toContain('2 concurrent values')
    expect(stderr).toMatch(/1 .*first/)
    expect(stderr).toMatch(/2 .*second/)
    for (const line of stderr.split('\n').slice(1, 4)) expect(line.length).toBeLessThanOrEqual(80)
  })

  test('are written one by one with --sibling, and all with --all as netstrings', async () => {
    await twoSiblings('cart')
    expect((await run(['get', 'cart', '--sibling', '1'])).text).toBe('first')
    expect((await run(['get', 'cart', '--sibling', '2'])).text).toBe('second')
    expect((await run(['get', 'cart', '--sibling', '3'])).code).toBe(64)
    expect(await run(['get', 'cart', '--all'])).toMatchObject({ code: 0, text: '5:first,\n6:second,\n' })
  })

  test('are all in the JSON, with the context, whatever bytes they have', async () => {
    await twoSiblings('cart')
    await run(['put', 'cart', '--add-sibling'], { stdin: Uint8Array.of(0xff, 0x00) })
    const { code, text } = await run(['get', 'cart', '--json'])
    expect(code).toBe(2)
    const json = JSON.parse(text) as { siblings: readonly object[]; context: string }
    expect(json.siblings).toMatchObject([
      { index: 1, text: 'first', bytes: 5, writtenAt: '2023-11-14T22:13:20Z' },
      { index: 2, text: 'second' },
      { index: 3, base64: '/wA=', bytes: 2 }
    ])
    expect((await run(['get', 'cart', '--json', '--all'])).code).toBe(0)
    expect((await run(['put', 'cart', '--value', 'merged', '--context', json.context])).code).toBe(0)
    expect((await run(['get', 'cart'])).text).toBe('merged')
  })

  test.each([
    ['put', 'cart', '--value', 'x'],
    ['delete', 'cart']
  ])('%s is refused until --resolve says that all of them are meant', async (...words) => {
    await twoSiblings('cart')
    const refused = await run(words)
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain('--resolve')
    expect(refused.stderr).toMatch(/1 .*first/)
    expect((await run(['get', 'cart'])).code).toBe(2)
    expect((await run([...words, '--resolve'])).code).toBe(0)
    expect((await run(['get', 'cart'])).code).toBe(words[0] === 'put' ? 0 : 1)
  })

  test('a context kept in a file supersedes exactly what was read', async () => {
    await run(['put', 'cart', '--value', 'read'])
    await run(['get', 'cart', '--context-file', 'cart.ctx'])
    await run(['put', 'cart', '--value', 'unseen', '--add-sibling'])
    await run(['put', 'cart', '--value', 'mine', '--context-file', 'cart.ctx'])
    expect((await run(['get', 'cart', '--all'])).text).toBe('6:unseen,\n4:mine,\n')
  })

  test.each([
    ['--context', 'not base64!'],
    ['--context', ''],
    ['--context-file', 'nonsense.ctx']
  ])('%s %j is refused before anything is written', async (flag, value) => {
    await writeFile(join(folder, 'nonsense.ctx'), Uint8Array.of(0xff, 0x20))
    const { code, stderr } = await run(['put', 'a', '--value', 'v', flag, value])
    expect(code).toBe(64)
    expect(stderr).toContain('ERR_CONTEXT_MALFORMED')
    expect((await run(['get', 'a'])).code).toBe(1)
  })
})

describe('delete', () => {
  test('removes a value, and finds nothing the second time', async () => {
    await run(['put', 'a', '--value', 'v'])
    expect(await run(['delete', 'a'])).toMatchObject({ code: 0, text: '' })
    expect((await run(['get', 'a'])).code).toBe(1)
    const again = await run(['delete', 'a'])
    expect(again.code).toBe(1)
    expect(again.stderr).toContain('not found')
  })

  test('a delete beside a value is told, and the value is written', async () => {
    await run(['put', 'a', '--value', 'v'])
    await run(['get', 'a', '--context-file', 'old.ctx'])
    await run(['put', 'a', '--value', 'newer', '--add-sibling'])
    await run(['delete', 'a', '--context-file', 'old.ctx'])
    expect(await run(['get', 'a'])).toMatchObject({ code: 0, text: 'newer' })
    expect((await run(['get', 'a'])).stderr).toContain('a delete is concurrent')
    expect((await run(['get', 'a', '--sibling', '2'])).code).toBe(1)
  })
})

describe('keys', () => {
  test('are printed one per line, those that could act on a terminal as JSON strings', async () => {
    for (const key of ['plain', 'two words', '\u001b[2J', 'a\nb', 'evil\u202etxt.exe', '"quoted"', 'hex:00', ' space '])
      await run(['put', key, '--value', 'v'])
    const { text } = await run(['keys'])
    expect(text.trimEnd().split('\n').toSorted()).toEqual(
      [
        'plain',
        'two words',
        String.raw`"\u001b[2J"`,
        String.raw`"a\nb"`,
        String.raw`"evil\u202etxt.exe"`,
        String.raw`"\"quoted\""`,
        '"hex:00"',
        '" space "'
      ].toSorted()
    )
    for (const line of text.trimEnd().split('\n')) if (line.startsWith('"')) expect(JSON.parse(line)).toBeTypeOf('string')
  })

  test('are limited, filtered, and deletes are left out unless asked for', async () => {
    for (const key of ['a1', 'a2', 'a3', 'b1']) await run(['put', key, '--value', 'v'])
    await run(['delete', 'a1'])
    expect((await run(['keys', '--prefix', 'a'])).text).toBe('a2\na3\n')
    expect((await run(['keys', '--prefix', 'a', '--deleted'])).text).toBe('a1\na2\na3\n')
    expect((await run(['keys', '--limit', '2'])).text).toBe('a2\na3\n')
    expect((await run(['keys', '--json', '--limit', '1'])).text).toContain('"key":"a2"')
    expect((await run(['keys', '--long'])).text).toContain('a3')
  })
})

describe('members, ring and status', () => {
  test.each([['members'], ['ring'], ['ring', 'some key'], ['status']])(
    '%s fit in 80 columns, and give their data as JSON',
    async (...words) => {
      const { code, text } = await run(words)
      expect(code).toBe(0)
      for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80)
      expect(JSON.parse((await run([...words, '--json'])).text)).toBeTypeOf('object')
    }
  )

  test('ring shows the share of each peer as a bar and the warnings', async () => {
    const { text } = await run(['ring'])
    expect(text).toMatch(/ 8 +100\.0 % +#{30} +this peer/)
    expect(text).toContain('Only 1 peer.')
  })
})

describe('an error of the peer', () => {
  const indeterminate = new StoreError('ERR_WRITE_QUORUM', 'Only 1 of 2 peers acknowledged.', {
    outcome: 'indeterminate',
    details: { requestId: 'cd'.repeat(16), dot: 'x:1' }
  })

  test.each([
    [indeterminate, 75, 'request  cdcd', '--request-id cdcd', 'indeterminate'],
    [new StoreError('ERR_READ_QUORUM', 'Only 1 of 2 peers answered.'), 75, '--r'],
    [new StoreError('ERR_OVERLOADED', 'Too many requests.'), 75, 'try again'],
    [new StoreError('ERR_IO', 'The disk failed.'), 74, 'The disk failed.'],
    [new StoreError('ERR_CLOSED', 'The peer is stopping.'), 69, 'stopping'],
    [new StoreError('ERR_INTERNAL', 'A mistake.'), 70, 'A mistake.']
  ])('%s keeps code, outcome and details over the socket', async (error, expected, ...mentioned) => {
    store.fail = error
    const { code, stderr, stdout } = await run(['put', 'a', '--value', 'secret value', '--add-sibling'])
    expect(code).toBe(expected)
    for (const text of [error.code, ...mentioned]) expect(stderr).toContain(text)
    expect(stderr).not.toContain('secret value')
    expect(stdout).toHaveLength(0)
    const json = await run(['put', 'a', '--value', 'v', '--add-sibling', '--json'])
    expect(JSON.parse(json.stderr)).toMatchObject({
      error: { code: error.code, outcome: error.outcome, details: error.details, exitCode: expected }
    })
  })

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143]
  ])('%s during a put learns from the peer what became of the write', async (signal, expected) => {
    store.hold = true
    const interruption = new AbortController()
    const result = run(['put', 'a', '--value', 'v', '--add-sibling'], { interrupted: interruption.signal })
    await store.held
    interruption.abort(signal)
    const { code, stderr } = await result
    expect(code).toBe(expected)
    expect(stderr).toContain('indeterminate')
    expect(stderr).toContain('abab')
  })

  test('SIGINT while reading standard input writes nothing', async () => {
    const interruption = new AbortController()
    interruption.abort('SIGINT')
    const { code, stderr } = await run(['put', 'a', '--value', 'v'], { interrupted: interruption.signal })
    expect(code).toBe(130)
    expect(stderr).toContain('ERR_ABORTED')
    expect((await run(['get', 'a'])).code).toBe(1)
  })
})

describe('the control socket', () => {
  test('can be opened by its owner alone', async () => {
    expect((await stat(server.path)).mode & 0o777).toBe(0o600)
  })

  test('survives nonsense and answers the next request', async () => {
    for (const bytes of [
      Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'),
      allBytes,
      Buffer.from('POST /v1/get HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n\xff\xff\xff\xff', 'latin1')
    ]) {
      const socket = connect(server.path)
      socket.on('error', () => {})
      socket.end(bytes)
      socket.resume()
      await once(socket, 'close')
    }
    expect((await run(['status'])).code).toBe(0)
  })

  test.each([
    ['get', {}, 'ERR_KEY_EMPTY'],
    ['get', { key: 7 }, 'ERR_WIRE_MALFORMED'],
    ['get', { key: '***' }, 'ERR_WIRE_MALFORMED'],
    ['get', { key: 'YQ', r: 'two' }, 'ERR_WIRE_MALFORMED'],
    ['toString', {}, 'ERR_WIRE_UNSUPPORTED'],
    ['__proto__', {}, 'ERR_WIRE_UNSUPPORTED']
  ])('refuses %s with %j', async (operation, head, expected) => {
    const json = Buffer.from(JSON.stringify(head))
    const frame = Buffer.alloc(4 + json.length)
    frame.writeUInt32BE(json.length)
    json.copy(frame, 4)
    const outgoing = request({ socketPath: server.path, path: `/v1/${operation}`, method: 'POST' })
    outgoing.end(frame)
    const [response] = (await once(outgoing, 'response')) as [AsyncIterable<Buffer>]
    let body = ''
    for await (const part of response) body += part.toString()
    expect(JSON.parse(body)).toMatchObject({ code: expected, outcome: 'none' })
  })

  test('moves to the temporary folder when the path is too long for the system, and is found there', async () => {
    const deep = join(folder, 'd'.repeat(socketPathBytesMax))
    await mkdir(deep)
    const other = await controlServer(store.peer, deep)
    expect(other.path.length).toBeLessThanOrEqual(socketPathBytesMax)
    expect((await runCommand(['status', '--data', deep])).code).toBe(0)
    await other.close(async () => {})
    await expect(readFile(join(deep, 'control.path'))).rejects.toThrow('ENOENT')
    expect((await runCommand(['status', '--data', deep])).code).toBe(69)
  })

  test('left behind by a killed peer is replaced', async () => {
    const dead = await mkdtemp(join(tmpdir(), 'dynamesh-dead-'))
    await writeFile(join(dead, 'control.sock'), 'not a socket')
    await chmod(join(dead, 'control.sock'), 0o600)
    const other = await controlServer(store.peer, dead)
    expect((await runCommand(['status', '--data', dead])).code).toBe(0)
    await other.close(async () => {})
  })

  test('closes after the requests in flight were answered', async () => {
    const own = await mkdtemp(join(tmpdir(), 'dynamesh-own-'))
    const slow = new SmallStore()
    slow.hold = true
    const other = await controlServer(slow.peer, own)
    const result = runCommand(['put', 'a', '--value', 'v', '--add-sibling', '--data', own])
    await slow.held
    const closed = other.close(async () => {
      slow.release()
      await result
    })
    expect((await result).code).toBe(0)
    await closed
  })
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})
