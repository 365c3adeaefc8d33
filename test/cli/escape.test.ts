import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keyText, printable, printableJson, printableLines } from '../../src/cli/terminal/escape.ts'
import { invocationText, shellQuoted, typedPath } from '../../src/cli/invocation/invocation-text.ts'
import { table } from '../../src/cli/terminal/table.ts'

const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map(units => String.fromCharCode(...units))
)

describe('printed text', () => {
  test('has no character that can act on a terminal', () => {
    fc.assert(
      fc.property(anyText, text => {
        expect(printable(text)).not.toMatch(unsafe)
        expect(printableLines(text).replaceAll('\n', '')).not.toMatch(unsafe)
      })
    )
  })

  test('leaves ordinary text alone, in any script', () => {
    for (const text of ['plain', 'für Ångström', '日本語', 'ключ', '🙂', 'a\\b']) expect(printable(text)).toBe(text)
  })

  test('stays the same JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(anyText, anyText), value => {
        expect(JSON.parse(printableJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      })
    )
  })
})

describe('printed keys', () => {
  test('are different for different keys', () => {
    const keys = fc.uint8Array({ maxLength: 6 })
    fc.assert(
      fc.property(keys, keys, (a, b) => {
        expect(keyText(a) === keyText(b)).toBe(Buffer.from(a).equals(b))
        expect(keyText(a)).not.toMatch(unsafe)
      }),
      { numRuns: 2000 }
    )
  })

  test('that were quoted are quoted again, so that one cannot pass for the other', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 6 }), key => {
        const printed = keyText(key)
        if (printed !== Buffer.from(key).toString()) expect(keyText(Buffer.from(printed))).not.toBe(printed)
      })
    )
  })
})

test('a table is aligned by the width of its characters', () => {
  expect(
    table(
      [{ title: 'NAME' }, { title: 'N', align: 'right' }],
      [
        ['日本', '1'],
        ['abc', '10'],
        ['e\u0301', '100']
      ]
    )
  ).toBe('NAME    N\n日本    1\nabc    10\ne\u0301     100')
})

describe('a command to paste', () => {
  test.each([
    [{ npm_config_user_agent: 'npm/11.0.0 node/v24.1.0 linux x64' }, '/srv/dist/cli/main.js', 'npx dynamesh'],
    [{ npm_config_user_agent: 'npm/10.0.0 node/v20.20.2 linux x64' }, '/srv/dist/cli/main.js', 'npx node dist/cli/main.js'],
    [{}, '/srv/dist/cli/main.js', 'node dist/cli/main.js'],
    [{}, '/usr/local/bin/dynamesh', 'dynamesh'],
    [{ npm_command: 'exec' }, '/srv/node_modules/.bin/dynamesh', 'npx dynamesh']
  ])('with %j and %s begins with %s', (environment, script, expected) => {
    expect(invocationText(environment, script, '/srv')).toBe(expected)
  })

  test('names folders from where it is typed, quoted where a shell needs it', () => {
    expect(typedPath('/srv', '/srv/data/edge-1')).toBe('data/edge-1')
    expect(typedPath('/srv', '/elsewhere')).toBe('/elsewhere')
    expect(shellQuoted('data/edge-1')).toBe('data/edge-1')
    expect(shellQuoted("it's here")).toBe(String.raw`'it'\''s here'`)
  })
})
