import { createServer } from 'node:net'
import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseInvocation } from '../../src/cli/invocation/arguments.ts'
import { didYouMean } from '../../src/cli/invocation/did-you-mean.ts'
import { commands } from '../../src/cli/program.ts'
import { runCommand } from './test-terminal.ts'

/** Command line, and words that the complaint must have: the flag, the value, the suggestion. */
const usageMistakes: [words: string[], ...mentioned: string[]][] = [
  [['strat'], "'strat'", 'dynamesh start'],
  [['frobnicate'], "'frobnicate'", 'start, get, put'],
  [['get'], 'get needs KEY', 'dynamesh get KEY'],
  [['get', 'a', 'b'], "'b'", 'one argument too many'],
  [['get', 'a', '--jsn'], '--jsn', 'Did you mean --json?'],
  [['get', 'a', '--xyzzy'], '--xyzzy', '--help'],
  [['get', 'a', '-x'], '-x'],
  [['get', 'a', '--__proto__', 'b'], '--__proto__'],
  [['get', 'a', '--json=yes'], '--json takes no value', "'yes'"],
  [['get', 'a', '--r'], '--r needs a value'],
  [['get', 'a', '--r', '--json'], '--r needs a value', "'--json'"],
  [['get', 'a', '--r', '0'], '--r', "'0'", 'from 1 to 16'],
  [['get', 'a', '--r', '1.5'], '--r', "'1.5'"],
  [['get', 'a', '--r', '1', '--r', '2'], '--r is given more than once'],
  [['get', 'a', '--timeout', '5'], '--timeout', "'5'", '5s'],
  [['get', 'a', '--timeout', '-1s'], '--timeout', "'-1s'"],
  [['get', 'a', '--sibling', '1', '--all'], '--sibling', '--all'],
  [['get', 'xyz', '--key-hex'], "'xyz'", 'hexadecimal'],
  [['get', 'a', '--join', '/ip4/1.2.3.4/tcp/1'], '--join needs --cluster'],
  [['get', 'a', '--cluster', 'shop'], '--cluster', '--join ADDR'],
  [['get', 'a', '--data', 'x', '--join', '/ip4/1.2.3.4/tcp/1', '--cluster', 'shop'], '--data', '--join'],
  [['put', 'a', 'file', '--value', 'b'], '--value', 'file'],
  [['put', 'a'], 'put needs a value', '--value TEXT'],
  [['put', 'a', '--value', 'b', '--resolve', '--add-sibling'], '--resolve', '--add-sibling'],
  [['put', 'a', '--value', 'b', '--context', 'QQ', '--context-file', 'f'], '--context', '--context-file'],
  [['start'], '--cluster NAME'],
  [['start', '--port'], '--port needs a value', 'PORT'],
  [['start', '--port', 'abc'], '--port', "'abc'", '65535'],
  [['start', '--port', '70000'], '--port', "'70000'", '65535'],
  [['start', '--port', '-1'], '--port', "'-1'"],
  [['start', '--cluster', 'shop', '--host', 'nowhere'], '--host', "'nowhere'"],
  [['start', '--cluster', 'shop', '--port', '5000', '--ws-port', '5000'], '--port and --ws-port', '5000'],
  [['evict'], 'evict needs PEER', 'dynamesh evict PEER'],
  [['evict', 'a', 'b'], "'b'", 'one argument too many'],
  [['leave', 'me'], "'me'", 'one argument too many'],
  [['leave', '--join', '/ip4/1.2.3.4/tcp/1'], '--join'],
  [['plan'], 'plan needs CHANGE', 'CHANGE…'],
  [['plan', 'frob'], "'frob'", 'join, leave or evict'],
  [['plan', '5', 'join'], "'5'", 'join, leave or evict'],
  [['plan', 'join', '0'], "'0'", 'no such number'],
  [['plan', 'join', '-1'], '-1'],
  [['plan', 'join', '1.5'], "'1.5'", 'no such number'],
  [['plan', 'join', '99999'], "'99999'"],
  [['plan', 'join', '2', '3'], "'3'", 'one COUNT'],
  [['plan', 'join', '4000', 'join', '4000'], '8000', '4096'],
  [['plan', 'evict'], 'plan evict needs PEER'],
  [['plan', 'evict', 'join'], 'plan evict needs PEER'],
  [['plan', 'leave', '--zone', 'a'], '--zone', 'none would join'],
  [['plan', 'leave', '--not-durable'], '--not-durable', 'none would join'],
  [['plan', 'join', '--weight', '65'], '--weight', "'65'", 'from 0 to 64'],
  [['status', '--watch=yes'], '--watch takes no value'],
  [['demo', '--peers', '0'], '--peers', "'0'"],
  [['help', 'gett'], "'gett'", 'dynamesh get']
]

describe('a mistake on the command line', () => {
  test.each(usageMistakes)('%j is told with the flag and the value, and ends with 64', async (words, ...mentioned) => {
    const { code, stderr, stdout } = await runCommand(words)
    expect(code).toBe(64)
    for (const text of mentioned) expect(stderr).toContain(text)
    expect(stderr).toContain('ERR_USAGE')
    expect(stderr).not.toMatch(/\n\s+at /)
    expect(stdout).toHaveLength(0)
  })

  test('is told as JSON when JSON was asked for', async () => {
    const { stderr } = await runCommand(['get', 'a', '--r', 'x', '--json'])
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'ERR_USAGE', outcome: 'none', exitCode: 64 } })
  })

  test('shows a stack trace only when asked to', async () => {
    const { stderr } = await runCommand(['get', 'a', '--r', 'x', '--verbose'])
    expect(stderr).toMatch(/\n\s+at /)
  })

  test('prints what was typed without letting it act on the terminal', async () => {
    const { stderr } = await runCommand(['get', 'a', '--r', '\u001b]0;title\u0007\u202e'])
    expect(stderr).toContain(String.raw`\u001b]0;title\u0007\u202e`)
    expect(stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
  })

  test('never ends in an internal error, whatever words are typed', async () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom('--json', '--value', '--r', '-', '--', '--data', '--key-hex', '=', '--no-json', '--context=')
    )
    const name = fc.constantFrom('get', 'put', 'delete', 'keys', 'members', 'ring', 'status', 'plan', 'evict', 'leave')
    const folder = await mkdtemp(join(tmpdir(), 'dynamesh-words-'))
    await fc.assert(
      fc.asyncProperty(name, fc.array(word, { maxLength: 5 }), async (command, words) => {
        const { code, stderr } = await runCommand([command, ...words], { folder })
        expect([0, 64, 69, 74], stderr).toContain(code)
      }),
      { numRuns: 300 }
    )
  })
})

describe('help', () => {
  test.each(commands.map(command => [command.name, command] as const))(
    'of %s fits in 80 columns and its examples are accepted',
    async (name, command) => {
      const { code, text } = await runCommand([name, '--help'])
      expect(code).toBe(0)
      const indented = text.split('\n').filter(line => !line.startsWith('  dynamesh') && !line.startsWith('  # '))
      for (const line of indented) expect(line.length, line).toBeLessThanOrEqual(80)
      for (const [example] of command.examples) {
        const words = (/dynamesh (.*?)(?: [|>] .*)?$/.exec(example)?.[1] ?? '').split(' ')
        expect(words[0]).toBe(name)
        expect(() => parseInvocation(command, words.slice(1))).not.toThrow()
      }
    }
  )

  test('of the program names every command and every exit code', async () => {
    const { code, text } = await runCommand(['--help'])
    expect(code).toBe(0)
    for (const command of commands) expect(text).toContain(`  ${command.name}`)
    for (const number of [0, 1, 2, 64, 69, 70, 74, 75, 78, 130, 143]) expect(text).toMatch(new RegExp(`^ +${number} `, 'm'))
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  test('is shown on standard error when no command is given, which is a mistake', async () => {
    const { code, stdout, stderr } = await runCommand([])
    expect(code).toBe(64)
    expect(stdout).toHaveLength(0)
    expect(stderr).toContain('Commands:')
  })

  test('the version is that of the package', async () => {
    const { text } = await runCommand(['--version'])
    expect(text).toMatch(/^\d+\.\d+\.\d+/)
  })
})

describe('starting where it cannot', () => {
  test('on a port in use names the port and the flag, and ends with 69', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? String(address?.port) : ''
    for (const [flag, other] of [
      ['--port', '--ws-port'],
      ['--ws-port', '--port']
    ] as const) {
      const { code, stderr } = await runCommand(['start', '--cluster', 'shop', flag, port, other, '0'])
      expect(code).toBe(69)
      expect(stderr).toContain(`Port ${port} on 127.0.0.1 is in use`)
      expect(stderr).toContain(`${flag} PORT`)
    }
    server.close()
  })

  test('on an address of another machine says so', async () => {
    const { code, stderr } = await runCommand(['start', '--cluster', 'shop', '--host', '203.0.113.1'])
    expect(code).toBe(69)
    expect(stderr).toContain('203.0.113.1 is not an address of this machine')
  })

  test('asking a folder where no peer runs says how to start one, and ends with 69', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'dynamesh-empty-'))
    const { code, stderr, stdout } = await runCommand(['get', 'a', '--data', folder])
    expect(code).toBe(69)
    expect(stderr).toContain(folder)
    expect(stderr).toContain('dynamesh start')
    expect(stdout).toHaveLength(0)
  })
})

describe('a configuration file', () => {
  const broken: readonly (readonly [what: string, text: string | Buffer, ...mentioned: readonly string[]])[] = [
    ['a trailing comma', '{\n  "cluster": "shop",\n}', 'c.json:2:20', 'comma behind the last field'],
    ['a trailing comma in a list', '{"join": ["a",]}', 'c.json:1:14', 'comma behind the last value'],
    ['a byte order mark', '\uFEFF{"cluster": "shop"}', 'c.json:1:1', 'byte order mark'],
    ['the same field twice', '{"cluster": "a",\n "cluster": "b"}', 'c.json:2:2', '"cluster" is there twice'],
    ['NaN', '{"port": NaN}', 'c.json:1:10', '"NaN" is not a JSON value'],
    ['a number without end', '{"port": 1e999}', 'c.json:1:10', '1e999 is too large'],
    ['an unknown field', '{"cluster": "a", "prot": 1}', 'c.json:1:18', '"prot"', 'Did you mean port?'],
    ['a field in the spelling of the flag', '{"ws-port": 1}', 'c.json:1:2', '"ws-port"', 'Did you mean wsPort?'],
    ['__proto__', '{"__proto__": {"cluster": "a"}}', 'c.json:1:2', '"__proto__"'],
    ['a text for a number', '{"port": "80"}', 'c.json:1:10', 'field port takes a number, found a text'],
    ['a number for a text', '{"cluster": 7}', 'c.json:1:13', 'field cluster takes a text, found 7'],
    ['a text for a list', '{"join": "x"}', 'c.json:1:10', 'field join takes a list'],
    ['a wrong item of a list', '{"join": ["x", 1]}', 'c.json:1:16', 'field join[1] takes a text'],
    ['a number out of range', '{"port": 70000}', 'c.json:1:10', "'70000'", '65535'],
    ['two mistakes, both told', '{"port": "x",\n"zone": 1}', 'c.json:1:10', 'c.json:2:9'],
    ['a list', '[]', 'c.json:1:1', 'found a list'],
    ['nothing', '', 'c.json:1:1', 'the end of the file'],
    ['a comment', '{ // x\n}', 'c.json:1:3'],
    ['single quotes', "{'cluster': 1}", 'c.json:1:2', 'double quotes'],
    ['a text without end', '{"cluster": "a}', 'c.json:1:13', 'does not end'],
    ['something behind it', '{} {}', 'c.json:1:4'],
    ['too many levels', `{"a":${'['.repeat(5000)}`, 'nested more than'],
    ['no text', Buffer.from([0xff, 0xfe, 0x00]), 'UTF-8']
  ]

  test.each(broken)('with %s is refused with its place, and ends with 78', async (_, text, ...mentioned) => {
    const folder = await mkdtemp(join(tmpdir(), 'dynamesh-config-'))
    await writeFile(join(folder, 'c.json'), text)
    const { code, stderr } = await runCommand(['start', '--config', 'c.json'], { folder })
    expect(stderr).toContain('[ERR_CONFIG]')
    for (const part of mentioned) expect(stderr).toContain(part)
    expect(code).toBe(78)
    expect(Object.hasOwn(Object.prototype, 'cluster')).toBe(false)
  })

  test('that is not there is named, and ends with 74', async () => {
    const { code, stderr } = await runCommand(['start', '--config', 'nowhere.json'])
    expect(code).toBe(74)
    expect(stderr).toContain('nowhere.json')
  })

  test('gives its fields to the command, and flags outrank it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'dynamesh-config-'))
    await writeFile(join(folder, 'c.json'), '{"cluster": "shop", "host": "203.0.113.1", "wsPort": 5}')
    expect((await runCommand(['start', '--config', 'c.json'], { folder })).stderr).toContain('203.0.113.1')
    expect((await runCommand(['start', '--config', 'c.json', '--host', '203.0.113.2'], { folder })).stderr).toContain('203.0.113.2')
    expect((await runCommand(['start', '--config', 'c.json', '--port', '5'], { folder })).stderr).toContain('both 5')
  })
})

describe('suggestions', () => {
  test.each([
    ['stauts', 'status'],
    ['STATUS', 'status'],
    ['del', 'delete'],
    ['xyz', undefined],
    ['', undefined]
  ])('for %j suggest %j', (typed, expected) => {
    expect(
      didYouMean(
        typed,
        commands.map(command => command.name)
      )
    ).toBe(expected)
  })
})
