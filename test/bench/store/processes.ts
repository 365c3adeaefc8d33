/** Starts the processes of the store benchmark, and talks to them. */
import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Sample } from './sample.ts'

/** What the measuring peer is told to do. */
export interface Measurement {
  readonly operation: 'put' | 'get'
  readonly concurrency: number
  readonly durationMs: number
  readonly valueBytes: number
}

export interface Peers {
  /** Where another peer can join. */
  readonly address: string
  measure(measurement: Measurement): Promise<Sample>
  stop(): Promise<void>
}

/** Three peers that know each other; the last one measures. With `profile`, each writes a CPU profile into that folder. */
export async function startPeers(folder: string, profile: string | undefined): Promise<Peers> {
  const script = fileURLToPath(new URL('peer-process.ts', import.meta.url))
  const execArgv = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
  const children: ChildProcess[] = []
  let address = ''
  for (const name of ['a', 'b', 'c']) {
    const child = fork(script, [join(folder, name), address], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv })
    children.push(child)
    address = String(await answer(child))
  }
  const measuring = children.at(-1) as ChildProcess
  await ask(measuring, 'ready')
  return {
    address,
    measure: async measurement => {
      const beforeUs = await cpuUs(children)
      const measured = (await ask(measuring, measurement)) as Sample
      const operations = (measured.rate * measurement.durationMs) / 1000
      return { ...measured, cpuUs: ((await cpuUs(children)) - beforeUs) / operations }
    },
    stop: async () => {
      await Promise.all(children.map(end))
    }
  }
}

/** What a process of the benchmark can be asked. */
export type Question = Measurement | 'ready' | 'cpu' | 'up'

async function ask(child: ChildProcess, question: Question): Promise<unknown> {
  child.send(question)
  return answer(child)
}

/** Processor time that the processes have used so far. */
async function cpuUs(children: readonly ChildProcess[]): Promise<number> {
  let us = 0
  for (const child of children) us += Number(await ask(child, 'cpu'))
  return us
}

/** The answering side of the request benchmark, as a process of its own. */
export async function startRpcServer(): Promise<{ readonly address: string; stop(): Promise<void> }> {
  const child = fork(fileURLToPath(new URL('../rpc.ts', import.meta.url)), ['--serve', 'dynamesh tcp'], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc']
  })
  return { address: String(await answer(child)), stop: () => end(child) }
}

function answer(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`a process of the benchmark ended with ${code}`))
    child.once('exit', onExit)
    child.once('message', message => {
      child.off('exit', onExit)
      resolve(message)
    })
  })
}

function end(child: ChildProcess): Promise<void> {
  return new Promise(resolve => {
    child.once('exit', () => resolve())
    child.disconnect()
  })
}
