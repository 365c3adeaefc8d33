/** Threads that run simulations: as many as there are cores to use, one job at a time each. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { StoreError } from '../../core/errors.ts'
import type { Job, JobResult } from './worker.ts'

export class WorkerPool {
  readonly #workers: readonly Worker[]
  readonly #idle: Worker[]
  readonly #waiting: ((worker: Worker) => void)[] = []
  #isClosed = false

  constructor(size: number) {
    this.#workers = Array.from({ length: size }, () => new Worker(workerFile(), { stdout: false, stderr: false }))
    this.#idle = [...this.#workers]
  }

  get size(): number {
    return this.#workers.length
  }

  /** Does a job as soon as a thread is free; rejects when the thread breaks, or the pool is closed. */
  async run(job: Job): Promise<JobResult> {
    const worker = this.#idle.pop() ?? (await new Promise<Worker>(resolve => this.#waiting.push(resolve)))
    try {
      return await this.#work(worker, job)
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#idle.push(worker)
      else next(worker)
    }
  }

  /** Ends all threads at once. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#workers.map(worker => worker.terminate()))
  }

  async #work(worker: Worker, job: Job): Promise<JobResult> {
    if (this.#isClosed) throw closed(job)
    const finished = new AbortController()
    const { signal } = finished
    try {
      const message = once(worker, 'message', { signal }).then(([result]) => result as JobResult)
      const ended = once(worker, 'exit', { signal }).then(() => Promise.reject(closed(job)))
      worker.postMessage(job)
      return await Promise.race([message, ended])
    } finally {
      finished.abort()
    }
  }
}

function closed(job: Job): StoreError {
  const seeds = job.type === 'run' ? job.runs.map(({ seed }) => seed) : [job.options.seed]
  return new StoreError('ERR_INTERNAL', `The thread that ran the seeds ${seeds.join(', ')} ended.`)
}

/** The worker's file, compiled or not. */
function workerFile(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)
}
