import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { NetworkRecorder } from '../../src/conformance/network-recorder.ts'
import { testNetwork } from './network-peers.ts'

interface Told {
  readonly type: string
  readonly addresses?: readonly string[]
  readonly message?: string
}

/** Another process with a network. */
class Remote {
  readonly child: ChildProcess
  readonly exited: Promise<number | null>
  readonly #told: Told[] = []
  #wake = (): void => {}

  constructor(seedByte: number, listen: string, flags: readonly string[] = []) {
    const script = fileURLToPath(new URL('network-process.ts', import.meta.url))
    const child = spawn(process.execPath, [...flags, script, String(seedByte), listen], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.child = child
    onTestFinished(() => void child.kill('SIGKILL'))
    this.exited = new Promise(resolve => child.once('close', resolve))
    void this.exited.then(() => this.#wake())
    createInterface({ input: child.stdout }).on('line', line => {
      this.#told.push(JSON.parse(line) as Told)
      this.#wake()
    })
  }

  async told(type: string): Promise<Told> {
    for (;;) {
      const found = this.#told.find(event => event.type === type)
      if (found !== undefined) return found
      if (this.child.exitCode !== null) throw new Error(`the process ended with ${this.child.exitCode} before it told "${type}"`)
      await new Promise<void>(resolve => (this.#wake = resolve))
    }
  }
}

/** Makes a process one on whose platform the native module of WebRTC is not built. */
const withoutWebRtc = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module'
  const resolve = (name, context, next) => {
    if (name.startsWith('node-datachannel')) throw new Error('no native module for this platform')
    return next(name, context)
  }
  registerHooks({ resolve })
`)}`

describe('a network in another process', () => {
  test('works over WebSockets where the native module of WebRTC is missing, and says so', async () => {
    const remote = new Remote(9, '/ip4/127.0.0.1/tcp/0/ws', ['--import', withoutWebRtc])
    const { addresses } = await remote.told('started')
    expect(await remote.told('warning')).toMatchObject({ message: expect.stringContaining('WebRTC is not available') as string })
    const network = testNetwork({ listen: [], join: addresses ?? [] })
    onTestFinished(() => network.stop())
    const seen = new NetworkRecorder()
    await network.start(seen.handlers)
    await seen.seen('connected')
  })

  test('that is killed and started again at the same address is connected again, and carries messages', async () => {
    const first = new Remote(7, '/ip4/127.0.0.1/tcp/0')
    const address = (await first.told('started')).addresses?.[0] ?? ''
    const network = testNetwork({ listen: [], join: [address] })
    onTestFinished(() => network.stop())
    const seen = new NetworkRecorder()
    await network.start(seen.handlers)
    const { peer } = await seen.seen('connected')
    first.child.kill('SIGKILL')
    await seen.seen('disconnected')
    const second = new Remote(7, address.replace(/\/p2p\/.*/, ''))
    await second.told('started')
    await seen.seen('connected', 2)
    network.send(peer, 'request', out => out.raw(new Uint8Array([1, 2, 3])))
    expect([...(await seen.seen('frame')).bytes]).toEqual([1, 2, 3])
  })

  test('ends by itself once its network is stopped, though a peer is connected', async () => {
    const remote = new Remote(8, '/ip4/127.0.0.1/tcp/0/ws')
    const network = testNetwork({ listen: [], join: (await remote.told('started')).addresses ?? [] })
    onTestFinished(() => network.stop())
    const seen = new NetworkRecorder()
    await network.start(seen.handlers)
    await seen.seen('connected')
    remote.child.kill('SIGTERM')
    await remote.told('stopped')
    expect(await remote.exited).toBe(0)
    await seen.seen('disconnected')
  })
})
