/** A storage in memory whose rows can rot: they answer as damaged until they are written again, as a checksummed row on a disk does. */
import { toMapKey } from '../../src/core/bytes.ts'
import { memoryStorage, StoreError, type Storage } from '../../src/entry/nodejs.ts'
import type { ScanRange, StorageRow } from '../../src/ports/storage.ts'

export interface RottingStorage extends Storage {
  /** Lets the row at a storage key rot. */
  rot(key: Uint8Array): void
  /** How many rows are rotten. */
  readonly rotten: number
  /** Resolves once no row is. */
  mended(): Promise<void>
}

export function rottingStorage(): RottingStorage {
  const whole = memoryStorage()
  const rotten = new Set<string>()
  const waiting: (() => void)[] = []
  const check = (key: Uint8Array): void => {
    if (rotten.has(toMapKey(key))) throw new StoreError('ERR_RECORD_CORRUPT', 'damaged', { details: { key } })
  }
  return {
    open: () => whole.open(),
    close: () => whole.close(),
    status: () => whole.status(),
    read: async keys => {
      for (const key of keys) check(key)
      return whole.read(keys)
    },
    write: async batch => {
      await whole.write(batch)
      for (const { key } of batch) rotten.delete(toMapKey(key))
      if (rotten.size === 0) for (const resolve of waiting.splice(0)) resolve()
    },
    scan: async function* (range: ScanRange): AsyncGenerator<StorageRow> {
      for await (const row of whole.scan(range)) {
        check(row.key)
        yield row
      }
    },
    rot: key => void rotten.add(toMapKey(key)),
    get rotten() {
      return rotten.size
    },
    mended: async () => (rotten.size === 0 ? undefined : new Promise(resolve => waiting.push(resolve)))
  }
}
