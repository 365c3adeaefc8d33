import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPageServer } from '../../src/cli/demo/page-port.ts'
import { pageServer, type PageServer } from '../../src/cli/demo/page-server.ts'

let server: PageServer
let folder: string

beforeAll(async () => {
  const root = await mkdtemp(join(tmpdir(), 'dynamesh-page-'))
  folder = join(root, 'web')
  await mkdir(join(folder, 'assets'), { recursive: true })
  await writeFile(join(root, 'secret.txt'), 'secret')
  await mkdir(join(root, 'web-secret'))
  await writeFile(join(root, 'web-secret', 'a.txt'), 'secret')
  await writeFile(join(folder, 'index.html'), '<title>page</title>')
  await writeFile(join(folder, '.env.txt'), 'secret')
  await writeFile(join(folder, 'strange.exe'), 'x')
  await writeFile(join(folder, 'assets', 'app-1a2b.js'), 'let x')
  server = await pageServer(folder, 0, () => ({
    cluster: 'demo',
    join: ['/ip4/127.0.0.1/tcp/1/ws/p2p/x'],
    peers: [{ name: 'edge-1', peerId: 'x' }]
  }))
})
afterAll(() => server.close())

/** A request whose path is sent as it is: `fetch` would tidy it up. */
async function ask(path: string, method = 'GET'): Promise<{ status: number | undefined; headers: Record<string, unknown>; body: string }> {
  const outgoing = request({ host: '127.0.0.1', port: server.port, path, method })
  outgoing.end()
  const [response] = (await once(outgoing, 'response')) as [import('node:http').IncomingMessage]
  let body = ''
  for await (const part of response) body += String(part)
  return { status: response.statusCode, headers: response.headers, body }
}

describe('the page server', () => {
  test('serves the page and its files with their types, and lets hashed files be kept', async () => {
    const page = await ask('/?room=1')
    expect(page).toMatchObject({ status: 200, body: '<title>page</title>' })
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(page.headers['cache-control']).toBe('no-cache')
    const script = await ask('/assets/app-1a2b.js')
    expect(script.headers['content-type']).toBe('text/javascript; charset=utf-8')
    expect(script.headers['cache-control']).toContain('immutable')
    expect(await ask('/', 'HEAD')).toMatchObject({ status: 200, body: '' })
  })

  test('tells the page which peers to join', async () => {
    const { status, body, headers } = await ask('/dynamesh.json')
    expect(status).toBe(200)
    expect(headers['cache-control']).toBe('no-store')
    expect(JSON.parse(body)).toEqual({ cluster: 'demo', join: ['/ip4/127.0.0.1/tcp/1/ws/p2p/x'], peers: [{ name: 'edge-1', peerId: 'x' }] })
  })

  test.each(['/', '/nowhere', '/dynamesh.json'])('sends the strict policy with %s', async path => {
    const { headers } = await ask(path)
    expect(headers['content-security-policy']).toContain("default-src 'none'")
    expect(headers['content-security-policy']).not.toContain('unsafe')
    expect(headers['x-content-type-options']).toBe('nosniff')
  })

  test.each([
    '/../secret.txt',
    '/..%2fsecret.txt',
    '/%2e%2e/secret.txt',
    '/assets/../../secret.txt',
    '/..\\secret.txt',
    '/../web-secret/a.txt',
    '/%00',
    '/%ff',
    '//etc/passwd',
    '/.env.txt',
    '/assets',
    '/strange.exe',
    '/nowhere'
  ])('does not serve %s', async path => {
    const { status, body } = await ask(path)
    expect([400, 404]).toContain(status)
    expect(body).not.toContain('secret')
  })

  test('takes no other method', async () => {
    expect((await ask('/', 'POST')).status).toBe(405)
  })

  test('takes the next free port when none was asked for, and names the one that was', async () => {
    const next = await openPageServer(folder, undefined, server.port, () => ({ cluster: 'demo', join: [], peers: [] }))
    expect(next.port).toBeGreaterThan(server.port)
    await next.close()
    const refused = openPageServer(folder, server.port, server.port, () => ({ cluster: 'demo', join: [], peers: [] }))
    await expect(refused).rejects.toMatchObject({ code: 'ERR_LISTEN', message: expect.stringContaining(`Port ${server.port}`) as string })
  })
})
