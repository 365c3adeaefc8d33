/** The repository checks itself. Each message says what to do. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { projectFiles, projectFolder, readText, sourceFiles } from './project.ts'

const source = [...sourceFiles('src'), ...sourceFiles('web')]
const tests = sourceFiles('test')
const pages = ['README.md', 'CHANGELOG.md', 'src/README.md']
const everyText = [
  ...source,
  ...tests,
  ...pages,
  'package.json',
  'tsconfig.json',
  'vite.config.ts',
  '.ci/run',
  ...projectFiles('web/**/*.{css,html}')
]

/** Lines of `files` that match, as `path:line`, so that a failure can be clicked. */
function linesThatMatch(files: readonly string[], pattern: RegExp): readonly string[] {
  return files.flatMap(file =>
    readText(file)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : []))
  )
}

const linesOf = (file: string): number => readText(file).split('\n').length - 1

describe('files', () => {
  test('the top level holds what is expected there, and nothing else', () => {
    const ours = ['src', 'web', 'test', 'package.json', 'tsconfig.json', 'vite.config.ts', 'README.md', 'CHANGELOG.md', 'LICENSE']
    const forTools = ['package-lock.json', '.ci', '.git', '.gitignore', '.oxlintrc.json', '.oxfmtrc.json']
    const ignored = readText('.gitignore')
      .split('\n')
      .map(line => line.replace(/\/$/, ''))
    const known = new Set([...ours, ...forTools, ...ignored])
    const strangers = readdirSync(projectFolder).filter(name => !known.has(name) && !name.endsWith('.tgz'))
    expect(strangers, 'give these files a place inside src, web or test').toEqual([])
  })

  test('no file is longer than 400 lines', () => {
    expect(
      source.filter(file => linesOf(file) > 400),
      'one file has one job: split it'
    ).toEqual([])
  })

  test('no folder is a drawer for anything', () => {
    expect(
      [...source, ...tests].filter(file => /(^|\/)(utils?|helpers?|misc|common|shared)(\/|\.)/.test(file)),
      'name it after what it does'
    ).toEqual([])
  })

  test('every source file opens with a comment that says what it is', () => {
    const silent = source.filter(file => !/^(#!.*\n)?\/\*\*/.test(readText(file)))
    expect(silent, 'open the file with a comment: what it is, the intuition, what it does not guarantee').toEqual([])
  })

  test('every folder of src is on the map in src/README.md', () => {
    const folders = new Set(sourceFiles('src').map(file => file.slice('src/'.length, file.lastIndexOf('/') + 1)))
    const map = readText('src/README.md')
    expect(
      [...folders].filter(folder => folder !== '' && !map.includes(`\`${folder}\``)),
      'add a line to src/README.md'
    ).toEqual([])
  })

  test('every file that src/README.md names exists', () => {
    const named = [...readText('src/README.md').matchAll(/`([\w./-]+\.(?:ts|tsx|proto|md))`/g)].map(match => match[1] ?? '')
    expect(named.length).toBeGreaterThan(0)
    const found = (name: string): boolean => ['', 'src'].some(folder => existsSync(join(projectFolder, folder, name)))
    expect(
      named.filter(name => !found(name)),
      'correct the map'
    ).toEqual([])
  })
})

describe('texts', () => {
  test('nothing is left for later', () => {
    const marks = /\b(T[O]DO|FI[X]ME|X[X]X|H[A]CK)\b|not (yet )?implemente[d]/i
    expect(linesThatMatch([...source, ...tests], marks), 'do it now, or open an issue').toEqual([])
  })

  test('no test is skipped or alone', () => {
    const marks = /\b(test|it|describe)\.(ski[p]|onl[y]|tod[o]|fail[s])\b/
    expect(linesThatMatch(tests, marks), 'a test runs or is removed').toEqual([])
  })

  test('every test belongs to a project', () => {
    const projects = readText('vite.config.ts')
    const folders = new Set(tests.filter(file => file.endsWith('.test.ts')).map(file => file.split('/')[1] ?? ''))
    const runs = (folder: string): boolean => projects.includes(`'${folder}'`) || projects.includes(`test/${folder}/**/*.test.ts`)
    expect(
      [...folders].filter(folder => !runs(folder)),
      'add the folder to vite.config.ts'
    ).toEqual([])
  })

  test('no test sleeps', () => {
    const sleeps = /await (sleep|delay|wait)\(\s*\d|new Promise\(\s*\w+ => setTimeout\(\s*\w+,\s*\d/
    expect(
      linesThatMatch(
        tests.filter(file => !file.startsWith('test/bench/')),
        sleeps
      ),
      'wait for an event or a condition'
    ).toEqual([])
  })

  test('no text holds two versions of itself', () => {
    expect(linesThatMatch([...everyText, ...tests], /^(<{7}|>{7}|\|{7}) |^={7}$/), 'finish the merge').toEqual([])
  })

  test('no text names a folder of one machine', () => {
    const machine = /(^|[^\w.])\/(hom[e]|User[s]|roo[t]|work\/mai[n]|work\/share[d])\/\w/
    expect(linesThatMatch(everyText, machine), 'use a path relative to the project').toEqual([])
  })

  test('no text sends the reader to a page that is not here', () => {
    const named = /\b(DESIG[N]|FACT[S]|EXAMPLE[S]|DEVELOPER[S])\.md\b/
    expect(linesThatMatch(everyText, named), 'say it here, or refer to src/README.md').toEqual([])
  })

  test('no type check is switched off', () => {
    expect(linesThatMatch([...source, ...tests], /@ts-(ignor[e]|nochec[k]|expect-erro[r])/), 'give it its type').toEqual([])
  })

  test('the runtime is called Node.js', () => {
    expect(linesThatMatch([...source, ...pages], /\bNodeJS(?!\.)\b|\bNode\.JS\b|\bnode\.js\b(?!['"`/])/), 'write Node.js').toEqual([])
  })
})

describe('the README', () => {
  const readme = readText('README.md')

  test('lists every option of createPeer', () => {
    const [, body = ''] = /export interface PeerOptions \{\n([\s\S]*?)\n\}/.exec(readText('src/store/api.ts')) ?? []
    const options = [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(match => match[1] ?? '')
    const listed = readme.slice(readme.indexOf('## Options of'), readme.indexOf('## What it promises'))
    expect(options.length).toBeGreaterThan(10)
    expect(
      options.filter(option => !listed.includes(`\`${option}\``)),
      'add a row to the table of options'
    ).toEqual([])
  })

  test('lists every command', async () => {
    const { commands } = await import('../../src/cli/program.ts')
    const section = readme.slice(readme.indexOf('## Command line'), readme.indexOf('## Running it'))
    expect(
      commands.map(command => command.name).filter(name => !new RegExp(`\`${name}[\` ]`).test(section)),
      'add a row to the table'
    ).toEqual([])
  })

  test('gives the limits as they are', async () => {
    const limits = await import('../../src/core/limits.ts')
    const number = (value: number): string => value.toLocaleString('en-US')
    expect(readme).toContain(`| key | 1 to ${number(limits.keyBytesMax)} bytes |`)
    expect(readme).toContain(`| value | ${number(limits.valueBytesMax)} bytes |`)
    expect(readme).toContain(`| siblings of a key that a \`put\` may leave | ${limits.siblingsMax} |`)
    expect(readme).toContain(
      `| members of a cluster | ${number(limits.membersMax)}, with the ${number(limits.goneMembersMax)} that left or were evicted last; earlier ones are forgotten |`
    )
    expect(readme).toContain(`| partitions | ${limits.partitionsMin} to ${number(limits.partitionsMax)} |`)
    expect(readme).toContain(`| owners of a key (N) | ${limits.replicasMax} |`)
    expect(readme).toContain(`| \`keysMax\` | ${number(limits.keysMaxDefault)} |`)
    expect(readme).toContain(`(browser, up to ${limits.browserTabsMax} tabs)`)
  })

  test('names only scripts that exist', () => {
    const { scripts } = JSON.parse(readText('package.json')) as { scripts: Record<string, string> }
    const named = pages.flatMap(page => [...readText(page).matchAll(/npm run ([\w-]+)/g)].map(match => match[1] ?? ''))
    expect(named.filter(name => scripts[name] === undefined)).toEqual([])
    const benches = [...readme.matchAll(/npm run bench -- ([\w-]+)/g)].map(match => match[1] ?? '')
    expect(benches.filter(name => !existsSync(join(projectFolder, 'test', 'bench', `${name}.ts`)))).toEqual([])
  })
})

describe('the package', () => {
  const manifest = JSON.parse(readText('package.json')) as { files: string[]; bin: Record<string, string>; exports: object; types: string }

  /** Every file that a condition of `exports` leads to. */
  const targets = (value: unknown): readonly string[] =>
    typeof value === 'string' ? [value] : Object.values(value as Record<string, unknown>).flatMap(targets)

  test('every export leads to a built file', () => {
    const promised = [manifest.types, ...Object.values(manifest.bin), ...targets(manifest.exports)]
    expect(
      promised.filter(path => !existsSync(join(projectFolder, path))),
      'run npm run build; is the entry there?'
    ).toEqual([])
  })

  test('one file is built per source file, and no other', () => {
    const expected = sourceFiles('src').map(file => file.replace(/^src\//, '').replace(/\.ts$/, '.js'))
    const built = readdirSync(join(projectFolder, 'dist'), { recursive: true, encoding: 'utf8' })
      .map(path => path.replaceAll('\\', '/'))
      .filter(path => path.endsWith('.js') && !path.startsWith('web/'))
    expect(built.toSorted()).toEqual(expected.toSorted())
  })
})
