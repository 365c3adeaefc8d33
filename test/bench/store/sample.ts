/** What a run of a contender measured. */
export interface Sample {
  /** Finished operations per second. */
  readonly rate: number
  /** Half of the operations took at most this long, in milliseconds. */
  readonly p50Ms: number | undefined
  readonly p99Ms: number | undefined
  /** Processor time of one operation in all processes that take part, in microseconds. */
  readonly cpuUs: number | undefined
}

/** Keeps `concurrency` operations in flight for `durationMs`. */
export async function sample(concurrency: number, durationMs: number, operation: () => Promise<unknown>): Promise<Sample> {
  const startMs = performance.now()
  const times: number[] = []
  const worker = async (): Promise<void> => {
    for (let nowMs = performance.now(); nowMs - startMs < durationMs;) {
      await operation()
      const endMs = performance.now()
      times.push(endMs - nowMs)
      nowMs = endMs
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  const rate = (times.length / (performance.now() - startMs)) * 1000
  times.sort((a, b) => a - b)
  return { rate, p50Ms: times[Math.floor(times.length * 0.5)], p99Ms: times[Math.floor(times.length * 0.99)], cpuUs: undefined }
}
