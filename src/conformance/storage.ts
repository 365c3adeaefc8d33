/**
 * The suite that every storage passes. Authors of other adapters run it under their own test framework:
 *
 * ```ts
 * import { storageConformance } from 'dynamesh/conformance'
 * import { test } from 'node:test'
 *
 * storageConformance({
 *   test,
 *   create: async ({ bytesMax }) => {
 *     const folder = await mkdtemp(join(tmpdir(), 'storage-'))
 *     return { storage: () => myStorage(folder, { bytesMax }), dispose: () => rm(folder, { recursive: true }) }
 *   }
 * })
 * ```
 *
 * It checks what the port promises to the code above it. It cannot pull the plug: that a resolved write survives a killed process or
 * a power cut is for the adapter's own tests.
 */
import type { RegisterCase, StorageUnderTest } from './storage-case.ts'
import { accounting, damageAndFormats, lifecycle } from './storage-lifecycle.ts'
import { readingAndWriting, scanning } from './storage-rows.ts'

/** What the suite needs of a test framework and of the storage under test. */
export interface StorageConformanceOptions {
  /** Registers a test. A rejected promise means that it failed. */
  readonly test: (name: string, run: () => Promise<void>) => unknown
  /** Makes a place for data that no other test uses. */
  readonly create: (options: { readonly bytesMax?: number }) => Promise<StorageUnderTest>
}

/** Registers all tests. */
export function storageConformance(options: StorageConformanceOptions): void {
  const check: RegisterCase = (name, run, settings = {}) => {
    options.test(name, async () => {
      const place = await options.create(settings)
      const storage = place.storage()
      try {
        await storage.open()
        await run(storage, place)
      } finally {
        await storage.close()
        await place.dispose()
      }
    })
  }
  readingAndWriting(check)
  scanning(check)
  lifecycle(check)
  accounting(check)
  damageAndFormats(check)
}
