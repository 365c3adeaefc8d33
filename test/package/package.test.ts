/**
 * What a user gets: the packed tarball in an empty project, the README's code as written, and each way of importing it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type Browser, chromium, type Page } from 'playwright'
import ts from 'typescript'
import { build, preview, type PreviewServer } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromiumFlags, ensureBrowser } from '../setup/browser.ts'
import { cleanEnvironment, installProject, type InstalledProject, run, tool } from './installed.ts'
import { projectFolder } from './project.ts'
import { readmeBlocks } from './readme-blocks.ts'

/** Most bytes of our own code in a page, minified and compressed; libp2p's 194 kB are not ours to save. */
const ownShareBytesMax = 96_000

const blocks = readmeBlocks()
let project: InstalledProject
let installed: InstalledProject | undefined

beforeAll(() => {
  installed = installProject()
  project = installed
  for (const block of blocks.filter(each => each.file !== '')) project.save(block.file, block.text)
})

afterAll(() => installed?.dispose())

describe('the tarball', () => {
  test('holds what is needed and nothing else', () => {
    const strangers = project.packed.filter(path => !/^(dist\/|package\.json$|README\.md$|CHANGELOG\.md$|LICENSE$)/.test(path))
    expect(strangers).toEqual([])
    for (const path of ['README.md', 'CHANGELOG.md', 'LICENSE', 'dist/cli/main.js', 'dist/web/index.html', 'dist/entry/browser.d.ts']) {
      expect(project.packed).toContain(path)
    }
  })

  test('publint finds nothing to complain about', () => {
    expect(run(projectFolder, tool('publint'), ['run', '--strict', project.tarball])).toMatchObject({ exitCode: 0 })
  })

  test('types resolve for every importer', () => {
    const { exitCode, stdout } = run(projectFolder, tool('attw'), [project.tarball, '--profile', 'esm-only', '--no-emoji'])
    expect(exitCode, stdout).toBe(0)
  })
})

describe('imports', () => {
  const resolvedBy = (...flags: string[]): string => {
    const { stdout } = run(project.folder, process.execPath, [
      ...flags,
      '--input-type=module',
      '-e',
      "console.log(import.meta.resolve('dynamesh'))"
    ])
    return stdout.trim().split('/').slice(-2).join('/')
  }

  test('Node.js takes the Node.js entry, and the browser condition the browser entry', () => {
    expect(resolvedBy()).toBe('entry/nodejs.js')
    expect(resolvedBy('-C', 'browser')).toBe('entry/browser.js')
  })

  /** File of the types that TypeScript finds for a specifier. */
  function typesOf(specifier: string, options: ts.CompilerOptions): string {
    const from = join(project.folder, 'from.mts')
    const found = ts.resolveModuleName(specifier, from, options, ts.sys, undefined, undefined, ts.ModuleKind.ESNext)
    return found.resolvedModule?.resolvedFileName.split('/').slice(-2).join('/') ?? 'nothing'
  }
  const nodejs = { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext }
  const bundler = { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler }

  test.each([
    ['node', nodejs, 'entry/nodejs.d.ts'],
    ['browser', { ...bundler, customConditions: ['browser'] }, 'entry/browser.d.ts'],
    ['default', bundler, 'entry/browser.d.ts']
  ])('the condition %s has its types', (_condition, options, types) => {
    expect(typesOf('dynamesh', options)).toBe(types)
  })

  test.each(['core', 'simulation', 'conformance'])('dynamesh/%s can be imported, with types', name => {
    const script = `const all = await import('dynamesh/${name}'); console.log(Object.keys(all).length)`
    const { stdout, stderr } = run(project.folder, process.execPath, ['--input-type=module', '-e', script])
    expect(Number(stdout), stderr).toBeGreaterThan(0)
    expect(typesOf(`dynamesh/${name}`, nodejs)).toBe(`entry/${name}.d.ts`)
    expect(typesOf(`dynamesh/${name}`, bundler)).toBe(`entry/${name}.d.ts`)
  })

  test('both entries export the same names', () => {
    const names = (...flags: string[]): readonly string[] => {
      const script = "console.log(Object.keys(await import('dynamesh')).sort().join())"
      return run(project.folder, process.execPath, [...flags, '--input-type=module', '-e', script])
        .stdout.trim()
        .split(',')
    }
    expect(names()).toEqual(expect.arrayContaining(['StoreError', 'createPeer', 'isStoreError', 'json']))
    expect(names('-C', 'browser')).toEqual(expect.arrayContaining(['StoreError', 'createPeer', 'isStoreError', 'json']))
  })
})

describe('an old Node.js', () => {
  const pretend =
    'data:text/javascript,' +
    encodeURIComponent("Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.11.1' } })")
  const importing = [
    '--input-type=module',
    '-e',
    "import('dynamesh').then(() => console.log('imported'), error => console.log(error.code, error.message))"
  ]

  test('is refused by the library before libp2p is evaluated', () => {
    const { stdout } = run(project.folder, process.execPath, ['--import', pretend, ...importing])
    expect(stdout).toMatch(/^ERR_NODE_VERSION .*22\.12.*20\.11\.1/)
  })

  test('is refused by the command line', () => {
    const { exitCode, stderr } = run(project.folder, process.execPath, [
      '--import',
      pretend,
      'node_modules/dynamesh/dist/cli/main.js',
      'status'
    ])
    expect(stderr).toMatch(/22\.12.*20\.11\.1.*ERR_NODE_VERSION/)
    expect(exitCode).toBe(78)
  })

  /** An old Node.js of this machine, if it has one. */
  const candidates = [...new Set((process.env['PATH'] ?? '').split(':'))].map(folder => join(folder, 'node')).filter(existsSync)
  const old = candidates.find(path => Number(/^v(\d+)/.exec(run('.', path, ['--version']).stdout)?.[1] ?? 99) < 22)

  test.runIf(old !== undefined)('is refused when it is a real one', () => {
    expect(run(project.folder, old ?? '', importing).stdout).toMatch(/^ERR_NODE_VERSION/)
    expect(run(project.folder, old ?? '', ['node_modules/dynamesh/dist/cli/main.js', 'status']).exitCode).toBe(78)
  })
})

describe('the README', () => {
  test('every piece of code has a file name, so that it is tried', () => {
    expect(blocks.filter(block => !['sh', 'console'].includes(block.language) && block.file === '')).toEqual([])
    expect(blocks.map(block => block.file)).toEqual(expect.arrayContaining(['first.mjs', 'index.html', 'main.js']))
  })

  test.each(blocks.filter(block => /\.(mjs|mts)$/.test(block.file)))('$file runs as written and prints what it says', block => {
    const { exitCode, stdout, stderr } = run(project.folder, process.execPath, [block.file])
    expect(stderr).toBe('')
    expect(stdout.trim().split('\n')).toEqual(block.prints)
    expect(exitCode).toBe(0)
  })

  test('the first code finds its data when it runs again', () => {
    const first = blocks.find(block => block.file === 'first.mjs')
    expect(run(project.folder, process.execPath, ['first.mjs']).stdout.trim()).toBe(first?.prints.join('\n'))
    expect(existsSync(join(project.folder, 'shop-data'))).toBe(true)
  })

  test('the typed code passes the strict compiler', () => {
    const files = blocks.map(block => block.file).filter(file => file.endsWith('.mts'))
    const flags = ['--ignoreConfig', '--noEmit', '--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', '--types', '']
    const target = ['--module', 'nodenext', '--target', 'es2023', '--lib', 'es2023,dom']
    expect(run(project.folder, tool('tsc'), [...flags, ...target, ...files])).toMatchObject({ stdout: '', exitCode: 0 })
  })
})

describe('the browser code of the README', () => {
  let browser: Browser
  let server: PreviewServer
  let edge: ChildProcess | undefined

  beforeAll(async () => {
    await build({ root: project.folder, configFile: false, logLevel: 'error', build: { target: 'es2022' } })
    server = await preview({ root: project.folder, configFile: false, logLevel: 'warn', preview: { host: '127.0.0.1', port: 0 } })
    browser = await chromium.launch({ executablePath: ensureBrowser(), args: [...chromiumFlags] })
  })

  afterAll(async () => {
    await browser?.close()
    await server?.close()
    if (edge !== undefined && edge.exitCode === null) {
      edge.kill('SIGTERM')
      await once(edge, 'exit')
    }
  })

  const address = (): string => server.resolvedUrls?.local[0] ?? ''
  const complaints: string[] = []

  async function openPage(query = '', context = browser.newContext()): Promise<Page> {
    const page = await (await context).newPage()
    page.on('pageerror', error => complaints.push(String(error)))
    page.on('console', message => {
      if (message.type() === 'error' && !message.location().url.endsWith('/favicon.ico')) complaints.push(message.text())
    })
    await page.goto(address() + query)
    return page
  }

  async function addItem(page: Page, item: string): Promise<void> {
    await page.getByLabel('Item').fill(item)
    await page.getByRole('button').click()
  }

  test('works alone, and keeps the cart over a reload', async () => {
    const page = await openPage()
    await addItem(page, 'bread')
    await page.getByText('bread').waitFor()
    await page.reload()
    await page.getByText('bread').waitFor()
    expect(complaints).toEqual([])
    await page.context().close()
  })

  test('and two browsers share the cart through `dynamesh start`', async () => {
    const started = await startEdge()
    edge = started.process
    const query = `?join=${encodeURIComponent(started.address)}`
    const [one, other] = await Promise.all([openPage(query), openPage(query)])
    await addItem(one, 'milk')
    await other.getByText('milk').waitFor({ timeout: 60_000 })
    await addItem(other, 'eggs')
    await one.getByText('eggs').waitFor({ timeout: 60_000 })
    expect(complaints).toEqual([])
  })

  test('and the command line sees what the tabs wrote, from the same folder', () => {
    const dynamesh = join(project.folder, 'node_modules', '.bin', 'dynamesh')
    expect(run(project.folder, dynamesh, ['put', 'hello', '--value', 'world'])).toMatchObject({ exitCode: 0 })
    expect(run(project.folder, dynamesh, ['get', 'hello'])).toMatchObject({ exitCode: 0, stdout: 'world' })
    const { stdout } = run(project.folder, dynamesh, ['keys'])
    expect(stdout.split('\n')).toEqual(expect.arrayContaining(['cart:42', 'hello']))
  })

  /** Runs the installed command line as the README says, and answers a WebSocket address that it printed. */
  async function startEdge(): Promise<{ process: ChildProcess; address: string }> {
    const flags = ['--cluster', 'shop', '--port', '0', '--ws-port', '0']
    const child = spawn(process.execPath, ['node_modules/dynamesh/dist/cli/main.js', 'start', ...flags], {
      cwd: project.folder,
      env: cleanEnvironment()
    })
    let printed = ''
    for await (const chunk of child.stdout) {
      printed += String(chunk)
      const found = /\/ip4\/127\.0\.0\.1\/tcp\/\d+\/ws\/p2p\/\w+/.exec(printed)
      if (found !== null) return { process: child, address: found[0] }
    }
    throw new Error(`dynamesh start ended without an address:\n${printed}`)
  }
})

test('our own share of a page stays within its budget', async () => {
  const result = await build({
    root: project.folder,
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      target: 'es2022',
      minify: true,
      rolldownOptions: {
        input: join(project.folder, 'node_modules/dynamesh/dist/entry/browser.js'),
        preserveEntrySignatures: 'exports-only',
        external: id => /^[^./]/.test(id) && !id.startsWith('\0')
      }
    }
  })
  const outputs = [result].flat().flatMap(each => ('output' in each ? each.output : []))
  const code = outputs.map(each => (each.type === 'chunk' ? each.code : '')).join('')
  const bytes = gzipSync(code).length
  console.log(
    `our own share of a page: ${code.length} bytes minified, ${bytes} bytes compressed (at most ${ownShareBytesMax}); npm install brings ${project.packages} packages`
  )
  expect(code.length).toBeGreaterThan(10_000)
  expect(bytes).toBeLessThanOrEqual(ownShareBytesMax)
})
