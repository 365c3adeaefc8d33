/**
 * One edge peer of the demo as a process of its own: started, watched, started again when it dies, stopped. It stops by itself when the
 * demo dies, because it notices that the channel to its parent is closed.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { StoreError, type ErrorCode } from '../../core/errors.ts'
import { stopMessage, type ParentMessage } from '../terminal/terminal.ts'
import { choosePorts, demoHost, type EdgePlan } from './layout.ts'

/** Longest wait for a first sign of life, and for a clean end before it is forced. */
const readyWaitMs = 60_000
const stopWaitMs = 10_000
/** Waits before a dead peer is started again: doubled each time from the first to the last, anew after it ran for longer than the last. */
const restartWaitMs = { first: 500, last: 30_000 } as const
/** Times that a peer whose port was taken in the moment of starting gets other ports. */
const portAttempts = 3

/** What the demo gives to its peers. */
export interface EdgeSurroundings {
  readonly cluster: string
  /** Addresses that `plan` should join by at the moment. */
  readonly joinOf: (plan: EdgePlan) => readonly string[]
  /** A line for the person who watches. */
  readonly note: (text: string) => void
  /** The peer is running, for the first time or again. */
  readonly ready: (plan: EdgePlan) => Promise<void>
}

export class EdgeProcess {
  readonly plan: EdgePlan
  addresses: readonly string[] = []
  readonly #surroundings: EdgeSurroundings
  #child: ChildProcess | undefined
  #restart: NodeJS.Timeout | undefined
  #deaths = 0
  #readyAtMs = 0
  #isStopping = false

  constructor(plan: EdgePlan, surroundings: EdgeSurroundings) {
    this.plan = plan
    this.#surroundings = surroundings
  }

  /** Process id while it runs. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Starts the peer; resolves when it serves, rejects with its own error when it cannot. */
  async start(): Promise<void> {
    await this.#launchWhereFree()
    await this.#surroundings.ready(this.plan)
  }

  async #launchWhereFree(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#launch()
      } catch (error) {
        const isPortTaken = error instanceof StoreError && error.code === 'ERR_LISTEN'
        if (!isPortTaken || attempt >= portAttempts || this.#isStopping) throw error
        await choosePorts(this.plan)
      }
    }
  }

  /** Asks the process to end, waits, and ends it by force if it does not. */
  async stop(): Promise<void> {
    this.#isStopping = true
    clearTimeout(this.#restart)
    const child = this.#child
    if (child === undefined) return
    const exited = once(child, 'exit')
    if (child.connected) child.send(stopMessage, () => {})
    else child.kill('SIGTERM')
    const force = setTimeout(() => child.kill('SIGKILL'), stopWaitMs)
    await exited
    clearTimeout(force)
  }

  /** Ends the process at once. */
  kill(): void {
    this.#isStopping = true
    clearTimeout(this.#restart)
    this.#child?.kill('SIGKILL')
  }

  async #launch(): Promise<void> {
    if (this.#isStopping) throw new StoreError('ERR_ABORTED', `${this.plan.name} was stopped before it had started.`)
    const child = fork(programFile(), this.#words(), { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    this.#child = child
    this.#relayNotes(child)
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined
    })
    const ready = await firstMessage(child, this.plan.name)
    this.plan.peerId = ready.peerId
    this.addresses = ready.addresses
    this.#readyAtMs = Date.now()
    child.once('exit', (code, signal) => this.#died(signal ?? `exit code ${code}`))
  }

  #words(): string[] {
    const { data, port, webSocketPort } = this.plan
    const join = this.#surroundings.joinOf(this.plan).flatMap(address => ['--join', address])
    const ports = ['--host', demoHost, '--port', String(port), '--ws-port', String(webSocketPort)]
    return ['start', '--quiet', '--data', data, '--cluster', this.#surroundings.cluster, ...ports, ...join]
  }

  #relayNotes(child: ChildProcess): void {
    if (child.stderr === null) return
    createInterface({ input: child.stderr, crlfDelay: Number.POSITIVE_INFINITY }).on('line', line =>
      this.#surroundings.note(`${this.plan.name}: ${line}`)
    )
  }

  #died(how: string): void {
    if (this.#isStopping) return
    if (Date.now() - this.#readyAtMs > restartWaitMs.last) this.#deaths = 0
    const waitMs = Math.min(restartWaitMs.last, restartWaitMs.first * 2 ** this.#deaths++)
    this.#surroundings.note(`${this.plan.name} died (${how}); it starts again in ${waitMs / 1000} s`)
    this.#restart = setTimeout(() => void this.#startAgain(), waitMs)
  }

  async #startAgain(): Promise<void> {
    try {
      await this.#launchWhereFree()
    } catch (error) {
      this.#died(messageOf(error))
      return
    }
    const runs = `${this.plan.name} runs again, as process ${this.pid ?? '-'}`
    // Whatever fails from here on, the peer itself runs: a second process on its data must not start.
    await this.#surroundings.ready(this.plan).then(
      () => this.#surroundings.note(runs),
      (error: unknown) => this.#surroundings.note(`${runs}, but that could not be saved: ${messageOf(error)}`)
    )
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The program that this process runs, compiled or not. */
function programFile(): string {
  return fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../main.ts' : '../main.js', import.meta.url))
}

async function firstMessage(child: ChildProcess, name: string): Promise<Extract<ParentMessage, { type: 'ready' }>> {
  const timeout = AbortSignal.timeout(readyWaitMs)
  const silent = new StoreError('ERR_INTERNAL', `${name} ended before it was ready.`)
  const ended = once(child, 'exit', { signal: timeout }).then(() => Promise.reject(silent))
  const message = once(child, 'message', { signal: timeout }).then(([first]) => first as ParentMessage)
  ended.catch(() => {})
  message.catch(() => {})
  const first = await Promise.race([message, ended]).catch((error: unknown) => {
    child.kill('SIGKILL')
    throw timeout.aborted
      ? new StoreError('ERR_INTERNAL', `${name} was not ready within ${readyWaitMs / 1000} s.`, { cause: error })
      : error
  })
  if (first.type === 'ready') return first
  throw new StoreError(first.code as ErrorCode, `${name}: ${first.message}`)
}
