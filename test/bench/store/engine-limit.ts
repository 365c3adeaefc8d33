/** What the disk can do: rows written durably by the storage engine alone, all that are in flight in one synced batch. */
import { randomBytes } from 'node:crypto'
import { ClassicLevel } from 'classic-level'
import type { Sample } from './sample.ts'

export interface EngineLimit {
  run(concurrency: number, durationMs: number): Promise<Sample>
  close(): Promise<void>
}

export async function engineLimit(folder: string, valueBytes: number): Promise<EngineLimit> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(folder, { keyEncoding: 'view', valueEncoding: 'view' })
  await level.open()
  return {
    run: async (concurrency, durationMs) => {
      const startMs = performance.now()
      let rows = 0
      for (; performance.now() - startMs < durationMs; rows += concurrency) {
        const batch = Array.from({ length: concurrency }, () => ({
          type: 'put' as const,
          key: new Uint8Array(randomBytes(16)),
          value: new Uint8Array(valueBytes)
        }))
        await level.batch(batch, { sync: true })
      }
      return { rate: (rows / (performance.now() - startMs)) * 1000, p50Ms: undefined, p99Ms: undefined, cpuUs: undefined }
    },
    close: () => level.close()
  }
}
