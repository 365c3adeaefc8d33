/** Commands that ask a peer whose process hangs: it takes connections, and never answers. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { controlClient } from '../../src/cli/access/control/client.ts'
import { runCommand } from './test-terminal.ts'

let folder: string
let server: Server
let connected: Promise<unknown>
const sockets = new Set<Socket>()

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dynamesh-hang-'))
  server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  connected = once(server, 'connection')
  server.listen(join(folder, 'control.sock'))
  await once(server, 'listening')
})

afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  sockets.clear()
  await once(server.close(), 'close')
  await rm(folder, { recursive: true })
})

test.each([
  [['status']],
  [['status', '--watch']],
  [['members']],
  [['ring']],
  [['ring', 'key']],
  [['keys']],
  [['plan', 'join']],
  [['get', 'key']],
  [['leave']]
])('Ctrl-C ends %j at once', async words => {
  const ctrlC = new AbortController()
  const running = runCommand([...words, '--data', folder], { interrupted: ctrlC.signal })
  await connected
  ctrlC.abort('SIGINT')
  expect(await running).toMatchObject({ code: 130, text: '' })
})

test('a long silence is an error that says what to look at, and a write may have happened', async () => {
  const client = await controlClient(folder, { silenceMs: 20 })
  const complaint = { code: 'ERR_NETWORK', message: expect.stringContaining('Is its process stopped') as string }
  await expect(client.members()).rejects.toMatchObject({ ...complaint, outcome: 'none' })
  await expect(client.get(Buffer.from('key'), { timeoutMs: 10 })).rejects.toMatchObject({ ...complaint, outcome: 'none' })
  await expect(client.put(Buffer.from('key'), undefined, Buffer.from('value'), { timeoutMs: 10 })).rejects.toMatchObject({
    ...complaint,
    outcome: 'indeterminate'
  })
})

test.runIf(process.platform !== 'win32')('Ctrl-C ends the wait for a named pipe that nobody writes to', async () => {
  const pipe = join(folder, 'pipe')
  await promisify(execFile)('mkfifo', [pipe])
  const ctrlC = new AbortController()
  const running = runCommand(['put', 'key', pipe, '--data', folder], { interrupted: ctrlC.signal })
  ctrlC.abort('SIGINT')
  const { code, stderr } = await running
  expect(code).toBe(130)
  expect(stderr).toContain('nothing was written')
  // Lets the thread go that waits for a writer.
  await promisify(execFile)('sh', ['-c', ': > "$1"', 'sh', pipe])
})
