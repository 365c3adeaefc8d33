/** A peer of the chaos run: `dynamesh start` of the built package as a process of its own, asked through its control socket. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Access } from '../../src/cli/access/access.ts'
import { controlClient } from '../../src/cli/access/control/client.ts'
import { encodeUtf8 } from '../../src/core/codec.ts'
import {
  filesystemStorage,
  type DeleteOptions,
  type GetOptions,
  type PeerStatus,
  type PutOptions,
  type RingInfo
} from '../../src/entry/nodejs.ts'
import type { StorageRow } from '../../src/ports/storage.ts'
import { rowsOnDisk } from '../setup/disk-rows.ts'
import { metaKey } from '../../src/protocol/storage-layout.ts'
import type { ChaosPeer, DeleteAnswer, MemorySample, ReadAnswer, StoredKeys, WriteAnswer } from './chaos-peer.ts'
import { Inspector, liveBytes } from './inspector.ts'
import { endWithThisProcess } from './own-children.ts'

/** The command line as `npm run build` makes it. */
export const programFile: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

export interface PeerSettings {
  readonly name: string
  readonly cluster: string
  readonly folder: string
  readonly port: number
  readonly webSocketPort: number
  /** Addresses of the proxy that lead here. */
  readonly announce: readonly string[]
  readonly logFile: string
}

const readyWaitMs = 60_000
const pageBytes = 4096
/** What a peer says on standard error when something went wrong that nobody had thought of. */
const surprise = /^dynamesh|inside dynamesh failed|^\s*\w*Error: /

export class PeerProcess implements ChaosPeer {
  readonly name: string
  readonly complaints: string[] = []
  readonly #settings: PeerSettings
  readonly #log: WriteStream
  #access: Access | undefined
  #child: ChildProcess | undefined
  #debuggerUrl = ''
  #state: 'down' | 'starting' | 'up' | 'paused' = 'down'
  #peerId = ''
  #startedAtMs = 0
  #life = 0
  #isEnding = false

  constructor(settings: PeerSettings) {
    this.name = settings.name
    this.#settings = settings
    this.#log = createWriteStream(settings.logFile, { flags: 'a' })
  }

  get isServing(): boolean {
    return this.#state === 'up'
  }

  get peerId(): string {
    return this.#peerId
  }

  /** The process; `undefined` while there is none. */
  get pid(): number | undefined {
    return this.#state === 'down' ? undefined : this.#child?.pid
  }

  /** Starts the process and waits until it serves. */
  async start(join: readonly string[]): Promise<void> {
    const { cluster, folder, port, webSocketPort, announce } = this.#settings
    this.#state = 'starting'
    this.#isEnding = false
    this.#life++
    this.#startedAtMs = performance.now()
    const lists = [...join.flatMap(address => ['--join', address]), ...announce.flatMap(address => ['--announce', address])]
    const ports = ['--port', String(port), '--ws-port', String(webSocketPort)]
    const words = [
      '--inspect=127.0.0.1:0',
      programFile,
      'start',
      '--json',
      '--verbose',
      '--cluster',
      cluster,
      '--data',
      folder,
      ...ports,
      ...lists
    ]
    // The channel is for its end alone: the peer stops when this process is gone.
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    endWithThisProcess(child)
    this.#child = child
    child.once('exit', (code, signal) => this.#ended(child, code ?? signal))
    await this.#ready(child)
    this.#access = await controlClient(folder)
    this.#state = 'up'
  }

  pause(): void {
    this.#state = 'paused'
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
    this.#state = 'up'
  }

  /** Takes the process away in the middle of what it does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async stop(): Promise<void> {
    const code = await this.#end('SIGTERM')
    if (code !== 0) this.complaints.push(`ended with ${String(code)} when it was told to stop`)
  }

  /** Empties the disk of a process that is not running; nothing but the key pair is left, as on a new disk of the same machine. */
  async wipe(): Promise<void> {
    const { folder } = this.#settings
    const seedKey = metaKey('seed')
    const old = filesystemStorage(folder)
    await old.open()
    const [seed] = await old.read([seedKey])
    await old.close()
    await rm(folder, { recursive: true })
    if (seed === undefined) throw new Error(`${this.name} has no key pair`)
    const empty = filesystemStorage(folder)
    await empty.open()
    await empty.write([{ type: 'put', key: seedKey, value: seed }])
    await empty.close()
  }

  async get(key: string, options: GetOptions): Promise<ReadAnswer> {
    const { siblings, context } = await this.#asked().get(encodeUtf8(key), options)
    return { siblings, context }
  }

  put(key: string, context: Uint8Array | undefined, value: string, options: PutOptions): Promise<WriteAnswer> {
    return this.#asked().put(encodeUtf8(key), context, encodeUtf8(value), options)
  }

  delete(key: string, context: Uint8Array | undefined, options: DeleteOptions): Promise<DeleteAnswer> {
    return this.#asked().delete(encodeUtf8(key), context, options)
  }

  status(): Promise<PeerStatus> {
    return this.#asked().status()
  }

  ring(): Promise<RingInfo> {
    return this.#asked().ring()
  }

  async keys(): Promise<StoredKeys> {
    const keys = new Map<string, string>()
    for await (const { text, hash } of this.#asked().keys({})) keys.set(text ?? '', hash)
    return keys
  }

  async memory(): Promise<MemorySample> {
    const ageMs = performance.now() - this.#startedAtMs
    const life = this.#life
    // Not for longer than it takes: a process that ends waits for its debuggers to leave.
    const inspector = new Inspector(this.#debuggerUrl)
    const heapBytes = await liveBytes(method => inspector.send(method)).finally(() => inspector.close())
    const statm = await readFile(`/proc/${this.#child?.pid}/statm`, 'utf8')
    return { life, ageMs, heapBytes, residentBytes: Number(statm.split(' ')[1]) * pageBytes }
  }

  async rows(): Promise<readonly StorageRow[]> {
    return rowsOnDisk(filesystemStorage(this.#settings.folder))
  }

  /** Leaves no process behind, whatever happened before. */
  async end(): Promise<void> {
    await this.#end('SIGKILL')
    this.#log.end()
  }

  #asked(): Access {
    if (this.#access === undefined) throw new Error(`${this.name} was never started`)
    return this.#access
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | string | null> {
    const child = this.#child
    if (child === undefined || this.#state === 'down') return 0
    this.#isEnding = true
    this.#state = 'down'
    const closed = once(child, 'close')
    child.kill(signal)
    const [code, by] = (await closed) as [number | null, string | null]
    return code ?? by
  }

  #ended(child: ChildProcess, how: number | string | null): void {
    if (this.#isEnding || this.#child !== child) return
    this.#state = 'down'
    this.complaints.push(`ended by itself with ${String(how)}`)
  }

  /** Reads what the process says, for as long as it lives; resolves when it serves. */
  #ready(child: ChildProcess): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.name} did not become ready`)), readyWaitMs)
      const settle = (done: () => void): void => {
        clearTimeout(timer)
        done()
      }
      child.once('exit', () => settle(() => reject(new Error(`${this.name} ended before it was ready`))))
      this.#follow(child.stderr, line => this.#noted(line))
      this.#follow(child.stdout, line => {
        const event = JSON.parse(line) as { readonly event: string; readonly peerId?: string }
        if (event.event !== 'ready') return
        this.#peerId = event.peerId ?? ''
        settle(resolve)
      })
    })
  }

  #noted(line: string): void {
    const url = /^Debugger listening on (\S+)/.exec(line)?.[1]
    if (url !== undefined) this.#debuggerUrl = url
    else if (surprise.test(line)) this.complaints.push(`said: ${line}`)
  }

  #follow(stream: NodeJS.ReadableStream | null, take: (line: string) => void): void {
    if (stream === null) return
    createInterface({ input: stream }).on('line', line => {
      this.#log.write(`${new Date().toISOString()} ${line}\n`)
      take(line)
    })
  }
}
