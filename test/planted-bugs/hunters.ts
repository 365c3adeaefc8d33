/** Hunts for one planted bug: as a child process, watched for seeds that never end. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { HuntMessage } from './hunt.ts'
import type { Planting } from './planting.ts'

const script = fileURLToPath(new URL('hunt.ts', import.meta.url))
/** Longest time that one seed may take; a healthy one takes a tenth of a second. */
const seedTimeoutMs = 60_000
const heapMebibytesMax = 1024

/** What a hunt found. */
export interface Catch {
  /** Seed that failed; `undefined` when all passed. */
  readonly seed: number | undefined
  readonly problems: readonly string[]
  readonly ms: number
}

/** Runs the seeds `first..last` with the sources of `planting`, until one fails. */
export function hunt({ folder }: Planting, first: number, last: number): Promise<Catch> {
  const startedAt = performance.now()
  return new Promise(resolve => {
    const child = fork(script, [folder, `${first}`, `${last}`], { execArgv: [`--max-old-space-size=${heapMebibytesMax}`], silent: true })
    let seed = first
    let problems: readonly string[] = []
    let isTooSlow = false
    const watchdog = setTimeout(() => {
      isTooSlow = true
      child.kill('SIGKILL')
    }, seedTimeoutMs)
    child.on('message', (message: HuntMessage) => {
      ;({ problems } = message)
      seed = problems.length > 0 ? message.seed : message.seed + 1
      watchdog.refresh()
    })
    // Its last message may still be on its way when it has ended: the channel closes behind it.
    void Promise.all([once(child, 'exit'), once(child, 'disconnect')]).then(([[code]]) => {
      clearTimeout(watchdog)
      const ms = performance.now() - startedAt
      if (problems.length > 0) resolve({ seed, problems, ms })
      else if (isTooSlow) resolve({ seed, problems: [`the run did not end within ${seedTimeoutMs / 1000} s`], ms })
      else if (code !== 0) resolve({ seed, problems: [`the run's process ended with ${code ?? 'a signal'}`], ms })
      else resolve({ seed: undefined, problems: [], ms })
    })
  })
}
