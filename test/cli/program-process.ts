/** The program as real processes: run to its end, or kept running with its lines as they come. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const mainFile = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const readyWaitMs = 60_000

/** The words that start the program, with Node.js itself as the first. */
export const programWords: readonly string[] = [process.execPath, mainFile]

export interface ProcessResult {
  readonly code: number | null
  readonly stdout: Buffer
  readonly text: string
  readonly stderr: string
}

/** Runs a command line to its end. */
export async function runProcess(
  words: readonly string[],
  options: { readonly stdin?: Uint8Array; readonly nodeFlags?: readonly string[] } = {}
): Promise<ProcessResult> {
  const child = spawn(process.execPath, [...(options.nodeFlags ?? []), mainFile, ...words])
  return resultOf(child, options.stdin)
}

/** Output and exit code of a child. */
export async function resultOf(child: ChildProcess, stdin?: Uint8Array): Promise<ProcessResult> {
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout?.on('data', (part: Buffer) => stdout.push(part))
  child.stderr?.on('data', (part: Buffer) => stderr.push(part))
  child.stdin?.on('error', () => {})
  child.stdin?.end(stdin)
  const [code] = (await once(child, 'close')) as [number | null]
  const bytes = Buffer.concat(stdout)
  return { code, stdout: bytes, text: bytes.toString(), stderr: Buffer.concat(stderr).toString() }
}

/** An event line of `start --json` or `demo --json`. */
export type EventLine = { readonly event: string } & Readonly<Record<string, unknown>>

/** A program that keeps running; its standard output is JSON lines. */
export class RunningProgram {
  readonly child: ChildProcess
  readonly lines: EventLine[] = []
  readonly notes: string[] = []
  /** Settles when the process has ended, with its exit code or signal. */
  readonly ended: Promise<number | string | null>
  readonly #watchers = new Set<() => void>()

  constructor(words: readonly string[]) {
    this.child = spawn(process.execPath, [mainFile, ...words, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.ended = once(this.child, 'close').then(([code, signal]) => (signal ?? code) as number | string | null)
    this.#follow(this.child.stdout, line => this.lines.push(JSON.parse(line) as EventLine))
    this.#follow(this.child.stderr, line => this.notes.push(line))
    void this.ended.then(() => this.#changed())
  }

  /** The first event line that `matches`, among those that came and those to come. */
  async event(matches: (line: EventLine) => boolean): Promise<EventLine> {
    await this.until(() => this.lines.some(matches))
    return this.lines.find(matches) as EventLine
  }

  /** Waits until `condition` holds; looks again after every line. Fails when the process ends before. */
  async until(condition: () => boolean): Promise<void> {
    const deadline = AbortSignal.timeout(readyWaitMs)
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string): void => reject(new Error(`${why}: ${this.notes.join('\n')} ${JSON.stringify(this.lines)}`))
      const look = (): void => {
        if (condition()) resolve()
        else if (this.child.exitCode !== null || this.child.signalCode !== null) fail('the process ended')
        else return
        this.#watchers.delete(look)
      }
      deadline.addEventListener('abort', () => fail('nothing of the kind was printed in time'))
      this.#watchers.add(look)
      look()
    })
  }

  /** Sends `signal` and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string | null> {
    this.child.kill(signal)
    return this.ended
  }

  #follow(stream: NodeJS.ReadableStream | null, take: (line: string) => void): void {
    if (stream === null) return
    createInterface({ input: stream }).on('line', line => {
      take(line)
      this.#changed()
    })
  }

  #changed(): void {
    for (const look of this.#watchers) look()
  }
}

/** A running `dynamesh start`. */
export class RunningPeer extends RunningProgram {
  readonly data: string

  constructor(data: string, words: readonly string[]) {
    super(['start', '--data', data, '--port', '0', '--ws-port', '0', ...words])
    this.data = data
  }

  ready(): Promise<EventLine> {
    return this.event(line => line.event === 'ready')
  }

  /** Addresses to join by, TCP first. */
  async addresses(): Promise<readonly string[]> {
    const { addresses } = await this.ready()
    return (addresses as readonly string[]).toSorted((a, b) => Number(a.includes('/ws')) - Number(b.includes('/ws')))
  }

  /** Waits until this peer knows that each of `others` is up. */
  async knows(others: readonly RunningPeer[]): Promise<void> {
    const ids = await Promise.all(others.map(async other => (await other.ready())['peerId']))
    await this.until(() => ids.every(id => this.lines.some(line => isUp(line, id))))
  }
}

function isUp(line: EventLine, id: unknown): boolean {
  if (line.event === 'member:up') return line['peerId'] === id
  return line.event === 'ready' && (line['members'] as readonly unknown[]).includes(id)
}
