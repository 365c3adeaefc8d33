/** The layers of src/README.md hold: what may import what, and that core and protocol know no platform. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { againstArrows, circles } from './arrows.ts'
import { projectFolder, readText, sourceFiles } from './project.ts'

describe('the source as it is', () => {
  test('no import goes against an arrow', () => {
    expect(sourceFiles('src').flatMap(file => againstArrows(file, readText(file)))).toEqual([])
  })

  test('the page uses the library as any user would', () => {
    expect(sourceFiles('web').flatMap(file => againstArrows(file, readText(file)))).toEqual([])
  })
})

describe('circles', () => {
  const texts = (files: readonly string[]) => new Map(files.map(file => [file, readText(file)]))

  test('no file imports itself by way of others, not even for a type', () => {
    expect(circles(texts([...sourceFiles('src'), ...sourceFiles('web')]))).toEqual([])
  })

  test('a planted circle is found', () => {
    const planted = new Map([
      ['src/core/a.ts', "import type { B } from './deep/b.ts'"],
      ['src/core/deep/b.ts', "import { c } from '../c.ts'"],
      ['src/core/c.ts', "const later = import('./a.ts')"],
      ['src/core/d.ts', "import { a } from './a.ts'"]
    ])
    expect(circles(planted)).toEqual(['src/core/a.ts -> src/core/deep/b.ts -> src/core/c.ts -> src/core/a.ts'])
  })
})

describe('a planted violation is caught by the arrow test', () => {
  test.each([
    ['src/core/planted.ts', "import { x } from '../ports/clock.ts'"],
    ['src/core/planted.ts', "import type { Peer } from '../store/api.ts'"],
    ['src/core/planted.ts', "export * from '../protocol/message.ts'"],
    ['src/core/planted.ts', "const later = import('../adapters/memory-storage.ts')"],
    ['src/core/planted.ts', "import { openDB } from 'idb'"],
    ['src/core/planted.ts', "import fs from 'node:fs'"],
    ['src/protocol/planted.ts', "import type { Network } from '../ports/network.ts'"],
    ['src/protocol/planted.ts', "import { md5 } from '@noble/hashes/legacy.js'"],
    ['src/ports/planted.ts', "import { message } from '../protocol/message.ts'"],
    ['src/adapters/libp2p/planted.ts', "import { message } from '../../protocol/message.ts'"],
    ['src/adapters/planted.ts', "import { createPeerOn } from '../store/peer.ts'"],
    ['src/store/planted.ts', "import { MemoryStorage } from '../adapters/memory-storage.ts'"],
    ['src/simulation/planted.ts', "import { createPeerOn } from '../store/peer.ts'"],
    ['src/conformance/planted.ts', "import { MemoryStorage } from '../adapters/memory-storage.ts'"],
    ['src/cli/planted.ts', "import { createPeerOn } from '../store/peer.ts'"],
    ['src/entry/planted.ts', "import { exitCode } from '../cli/outcome/exit-code.ts'"],
    ['web/planted.ts', "import { createPeer } from '../src/entry/browser.ts'"],
    ['src/core/planted.ts', "import { test } from '../../test/setup/tally.ts'"]
  ])('%s: %s', (file, line) => {
    expect(againstArrows(file, line)).toHaveLength(1)
  })

  test('and what is allowed passes', () => {
    expect(againstArrows('src/core/ok.ts', "import { md5 } from '@noble/hashes/legacy.js'\nimport { x } from './bytes.ts'")).toEqual([])
    expect(
      againstArrows('src/store/ok.ts', "import { x } from '../protocol/message.ts'\nimport type { y } from '../ports/clock.ts'")
    ).toEqual([])
    expect(againstArrows('web/view/ok.tsx', "import { createPeer } from 'dynamesh'\nimport { x } from '../model/y.ts'")).toEqual([])
  })
})

describe('a violation planted in a copy is caught', () => {
  let copy = ''

  beforeEach(() => {
    copy = mkdtempSync(join(tmpdir(), 'dynamesh-planted-'))
    for (const file of ['.oxlintrc.json', 'tsconfig.json', 'package.json', 'src'])
      cpSync(join(projectFolder, file), join(copy, file), { recursive: true })
    symlinkSync(join(projectFolder, 'node_modules'), join(copy, 'node_modules'), 'junction')
  })

  afterEach(() => rmSync(copy, { recursive: true, force: true }))

  const plant = (file: string, text: string): void => {
    mkdirSync(dirname(join(copy, file)), { recursive: true })
    writeFileSync(join(copy, file), `${text}\n`)
  }
  /** What a tool says about the planted file. */
  const complaints = (command: string, ...args: string[]): string => {
    const { stdout, stderr } = spawnSync(join(projectFolder, 'node_modules', '.bin', command), args, { cwd: copy, encoding: 'utf8' })
    return `${stdout}${stderr}`
  }

  test.each(['core', 'protocol', 'ports'])('by the compiler, in %s: anything of a platform', folder => {
    const names = ['setTimeout', 'fetch', 'crypto', 'process', 'document', 'TextEncoder', 'console', 'performance', 'Buffer', 'indexedDB']
    plant(`src/${folder}/planted.ts`, names.map((name, index) => `export const planted${index}: unknown = ${name}`).join('\n'))
    const said = complaints('tsc', '-p', `src/${folder}`)
    for (const name of names) expect(said).toMatch(new RegExp(`planted\\.ts.*Cannot find name '${name}'`))
  })

  test.each(['core', 'protocol'])('by the linter, in %s: time, chance, timers and I/O', folder => {
    const uses = ['Date.now()', 'new Date()', 'Math.random()', 'performance.now()', 'setTimeout', 'fetch', 'crypto', 'process', 'console']
    plant(`src/${folder}/planted.ts`, uses.map((use, index) => `export const planted${index}: unknown = ${use}`).join('\n'))
    const said = complaints('oxlint', '--format=unix', `src/${folder}/planted.ts`)
    for (const line of uses.keys()) expect(said).toMatch(new RegExp(`planted\\.ts:${line + 1}:\\d+:.*no-restricted-(globals|properties)`))
  })

  test.each([
    ['core', '../store/api.ts'],
    ['core', '../ports/clock.ts'],
    ['core', 'idb'],
    ['core', 'node:fs'],
    ['protocol', '../ports/network.ts'],
    ['protocol', '../adapters/memory-storage.ts'],
    ['ports', '../protocol/message.ts'],
    ['adapters', '../protocol/message.ts'],
    ['adapters', '../store/api.ts'],
    ['store', '../adapters/memory-storage.ts'],
    ['simulation', '../store/api.ts'],
    ['conformance', '../protocol/message.ts'],
    ['cli', '../store/peer.ts'],
    ['core/ring', '../../ports/clock.ts'],
    ['core/ring', '../../store/api.ts'],
    ['core/ring', 'idb'],
    ['protocol/wire', '../../ports/network.ts'],
    ['protocol/wire', '../../adapters/memory/memory-storage.ts'],
    ['adapters/memory', '../../protocol/wire/message.ts'],
    ['simulation/run', '../../store/api.ts']
  ])('by the linter: %s imports %s', (folder, specifier) => {
    plant(`src/${folder}/planted.ts`, `import type { Planted } from '${specifier}'\nexport type Again = Planted`)
    expect(complaints('oxlint', '--format=unix', `src/${folder}/planted.ts`)).toMatch(/planted\.ts:1:.*no-restricted-imports/)
  })
})
